/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.h - before-images of pages that are being changed
 */
#ifndef ORL_IMAGE_H
#define ORL_IMAGE_H

#include "layout.h"

/* Keep a copy of the frame's content, which owner has latched exclusively and
 * not yet changed.  -ENOBUFS: all places are taken. */
int orl_image_take (const struct orl_shm *shm, uint32_t owner, uint32_t frame,
                    const void *content);

/* The change is whole: the copy, if there is one, is not wanted any more. */
void orl_image_end (const struct orl_shm *shm, uint32_t owner, uint32_t frame);

/* A dead owner's copy of the frame's content; NULL if it took none. */
void *orl_image_find (const struct orl_shm *shm, uint32_t owner,
                      uint32_t frame);

/* The frame has that content again: give it the lsns that it had then. */
void orl_image_lsns (const struct orl_shm *shm, uint32_t owner,
                     uint32_t frame);

/* Free all places of a dead owner. */
void orl_image_end_all (const struct orl_shm *shm, uint32_t owner);

#endif /* ORL_IMAGE_H */
