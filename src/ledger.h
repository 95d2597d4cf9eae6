/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.h - which frames each thread has pinned, in shared memory
 *
 * A pin is one store into the thread's own ledger, then a look at the frame.
 * Who wants to take a frame (or a slot) from all pinners marks it, runs a
 * barrier on all of them, and reads the ledgers: either the pinner's look came
 * after the mark, and it backs out, or its entry is seen.  Where the pool has
 * no membarrier (shm->fence) the pinner fences between store and look.
 */
#ifndef ORL_LEDGER_H
#define ORL_LEDGER_H

#include <stdatomic.h>

#include "layout.h"

/* Every process, in orl_ledger_scan(). */
#define ORL_EVERYONE 0

/* Entries of pins in a cache line.  A ledger's high is a multiple. */
#define ORL_PINS_LINE (ORL_LINE / sizeof (orl_a32))
_Static_assert (ORL_PINS % ORL_PINS_LINE == 0, "pins are whole lines");

/* Take a free ledger for a thread of this process (shared: for the process).
 * *index is its owner number less 1.  -EUSERS if none is free. */
int orl_ledger_claim (struct orl_shm *shm, bool shared, uint32_t *index);

/* Take the ledger that goes with this process's place. */
void orl_ledger_of_process (struct orl_shm *shm);

/* Give a ledger back; it has no pins and no work. */
void orl_ledger_release (struct orl_shm *shm, uint32_t index);

/* Likewise, but keep it: what its last owner counted is no one's. */
void orl_ledger_reuse (struct orl_shm *shm, uint32_t index);

/* Find a free entry of an own ledger; -ENOBUFS if there is none. */
int orl_ledger_room (struct orl_ledger *ledger);

static inline void
orl_ledger_write (struct orl_ledger *ledger, int entry, uint32_t mode,
                  uint32_t frame)
{
  atomic_store_explicit (&ledger->pins[entry], mode | (frame + 1),
                         memory_order_release);
}

static inline void
orl_ledger_clear (struct orl_ledger *ledger, int entry)
{
  atomic_store_explicit (&ledger->pins[entry], 0, memory_order_release);
}

/* Whose ledger the entry lies in. */
static inline uint32_t
orl_ledger_owner (const struct orl_shm *shm, const orl_a32 *entry)
{
  return (uint32_t) (((uintptr_t) entry - (uintptr_t) shm->ledgers)
                     / sizeof (struct orl_ledger))
         + 1;
}

/* Call seen for each pin of the ledgers of the process that token names, or of
 * all.  Frames are in range. */
void orl_ledger_scan (const struct orl_shm *shm, uint64_t token,
                      void (*seen) (void *arg, uint32_t ledger, uint32_t frame,
                                    uint32_t mode),
                      void *arg);

/* Order every pinner's store before its look, for marks made before. */
void orl_barrier_everyone (const struct orl_shm *shm);
void orl_barrier_process (const struct orl_shm *shm); /* this process's only */

/* Register this process for barriers.  -EOPNOTSUPP without membarrier. */
int orl_barrier_register (void);

/* The pinner's half. */
static inline void
orl_barrier_pin (const struct orl_shm *shm)
{
  if (__builtin_expect (shm->fence, 0))
    atomic_thread_fence (memory_order_seq_cst);
  else
    atomic_signal_fence (memory_order_seq_cst);
}

static inline void
orl_count (struct orl_ledger *ledger, enum orl_stat stat, uint64_t n)
{
  orl_a64 *p = &ledger->stat[stat];

  atomic_store_explicit (
      p, atomic_load_explicit (p, memory_order_relaxed) + n,
      memory_order_relaxed);
}

/* Write into a ledger that several threads have: only they who put their pin into
 * a free entry have it. */
static inline bool
orl_ledger_take (orl_a32 *entry, uint32_t mode, uint32_t frame)
{
  uint32_t none = 0;

  return atomic_load_explicit (entry, memory_order_relaxed) == 0
         && atomic_compare_exchange_strong (entry, &none, mode | (frame + 1));
}

/* Say that this thread is about to put the frame into a state of its own;
 * -ENOBUFS if it has ORL_WORK such frames. */
int orl_work_begin (struct orl_ledger *ledger, uint32_t frame);
void orl_work_end (struct orl_ledger *ledger, uint32_t frame);

#endif /* ORL_LEDGER_H */
