/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - bring a page into a frame
 *
 *   1. take a RESERVED frame from the stash; when that is empty, evict a batch,
 *      and write dirty pages when there are no clean ones;
 *   2. hold it in the ledger, so that it stays ours and visible;
 *   3. insert: key and LOADING, then the page-table entry, under the
 *      partition's lock; whoever else wants the page finds it and waits;
 *   4. show it in the window and read;
 *   5. LOADING to VALID, which wakes those who wait.
 * A stranger, if we die in 3 or 4, takes the entry out and frees the frame.
 *
 * Readahead: O_DIRECT has none, so a miss right behind the last page read loads
 * a run of pages in the same way, twice as long each time.  The run takes no
 * frame that would have to be written first.
 *
 * Locks: a partition's inside table.c, the window's inside window.c.
 */
#include <errno.h>
#include <string.h>

#include "error.h"
#include "flush.h"
#include "heat.h"
#include "latch.h"
#include "load.h"
#include "lock.h"
#include "lost.h"
#include "point.h"
#include "sys.h"
#include "table.h"

/* As many as the stash holds: 128 KiB of 4 KiB pages, the kernel's default. */
#define RUN_MAX ORL_BATCH
#define RUN_MIN 4
#define TRIES 100               /* of slots that are taken away as we read */

/* Rounds without any success before the pool is called full: other threads may
 * hold what they swept for a moment. */
#define ROOM_ROUNDS 24

struct run {
  uint32_t n;
  uint32_t frame[RUN_MAX];
  int entry[RUN_MAX];
  void *at[RUN_MAX];
  bool bounced[RUN_MAX];        /* at is private memory */
};

/* Something for the stash.  -ENOBUFS or the error of a write. */
static int
make_room (struct orl_thread *me)
{
  struct oriel_pool *pool = me->pool;
  struct orl_dirty_list dirty;
  /* Each round that writes cleans a page at least: more than this are needed
   * only while others make theirs dirty again, and that may never end. */
  uint64_t tries = pool->shm.geo.nframes + ROOM_ROUNDS;
  int error = -ENOBUFS;

  for (unsigned round = 0; round < ROOM_ROUNDS && tries > 0; tries--)
    {
      int r;

      if (orl_evict (me, pool->batch, &dirty) > 0)
        return 0;
      r = orl_flush_list (me, &dirty);
      /* What was just written, before the hand goes on to what is dirty. */
      if (r > 0 && orl_evict_list (me, pool->batch, &dirty) > 0)
        return 0;
      if (r > 0)
        continue;
      /* None that we may write: are there clean ones behind them? */
      if (orl_evict (me, pool->batch, NULL) > 0)
        return 0;
      if (r < 0)
        error = r;
      if (round == ROOM_ROUNDS / 2)
        pool->repair (pool, me->owner, ORL_ALL_DEAD);
      orl_backoff (4 * round++);
    }
  if (error == -ENOBUFS)
    orl_fail (error,
              "%s: all %llu frames are pinned or dirty for files that this "
              "process has not open; unpin pages or create a larger pool",
              pool->path, (unsigned long long) pool->shm.geo.nframes);
  return error;
}

/* Undo step 3 for a frame of ours. */
static void
take_back (struct orl_thread *me, struct run *run, uint32_t i)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t frame = run->frame[i];

  orl_table_remove (shm, me->owner, frame);
  ORL_POINT ("load.back.removed");
  orl_frame_settle (&shm->frames[frame], ORL_RESERVED, me->owner, 0,
                    ORL_FLAGS);
  ORL_POINT ("load.back.reserved");
  orl_ledger_clear (me->ledger, run->entry[i]);
  me->stash[me->nstash++] = frame;
}

