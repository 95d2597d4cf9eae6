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
 * Pages that no one waits for are read by the process's ring, if it has one
 * (load-async.c), and take no frame of a page that is in use or dirty.
 *
 * Readahead: O_DIRECT has none, so a miss that goes on with a run (stream.c)
 * begins to read a window of what comes next, and the first hit on the window's
 * first page, which is marked (frame.h), begins the next, of twice the size: one
 * window is read while the other is used.  Where there is no ring, or slots are
 * swapped, and pages follow each other, a run of them is read with the one that was
 * missed, and each run is twice as long as the one before.
 *
 * Locks: a partition's inside table.c, the window's inside window.c.
 */
#include <errno.h>
#include <string.h>

#include "error.h"
#include "heat.h"
#include "latch.h"
#include "load-async.h"
#include "load-run.h"
#include "load.h"
#include "lost.h"
#include "point.h"
#include "table.h"
#include "torn.h"

#define RUN_MIN 4
#define TRIES 100               /* of slots that are taken away as we read */

/* Of the readahead: log 2 of pages.  What a disk here needs to be busy is four
 * reads of 128 KiB. */
#define WINDOW_MIN 3
#define WINDOW_MAX 7

/* No window is longer than one of so many parts of the pool: two of them have to
 * find room among what is cold, which may be a 40th (heat.c).  What does not is
 * evicted before it was wanted, and read again. */
#define WINDOW_PART 128

/* ------------------------------------------------------------------ */
/* One run, and wait for it                                           */

/* Step 4 without slots: pages that the window does not show are read into
 * private memory, to be copied from there.  False: no memory. */
static bool
aim (struct orl_thread *me, struct orl_run *run)
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

/* From the store: bytes or -errno. */
static int64_t
fetch (struct orl_thread *me, struct oriel_file *file,
       const struct orl_run *run)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  uint64_t at = run->page << geo->page_shift;
  struct iovec iov[ORL_RUN_MAX];
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
  return got;
}

/* Step 4's reading. */
static int
read_run (struct orl_thread *me, struct oriel_file *file, struct orl_run *run)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  int64_t got;
  int r;

  /* Before the read: who cuts the store drops what is being loaded after it has
   * said so. */
  run->cut = atomic_load (&file->rec->cut);
  do
    {
      const struct orl_torn_left left = orl_torn_left (file);

      got = fetch (me, file, run);
      /* One page may have failed all: who wants that one is told. */
      if (got < 0 && run->n > 1)
        {
          while (run->n > 1)
            orl_run_take_back (me, run);
          got = fetch (me, file, run);
        }
      r = got >= 0 && left.any
              ? orl_torn_mend (file, &left, run->page, run->n, run->at, &got)
              : 0;
    }
  while (r > 0);
  if (r < 0)
    return r;
  if (got < 0)
    return orl_fail ((int) got, "%s: reading page %llu failed", file->path,
                     (unsigned long long) run->page);
  orl_count (me->ledger, ORL_READ_BYTES, (uint64_t) got);
  got = orl_run_end (geo, run, got);
  for (uint32_t i = 0; i < run->n; i++)
    {
      r = orl_run_hook (file, run, i, got);
      if (i == 0)
        orl_count (me->ledger, ORL_PAGES_DAMAGED, r == -EIO);
      if (r == 0)
        r = orl_run_carry (me, file, run, i);
      if (r < 0 && i == 0)
        return r;
      /* Who wants that one is told. */
      while (r < 0 && run->n > i)
        orl_run_take_back (me, run);
    }
  return 0;
}

/* Before step 5: a fresh page comes latched exclusively and dirty, so that no one
 * sees its zeroes before what its writer makes of them. */
static void
publish_fresh (struct orl_thread *me, uint32_t frame, int entry)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  bool drain;

  orl_ledger_write (me->ledger, entry, ORL_PIN_EXCL, frame);
  ORL_POINT ("load.fresh.held");
  orl_latch_exclusive (&f->latch, me->owner, &drain);
  ORL_POINT ("load.fresh.latched");
  atomic_fetch_add (&f->version, 1);
  ORL_POINT ("load.fresh.odd");
  orl_frame_mark_dirty (shm, frame, true);
  ORL_POINT ("load.fresh.marked");
}

