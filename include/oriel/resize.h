/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/resize.h - the size of a pool in use
 *
 * Included by oriel.h, which says what holds for all calls.
 *
 * A pool is laid out for the greatest size that it may have, max_size in
 * oriel_options.  What is not in use of that is a hole in its file: it costs
 * address space (linear windows reserve all of it) and, of memory, 16 bytes for
 * each page; all other tables grow with the pool, by 120 bytes a page.  They do
 * not shrink with it.
 */
#ifndef ORIEL_RESIZE_H
#define ORIEL_RESIZE_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Have the pool hold bytes of pages, in whole pages: more than now or fewer,
 * while processes use it.  Each of them uses the new frames at once, whatever
 * its window is; what its window may show at once stays what it was, but for a
 * linear one, which shows all of the pool.  (New frames are not locked in memory
 * by a linear window that is; see RESIDENCY.)
 *
 * To grow, memory is allocated first: if there is not enough nothing has
 * changed.  To shrink, the frames that go are given to no new page; what has
 * pages there is written to their stores and evicted, and their memory is given
 * back to the file system.  Pages that are pinned, and dirty ones of files that
 * this process has not open, are waited for, as long as within two seconds some
 * go; what a process reads ahead, and does not end as it makes no calls, is
 * not.
 *
 * If the process dies, the next that attaches, or calls this, finishes or undoes
 * it.  Meanwhile the pool works, with the lesser number of frames.
 *
 * Errors: -EINVAL bytes is less than 16 pages or more than max_size; -EBUSY
 * another has been resizing the pool for a second; or, when it shrinks, pages stay
 * pinned or dirty: it has its old size; -ENOSPC no room to grow; others of
 * fallocate(2), and of pwrite(2) when it shrinks.
 */
ORIEL_API int oriel_pool_resize (oriel_pool *pool, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_RESIZE_H */
