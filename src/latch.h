/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latch.h - the word of a page's latch, and of an owner lock
 *
 * A shared latch lives in the reader's ledger, so that it writes no shared line
 * and vanishes with its process.  The word says what a writer must do:
 *
 *     0          no reader since the last writer: take it by one CAS
 *     BIAS       readers may be in ledgers: CAS, barrier, then wait until no
 *                ledger has a shared entry for the frame ("drain")
 *     SOLE       one reader that means to say when it is done: as BIAS
 *     X | owner  latched exclusively, or being drained for it
 *
 * A reader publishes its ledger entry first and looks at the word after; the
 * writer changes the word first and looks at the ledgers after its barrier, so
 * one of the two sees the other.
 *
 *        reader: orl_latch_shared()         writer: orl_latch_exclusive()
 *     0 ------------------------> BIAS ---------------------------> X
 *     ^ \                          ^                                |
 *     |  +--------> SOLE ---------+ another reader                  |
 *     |     orl_latch_sole()        (a writer: to X, as from BIAS)  |
 *     +----------------- orl_latch_release() -----------------------+
 *
 * SOLE is for who writes pages back.  It goes to 0 again (orl_latch_sole_end())
 * if no one came, so that the next writer of the page need not drain: a barrier
 * for each page that is written over and over, by checkpoints for one, was a
 * fifth of their time.
 */
#ifndef ORL_LATCH_H
#define ORL_LATCH_H

#include <stdbool.h>
#include <stdint.h>

#define ORL_LATCH_BIAS 1u
#define ORL_LATCH_X 2u
#define ORL_LATCH_WAITERS 4u
#define ORL_LATCH_SOLE 8u

/* The owner of a word with X: a ledger's index + 1. */
static inline uint32_t
orl_latch_owner (uint32_t word)
{
  return word & ORL_LATCH_X ? word >> 16 : 0;
}

/* With a shared ledger entry published: 0, or -EAGAIN if a writer has it. */
int orl_latch_shared (_Atomic uint32_t *latch);

/* As orl_latch_shared(), and to be told the end if *sole. */
int orl_latch_sole (_Atomic uint32_t *latch, bool *sole);

/* The page will be read no more; before the ledger's entry is cleared. */
void orl_latch_sole_end (_Atomic uint32_t *latch);

/* Take the word for owner.  0, or -EAGAIN if another writer has it.
 * *drain: readers may still be there. */
int orl_latch_exclusive (_Atomic uint32_t *latch, uint32_t owner, bool *drain);

/* Give an exclusive latch back; biased: it was not drained, or readers may
 * come at once. */
void orl_latch_release (_Atomic uint32_t *latch, bool biased);

/* Wait until the word may have changed from one with X; at most some ms. */
void orl_latch_wait (_Atomic uint32_t *latch);

#endif /* ORL_LATCH_H */
