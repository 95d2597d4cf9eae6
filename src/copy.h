/* SPDX-License-Identifier: BSD-2-Clause */
/* copy.h - private places for copies of pages that no slot shows */
#ifndef ORL_COPY_H
#define ORL_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orl_copies;

/* NULL: no memory.  It is taken from the system as places are used. */
struct orl_copies *orl_copies_open (uint32_t page_size);
void orl_copies_close (struct orl_copies *c);

/* All the places. */
void *orl_copies_all (struct orl_copies *c);
size_t orl_copies_bytes (uint32_t page_size);

/* A place for one page and its number.  *kept: 0 at first, and the thread's own:
 * one place that it may have again each time.  NULL: all are in use. */
void *orl_copy_take (struct orl_copies *c, uint32_t owner, uint32_t *kept,
                     uint32_t *place);

/* owner: for whom it was taken.  mine: that is this thread. */
void orl_copy_give (struct orl_copies *c, uint32_t owner, bool mine,
                    uint32_t place);

/* The owner's thread ends, and with it its pins: give all that it has. */
void orl_copies_give (struct orl_copies *c, uint32_t owner);

#endif /* ORL_COPY_H */