/* Steps 1 to 3 for one more page of the run.  -EEXIST, -ENOBUFS. */
static int
add (struct orl_thread *me, struct run *run, uint64_t key, uint64_t page)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t frame, other;
  int entry, r;

  entry = orl_ledger_room (me->ledger);
  if (entry < 0)
    return orl_fail (entry, "%s: this thread has %d pages pinned; unpin some",
                     me->pool->path, ORL_PINS);
  frame = me->stash[--me->nstash];
  orl_ledger_write (me->ledger, entry, ORL_PIN_PLAIN, frame);
  ORL_POINT ("load.held");
  r = orl_table_insert (shm, me->owner, frame, key, page, &other);
  if (r < 0)
    {
      orl_ledger_clear (me->ledger, entry);
      me->stash[me->nstash++] = frame;
      return r;
    }
  run->frame[run->n] = frame;
  run->entry[run->n++] = entry;
  return 0;
}

/* How many pages to read from this one on. */
static uint32_t
run_length (struct oriel_file *file, uint64_t page, bool shown)
{
  const struct oriel_pool *pool = file->pool;
  uint64_t size = atomic_load (&file->rec->size);
  uint64_t pages = (size + pool->shm.geo.page_size - 1)
                   >> pool->shm.geo.page_shift;
  uint64_t limit = pool->shm.geo.nframes / 16;
  uint32_t run = atomic_load_explicit (&file->run, memory_order_relaxed);

  if (page != atomic_load_explicit (&file->next_page, memory_order_relaxed)
      || page == 0)
    run = 1;
  else
    run = run < RUN_MIN ? RUN_MIN : run * 2;
  if (shown && !pool->window->linear && limit > pool->window->nslots / 4)
    limit = pool->window->nslots / 4;
  if (limit > RUN_MAX)
    limit = RUN_MAX;
  if (run > limit)
    run = (uint32_t) limit;
  if (page < pages && run > pages - page)
    run = (uint32_t) (pages - page);
  return run < 1 || page >= pages ? 1 : run;
}

/* Steps 1 to 3 for the whole run; only the first page must succeed. */
static int
gather (struct orl_thread *me, uint64_t key, uint64_t page, uint32_t want,
        struct run *run)
{
  struct orl_dirty_list dirty;
  int r;

  run->n = 0;
  if (me->nstash == 0 && (r = make_room (me)) < 0)
    return r;
  r = add (me, run, key, page);
  if (r < 0)
    return r;
  while (run->n < want)
    {
      if (me->nstash == 0 && orl_evict (me, want - run->n, &dirty) == 0)
        break;
      if (add (me, run, key, page + run->n) < 0)
        break;
      ORL_POINT ("load.run.added");
    }
  return 0;
}

static int
no_slot (const struct oriel_file *file, uint64_t page, int error)
{
  if (error == -ENOBUFS)
    return orl_fail (error,
                     "%s: page %llu cannot be shown, every slot of the window "
                     "shows a pinned page; unpin some or enlarge the window",
                     file->path, (unsigned long long) page);
  return orl_fail (error,
                   "%s: page %llu cannot be shown: the process has no VMA left "
                   "(vm.max_map_count), no memory, or no more to lock "
                   "(RLIMIT_MEMLOCK); unmap something, unlock something, or "
                   "unpin",
                   file->path, (unsigned long long) page);
}

/* Step 4's addresses; pages that the window has no slot for leave the run.
 * -ENOBUFS: it has none for the first. */
static int
show (struct orl_thread *me, struct run *run)
{
  uint32_t shown = 0;
  int r = orl_window_show_many (me->pool->window, me->ledger, run->frame,
                                run->n, run->at);

  while (shown < run->n && run->at[shown])
    run->bounced[shown++] = false;
  if (shown == 0)
    return r;
  while (run->n > shown)
    take_back (me, run, --run->n);
  return 0;
}

/* Step 4 without slots: pages that the window does not show are read into
 * private memory, to be copied from there.  False: no memory. */
static bool
aim (struct orl_thread *me, struct run *run)
{
  unsigned char *bounce = orl_thread_bounce (me);

  for (uint32_t i = 0; i < run->n; i++)
    {
      run->at[i] = orl_window_find (me->pool->window, run->frame[i]);
      run->bounced[i] = run->at[i] == NULL;
      if (run->bounced[i] && !bounce)
        return false;
      if (run->bounced[i])
        run->at[i] = bounce + ((size_t) i << me->pool->shm.geo.page_shift);
    }
  return true;
}

