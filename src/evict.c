/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evict.c - choose frames to use anew
 *
 * One hand for the pool moves over the frames in order; at each page heat.c
 * says whether it may go.  If none may for two rounds (all that are cold are
 * pinned, or dirty for others), all go that were not used since the hand last
 * passed, as with CLOCK.
 *
 * Frames are taken in batches:
 *   1. mark unused clean frames EVICTING, each in this ledger's work first;
 *   2. one barrier on all pinners of the pool;
 *   3. read all ledgers; frames found there go back to VALID, with ref set so
 *      that the next sweep passes them;
 *   4. take the others out of the page table, then RESERVED, in the stash.
 * A stranger, if we die: EVICTING with its table entry goes back to VALID,
 * without it to FREE; RESERVED goes to FREE (recover.c).
 *
 * No I/O here.  Locks: a partition's, in step 4.
 */
#include "evict.h"
#include "heat.h"
#include "log.h"
#include "point.h"
#include "table.h"

/* Frames that orl_evict_cold() looks at for each that it wants. */
#define LOOKS_COLD 128

/* Frames that the hand moves on at once: it is in a line that all write. */
#define STEP 64

/* What spares a page that could be taken. */
enum spared {
  WARM,                         /* heat.c */
  AHEAD,                        /* or not wanted yet, since it was read ahead */
  USED                          /* since the hand last passed */
};

struct batch {
  const struct orl_shm *shm;
  uint32_t owner;
  uint32_t n;
  uint32_t frame[ORL_BATCH];
  bool pinned[ORL_BATCH];
};

bool
orl_frame_is_dead (const struct orl_shm *shm, const struct orl_frame *frame,
                   uint64_t word)
{
  uint64_t file = atomic_load_explicit (&frame->file, memory_order_relaxed);
  uint32_t index = (uint32_t) file;

  return (word & ORL_STALE) || index >= shm->geo.nfiles
         || atomic_load_explicit (&shm->files[index].epoch,
                                  memory_order_relaxed)
                != (uint32_t) (file >> 32);
}

/* orl_frame_is_dead(), where it is asked of most frames in vain. */
static inline bool
is_dead (const struct orl_shm *shm, uint32_t frame)
{
  const struct orl_frame *f = &shm->frames[frame];
  uint64_t file = atomic_load_explicit (&f->file, memory_order_relaxed);

  return (atomic_load_explicit (&f->state, memory_order_relaxed) & ORL_STALE)
         || (uint32_t) file >= shm->geo.nfiles
         || atomic_load_explicit (&shm->files[(uint32_t) file].epoch,
                                  memory_order_relaxed)
                != (uint32_t) (file >> 32);
}

static void
stash (struct orl_thread *me, uint32_t frame)
{
  me->stash[me->nstash++] = frame;
}

/* What was stashed since then came in the order of the hand, and the last is used
 * first: turned round, what is loaded in order lies in order in the pool, where a
 * view or the slots of neighbours are mapped by one call. */
static void
turn_round (struct orl_thread *me, uint32_t from)
{
  for (uint32_t to = me->nstash; from + 1 < to; from++)
    {
      uint32_t frame = me->stash[--to];

      me->stash[to] = me->stash[from];
      me->stash[from] = frame;
    }
}

/* FREE to RESERVED. */
static bool
take_free (struct orl_thread *me, uint32_t frame, uint64_t word)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  if (orl_work_begin (me->ledger, frame) < 0)
    return false;
  if (orl_frame_move (f, &word, ORL_RESERVED, me->owner, 0, ORL_FLAGS))
    {
      ORL_POINT ("evict.free.reserved");
      orl_heat_room (&me->pool->shm, frame);
      stash (me, frame);
      return true;
    }
  orl_work_end (me->ledger, frame);
  return false;
}

/* VALID to EVICTING. */
static bool
mark (struct orl_thread *me, uint32_t frame, uint64_t word)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  if (orl_work_begin (me->ledger, frame) < 0)
    return false;
  if (orl_frame_move (f, &word, ORL_EVICTING, me->owner, 0, 0))
    return true;
  orl_work_end (me->ledger, frame);
  return false;
}

/* Look at one frame: take it, mark it for the batch, list it as dirty, or let
 * it off. */
static uint32_t
consider (struct orl_thread *me, struct batch *b, uint32_t frame,
          enum spared spared, struct orl_dirty_list *dirty)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);
  bool dead;

  if (orl_state (word) == ORL_FREE)
    return take_free (me, frame, word);
  if (orl_state (word) != ORL_VALID)
    return 0;
  dead = orl_frame_is_dead (shm, f, word);
  if (!dead && spared == AHEAD
      && atomic_load_explicit (&f->ahead, memory_order_relaxed))
    return 0;
  if (!dead && spared <= AHEAD && !orl_heat_look (me, frame))
    return 0;
  if (!dead && spared == USED
      && atomic_load_explicit (&f->ref, memory_order_relaxed))
    {
      atomic_store_explicit (&f->ref, 0, memory_order_relaxed);
      return 0;
    }
  if ((word & ORL_DIRTY) && !dead)
    {
      if (dirty && dirty->n < ORL_BATCH && orl_log_lets (me, frame)
          && dirty->may (me, frame))
        dirty->frame[dirty->n++] = frame;
      return 0;
    }
  if (mark (me, frame, word))
    {
      b->pinned[b->n] = false;
      b->frame[b->n++] = frame;
    }
  return 0;
}

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct batch *b = arg;
  uint64_t word = atomic_load_explicit (&b->shm->frames[frame].state,
                                        memory_order_relaxed);

  (void) ledger;
  (void) mode;
  if (orl_state (word) != ORL_EVICTING || orl_state_owner (word) != b->owner)
    return;
  for (uint32_t i = 0; i < b->n; i++)
    if (b->frame[i] == frame)
      b->pinned[i] = true;
}

