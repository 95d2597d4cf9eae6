/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-run.c - the steps of load.c, for a run of pages that follow each other
 *
 * What does not wait for the store.  Locks: those of load.c.
 */
#include <errno.h>
#include <string.h>

#include "error.h"
#include "evict.h"
#include "heat.h"
#include "hooks.h"
#include "load-async.h"
#include "load-room.h"
#include "load-run.h"
#include "lost.h"
#include "point.h"
#include "table.h"

/* Something for the stash that is cold, for so many pages or, as one barrier
 * serves all, for some that come later. */
static bool
make_cold (struct orl_thread *me, uint32_t want)
{
  uint32_t batch = orl_batch (me->pool);

  return orl_evict_cold (me, want > batch ? want : batch) > 0;
}

void
orl_run_take_back (struct orl_thread *me, struct orl_run *run)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t frame = run->frame[--run->n];

  orl_table_remove (shm, me->owner, frame);
  ORL_POINT ("load.back.removed");
  orl_frame_settle (&shm->frames[frame], ORL_RESERVED, me->owner, 0,
                    ORL_FLAGS);
  ORL_POINT ("load.back.reserved");
  orl_ledger_clear (me->ledger, run->entry[run->n]);
  /* It may have been filled again since it gave the frame. */
  if (me->nstash == ORL_BATCH)
    orl_thread_unstash (me);
  me->stash[me->nstash++] = frame;
}

void
orl_run_drop (struct orl_thread *me, struct orl_run *run)
{
  while (run->n > 0)
    orl_run_take_back (me, run);
}

static void
put_away (struct orl_thread *me, uint32_t frame)
{
  orl_frame_settle (&me->pool->shm.frames[frame], ORL_FREE, 0, 0, ORL_FLAGS);
  ORL_POINT ("load.put-away");
  orl_work_end (me->ledger, frame);
}

/* Is there a frame in the stash?  Those that a resize took from the pool leave
 * it. */
static bool
have_frame (struct orl_thread *me)
{
  while (me->nstash > 0
         && me->stash[me->nstash - 1] >= orl_frames (&me->pool->shm))
    put_away (me, me->stash[--me->nstash]);
  return me->nstash > 0;
}

/* Steps 1 to 3 for one more page.  -EEXIST; -EAGAIN: the frame is none of the
 * pool's any more; -ENOBUFS: the ledger is full, with the text; -ENOSPC: the page
 * table is. */
static int
add (struct orl_thread *me, struct orl_run *run, uint64_t key, bool ahead)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t page = run->page + run->n;
  uint32_t frame, other;
  int entry, r;

  entry = orl_ledger_room (me->ledger);
  if (entry < 0)
    return orl_fail (entry, "%s: this thread has %d pages pinned; unpin some",
                     me->pool->path, ORL_PINS);
  frame = me->stash[--me->nstash];
  orl_ledger_write (me->ledger, entry, ORL_PIN_PLAIN, frame);
  ORL_POINT ("load.held");
  /* As with pins: who resizes the pool says so, runs a barrier, and reads the
   * ledgers. */
  orl_barrier_pin (shm);
  if (frame >= orl_frames (shm))
    {
      orl_ledger_clear (me->ledger, entry);
      put_away (me, frame);
      return -EAGAIN;
    }
  r = orl_table_insert (shm, me->owner, frame, key, page, &other);
  if (r < 0)
    {
      orl_ledger_clear (me->ledger, entry);
      me->stash[me->nstash++] = frame;
      return r == -ENOBUFS ? -ENOSPC : r;
    }
  if (r > 0)
    orl_room_clear (me, key, page, false);
  if (ahead || run->n > 0)
    atomic_store_explicit (&shm->frames[frame].ahead, ORL_AHEAD,
                           memory_order_relaxed);
  run->frame[run->n] = frame;
  run->entry[run->n++] = entry;
  return 0;
}

