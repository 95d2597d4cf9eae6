/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.c - what was counted, also by those who are gone
 *
 * A ledger counts on, whoever has it: so the sum over all ledgers, free ones
 * too, is the pool's since its creation, and nothing has to be moved, or can be
 * lost, when someone dies.
 *
 * base says how much of it is of earlier owners: it is made equal to stat when
 * the ledger is given back.  What a thread counted that ends while its process
 * goes on is added to the process's place first (ended).  If the process dies
 * in between it has no counters of its own any more, so there is nothing to be
 * repaired.
 *
 * A reader that meets such a move reads again.  So it needs no lock.
 *
 * Locks: none.
 */
#include <stdatomic.h>
#include <string.h>

#include "counters.h"
#include "ledger.h"
#include "point.h"

/* A move takes less than a microsecond, so a sum that meets this many of them
 * is one of a process where threads end all the time, or that was stopped in
 * the middle of one; then an error of one thread's counters must do. */
#define TRIES 100

static uint64_t
own (const struct orl_ledger *l, int k)
{
  return atomic_load_explicit (&l->stat[k], memory_order_relaxed)
         - atomic_load_explicit (&l->base[k], memory_order_relaxed);
}

void
orl_counters_end (const struct orl_shm *shm, uint32_t ledger)
{
  struct orl_ledger *l = &shm->ledgers[ledger];
  struct orl_proc *p = &shm->procs[shm->proc];

  atomic_fetch_add (&p->moves_begun, 1);
  ORL_POINT ("counters.begun");
  for (int k = 0; k < ORL_NSTATS; k++)
    {
      atomic_fetch_add (&p->ended[k], own (l, k));
      atomic_store (&l->base[k], atomic_load (&l->stat[k]));
    }
  ORL_POINT ("counters.moved");
  atomic_fetch_add (&p->moves_done, 1);
}

void
orl_counters_reset (const struct orl_shm *shm)
{
  struct orl_proc *p = &shm->procs[shm->proc];

  for (int k = 0; k < ORL_NSTATS; k++)
    atomic_store (&p->ended[k], 0);
  atomic_store (&p->moves_done, atomic_load (&p->moves_begun));
}

static void
sum_process (const struct orl_shm *shm, const struct orl_proc *p,
             uint64_t token, uint64_t sum[ORL_NSTATS])
{
  memset (sum, 0, ORL_NSTATS * sizeof *sum);
  for (int k = 0; k < ORL_NSTATS; k++)
    sum[k] = atomic_load_explicit (&p->ended[k], memory_order_relaxed);
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    if (atomic_load_explicit (&shm->tokens[i], memory_order_acquire) == token)
      for (int k = 0; k < ORL_NSTATS; k++)
        sum[k] += own (&shm->ledgers[i], k);
}

void
orl_counters_sum (const struct orl_shm *shm, uint64_t token,
                  uint64_t sum[ORL_NSTATS])
{
  uint32_t place = (uint32_t) (token & 0xffff) - 1;

  memset (sum, 0, ORL_NSTATS * sizeof *sum);
  if (token == ORL_EVERYONE)
    {
      for (uint32_t i = 0; i < shm->geo.nledgers; i++)
        for (int k = 0; k < ORL_NSTATS; k++)
          sum[k] += atomic_load_explicit (&shm->ledgers[i].stat[k],
                                          memory_order_relaxed);
      return;
    }
  for (int i = 0; i < TRIES && place < shm->geo.nprocs; i++)
    {
      const struct orl_proc *p = &shm->procs[place];
      uint64_t done = atomic_load (&p->moves_done);

      sum_process (shm, p, token, sum);
      atomic_thread_fence (memory_order_acquire);
      if (atomic_load (&p->moves_begun) == done)
        break;
    }
}
