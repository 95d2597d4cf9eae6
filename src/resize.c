/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resize.c - give a pool more frames, or fewer
 *
 * size.h has the words that this changes, and what a stranger makes of each step.
 *
 * Growing makes room first: a file system that is full is an error, and nothing
 * has changed.  Frames that come back may be in the stash of a thread that took
 * them before the pool shrank: then they are RESERVED, and as good as free.
 *
 * Shrinking closes the frames that are to go: no one takes them any more, but
 * for who has one in its stash, and looks at the number of frames when it is in
 * its ledger (load-run.c).  Then their pages are written and evicted as ever,
 * until none is left, and then the memory is given back.  Others' mappings of it
 * stay: there is no page that leads there.
 *
 * Locks: super.resizer; those of eviction and flush.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "error.h"
#include "flush.h"
#include "frame.h"
#include "guard.h"
#include "load-async.h"
#include "load.h"
#include "lost.h"
#include "point.h"
#include "poolfile.h"
#include "resize.h"
#include "size.h"
#include "sys.h"

#define FILL (2u << 20)         /* bytes, mapped at once */
#define TRIES 100               /* if it is cut again and again */

/* Another's resize is waited for, or its repair, which takes a moment. */
#define TURN_MS 1000

/* Pages that are pinned, being loaded, or dirty for others are waited for as long
 * as some go in this time. */
#define WAIT_MS 2000

/* If a store says an error it is no use to wait that long. */
#define ERROR_MS 100

static uint64_t
now_ms (void)
{
  return orl_now_ns () / 1000000;
}

static int
no_room (const struct oriel_pool *pool, uint64_t frames, int error)
{
  uint64_t room = 0;
  uint32_t block;

  orl_sys.space (pool->shm.fd, &room, &block);
  return orl_fail (error,
                   "%s: cannot grow to %llu bytes, %llu are free there; it has "
                   "the size that it had",
                   pool->path,
                   (unsigned long long) (frames << pool->shm.geo.page_shift),
                   (unsigned long long) room);
}

/* A file that was cut would be long again, and no one be told of the holes in it:
 * so who has pages there is told first.  1: it was; 0: it was not; -EIO, -ENOSPC
 * the pool is of no use any more. */
static int
look_for_cut (struct oriel_pool *pool)
{
  const struct orl_shm *shm = &pool->shm;
  struct stat st;
  int r;

  if (orl_sys.fstat (shm->fd, &st) < 0
      || (uint64_t) st.st_size >= shm->geo.file_bytes)
    return 0;
  r = orl_lost_repair (shm, shm->geo.data + orl_backed_bytes (shm), 1, false);
  if (r == -ENOSPC || r == -ENODATA)
    orl_lost_pool (pool, r == -ENOSPC ? ORL_GONE_ROOM : ORL_GONE_TABLES);
  return r < 0 ? orl_pool_gone (pool) : 1;
}

/* Write to each block, so that it is none that was only reserved. */
static void *
touch (void *to, const void *from, size_t n)
{
  (void) from;
  for (size_t i = 0; i < n; i += 4096)
    ((volatile unsigned char *) to)[i] = 0;
  return to;
}

/* Memory for [at, end), whole blocks, by a mapping: that makes no file longer that
 * someone cuts just now.  1: someone did, or there is no room. */
static int
fill (struct oriel_pool *pool, uint64_t at, uint64_t end)
{
  const struct orl_shm *shm = &pool->shm;
  int r = orl_sys.fallocate (shm->fd, FALLOC_FL_KEEP_SIZE, (off_t) at,
                             (off_t) (end - at));

  /* As in orl_poolfile_allocate(). */
  if (r < 0 && r != -EOPNOTSUPP && r != -ENOSYS && r != -EPERM)
    return r;
  for (uint64_t n; at < end; at += n)
    {
      void *p;
      bool done;

      n = end - at < FILL ? end - at : FILL;
      p = orl_sys.mmap (NULL, (size_t) n, PROT_READ | PROT_WRITE, MAP_SHARED,
                        shm->look, (off_t) at);
      if (p == MAP_FAILED)
        return orl_poolfile_allocate (shm->fd, &shm->geo, at, end - at);
      done = orl_guard_copy (touch, p, NULL, (size_t) n, p);
      orl_sys.munmap (p, (size_t) n);
      if (!done)
        return (r = look_for_cut (pool)) < 0 ? r : 1; /* or another mended it */
    }
  return 0;
}

