/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c - moves between the states of a frame
 *
 * Each move is one atomic operation on the state word.  No locks.
 */
#include <stddef.h>

#include "frame.h"
#include "sys.h"

/* As in latch.c. */
#define WAIT_MS 20

/* The half of the state word that has everything but the generation. */
static uint32_t *
low_half (orl_a64 *state)
{
  uint32_t *half = (uint32_t *) state;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  half++;
#endif
  return half;
}

bool
orl_frame_move (struct orl_frame *frame, uint64_t *word,
                enum orl_frame_state state, uint32_t owner, uint32_t set,
                uint32_t clear)
{
  uint64_t old = *word;
  uint32_t flags = ((uint32_t) old & (ORL_FLAGS | ORL_WAITERS) & ~clear) | set;
  uint64_t new
      = orl_state_word (orl_state_gen (old), owner, state, flags);

  return atomic_compare_exchange_strong (&frame->state, word, new);
}

void
orl_frame_settle (struct orl_frame *frame, enum orl_frame_state state,
                  uint32_t owner, uint32_t set, uint32_t clear)
{
  uint64_t word = atomic_load_explicit (&frame->state, memory_order_relaxed);

  while (!orl_frame_move (frame, &word, state, owner, set,
                          clear | ORL_WAITERS))
    ;
  if (word & ORL_WAITERS)
    orl_sys.futex_wake (low_half (&frame->state));
}

void
orl_frame_key (struct orl_frame *frame, uint32_t owner, uint64_t file,
               uint64_t page)
{
  uint64_t word = atomic_load_explicit (&frame->state, memory_order_relaxed);
  uint64_t version = atomic_load_explicit (&frame->version,
                                           memory_order_relaxed);

  /* Odd after a writer that died; and it only grows. */
  atomic_store_explicit (&frame->version, (version + 1) & ~UINT64_C (1),
                         memory_order_relaxed);
  atomic_store_explicit (&frame->file, file, memory_order_relaxed);
  atomic_store_explicit (&frame->page, page, memory_order_relaxed);
  atomic_store_explicit (&frame->lsn, 0, memory_order_relaxed);
  atomic_store_explicit (&frame->end, 0, memory_order_relaxed);
  atomic_store_explicit (&frame->ref, 0, memory_order_relaxed);
  atomic_store_explicit (&frame->ahead, 0, memory_order_relaxed);
  atomic_store_explicit (&frame->latch, 0, memory_order_relaxed);
  atomic_store (&frame->state, orl_state_word (orl_state_gen (word) + 1, owner,
                                               ORL_LOADING, 0));
}

void
orl_frame_flag (struct orl_frame *frame, uint32_t flag)
{
  atomic_fetch_or (&frame->state, flag);
}

void
orl_frame_wait (struct orl_frame *frame, uint64_t word)
{
  if (!(word & ORL_WAITERS))
    {
      if (!atomic_compare_exchange_strong (&frame->state, &word,
                                           word | ORL_WAITERS))
        return;
      word |= ORL_WAITERS;
    }
  orl_sys.futex_wait (low_half (&frame->state), (uint32_t) word, WAIT_MS);
}

void
orl_frame_mark_dirty (const struct orl_shm *shm, uint32_t frame, bool on)
{
  orl_a64 *word = &shm->dirty[frame / 64];
  uint64_t bit = UINT64_C (1) << frame % 64;

  if (!on)
    atomic_store_explicit (&shm->firsts[frame], 0, memory_order_relaxed);
  if (on)
    atomic_fetch_or (word, bit);
  else
    atomic_fetch_and (word, ~bit);
}

bool
orl_frame_is_valid (const struct orl_shm *shm, uint32_t frame)
{
  const struct orl_frame *f = &shm->frames[frame];
  uint64_t w = atomic_load (&f->state);
  uint32_t file = (uint32_t) atomic_load (&f->file);

  switch (orl_state (w))
    {
    case ORL_FREE:
      return orl_state_owner (w) == 0 && !(w & ORL_DIRTY);
    case ORL_VALID:
      return orl_state_owner (w) == 0 && file < shm->geo.nfiles;
    case ORL_RESERVED:
      return orl_state_owner (w) != 0;
    case ORL_LOADING:
    case ORL_WRITING:
    case ORL_EVICTING:
      return orl_state_owner (w) != 0 && file < shm->geo.nfiles;
    }
  return false;
}
