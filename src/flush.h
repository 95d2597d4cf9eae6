/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.h - write dirty pages to their stores
 */
#ifndef ORL_FLUSH_H
#define ORL_FLUSH_H

#include "evict.h"

/* Write all pages of the file that are dirty now, waiting for writers that have
 * them latched.  The first error of the store; its pages stay dirty.
 * -EDEADLK: this thread has one of them latched exclusively.  -ENOTRECOVERABLE:
 * all are written, but for pages in doubt, for which this process has no
 * callback. */
int orl_flush_file (struct orl_thread *me, struct oriel_file *file);

/* Make room: write those of the frames whose file this process has open and
 * that no one is changing.  How many are clean now, or the first error if none
 * is. */
int orl_flush_list (struct orl_thread *me, const struct orl_dirty_list *list);

#endif /* ORL_FLUSH_H */