static int
allocate (struct oriel_pool *pool, uint64_t at, uint64_t n)
{
  const struct orl_shm *shm = &pool->shm;
  int r = look_for_cut (pool);

  if (r < 0)
    return r;
  if (!shm->handled || shm->look < 0 || shm->geo.block != 4096)
    return orl_poolfile_allocate (shm->fd, &shm->geo, at, n);
  for (int i = 0; i < TRIES && (r = fill (pool, at, at + n)) == 1; i++)
    ;
  return r == 1 ? -ENOSPC : r;
}

/* Tables for frames that there never were. */
static int
grow_tables (struct oriel_pool *pool, uint32_t to)
{
  const struct orl_shm *shm = &pool->shm;
  struct orl_range had[ORL_RANGES], want[ORL_RANGES];
  int r = 0;

  orl_layout_ranges (&shm->geo, orl_span (shm), had);
  orl_layout_ranges (&shm->geo, to, want);
  for (int i = 0; i < ORL_RANGES && r == 0; i++)
    if (want[i].to > had[i].to)
      r = allocate (pool, had[i].to, want[i].to - had[i].to);
  return r;
}

static int
grow (struct oriel_pool *pool, uint32_t to)
{
  const struct orl_shm *shm = &pool->shm;
  uint64_t had = orl_backed_bytes (shm);
  uint64_t want = orl_data_bytes (&shm->geo, to);
  int r = 0;

  if (to > orl_span (shm))
    {
      r = grow_tables (pool, to);
      if (r < 0)
        return no_room (pool, to, r);
      ORL_POINT ("resize.grow.tables");
      atomic_store (&shm->super->span, to);
      ORL_POINT ("resize.grow.span");
    }
  if (want > had)
    r = allocate (pool, shm->geo.data + had, want - had);
  ORL_POINT ("resize.grow.filled");
  if (r < 0)
    {
      orl_size_punch (shm);
      return no_room (pool, to, r);
    }
  atomic_store (&shm->super->backed, to);
  ORL_POINT ("resize.grow.backed");
  atomic_store (&shm->super->frames, to);
  ORL_POINT ("resize.grown");
  return 0;
}

struct kinds {
  const struct orl_shm *shm;
  uint32_t from, to;
  uint64_t pins;
};

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct kinds *k = arg;

  (void) ledger;
  (void) mode;
  k->pins += frame >= k->from && frame < k->to;
}

static int
busy (struct oriel_pool *pool, uint32_t from, uint32_t to)
{
  const struct orl_shm *shm = &pool->shm;
  struct kinds k = { shm, from, to, 0 };
  uint64_t dirty = 0;

  for (uint32_t i = from; i < to; i++)
    dirty += (atomic_load (&shm->frames[i].state) & ORL_DIRTY) != 0;
  orl_ledger_scan (shm, ORL_EVERYONE, see_pin, &k);
  return orl_fail (-EBUSY,
                   "%s: of the frames that were to go %llu are pinned, and %llu "
                   "have dirty pages that this process may not write or could "
                   "not; it has the size that it had: unpin them, or sync "
                   "their files",
                   pool->path, (unsigned long long) k.pins,
                   (unsigned long long) dirty);
}

/* Is the frame LOADING for those who want its page, and by whom? */
static bool
is_loading (const struct orl_shm *shm, uint32_t frame, uint64_t *word)
{
  *word = atomic_load (&shm->frames[frame].state);
  return orl_state (*word) == ORL_LOADING && !(*word & ORL_STALE);
}

/* Wait for what is being loaded, by others too.  What a process does not end is
 * STALE after that; then it does nothing, and all that it has begun to read is
 * left to itself (load-async.c). */
