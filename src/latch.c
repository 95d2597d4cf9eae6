/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latch.c - the word of a page's latch
 *
 * Takes no lock, and knows no ledgers: who drains and who tests an owner for
 * life is its caller (pin.c).
 */
#include <errno.h>
#include <stdatomic.h>

#include "latch.h"
#include "sys.h"

/* A waiter looks at its owner's life this often, so a death is noticed well
 * within the 100 ms that a waiter may have to wait. */
#define WAIT_MS 20

int
orl_latch_shared (_Atomic uint32_t *latch)
{
  uint32_t w = atomic_load_explicit (latch, memory_order_acquire);

  for (;;)
    {
      if (w & ORL_LATCH_X)
        return -EAGAIN;
      if (w & ORL_LATCH_BIAS)
        return 0;
      if (atomic_compare_exchange_weak (latch, &w, ORL_LATCH_BIAS))
        return 0;
    }
}

int
orl_latch_sole (_Atomic uint32_t *latch, bool *sole)
{
  uint32_t none = 0;

  *sole = atomic_compare_exchange_strong (latch, &none, ORL_LATCH_SOLE);
  return *sole ? 0 : orl_latch_shared (latch);
}

/* Whoever came meanwhile has changed the word, and no other can have made it
 * SOLE again: from SOLE and BIAS it goes to X alone, and from there on only
 * when the ledgers have been drained. */
void
orl_latch_sole_end (_Atomic uint32_t *latch)
{
  uint32_t mine = ORL_LATCH_SOLE;

  atomic_compare_exchange_strong (latch, &mine, 0);
}

int
orl_latch_exclusive (_Atomic uint32_t *latch, uint32_t owner, bool *drain)
{
  uint32_t w = atomic_load_explicit (latch, memory_order_relaxed);

  do
    if (w & ORL_LATCH_X)
      return -EAGAIN;
  while (!atomic_compare_exchange_weak (latch, &w, ORL_LATCH_X | owner << 16));
  *drain = (w & (ORL_LATCH_BIAS | ORL_LATCH_SOLE)) != 0;
  return 0;
}

void
orl_latch_release (_Atomic uint32_t *latch, bool biased)
{
  uint32_t w = atomic_exchange_explicit (latch, biased ? ORL_LATCH_BIAS : 0,
                                         memory_order_acq_rel);

  if (w & ORL_LATCH_WAITERS)
    orl_sys.futex_wake ((uint32_t *) latch);
}

void
orl_latch_wait (_Atomic uint32_t *latch)
{
  uint32_t w = atomic_load_explicit (latch, memory_order_relaxed);

  if (!(w & ORL_LATCH_X))
    return;
  if (!(w & ORL_LATCH_WAITERS))
    {
      if (!atomic_compare_exchange_strong (latch, &w, w | ORL_LATCH_WAITERS))
        return;
      w |= ORL_LATCH_WAITERS;
    }
  orl_sys.futex_wait ((uint32_t *) latch, w, WAIT_MS);
}