/* Put what was read so into its frames; what can't be copied is shown. */
static int
carry (struct orl_thread *me, struct oriel_file *file, uint64_t page,
       struct run *run)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  struct orl_window *w = me->pool->window;

  for (uint32_t i = 0; i < run->n; i++)
    {
      void *at;
      int r;

      if (!run->bounced[i]
          || orl_lost_copy_in (me, run->frame[i], 0, run->at[i],
                               geo->page_size))
        {
          ORL_POINT ("load.carried");
          continue;
        }
      r = orl_window_show (w, me->ledger, run->frame[i], &at);
      if (r < 0)
        return no_slot (file, page + i, r);
      memcpy (at, run->at[i], geo->page_size);
    }
  return 0;
}

/* Step 4's reading.  What lies behind the file's end is zeroes. */
static int
read_run (struct orl_thread *me, struct oriel_file *file, uint64_t page,
          struct run *run)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  uint64_t at = page << geo->page_shift;
  struct iovec iov[RUN_MAX];
  /* Before the read: who cuts the store drops what is being loaded after it has
   * said so. */
  uint64_t cut = atomic_load (&file->rec->cut);
  int64_t got;

  for (uint32_t i = 0; i < run->n; i++)
    {
      iov[i].iov_base = run->at[i];
      iov[i].iov_len = geo->page_size;
    }
  ORL_POINT ("load.read");
  got = file->store->ops->read (file->store, iov, (int) run->n, at);
  /* A slot that is not mapped, or has no memory behind it, wants a touch. */
  for (int k = 0; k < TRIES && got == -EFAULT; k++)
    {
      for (uint32_t i = 0; i < run->n; i++)
        orl_lost_touch (run->at[i], geo->page_size);
      got = file->store->ops->read (file->store, iov, (int) run->n, at);
    }
  ORL_POINT ("load.read.done");
  orl_count (me->ledger, ORL_READS, 1);
  if (got < 0)
    return orl_fail ((int) got, "%s: reading page %llu failed", file->path,
                     (unsigned long long) page);
  orl_count (me->ledger, ORL_READ_BYTES, (uint64_t) got);
  if (cut != 0 && got > 0 && at + (uint64_t) got > cut - 1)
    got = cut - 1 > at ? (int64_t) (cut - 1 - at) : 0;
  for (uint32_t i = 0; i < run->n; i++, got -= geo->page_size)
    if (got < 0)
      memset (run->at[i], 0, geo->page_size);
    else if (got < geo->page_size)
      memset ((char *) run->at[i] + got, 0, geo->page_size - (size_t) got);
  return 0;
}

/* Step 5.  A fresh page comes latched exclusively and dirty, so that no one sees
 * its zeroes before what its writer makes of them. */
static void
publish (struct orl_thread *me, uint32_t frame, int entry, bool fresh)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  bool drain;

  if (fresh)
    {
      orl_ledger_write (me->ledger, entry, ORL_PIN_EXCL, frame);
      ORL_POINT ("load.fresh.held");
      orl_latch_exclusive (&f->latch, me->owner, &drain);
      ORL_POINT ("load.fresh.latched");
      atomic_fetch_add (&f->version, 1);
      ORL_POINT ("load.fresh.odd");
      orl_frame_mark_dirty (shm, frame, true);
      ORL_POINT ("load.fresh.marked");
    }
  ORL_POINT ("load.publish");
  /* What was read may lie in what the fault handler put in the place of memory
   * that is gone: no one else sees that. */
  if (atomic_load_explicit (&me->pool->gone, memory_order_relaxed))
    orl_frame_flag (f, ORL_STALE | ORL_LOST);
  orl_frame_settle (f, ORL_VALID, 0, fresh ? ORL_DIRTY : 0, 0);
  ORL_POINT ("load.published");
  orl_work_end (me->ledger, frame);
}