/* Step 4's addresses, in slots if that is wanted and can be; none where nothing
 * is to be put there, and no slot is wanted. */
static int
place (struct orl_thread *me, struct oriel_file *file, bool fill, bool shown,
       struct orl_run *run)
{
  int r = -ENOBUFS;

  if (me->pool->window->grants)
    shown = false;
  if (shown && (r = orl_run_show (me, run)) == 0)
    return 0;
  if (fill ? aim (me, run) : !shown)
    return 0;
  if (!shown)
    r = orl_run_show (me, run);
  if (r == 0)
    return 0;
  orl_run_drop (me, run);
  return orl_run_no_slot (file, run->page, r);
}

/* What is in the frame is another page's.  If its writer dies before it has put
 * something there the engine gets it (leave_half() in recover.c). */
static int
zero (struct orl_thread *me, struct oriel_file *file, struct orl_run *run)
{
  memset (run->at[0], 0, me->pool->shm.geo.page_size);
  return orl_run_carry (me, file, run, 0);
}

/* All steps for a run; the first page stays held.  ahead: as in
 * orl_run_gather(). */
static int
bring (struct orl_thread *me, struct oriel_file *file, uint64_t key,
       uint64_t page, uint32_t want, bool fresh, bool shown, bool ahead,
       struct orl_run *run)
{
  bool zeroes = fresh && atomic_load (&file->rec->indoubt);
  int r = orl_run_gather (me, file, key, page, want, ahead, run);

