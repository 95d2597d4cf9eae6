/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - short locks in shared memory that name their owner
 *
 * The word is 0 or the owner's number: its ledger's index + 1.  They are held
 * for a few hundred instructions and never across a system call that waits, so
 * waiting is a short spin.  Order: file_lock, then a partition.
 */
#ifndef ORL_LOCK_H
#define ORL_LOCK_H

#include "layout.h"

/* Take the lock for owner.  True if it was taken over from a dead process: what
 * it protects may be half-changed and must be put right first. */
bool orl_lock_take (const struct orl_shm *shm, orl_a32 *lock, uint32_t owner);
void orl_lock_give (orl_a32 *lock);

/* Rounds of up to 1 ms before a lock that a living process does not give back is
 * a fatal condition; tests wait less. */
extern unsigned orl_lock_rounds;

/* Does the process live whose ledger the owner number names? */
bool orl_owner_alive (const struct orl_shm *shm, uint32_t owner);

#endif /* ORL_LOCK_H */