/* Step 4's addresses, in slots if that is wanted and can be. */
static int
place (struct orl_thread *me, struct oriel_file *file, uint64_t page,
       bool fresh, bool shown, struct run *run)
{
  int r = -ENOBUFS;

  if (me->pool->window->grants)
    shown = false;
  if (shown && (r = show (me, run)) == 0)
    return 0;
  if (fresh ? !shown : aim (me, run))
    return 0;
  if (!shown)
    r = show (me, run);
  if (r == 0)
    return 0;
  while (run->n > 0)
    take_back (me, run, --run->n);
  return no_slot (file, page, r);
}

/* All steps for a run; the first page stays held. */
static int
bring (struct orl_thread *me, struct oriel_file *file, uint64_t key,
       uint64_t page, uint32_t want, bool fresh, bool shown, struct run *run)
{
  int r = orl_pool_gone (me->pool);

  if (r == 0)
    r = gather (me, key, page, want, run);
  if (r < 0)
    return r;
  r = place (me, file, page, fresh, shown, run);
  if (r < 0)
    return r;
  if (fresh && shown && !me->pool->window->grants)
    memset (run->at[0], 0, me->pool->shm.geo.page_size);
  else if (!fresh
           && ((r = read_run (me, file, page, run)) < 0
               || (r = carry (me, file, page, run)) < 0))
    {
      while (run->n > 0)
        take_back (me, run, --run->n);
      return r;
    }
  for (uint32_t i = run->n; i-- > 0;)
    {
      orl_heat_loaded (me, run->frame[i], i > 0);
      publish (me, run->frame[i], run->entry[i], fresh);
      if (i > 0)
        {
          orl_ledger_clear (me->ledger, run->entry[i]);
          ORL_POINT ("load.run.unpinned");
        }
    }
  return 0;
}

static void
count_ahead (struct orl_thread *me, struct oriel_file *file, uint32_t n)
{
  orl_count (me->ledger, ORL_READAHEAD, n);
  if (n > 0)
    atomic_fetch_add_explicit (&file->rec->readahead, n, memory_order_relaxed);
}

int
orl_load (struct orl_thread *me, struct oriel_file *file, uint64_t key,
          uint64_t page, bool fresh, bool shown, uint32_t *frame, int *entry)
{
  uint32_t want = fresh ? 1 : run_length (file, page, shown);
  struct run run;
  int r = bring (me, file, key, page, want, fresh, shown, &run);

  if (r < 0)
    return r;
  if (!fresh)
    {
      atomic_store_explicit (&file->next_page, page + run.n,
                             memory_order_relaxed);
      atomic_store_explicit (&file->run, run.n, memory_order_relaxed);
    }
  orl_count (me->ledger, ORL_MISSES, 1);
  atomic_fetch_add_explicit (&file->rec->misses, 1, memory_order_relaxed);
  count_ahead (me, file, run.n - 1);
  *frame = run.frame[0];
  *entry = run.entry[0];
  return 0;
}

int
orl_load_ahead (struct orl_thread *me, struct oriel_file *file, uint64_t page,
                uint64_t count)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t size = atomic_load (&file->rec->size);
  uint64_t pages = (size + shm->geo.page_size - 1) >> shm->geo.page_shift;
  uint64_t end = page < pages && count > pages - page ? pages : page + count;
  uint64_t key, state;

  for (uint64_t from = page; from < end && from < pages;)
    {
      uint64_t limit = shm->geo.nframes / 16;
      struct run run;
      uint32_t want = 0;
      int r;

      key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
      while (from + want < end && want < RUN_MAX && want < limit + 1
             && orl_table_find (shm, key, from + want, &state) == ORL_NO_FRAME)
        want++;
      if (want == 0)
        {
          from++;
          continue;
        }
      r = bring (me, file, key, from, want, false, true, &run);
      if (r < 0 && r != -EEXIST)
        return r;
      if (r == 0)
        {
          orl_ledger_clear (me->ledger, run.entry[0]);
          ORL_POINT ("load.ahead.unpinned");
          count_ahead (me, file, run.n);
        }
      from += r == 0 ? run.n : 1;
    }
  return 0;
}
