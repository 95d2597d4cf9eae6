/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c - short locks in shared memory that name their owner
 */
#include <stdatomic.h>

#include "error.h"
#include "lock.h"
#include "proc.h"
#include "sys.h"

/* Rounds of orl_backoff() before the first look at the owner, some
 * microseconds, and between looks, of at most 1 ms each. */
#define FIRST_LOOK 96
#define ROUNDS 16
#define LOOKS 5

/* For ever: who is stopped, by a debugger say, goes on some day. */
unsigned orl_lock_rounds = UINT32_MAX;

bool
orl_owner_alive (const struct orl_shm *shm, uint32_t owner)
{
  uint64_t token;

  if (owner == 0 || owner > shm->geo.nledgers)
    return false;
  token = atomic_load (&shm->tokens[owner - 1]);
  if (token == shm->token && shm->mine
      && atomic_load (&shm->mine[owner - 1]) == 0)
    return false;
  return orl_proc_alive (shm, token);
}

/* Does the owner, who lives, say that it has the lock, or is about to? */
static bool
is_claimed (const struct orl_shm *shm, const orl_a32 *lock, uint32_t owner)
{
  const struct orl_ledger *l = &shm->ledgers[owner - 1];
  uint32_t part;

  if (lock == &shm->super->file_lock)
    return atomic_load (&l->locks) & ORL_HAS_FILE_LOCK;
  part = atomic_load (&l->part) - 1;
  return part < shm->geo.nparts && lock == &shm->parts[part].lock;
}

/* Will no one give the lock back?  unclaimed: how many looks in a row found its
 * owner alive but without it; one may come between two turns of its. */
static bool
is_abandoned (const struct orl_shm *shm, const orl_a32 *lock, uint32_t w,
              uint32_t owner, unsigned *unclaimed)
{
  if (w == owner || !orl_owner_alive (shm, w))
    return true;
  if (is_claimed (shm, lock, w))
    *unclaimed = 0;
  else
    ++*unclaimed;
  return *unclaimed >= LOOKS;
}

bool
orl_lock_take (const struct orl_shm *shm, orl_a32 *lock, uint32_t owner)
{
  unsigned unclaimed = 0;

  for (unsigned round = 0;; round++)
    {
      uint32_t w = 0;

      if (atomic_compare_exchange_weak_explicit (
              lock, &w, owner, memory_order_acquire, memory_order_relaxed))
        return false;
      if (w != 0 && round >= FIRST_LOOK && round % ROUNDS == 0
          && is_abandoned (shm, lock, w, owner, &unclaimed)
          && atomic_compare_exchange_strong (lock, &w, owner))
        return true;
      if (round >= orl_lock_rounds)
        orl_fatal ("a lock that is held for microseconds was not given back, by "
                   "a process that lives: it is stopped, or the pool is damaged");
      orl_backoff (round);
    }
}

void
orl_lock_give (orl_a32 *lock)
{
  atomic_store_explicit (lock, 0, memory_order_release);
}

bool
orl_repair_is_at_work (const struct orl_shm *shm, uint32_t index,
                       uint64_t word, uint32_t but)
{
  uint32_t owner = orl_repair_owner (word);

  if ((uint32_t) (word >> 32)
          != (uint32_t) (atomic_load (&shm->tokens[index]) >> 16)
      || owner == 0 || owner == but || owner > shm->geo.nledgers
      || atomic_load (&shm->ledgers[owner - 1].repairing) != index + 1)
    return false;
  /* Who takes a dead process's place makes its ledger its own, under that one's
   * number: neither token is of someone who lives for a moment then, but the
   * place is locked. */
  return owner == index + 1 && index >= shm->geo.nthreads
             ? orl_proc_place_is_locked (shm, index - shm->geo.nthreads)
             : orl_owner_alive (shm, owner);
}

bool
orl_in_repair (const struct orl_shm *shm, uint32_t owner)
{
  const struct orl_ledger *l;

  if (owner == 0 || owner > shm->geo.nledgers)
    return false;
  l = &shm->ledgers[owner - 1];
  return atomic_load (&l->repairing) == owner
         || orl_repair_is_at_work (shm, owner - 1, atomic_load (&l->repairer),
                                   0);
}
