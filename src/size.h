/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * size.h - how large a pool is, while that changes
 *
 *     frames   may be taken, for new pages
 *     backed   have memory in the pool's file; what lies behind is a hole
 *     span     have tables, also when the pool was larger once
 *
 *     grow:    span up; memory; backed up; frames up
 *     shrink:  frames down; their pages go; backed down; the memory goes
 *
 * So frames <= backed <= span at each instant, and a stranger, whatever the step
 * at which we died, gives back what memory there is behind backed, and makes
 * frames as many as are backed: a resize that came to the change of backed is
 * done, another one never was.
 */
#ifndef ORL_SIZE_H
#define ORL_SIZE_H

#include "layout.h"

/* Become the one who resizes, as owner; what one who died left is put right.
 * -EBUSY: another is. */
int orl_size_take (const struct orl_shm *shm, uint32_t owner);
void orl_size_give (const struct orl_shm *shm);

/* Give back the memory behind backed, with the word taken. */
void orl_size_punch (const struct orl_shm *shm);

/* The owner is dead: put right what it left, if it was the one. */
void orl_size_repair (const struct orl_shm *shm, uint32_t owner,
                      uint32_t dead);

#endif /* ORL_SIZE_H */