static void
wait_loads (struct orl_thread *me, uint32_t from, uint32_t to)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t word = 0;
  uint32_t owner;

  orl_async_reap (me);
  while (from < to && !is_loading (shm, from, &word))
    from++;
  if (from == to)
    return;
  owner = orl_state_owner (word);
  orl_load_wait (me, from, word, false);
  word = atomic_load (&shm->frames[from].state);
  if (orl_state (word) != ORL_LOADING || !(word & ORL_STALE))
    return;
  while (++from < to)
    if (is_loading (shm, from, &word) && orl_state_owner (word) == owner)
      atomic_compare_exchange_strong (&shm->frames[from].state, &word,
                                      word | ORL_STALE);
}

/* Have the frames empty.  -EBUSY; errors of the stores that last. */
static int
empty (struct orl_thread *me, uint32_t from, uint32_t to)
{
  uint64_t since = now_ms (), failing = 0;
  uint32_t least = UINT32_MAX;
  int error = 0;

  for (unsigned round = 0;; round++)
    {
      struct orl_dirty_list dirty;
      uint32_t left = orl_evict_range (me, from, to, &dirty);
      int r = 0;

      if (left == 0)
        return 0;
      if (dirty.n > 0)
        r = orl_flush_list (me, &dirty);
      if (left < least || r > 0)
        since = now_ms ();
      if (left < least)
        least = left;
      /* What a store said once, and says no more, has passed. */
      if (r < 0 && error == 0)
        failing = now_ms ();
      else if (r < 0 && now_ms () - failing > ERROR_MS)
        return r;
      error = r < 0 ? r : 0;
      if (r > 0)
        continue;
      if (now_ms () - since > WAIT_MS)
        return error < 0 ? error : busy (me->pool, from, to);
      wait_loads (me, from, to);
      if (round % 64 == 63)
        me->pool->repair (me->pool, me->owner, ORL_ALL_DEAD);
      orl_backoff (round < 96 ? round : 96);
    }
}

static int
shrink (struct orl_thread *me, uint32_t to)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t from = orl_frames (shm);
  int r;

  atomic_store (&shm->super->frames, to);
  ORL_POINT ("resize.shrink.closed");
  r = empty (me, to, from);
  if (r < 0)
    {
      atomic_store (&shm->super->frames, from);
      return r;
    }
  ORL_POINT ("resize.shrink.empty");
  atomic_store (&shm->super->backed, to);
  ORL_POINT ("resize.shrink.given");
  orl_size_punch (shm);
  ORL_POINT ("resize.shrunk");
  return 0;
}

static int
take (struct orl_thread *me)
{
  uint64_t from = now_ms ();
  int r;

  for (unsigned round = 0;
       (r = orl_size_take (&me->pool->shm, me->owner)) < 0
       && now_ms () - from < TURN_MS;
       round++)
    orl_backoff (round);
  return r;
}

int
orl_resize (struct orl_thread *me, uint64_t bytes)
{
  struct oriel_pool *pool = me->pool;
  const struct orl_geometry *geo = &pool->shm.geo;
  uint64_t n = bytes >> geo->page_shift;
  int r;

  if (n < ORL_MIN_FRAMES)
    return orl_fail (-EINVAL, "%s: %llu bytes are too few, it has %d pages at "
                              "least",
                     pool->path, (unsigned long long) bytes, ORL_MIN_FRAMES);
  if (n > geo->nframes)
    return orl_fail (-EINVAL,
                     "%s: was made to have at most %llu bytes (max_size); make "
                     "another pool to have more",
                     pool->path,
                     (unsigned long long) geo->nframes << geo->page_shift);
  r = take (me);
  if (r < 0)
    return orl_fail (r, "%s: is being resized by another", pool->path);
  if (n > orl_frames (&pool->shm))
    r = grow (pool, (uint32_t) n);
  else if (n < orl_frames (&pool->shm))
    r = shrink (me, (uint32_t) n);
  orl_size_give (&pool->shm);
  return r;
}