int
orl_run_gather (struct orl_thread *me, struct oriel_file *file, uint64_t key,
                uint64_t page, uint32_t want, bool ahead, struct orl_run *run)
{
  int r = orl_pool_gone (me->pool);
  struct orl_wait wait = { 0 };

  if (r == 0 && !orl_hooks_match (file))
    r = orl_hooks_check (file);
  if (r < 0)
    return r;
  run->page = page;
  run->n = 0;
  do
    {
      r = 0;
      if (!have_frame (me))
        r = !ahead ? orl_room_make (me) : make_cold (me, want) ? 0 : -ENOBUFS;
      if (r < 0)
        return r;
      r = have_frame (me) ? add (me, run, key, ahead) : -EAGAIN;
      if (r == -ENOSPC
          && (ahead ? orl_room_clear (me, key, page, true)
                    : orl_room_in_table (me, &wait, key, page)))
        r = -EAGAIN;
    }
  while (r == -EAGAIN);
  if (r == -ENOSPC)
    return orl_fail (-ENOBUFS,
                     "%s: the page table has no room for page %llu, as too many "
                     "forgotten pages are pinned; unpin some",
                     me->pool->path, (unsigned long long) page);
  if (r < 0)
    return r;
  while (run->n < want)
    {
      if (!have_frame (me) && !make_cold (me, want - run->n))
        break;
      if (add (me, run, key, ahead) < 0)
        break;
      ORL_POINT ("load.run.added");
    }
  return 0;
}

int
orl_run_no_slot (const struct oriel_file *file, uint64_t page, int error)
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

int
orl_run_show (struct orl_thread *me, struct orl_run *run)
{
  uint32_t shown = 0;
  int r = orl_window_show_many (me->pool->window, me->ledger, run->frame,
                                run->n, run->at);

  while (shown < run->n && run->at[shown])
    run->bounced[shown++] = false;
  if (shown == 0)
    return r;
  while (run->n > shown)
    orl_run_take_back (me, run);
  return 0;
}

int64_t
orl_run_end (const struct orl_geometry *geo, struct orl_run *run, int64_t got)
{
  uint64_t at = run->page << geo->page_shift;
  int64_t left;

  if (run->cut != 0 && got > 0 && at + (uint64_t) got > run->cut - 1)
    got = run->cut - 1 > at ? (int64_t) (run->cut - 1 - at) : 0;
  left = got;
  for (uint32_t i = 0; i < run->n; i++, left -= geo->page_size)
    if (left < 0)
      memset (run->at[i], 0, geo->page_size);
    else if (left < geo->page_size)
      memset ((char *) run->at[i] + left, 0, geo->page_size - (size_t) left);
  return got;
}

int
orl_run_hook (const struct oriel_file *file, const struct orl_run *run,
              uint32_t i, int64_t got)
{
  const struct orl_shm *shm = &file->pool->shm;
  int64_t before = (int64_t) i << shm->geo.page_shift;
  int r;

  if (orl_hooks_match (file) && !file->hooks.after_read)
    return 0;
  r = orl_hooks_after_read (file, run->page + i, run->at[i],
                            got > before ? (uint64_t) (got - before) : 0);
  /* Zeroes that the fault handler put there are no one's page. */
  return r == -EIO && orl_is_lost (shm, run->frame[i]) ? 0 : r;
}

int
orl_run_carry (struct orl_thread *me, struct oriel_file *file,
               struct orl_run *run, uint32_t i)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  void *at;
  int r;

  if (!run->bounced[i]
      || orl_lost_copy_in (me, run->frame[i], 0, run->at[i], geo->page_size))
    {
      ORL_POINT ("load.carried");
      return 0;
    }
  r = orl_window_show (me->pool->window, me->ledger, run->frame[i], &at);
  if (r < 0)
    return orl_run_no_slot (file, run->page + i, r);
  memcpy (at, run->at[i], geo->page_size);
  return 0;
}

void
orl_run_publish (struct orl_thread *me, struct orl_ledger *ledger,
                 uint32_t frame, uint32_t flags)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  orl_heat_loaded (me, frame,
                   atomic_load_explicit (&f->ahead, memory_order_relaxed)
                       != 0);
  ORL_POINT ("load.publish");
  /* What was read may lie in what the fault handler put in the place of memory
   * that is gone: no one else sees that. */
  if (atomic_load_explicit (&me->pool->gone, memory_order_relaxed))
    orl_frame_flag (f, ORL_STALE | ORL_LOST);
  orl_frame_settle (f, ORL_VALID, 0, flags, 0);
  ORL_POINT ("load.published");
  orl_work_end (ledger, frame);
}

void
orl_run_count (struct orl_thread *me, struct oriel_file *file, uint32_t n)
{
  orl_count (me->ledger, ORL_READAHEAD, n);
  if (n > 0)
    atomic_fetch_add_explicit (&file->rec->readahead, n, memory_order_relaxed);
}
