/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evict.h - choose frames to use anew
 */
#ifndef ORL_EVICT_H
#define ORL_EVICT_H

#include "thread.h"

/* Dirty frames that a sweep would have taken.  may: can this process write the
 * page?  Else what others alone can write may be all that is ever listed. */
struct orl_dirty_list {
  bool (*may) (struct orl_thread *me, uint32_t frame);
  uint32_t n;
  uint32_t frame[ORL_BATCH];
};

/* Put up to want frames (at most ORL_BATCH), free ones or clean ones that no
 * one has pinned, into this thread's stash.  How many were put there; 0: every
 * frame is pinned, dirty (some of those are in *dirty) or in transition, or
 * the first ORL_BATCH that were looked at are dirty.  dirty may be NULL: then
 * dirty ones are passed over.  Always passed over are those whose log is not
 * durable, and this process cannot flush it. */
uint32_t orl_evict (struct orl_thread *me, uint32_t want,
                    struct orl_dirty_list *dirty);

/* Free all clean frames that no one has pinned, of the file with this index;
 * UINT32_MAX: of all files.  Also this thread's stash. */
void orl_evict_all (struct orl_thread *me, uint32_t file);

/* Empty the frames from first to end, which are no one's to take any more: free
 * those that are clean and that no one has pinned; *dirty has some that are to be
 * written.  How many are left that have pages. */
uint32_t orl_evict_range (struct orl_thread *me, uint32_t first, uint32_t end,
                          struct orl_dirty_list *dirty);

/* As orl_evict(), for pages that may never be wanted: free frames, and those of
 * cold pages that were not read ahead themselves and wait to be wanted; and after
 * a look at some frames no more. */
uint32_t orl_evict_cold (struct orl_thread *me, uint32_t want);

/* Likewise, of the frames listed alone, which may be clean by now. */
uint32_t orl_evict_list (struct orl_thread *me, uint32_t want,
                         const struct orl_dirty_list *list);

/* Does the frame's key belong to no file's present pages? */
bool orl_frame_is_dead (const struct orl_shm *shm,
                        const struct orl_frame *frame, uint64_t word);

#endif /* ORL_EVICT_H */
