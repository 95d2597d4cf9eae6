/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-wait.c - waits for pages that are being read
 *
 * Of pages that the process reads itself (load-async.c), who waits reaps; of
 * another's, it waits on the frame.
 *
 * Locks: the ring's.
 */
#include "frame.h"
#include "load-async.h"
#include "load.h"
#include "uring.h"

static bool
is_same (const struct orl_frame *f, uint64_t word)
{
  uint64_t now = atomic_load (&f->state);

  return ((now ^ word) & ~(uint64_t) ORL_WAITERS) == 0;
}

/* Of another process: it may be long, if that one reaps for no one. */
static void
wait_for_other (struct orl_thread *me, uint32_t frame, uint64_t word)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];

  orl_frame_wait (f, word);
  if (orl_state_owner (word) <= shm->geo.nthreads || !is_same (f, word))
    return;
  word = atomic_load (&f->state);
  if (orl_state (word) == ORL_LOADING)
    atomic_compare_exchange_strong (&f->state, &word, word | ORL_STALE);
}

void
orl_load_wait (struct orl_thread *me, uint32_t frame, uint64_t word,
               bool nowait)
{
  struct orl_flights *fl = atomic_load (&me->pool->flights);
  const struct orl_frame *f = &me->pool->shm.frames[frame];
  struct orl_uring *ring;

  if (!fl || !orl_flights_own (fl, word))
    {
      if (!nowait)
        wait_for_other (me, frame, word);
      return;
    }
  ring = orl_flights_ring (fl);
  orl_uring_lock (ring);
  if (nowait)
    orl_uring_reap (ring, me);
  /* A damaged pool has LOADING pages that no one loads. */
  while (!nowait && is_same (f, word) && orl_uring_wait (ring, me))
    ;
  orl_uring_unlock (ring);
}

static void
drain (struct orl_thread *me, struct oriel_file *file, bool always)
{
  struct orl_flights *fl = atomic_load (&me->pool->flights);
  struct orl_uring *ring;

  if (!fl)
    return;
  ring = orl_flights_ring (fl);
  orl_uring_lock (ring);
  while (atomic_load (&file->flying) > 0
         && (always || atomic_load (&file->stable) == 0)
         && orl_uring_wait (ring, me))
    ;
  orl_uring_unlock (ring);
}

void
orl_load_drain (struct orl_thread *me, struct oriel_file *file)
{
  drain (me, file, true);
}

void
orl_load_settle (struct orl_thread *me, struct oriel_file *file)
{
  if (atomic_load (&file->flying) > 0)
    drain (me, file, false);
}
