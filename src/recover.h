/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.h - put right what the dead left
 */
#ifndef ORL_RECOVER_H
#define ORL_RECOVER_H

#include "attach.h"

/* Repair one ledger (index), or with ORL_ALL_DEAD every ledger whose process is
 * dead; a ledger of a living process is left alone, unless it is owner's own.
 * owner: the caller's ledger + 1. */
void orl_recover (struct oriel_pool *pool, uint32_t owner, uint32_t index);

#endif /* ORL_RECOVER_H */
