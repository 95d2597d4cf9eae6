/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.h - write dirty pages to their stores
 */
#ifndef ORL_FLUSH_H
#define ORL_FLUSH_H

#include "evict.h"
#include "flush-chunk.h"

/* Write all pages of the file that are dirty now, waiting for writers that have
 * them latched; copies: as copies, so that no one waits for the store.  The first
 * error of the store; its pages stay dirty.  -EDEADLK: this thread has one of them
 * latched exclusively.  -ENOTRECOVERABLE: all are written, but for pages in doubt,
 * for which this process has no callback.  -ENOTCONN: likewise, but for pages
 * whose log is not durable; or errors of the callback that should make it so. */
int orl_flush_file (struct orl_thread *me, struct oriel_file *file,
                    bool copies);

/* May this process write the file's pages unasked?  Where others change the file
 * without Oriel, dirty pages belong to whoever holds the lock that lets it
 * change them: once that one is dead they must never reach the file, which
 * others may have rolled back meanwhile. */
bool orl_flush_may (const struct oriel_file *file);
/* And is the frame's file one that it has open? */
bool orl_flush_may_frame (struct orl_thread *me, uint32_t frame);

/* Room for copies, NULL: no memory; for free(). */
unsigned char *orl_flush_room (const struct oriel_pool *pool);

/* Write those of the n items that can be written without a wait, as copies if
 * there is room for those.  The items are sorted, and used up. */
int orl_flush_items (struct orl_thread *me, struct oriel_file *file,
                     struct orl_item *items, size_t n, unsigned char *copies);

/* Make room: write those of the frames whose file this process has open and
 * that no one is changing.  How many are clean now, or the first error if none
 * is. */
int orl_flush_list (struct orl_thread *me, const struct orl_dirty_list *list);

#endif /* ORL_FLUSH_H */
