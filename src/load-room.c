/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-room.c - room for a page: a frame, an entry of the page table, a slot
 *
 * Locks: none is held while it is waited.
 */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "evict.h"
#include "flush.h"
#include "load-async.h"
#include "load-room.h"
#include "load.h"
#include "lock.h"
#include "sys.h"
#include "table.h"
#include "window.h"

/* Looks that find no one to wait for before there is said to be no room: what
 * was in the way may have gone between the look for room and that for who has
 * it. */
#define ROUNDS 24

/* So long one waits for the room that others are about to give back: longer than a
 * store takes that is not broken.  Who is stopped gives back nothing. */
#define PATIENCE (30 * (uint64_t) 1000000000)

/* ------------------------------------------------------------------ */
/* Frames that someone has for a moment                               */

static bool
is_passing (uint64_t word)
{
  return orl_state (word) == ORL_LOADING || orl_state (word) == ORL_WRITING
         || orl_state (word) == ORL_EVICTING;
}

/* Is the frame another's, who will give it back?  A process may leave a read that
 * no one waits for (load-wait.c). */
static bool
passes (const struct orl_thread *me, uint32_t frame)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t word = atomic_load (&shm->frames[frame].state);
  uint32_t owner = orl_state_owner (word);
  bool left = orl_state (word) == ORL_LOADING && (word & ORL_STALE)
              && owner > shm->geo.nthreads;

  return is_passing (word) && owner != me->owner && !left;
}

/* Nothing to wait for was found.  False: too often. */
static bool
pause_for (struct orl_wait *wait)
{
  if (wait->round >= ROUNDS)
    return false;
  orl_backoff (4 * wait->round++);
  return true;
}

/* Until the frame may have been given back.  False: that takes too long. */
static bool
wait_for (struct orl_thread *me, struct orl_wait *wait, uint32_t frame)
{
  struct orl_shm *shm = &me->pool->shm;
  uint64_t word = atomic_load (&shm->frames[frame].state);
  uint32_t owner = orl_state_owner (word);
  uint64_t now = orl_now_ns ();

  if (wait->since == 0)
    wait->since = now;
  if (now - wait->since > PATIENCE)
    return false;
  if (wait->frame != frame)
    wait->doubt = (struct orl_doubt){ 0 };
  wait->frame = frame;
  if (orl_state (word) == ORL_LOADING)
    orl_load_wait (me, frame, word, false);
  else if (is_passing (word))
    orl_frame_wait (&shm->frames[frame], word);
  if (owner && !orl_owner_alive (shm, owner))
    me->pool->repair (me->pool, me->owner, owner - 1);
  orl_doubt_state (shm, &wait->doubt, me->owner, frame, word);
  return true;
}

/* ------------------------------------------------------------------ */
/* A frame                                                            */

/* The one that was waited for is looked at first. */
static bool
frames_pass (struct orl_thread *me, struct orl_wait *wait)
{
  uint32_t n = orl_frames (&me->pool->shm);

  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t frame = (uint32_t) (((uint64_t) wait->frame + i) % n);

      if (passes (me, frame))
        return wait_for (me, wait, frame);
    }
  return false;
}

