/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.h - what was counted, also by those who are gone
 */
#ifndef ORL_COUNTERS_H
#define ORL_COUNTERS_H

#include "layout.h"

/* This process's ledger is about to be given back: what was counted there stays
 * the process's. */
void orl_counters_end (const struct orl_shm *shm, uint32_t ledger);

/* This process's place begins with none. */
void orl_counters_reset (const struct orl_shm *shm);

/* What was counted by the process that the token names since it attached, or, with
 * ORL_EVERYONE, by all since the pool was made. */
void orl_counters_sum (const struct orl_shm *shm, uint64_t token,
                       uint64_t sum[ORL_NSTATS]);

#endif /* ORL_COUNTERS_H */
