/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.c - which frames each thread has pinned, in shared memory
 *
 * Only its owner writes a ledger's pins and work, except that another thread
 * may clear an entry by unpinning.  A ledger is claimed by CAS of token from 0.
 * token, high and pins are written in this order by the owner and each before
 * its look at a frame, so a scan after a barrier that finds token 0, or high
 * too low, has nothing to find.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "ledger.h"
#include "point.h"
#include "sys.h"

/* Entries of pins count as used by whole lines, and the first line from the
 * start: a hit writes into a line of which one entry was given to it, without a
 * look at high. */
static void
sign (struct orl_ledger *l, bool shared)
{
  atomic_store (&l->high, ORL_PINS_LINE);
  atomic_store (&l->tid, (uint32_t) syscall (SYS_gettid));
  atomic_store (&l->shared, shared);
}

int
orl_ledger_claim (struct orl_shm *shm, bool shared, uint32_t *index)
{
  for (uint32_t i = 0; i < shm->geo.nthreads; i++)
    {
      orl_a64 *token = &shm->tokens[i];
      uint64_t none = 0;

      if (atomic_load_explicit (token, memory_order_relaxed) != 0)
        continue;
      /* Before it is so: a ledger with our token that is not ours is damage. */
      atomic_fetch_add (&shm->mine[i], 1);
      if (!atomic_compare_exchange_strong (token, &none, shm->token))
        {
          atomic_fetch_sub (&shm->mine[i], 1);
          continue;
        }
      ORL_POINT ("ledger.claimed");
      sign (&shm->ledgers[i], shared);
      ORL_POINT ("ledger.signed");
      *index = i;
      return 0;
    }
  return -EUSERS;
}

void
orl_ledger_of_process (struct orl_shm *shm)
{
  uint32_t index = shm->geo.nthreads + shm->proc;

  atomic_store (&shm->mine[index], 1);
  sign (&shm->ledgers[index], true);
  ORL_POINT ("ledger.of-process.signed");
  atomic_store (&shm->tokens[index], shm->token);
  ORL_POINT ("ledger.of-process.ours");
}

static void
clean (struct orl_ledger *l)
{
  atomic_store (&l->work_high, 0);
  atomic_store (&l->part, 0);
  atomic_store (&l->locks, 0);
  atomic_store (&l->cutting, 0);
  /* What was counted is no one's from now on, and stays. */
  for (int k = 0; k < ORL_NSTATS; k++)
    atomic_store (&l->base[k], atomic_load (&l->stat[k]));
  ORL_POINT ("ledger.release.clean");
}

void
orl_ledger_reuse (struct orl_shm *shm, uint32_t index)
{
  clean (&shm->ledgers[index]);
}

void
orl_ledger_release (struct orl_shm *shm, uint32_t index)
{
  struct orl_ledger *l = &shm->ledgers[index];
  bool mine = atomic_load (&shm->tokens[index]) == shm->token
              && atomic_load (&shm->mine[index]) > 0;

  atomic_store (&l->high, 0);
  ORL_POINT ("ledger.release.high");
  atomic_store (&l->tid, 0);
  atomic_store (&l->shared, 0);
  atomic_store (&l->repairing, 0);
  clean (l);
  atomic_store (&shm->tokens[index], 0);
  if (mine)
    atomic_fetch_sub (&shm->mine[index], 1);
  ORL_POINT ("ledger.released");
}

int
orl_ledger_room (struct orl_ledger *ledger)
{
  uint32_t high = atomic_load_explicit (&ledger->high, memory_order_relaxed);

  for (uint32_t i = 0; i < high && i < ORL_PINS; i++)
    if (atomic_load_explicit (&ledger->pins[i], memory_order_relaxed) == 0)
      return (int) i;
  if (high >= ORL_PINS)
    return -ENOBUFS;
  atomic_store_explicit (&ledger->high, high + ORL_PINS_LINE,
                         memory_order_release);
  ORL_POINT ("ledger.room.raised");
  return (int) high;
}

