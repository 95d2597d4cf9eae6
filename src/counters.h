/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.h - what was counted, also by those who are gone
 */
#ifndef ORL_COUNTERS_H
#define ORL_COUNTERS_H

#include "ledger.h"

/* Move all counters of the ledger from, which no one writes any more, to the
 * ledger to (index + 1), or with 0 to those of the pool's past.  The caller
 * holds repair_lock and has called orl_counters_finish() since it took it. */
void orl_counters_move (const struct orl_shm *shm, uint32_t from, uint32_t to);

/* With repair_lock just taken: finish what its last holder may have begun. */
void orl_counters_finish (const struct orl_shm *shm);

/* The two together, with repair_lock taken by owner and given back. */
void orl_counters_retire (const struct orl_shm *shm, uint32_t owner,
                          uint32_t from, uint32_t to);

/* What the ledgers with this token have counted; ORL_EVERYONE: the pool since
 * its creation.  Takes no lock. */
void orl_counters_sum (const struct orl_shm *shm, uint64_t token,
                       uint64_t sum[ORL_NSTATS]);

#endif /* ORL_COUNTERS_H */