/* Pins of frames from first to end. */
struct range {
  uint32_t first, end, pins;
};

static void
see_range (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct range *r = arg;

  (void) ledger;
  (void) mode;
  r->pins += frame >= r->first && frame < r->end;
}

static void
put_back (struct orl_thread *me, uint32_t frame)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  atomic_store_explicit (&f->ref, 1, memory_order_relaxed);
  orl_frame_settle (f, ORL_VALID, 0, 0, 0);
  ORL_POINT ("evict.put-back");
  orl_work_end (me->ledger, frame);
}

static void
take_marked (struct orl_thread *me, uint32_t frame)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load_explicit (&f->state, memory_order_relaxed);

  if (!orl_frame_is_dead (shm, f, word))
    orl_heat_evicted (me, frame);
  else
    atomic_store_explicit (&f->heat, 0, memory_order_relaxed);
  orl_table_remove (shm, me->owner, frame);
  ORL_POINT ("evict.removed");
  /* Only a dead page can be dirty here: its content goes nowhere. */
  if (atomic_load_explicit (&f->state, memory_order_relaxed) & ORL_DIRTY)
    orl_frame_mark_dirty (shm, frame, false);
  ORL_POINT ("evict.cleaned");
  orl_frame_settle (f, ORL_RESERVED, me->owner, 0, ORL_FLAGS);
  ORL_POINT ("evict.reserved");
  stash (me, frame);
}

/* Steps 2 to 4; how many were taken. */
static uint32_t
finish (struct orl_thread *me, struct batch *b)
{
  uint32_t taken = 0;

  if (b->n == 0)
    return 0;
  ORL_POINT ("evict.marked");
  orl_barrier_everyone (b->shm);
  orl_count (me->ledger, ORL_BARRIERS, 1);
  orl_ledger_scan (b->shm, ORL_EVERYONE, see_pin, b);
  ORL_POINT ("evict.scanned");
  for (uint32_t i = 0; i < b->n; i++)
    {
      struct orl_frame *f = &b->shm->frames[b->frame[i]];
      uint64_t word = atomic_load (&f->state);

      /* One that was made dirty since it was marked was pinned then, and its
       * pin may be gone again. */
      if (b->pinned[i]
          || ((word & ORL_DIRTY) && !orl_frame_is_dead (b->shm, f, word)))
        put_back (me, b->frame[i]);
      else
        {
          take_marked (me, b->frame[i]);
          taken++;
        }
    }
  orl_count (me->ledger, ORL_EVICTIONS, taken);
  b->n = 0;
  return taken;
}

uint32_t
orl_evict_list (struct orl_thread *me, uint32_t want,
                const struct orl_dirty_list *list)
{
  struct batch b = { .shm = &me->pool->shm, .owner = me->owner };
  uint32_t taken = 0;

  if (want > ORL_BATCH - me->nstash)
    want = ORL_BATCH - me->nstash;
  for (uint32_t i = 0; i < list->n && taken + b.n < want; i++)
    taken += consider (me, &b, list->frame[i], USED, NULL);
  return taken + finish (me, &b);
}

/* Look at so many frames, and at so many more for which having been used is all
 * that spares them. */
static uint32_t
sweep (struct orl_thread *me, uint32_t want, enum spared spared,
       uint64_t looks, uint64_t harsh, struct orl_dirty_list *dirty)
{
  struct orl_shm *shm = &me->pool->shm;
  struct batch b = { .shm = shm, .owner = me->owner };
  uint32_t n = orl_frames (shm);
  uint64_t left = looks + harsh;
  uint32_t had = me->nstash;
  uint32_t taken = 0;

  if (want > ORL_BATCH - me->nstash)
    want = ORL_BATCH - me->nstash;
  orl_heat_begin (me);
  while (left > 0 && taken < want)
    {
      uint32_t step = left < STEP ? (uint32_t) left : STEP, i;
      uint64_t hand = atomic_fetch_add (&shm->super->hand, step);
      uint64_t to = hand + step;
      uint32_t at = (uint32_t) (hand % n);

      for (i = 0; i < step && taken + b.n < want; i++)
        {
          if (left <= harsh || is_dead (shm, at)
              || !orl_heat_passes (me, &shm->frames[at]))
            taken += consider (me, &b, at, left > harsh ? spared : USED,
                               dirty);
          if (++at == n)
            {
              at = 0;
              orl_heat_round (me, true);
            }
        }
      /* Those not looked at are the next sweep's, if no other went on. */
      if (i < step)
        atomic_compare_exchange_strong (&shm->super->hand, &to, hand + i);
      left -= step = i;
      orl_heat_round (me, false);
      if (taken + b.n >= want || left == 0)
        taken += finish (me, &b);
      if (taken == 0 && dirty && dirty->n == ORL_BATCH)
        break;
    }
  taken += finish (me, &b);
  turn_round (me, had);
  orl_heat_end (me);
  return taken;
}