/* Those of threads and process places, or those that processes claimed beside
 * theirs. */
static void
scan (const struct orl_shm *shm, uint64_t token, bool claimed,
      void (*seen) (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode),
      void *arg)
{
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    {
      const struct orl_ledger *l = &shm->ledgers[i];
      uint64_t t = atomic_load_explicit (&shm->tokens[i],
                                         memory_order_acquire);
      uint32_t high;

      if (t == 0 || (token != ORL_EVERYONE && t != token)
          || (i < shm->geo.nthreads && atomic_load (&l->shared)) != claimed)
        continue;
      high = atomic_load_explicit (&l->high, memory_order_acquire);
      for (uint32_t j = 0; j < high && j < ORL_PINS; j++)
        {
          uint32_t pin
              = atomic_load_explicit (&l->pins[j], memory_order_acquire);
          uint32_t frame = (pin & ORL_PIN_FRAME) - 1;

          if (pin != 0 && frame < shm->geo.nframes)
            seen (arg, i, frame, pin & ~ORL_PIN_FRAME);
        }
    }
}

/* A pin may move meanwhile, from a thread's ledger to one of its process
 * (share() in pin.c): so what pins move to is read last. */
void
orl_ledger_scan (const struct orl_shm *shm, uint64_t token,
                 void (*seen) (void *arg, uint32_t ledger, uint32_t frame,
                               uint32_t mode),
                 void *arg)
{
  scan (shm, token, false, seen, arg);
  scan (shm, token, true, seen, arg);
}

int
orl_barrier_register (void)
{
  if (orl_sys.membarrier (ORL_MEMBARRIER_REGISTER_GLOBAL) < 0
      || orl_sys.membarrier (ORL_MEMBARRIER_REGISTER_PRIVATE) < 0)
    return -EOPNOTSUPP;
  return 0;
}

/* Once registered, the calls do not fail, unless a sandbox closed behind us:
 * going on without barriers would give pinned frames away, so that is fatal. */
static void
barrier (const struct orl_shm *shm, int cmd)
{
  atomic_thread_fence (memory_order_seq_cst);
  if (!shm->fence && orl_sys.membarrier (cmd) < 0)
    orl_fatal ("membarrier is refused now and was not when the pool was "
               "opened; allow it, or create the pool with ORIEL_FENCE");
}

void
orl_barrier_everyone (const struct orl_shm *shm)
{
  barrier (shm, ORL_MEMBARRIER_GLOBAL);
}

void
orl_barrier_process (const struct orl_shm *shm)
{
  barrier (shm, ORL_MEMBARRIER_PRIVATE);
}

int
orl_work_begin (struct orl_ledger *ledger, uint32_t frame)
{
  uint32_t high = atomic_load_explicit (&ledger->work_high,
                                        memory_order_relaxed);

  for (uint32_t i = 0; i < ORL_WORK; i++)
    if (i >= high || atomic_load_explicit (&ledger->work[i],
                                           memory_order_relaxed) == 0)
      {
        atomic_store_explicit (&ledger->work[i], frame + 1,
                               memory_order_release);
        ORL_POINT ("work.begin.said");
        if (i >= high)
          atomic_store_explicit (&ledger->work_high, i + 1,
                                 memory_order_release);
        ORL_POINT ("work.begun");
        return 0;
      }
  return -ENOBUFS;
}

void
orl_work_end (struct orl_ledger *ledger, uint32_t frame)
{
  uint32_t high = atomic_load_explicit (&ledger->work_high,
                                        memory_order_relaxed);

  for (uint32_t i = 0; i < high && i < ORL_WORK; i++)
    if (atomic_load_explicit (&ledger->work[i], memory_order_relaxed)
        == frame + 1)
      {
        ORL_POINT ("work.end");
        atomic_store_explicit (&ledger->work[i], 0, memory_order_release);
        ORL_POINT ("work.ended");
        return;
      }
}
