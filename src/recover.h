/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.h - put right what the dead left
 */
#ifndef ORL_RECOVER_H
#define ORL_RECOVER_H

#include "attach.h"

/* Repair one ledger (index), or with ORL_ALL_DEAD every ledger whose process is
 * dead; a ledger of a living process is left alone, unless it is owner's own.
 * One that another process is repairing is left to it; with ORL_ALL_DEAD such
 * repairs are waited for, up to some 50 ms in all.  owner: the caller's ledger
 * + 1. */
void orl_recover (struct oriel_pool *pool, uint32_t owner, uint32_t index);

/* All that are dead and that no one else repairs, without any wait. */
void orl_recover_free (struct oriel_pool *pool, uint32_t owner);

/* For orl_proc_enter(): with the lock on our place taken, be the one who puts
 * right what a dead process left in the place's ledger.  False: someone else who
 * lives is. */
bool orl_recover_claim_place (struct orl_shm *shm);

/* Do so, and make the place and its ledger ours. */
void orl_recover_place (struct orl_shm *shm);

#endif /* ORL_RECOVER_H */
