/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ghost.h - what is known of pages that are not in the pool
 *
 * A table of fingerprints, without lists or locks.  Each word is written whole;
 * who comes between two others loses one of them.
 */
#ifndef ORL_GHOST_H
#define ORL_GHOST_H

#include "layout.h"

#define ORL_GHOST_AGE 8         /* times the frames: none that counts is older */

/* Of a page that was evicted; times are those of the clock in heat.c, rounded
 * to 1/256 of the pool's frames. */
struct orl_ghost {
  uint32_t gone;                /* since it was evicted */
  uint32_t idle;                /* and had not been used before that */
  uint32_t span;                /* of its uses before */
  uint32_t uses;
};

void orl_ghost_put (const struct orl_shm *shm, uint64_t file, uint64_t page,
                    uint32_t now, const struct orl_ghost *ghost);

/* Find and forget. */
bool orl_ghost_take (const struct orl_shm *shm, uint64_t file, uint64_t page,
                     uint32_t now, struct orl_ghost *ghost);

#endif /* ORL_GHOST_H */