uint32_t
orl_evict (struct orl_thread *me, uint32_t want, struct orl_dirty_list *dirty)
{
  uint64_t n = orl_frames (&me->pool->shm);

  if (dirty)
    dirty->n = 0;
  /* Rounds: one that forgets what is new or used, one that takes it, and for
   * those frames that were pinned; then two that take hot ones as well. */
  return sweep (me, want, WARM, n * 9 / 4, 2 * n, dirty);
}

uint32_t
orl_evict_cold (struct orl_thread *me, uint32_t want)
{
  uint64_t n = orl_frames (&me->pool->shm);
  uint64_t looks = (uint64_t) LOOKS_COLD * want;

  return sweep (me, want, AHEAD, looks < n ? looks : n, 0, NULL);
}

void
orl_evict_all (struct orl_thread *me, uint32_t file)
{
  struct orl_shm *shm = &me->pool->shm;
  struct batch b = { .shm = shm, .owner = me->owner };
  uint32_t n = orl_span (shm);

  orl_thread_unstash (me);
  for (uint32_t frame = 0; frame < n; frame++)
    {
      struct orl_frame *f = &shm->frames[frame];
      uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);

      if (orl_state (word) == ORL_VALID
          && (file == UINT32_MAX
              || (uint32_t) atomic_load_explicit (&f->file,
                                                  memory_order_relaxed)
                     == file)
          && (!(word & ORL_DIRTY) || orl_frame_is_dead (shm, f, word))
          && mark (me, frame, word))
        {
          b.pinned[b.n] = false;
          b.frame[b.n++] = frame;
        }
      if (b.n == ORL_BATCH || frame == n - 1)
        {
          finish (me, &b);
          orl_thread_unstash (me);
        }
    }
}

/* How many frames are in use.  Those that a process has begun to read, and that
 * no one waits for any more, are not (load-async.c); *behind tells whether they
 * are the same as before. */
static uint32_t
count_used (const struct orl_shm *shm, uint32_t first, uint32_t end,
            uint64_t *behind)
{
  uint32_t used = 0;

  *behind = 0;
  for (uint32_t frame = first; frame < end; frame++)
    {
      uint64_t word = atomic_load (&shm->frames[frame].state);

      if (orl_state (word) == ORL_LOADING && (word & ORL_STALE)
          && orl_state_owner (word) > shm->geo.nthreads)
        *behind += (word & ~(uint64_t) ORL_WAITERS) * (frame + 1);
      else
        used += orl_state (word) > ORL_RESERVED;
    }
  return used;
}

/* What a loader is about to use is in its ledger, and then in a state that shows;
 * so the ledgers are read first.  What is left behind was so before the
 * barrier: who ends such a read is in a ledger, or sees that it may not touch
 * it. */
static uint32_t
count_left (struct orl_thread *me, uint32_t first, uint32_t end)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct range r = { first, end, 0 };
  uint64_t before, behind;
  uint32_t left = count_used (shm, first, end, &before);

  if (left > 0)
    return left;
  orl_barrier_everyone (shm);
  orl_count (me->ledger, ORL_BARRIERS, 1);
  orl_ledger_scan (shm, ORL_EVERYONE, see_range, &r);
  left = count_used (shm, first, end, &behind);
  return left > 0 ? left : behind != before ? 1 : r.pins;
}

uint32_t
orl_evict_range (struct orl_thread *me, uint32_t first, uint32_t end,
                 struct orl_dirty_list *dirty)
{
  struct orl_shm *shm = &me->pool->shm;
  struct batch b = { .shm = shm, .owner = me->owner };

  dirty->n = 0;
  orl_thread_unstash (me);
  for (uint32_t frame = first; frame < end; frame++)
    {
      struct orl_frame *f = &shm->frames[frame];
      uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);
      bool is_dirty = (word & ORL_DIRTY) && !orl_frame_is_dead (shm, f, word);

      if (orl_state (word) == ORL_VALID && is_dirty && dirty->n < ORL_BATCH)
        dirty->frame[dirty->n++] = frame;
      if (orl_state (word) == ORL_VALID && !is_dirty && mark (me, frame, word))
        {
          b.pinned[b.n] = false;
          b.frame[b.n++] = frame;
        }
      if (b.n == ORL_BATCH || frame == end - 1)
        {
          finish (me, &b);
          orl_thread_unstash (me);
        }
    }
  return count_left (me, first, end);
}
