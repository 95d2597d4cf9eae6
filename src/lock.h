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

/* The repair of a dead thread's ledger is locked by a word of its own, repairer,
 * which is not waited for:
 *
 *     serial of the dead one's token (32 bits) | owner (16) | of the owner's (16)
 *
 * A word with another serial is none: what it was about has been repaired.  The
 * last part makes words of one number's owners differ, so that no CAS takes one
 * for the other.  Who has it says so in its own ledger (repairing), from before
 * until after. */
static inline uint64_t
orl_repair_word (const struct orl_shm *shm, uint64_t token, uint32_t owner)
{
  return token >> 16 << 32 | (uint64_t) owner << 16
         | (shm->token >> 16 & 0xffff);
}

static inline uint32_t
orl_repair_owner (uint64_t word)
{
  return (uint32_t) (word >> 16) & 0xffff;
}

/* Is one who lives, and is not but, at work on the repair of the ledger, as its
 * repairer word says? */
bool orl_repair_is_at_work (const struct orl_shm *shm, uint32_t index,
                            uint64_t word, uint32_t but);

/* Is what the owner number left being repaired by one who lives? */
bool orl_in_repair (const struct orl_shm *shm, uint32_t owner);

#endif /* ORL_LOCK_H */