  if (r < 0)
    return r;
  r = place (me, file, zeroes || !fresh, shown, run);
  if (r < 0)
    return r;
  if (zeroes)
    r = zero (me, file, run);
  else if (!fresh)
    r = read_run (me, file, run);
  if (r < 0)
    {
      orl_run_drop (me, run);
      return r;
    }
  if (fresh)
    publish_fresh (me, run->frame[0], run->entry[0]);
  for (uint32_t i = run->n; i-- > 0;)
    {
      orl_run_publish (me, me->ledger, run->frame[i],
                       fresh ? ORL_DIRTY : 0);
      if (i > 0)
        {
          orl_ledger_clear (me->ledger, run->entry[i]);
          ORL_POINT ("load.run.unpinned");
        }
    }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Windows ahead                                                      */

static uint64_t
pages_of (const struct oriel_file *file)
{
  const struct orl_geometry *geo = &file->pool->shm.geo;

  return (atomic_load (&file->rec->size) + geo->page_size - 1)
         >> geo->page_shift;
}

static uint64_t
key_of (const struct oriel_file *file)
{
  return orl_file_key (file->index, atomic_load (&file->rec->epoch));
}

static bool
is_foreign (const struct oriel_file *file)
{
  return (file->flags & ORIEL_FOREIGN) != 0;
}

/* May a window of it be under way when a call returns (load-async.c)? */
static bool
may_fly (const struct oriel_file *file)
{
  return !is_foreign (file) || atomic_load (&file->stable) > 0;
}

/* Are windows read ahead?  Where slots are swapped the run that is read with a
 * page is shown with it, by one call; windows would be copied twice.  That is
 * still less than to wait for each page, where they do not follow each other. */
static bool
may_window (struct orl_thread *me, struct oriel_file *file, bool in_order)
{
  return (me->pool->window->linear || !in_order) && may_fly (file)
         && orl_async_ready (me, file);
}

/* How many pages from this one on are in no frame, up to want. */
static uint32_t
missing (const struct oriel_file *file, uint64_t key, uint64_t page,
         uint64_t want)
{
  uint32_t n = 0;
  uint64_t state;

  if (want > ORL_RUN_MAX)
    want = ORL_RUN_MAX;
  while (n < want
         && orl_table_find (&file->pool->shm, key, page + n, &state)
                == ORL_NO_FRAME)
    n++;
  return n;
}

/* The size of the window that follows one of so many pages. */
static uint32_t
next_window (const struct oriel_file *file, uint32_t window)
{
  uint64_t limit = orl_frames (&file->pool->shm) / WINDOW_PART;
  uint32_t w = window == 0 ? 1u << WINDOW_MIN : window * 2;

  if (w > 1u << WINDOW_MAX)
    w = 1u << WINDOW_MAX;
  while (w > limit && w > 1)
    w /= 2;
  return w;
}

static uint8_t
mark_of (uint32_t window, int64_t stride)
{
  return (uint8_t) (stride == 1 ? ORL_AHEAD_MARK
                                      + (unsigned) __builtin_ctz (window)
                                : ORL_AHEAD_STRIDE);
}

/* Begin to read a window of pages from page on, for the stream that was wanted
 * at from. */
static void
read_window (struct orl_thread *me, struct oriel_file *file, uint64_t from,
             uint64_t page, int64_t stride, uint32_t window)
{
  uint64_t key = key_of (file);
  uint64_t pages = pages_of (file);
  uint8_t mark = mark_of (window, stride);
  uint64_t first = page;
  uint32_t left = window;

  while (left > 0 && page < pages)
    {
      uint64_t want = stride != 1              ? 1
                      : left < pages - page ? left
                                               : pages - page;
      uint32_t n = missing (file, key, page, want);
      int r = n == 0 ? -EEXIST
                     : orl_async_begin (me, file, key, page, n, mark, false,
                                        &n);

      if (r == -EEXIST)
        n = 1;
      else if (r < 0)
        break;
      else if (mark)
        {
          /* The window begins where something is missing. */
          first = page;
          left = window;
          mark = 0;
        }
      left -= n < left ? n : left;
      page += n * (uint64_t) stride;
    }
  orl_async_send (me);
  if (!mark)
    orl_stream_begun (&file->streams, from, first, window, page);
}

void
orl_load_marked (struct orl_thread *me, struct oriel_file *file,
                 uint64_t page, uint32_t frame)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];
  uint8_t mark = atomic_exchange_explicit (
      &f->ahead, orl_state (atomic_load (&f->state)) == ORL_LOADING
                     ? ORL_AHEAD
                     : 0,
      memory_order_relaxed);
  int64_t stride = 1;
  uint32_t window;
  uint64_t next;

  if (orl_state (atomic_load (&f->state)) != ORL_LOADING)
    orl_heat_wanted (&me->pool->shm, frame);
  if (mark < ORL_AHEAD_STRIDE
      || !may_window (me, file, mark != ORL_AHEAD_STRIDE))
    return;
  if (!orl_stream_mark (&file->streams, page, &stride, &window, &next))
    {
      /* Another process's. */
      if (mark == ORL_AHEAD_STRIDE)
        return;
      window = 1u << (mark - ORL_AHEAD_MARK) % (WINDOW_MAX + 1);
      next = page + window;
    }
  read_window (me, file, page, next, stride, next_window (file, window));
}

/* How many pages to read with this one, which was missed, while the thread
 * waits. */
static uint32_t
run_length (const struct oriel_file *file, uint64_t page, uint32_t window,
            bool shown)
{
  const struct oriel_pool *pool = file->pool;
  uint64_t pages = pages_of (file);
  uint64_t limit = orl_frames (&pool->shm) / 16;
  uint32_t run = window < RUN_MIN ? RUN_MIN : window * 2;

  if (shown && !pool->window->linear && limit > pool->window->nslots / 4)
    limit = pool->window->nslots / 4;
  if (limit > ORL_RUN_MAX)
    limit = ORL_RUN_MAX;
  if (run > limit)
    run = (uint32_t) limit;
  if (page < pages && run > pages - page)
    run = (uint32_t) (pages - page);
  return run < 1 || page >= pages ? 1 : run;
}

/* What to read with a page that was missed. */
struct plan {
  int64_t stride;
  uint32_t run;                 /* now */
  uint32_t window;              /* ahead of that, 0: nothing */
};

static struct plan
guess (struct orl_thread *me, struct oriel_file *file, uint64_t page,
       bool shown)
{
  struct plan p = { .run = 1 };
  uint32_t window;

  if (!orl_stream_miss (&file->streams, page, &p.stride, &window))
    return p;
  if (may_window (me, file, p.stride == 1))
    {
      p.run = p.stride == 1 ? run_length (file, page, 0, shown) : 1;
      p.window = next_window (file, window);
    }
  else if (p.stride == 1)
    {
      p.run = run_length (file, page, window, shown);
      orl_stream_begun (&file->streams, page, page, p.run, page + p.run);
    }
  return p;
}

