/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c - short locks in shared memory that name their owner
 */
#include <stdatomic.h>

#include "lock.h"
#include "proc.h"
#include "sys.h"

/* Rounds of orl_backoff() between looks at the owner: the first 100 last some
 * microseconds, then each sleeps 50 us or more. */
#define ROUNDS 100

bool
orl_owner_alive (const struct orl_shm *shm, uint32_t owner)
{
  if (owner == 0 || owner > shm->geo.nledgers)
    return false;
  return orl_proc_alive (shm, atomic_load (&shm->tokens[owner - 1]));
}

bool
orl_lock_take (const struct orl_shm *shm, orl_a32 *lock, uint32_t owner)
{
  for (unsigned round = 0;; round++)
    {
      uint32_t w = 0;

      if (atomic_compare_exchange_weak_explicit (
              lock, &w, owner, memory_order_acquire, memory_order_relaxed))
        return false;
      if (w != 0 && round >= ROUNDS && round % ROUNDS == 0
          && !orl_owner_alive (shm, w)
          && atomic_compare_exchange_strong (lock, &w, owner))
        return true;
      orl_backoff (round);
    }
}

void
orl_lock_give (orl_a32 *lock)
{
  atomic_store_explicit (lock, 0, memory_order_release);
}
