/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doubt.h - waits for what no one will ever end
 */
#ifndef ORL_DOUBT_H
#define ORL_DOUBT_H

#include "layout.h"

/* What one waiter saw last; zero at first. */
struct orl_doubt {
  uint64_t word;
  uint64_t version;             /* of a latch's page */
  unsigned looks;
};

/* A wait for the frame to leave the state word has passed, and a dead owner was
 * repaired: if no one is found at work on it, again and again, make it VALID and
 * STALE.  me: the waiter's owner number. */
void orl_doubt_state (const struct orl_shm *shm, struct orl_doubt *d,
                      uint32_t me, uint32_t frame, uint64_t word);

/* Likewise for the latch word, with X: make it free, and the page STALE if it
 * was being changed. */
void orl_doubt_latch (const struct orl_shm *shm, struct orl_doubt *d,
                      uint32_t me, uint32_t frame, uint32_t word);

#endif /* ORL_DOUBT_H */