/* ------------------------------------------------------------------ */

int
orl_load (struct orl_thread *me, struct oriel_file *file, uint64_t key,
          uint64_t page, bool fresh, bool shown, uint32_t *frame, int *entry)
{
  struct plan p = { .run = 1 };
  struct orl_run run;
  int r;

  orl_async_reap (me);
  if (!fresh)
    p = guess (me, file, page, shown);
  r = bring (me, file, key, page, p.run, fresh, shown, false, &run);
  if (r < 0)
    return r;
  if (p.window > 0)
    read_window (me, file, page, page + run.n * (uint64_t) p.stride, p.stride,
                 p.window);
  orl_count (me->ledger, ORL_MISSES, 1);
  atomic_fetch_add_explicit (&file->rec->misses, 1, memory_order_relaxed);
  orl_run_count (me, file, run.n - 1);
  *frame = run.frame[0];
  *entry = run.entry[0];
  return 0;
}

/* Read, or begin to read, n pages from page on that were in no frame just now;
 * *n: how many.  Errors as orl_async_begin(); of the store. */
static int
load_ahead (struct orl_thread *me, struct oriel_file *file, uint64_t key,
            uint64_t page, bool async, uint32_t *n)
{
  uint64_t limit = orl_frames (&me->pool->shm) / 16 + 1;
  struct orl_run run;
  int r;

  if (*n > limit)
    *n = (uint32_t) limit;
  if (async)
    return orl_async_begin (me, file, key, page, *n, 0, true, n);
  r = bring (me, file, key, page, *n, false, true, true, &run);
  if (r < 0)
    return r;
  orl_ledger_clear (me->ledger, run.entry[0]);
  ORL_POINT ("load.ahead.unpinned");
  orl_run_count (me, file, run.n);
  *n = run.n;
  return 0;
}

static void
end_ahead (struct orl_thread *me, struct oriel_file *file)
{
  orl_async_send (me);
  if (is_foreign (file))
    orl_load_drain (me, file);
}

int
orl_load_ahead (struct orl_thread *me, struct oriel_file *file, uint64_t page,
                uint64_t count)
{
  bool async = orl_async_ready (me, file);
  uint64_t pages = pages_of (file);
  uint64_t end = page < pages && count > pages - page ? pages : page + count;
  int r = 0;

  while (page < end && page < pages)
    {
      uint64_t key = key_of (file);
      uint32_t n = missing (file, key, page, end - page);

      r = n == 0 ? -EEXIST : load_ahead (me, file, key, page, async, &n);
      if (r == -EEXIST)
        n = 1;
      else if (r < 0)
        break;
      page += n;
      if (async && n > 1)
        orl_async_send (me);
    }
  if (async)
    end_ahead (me, file);
  /* What there is no room for is read when it is wanted. */
  return r == -EEXIST || r == -EAGAIN || r == -ENOBUFS ? 0 : r;
}

int
orl_load_list (struct orl_thread *me, struct oriel_file *file,
               const uint64_t *number, size_t count)
{
  bool async = orl_async_ready (me, file);
  uint64_t pages = pages_of (file);
  int r = 0;

  for (size_t i = 0, k; i < count; i += k)
    {
      uint64_t key = key_of (file);
      uint32_t n;

      for (k = 1; i + k < count && number[i + k] == number[i] + k; k++)
        ;
      n = number[i] >= pages
              ? 0
              : missing (file, key, number[i],
                         k < pages - number[i] ? k : pages - number[i]);
      r = n == 0 ? -EEXIST : load_ahead (me, file, key, number[i], async, &n);
      k = r == 0 ? n : 1;
      if (r < 0 && r != -EEXIST)
        break;
    }
  if (async)
    end_ahead (me, file);
  return r == -EEXIST || r == -EAGAIN || r == -ENOBUFS ? 0 : r;
}