int
orl_room_make (struct orl_thread *me)
{
  struct oriel_pool *pool = me->pool;
  struct orl_dirty_list dirty = { .may = orl_flush_may_frame };
  /* Each round that writes cleans a page at least: more than this are needed
   * only while others make theirs dirty again, and that may never end. */
  uint64_t tries = orl_frames (&pool->shm) + ROUNDS;
  struct orl_wait wait = { 0 };
  int error = -ENOBUFS;

  do
    {
      int r;

      if (orl_evict (me, orl_batch (pool), &dirty) > 0)
        return 0;
      r = orl_flush_list (me, &dirty);
      /* What was just written, before the hand goes on to what is dirty. */
      if (r > 0 && orl_evict_list (me, orl_batch (pool), &dirty) > 0)
        return 0;
      if (r > 0 && --tries > 0)
        continue;
      /* None that we may write: are there clean ones behind them? */
      if (orl_evict (me, orl_batch (pool), NULL) > 0)
        return 0;
      if (r < 0)
        error = r;
      if (orl_async_settle (me) && --tries > 0)
        continue;
      if (wait.round == ROUNDS / 2)
        pool->repair (pool, me->owner, ORL_ALL_DEAD);
      /* Others whose writes fail as ours do give nothing back. */
      if (r == 0 && frames_pass (me, &wait))
        continue;
      if (!pause_for (&wait))
        break;
    }
  while (tries > 0);
  if (error == -ENOBUFS)
    orl_fail (error,
              "%s: all %llu frames are pinned or dirty for files that this "
              "process has not open; unpin pages or create a larger pool",
              pool->path, (unsigned long long) orl_frames (&pool->shm));
  return error;
}

/* ------------------------------------------------------------------ */
/* An entry of the page table                                         */

bool
orl_room_clear (struct orl_thread *me, uint64_t key, uint64_t page, bool all)
{
  struct orl_dirty_list stale;
  uint32_t seen = 0;
  bool some = false;

  do
    {
      stale.n = orl_table_near (&me->pool->shm, key, page, ORL_NEAR_STALE, seen,
                                stale.frame, ORL_BATCH);
      seen += stale.n;
      if (stale.n > ORL_BATCH - me->nstash)
        orl_thread_unstash (me);
      some = orl_evict_list (me, stale.n, &stale) > 0;
    }
  while (all && !some && stale.n > 0);
  return some;
}

bool
orl_room_in_table (struct orl_thread *me, struct orl_wait *wait, uint64_t key,
                   uint64_t page)
{
  uint32_t frame;

  if (orl_room_clear (me, key, page, true))
    return true;
  /* Others may just be taking out what is in the way. */
  if (orl_table_near (&me->pool->shm, key, page, ORL_NEAR_LEAVING, 0, &frame, 1)
          > 0
      && passes (me, frame))
    return wait_for (me, wait, frame);
  return pause_for (wait);
}

/* ------------------------------------------------------------------ */
/* A slot                                                             */

/* Of each slot: a frame + 1 that only who reads or writes it has pinned; or STAYS,
 * something is pinned for good. */
struct slots
{
  const struct orl_thread *me;
  uint32_t *passing;
};

#define STAYS UINT32_MAX

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  const struct slots *s = arg;
  const struct orl_window *w = s->me->pool->window;
  uint32_t slot = atomic_load (&w->slot_of[frame >> w->extent_shift]);
  uint64_t word = atomic_load (&w->shm->frames[frame].state);

  (void) mode;
  if (slot == 0)
    return;
  if (!passes (s->me, frame) || orl_state_owner (word) != ledger + 1)
    s->passing[slot - 1] = STAYS;
  else if (s->passing[slot - 1] != STAYS)
    s->passing[slot - 1] = frame + 1;
}

/* The frame of a slot that others will give back; ORL_NO_FRAME: there is none. */
static uint32_t
slot_passes (const struct orl_thread *me)
{
  const struct orl_window *w = me->pool->window;
  struct slots s = { .me = me, .passing = calloc (w->nslots, sizeof (uint32_t)) };
  uint32_t frame = 0;

  if (!s.passing)
    return ORL_NO_FRAME;
  orl_ledger_scan (w->shm, w->shm->token, see_pin, &s);
  for (uint32_t i = 0; i < w->nslots && frame == 0; i++)
    if (s.passing[i] != STAYS)
      frame = s.passing[i];
  free (s.passing);
  return frame - 1;
}

bool
orl_room_comes (const struct orl_thread *me)
{
  return slot_passes (me) != ORL_NO_FRAME;
}

bool
orl_room_in_window (struct orl_thread *me, struct orl_wait *wait)
{
  uint32_t frame = slot_passes (me);

  return frame != ORL_NO_FRAME ? wait_for (me, wait, frame) : pause_for (wait);
}
