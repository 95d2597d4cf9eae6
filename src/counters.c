/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.c - what was counted, also by those who are gone
 *
 * Each ledger counts for itself.  When it is given back its counters move: those
 * of a thread to its process's own ledger, those of a process, or of the dead,
 * to super.retired.  So the sum over all is the pool's since its creation, the
 * sum over a process's ledgers is that process's, and a free ledger has zeroes.
 *
 * A move is written down first, so that a stranger can finish it, or make it
 * once more, and nothing is counted twice:
 *   1. move_sum, move_from, move_to: nothing has happened yet;
 *   2. moves becomes odd: from here on the move is made, whoever makes it;
 *   3. the target gets move_sum, the source zeroes;
 *   4. moves becomes even.
 * Who sums up reads move_sum in place of the two while moves is odd, and reads
 * again if moves has changed meanwhile.  So it needs no lock, and a process
 * that was stopped half-way does not disturb it.
 *
 * Locks: repair_lock.
 */
#include <stdatomic.h>
#include <string.h>

#include "counters.h"
#include "lock.h"
#include "point.h"

/* A move takes less than a microsecond, so a sum that meets this many of them
 * is one of a pool where threads end all the time; then an error of one thread's
 * counters must do. */
#define TRIES 100

/* Where the counters of an end of a move are; NULL if it is none. */
static orl_a64 *
place (const struct orl_shm *shm, uint32_t ledger)
{
  if (ledger == 0)
    return shm->super->retired;
  return ledger <= shm->geo.nledgers ? shm->ledgers[ledger - 1].stat : NULL;
}

void
orl_counters_finish (const struct orl_shm *shm)
{
  struct orl_super *super = shm->super;
  orl_a64 *from, *to;

  if (!(atomic_load (&super->moves) & 1))
    return;
  from = place (shm, atomic_load (&super->move_from));
  to = place (shm, atomic_load (&super->move_to));
  for (int k = 0; from && to && k < ORL_NSTATS; k++)
    {
      atomic_store (&to[k], atomic_load (&super->move_sum[k]));
      ORL_POINT ("counters.added");
      atomic_store (&from[k], 0);
      ORL_POINT ("counters.zeroed");
    }
  atomic_fetch_add (&super->moves, 1);
  ORL_POINT ("counters.moved");
}

void
orl_counters_move (const struct orl_shm *shm, uint32_t from, uint32_t to)
{
  struct orl_super *super = shm->super;
  const orl_a64 *source = place (shm, from + 1);
  const orl_a64 *target = place (shm, to);

  for (int k = 0; k < ORL_NSTATS; k++)
    atomic_store (&super->move_sum[k],
                  atomic_load (&source[k]) + atomic_load (&target[k]));
  atomic_store (&super->move_from, from + 1);
  atomic_store (&super->move_to, to);
  ORL_POINT ("counters.written");
  atomic_fetch_add (&super->moves, 1);
  ORL_POINT ("counters.begun");
  orl_counters_finish (shm);
}

void
orl_counters_retire (const struct orl_shm *shm, uint32_t owner, uint32_t from,
                     uint32_t to)
{
  orl_a32 *locks = &shm->ledgers[owner - 1].locks;

  atomic_fetch_or (locks, ORL_HAS_REPAIR_LOCK);
  orl_lock_take (shm, &shm->super->repair_lock, owner);
  orl_counters_finish (shm);
  orl_counters_move (shm, from, to);
  orl_lock_give (&shm->super->repair_lock);
  atomic_fetch_and (locks, ~ORL_HAS_REPAIR_LOCK);
}

static void
add (const orl_a64 *from, uint64_t sum[ORL_NSTATS])
{
  for (int k = 0; k < ORL_NSTATS; k++)
    sum[k] += atomic_load_explicit (&from[k], memory_order_relaxed);
}

/* One reading; moving: a move has been written down and is being made. */
static void
sum_once (const struct orl_shm *shm, uint64_t token, bool moving,
          uint64_t sum[ORL_NSTATS])
{
  const struct orl_super *super = shm->super;
  uint32_t from = moving ? atomic_load (&super->move_from) : 0;
  uint32_t to = moving ? atomic_load (&super->move_to) : UINT32_MAX;

  memset (sum, 0, ORL_NSTATS * sizeof *sum);
  if (token == ORL_EVERYONE)
    add (to == 0 ? super->move_sum : super->retired, sum);
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    {
      uint64_t t = atomic_load_explicit (&shm->tokens[i],
                                         memory_order_acquire);

      if (i + 1 == from || t == 0 || (token != ORL_EVERYONE && t != token))
        continue;
      add (i + 1 == to ? super->move_sum : shm->ledgers[i].stat, sum);
    }
}

void
orl_counters_sum (const struct orl_shm *shm, uint64_t token,
                  uint64_t sum[ORL_NSTATS])
{
  for (int i = 0; i < TRIES; i++)
    {
      uint64_t moves = atomic_load (&shm->super->moves);

      sum_once (shm, token, moves & 1, sum);
      atomic_thread_fence (memory_order_acquire);
      if (atomic_load (&shm->super->moves) == moves)
        break;
    }
}
