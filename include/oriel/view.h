/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/view.h - runs of pages seen as one range of memory
 *
 * Included by oriel.h, which says what holds for all calls.
 *
 * A large object is a run of pages of a file.  In the pool their frames lie
 * anywhere; a view shows them one behind the other, by a mapping for each run
 * of neighbouring frames and without a copy.  Where the window shows them so
 * already, the view is there, and nothing is mapped.
 *
 * Views have an area of their own behind the window: 4096 pages, or 32 MiB if
 * that is less, for all threads of the process.  Each page of it may become a
 * VMA, so the area has at most an eighth of what vm.max_map_count leaves.  It is
 * address space and nothing else until it is used.  Its pages are not locked in
 * memory with the window's (see RESIDENCY).
 *
 * What it costs: pins, and for each run of frames that is mapped 5 to 7 us, six
 * to eight times what a copy of 4096 bytes does; where nothing is mapped, as much
 * as pins.  So to read small pages that lie anywhere oriel_read() is cheaper; what
 * was loaded in order, large pages, and changes in place are for views.  (make
 * bench-view; oriel_stats has views, view_pages, and view_maps, the calls that
 * mapped them.)
 */
#ifndef ORIEL_VIEW_H
#define ORIEL_VIEW_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A view.  Fill by oriel_view(); read data, first and count; leave the rest. */
struct oriel_view {
  void *data;             /* count pages, stable until oriel_view_end() */
  uint64_t first;
  uint64_t count;
  oriel_file *file;
  uint64_t id;
  uint32_t cell;
  uint32_t flags;
};

/*
 * See count pages of file from first on as one range of memory.  They are
 * pinned as by oriel_pin(), and what is said there of pins holds for them: with
 * ORIEL_WRITE each has the exclusive latch, else a shared one; behind the end
 * of the file there are zeroes; what a killed writer left is put right.  The
 * other flag is ORIEL_NOWAIT.  Memory of a view without ORIEL_WRITE may not be
 * written to, and mostly cannot be.
 *
 * No latch is waited for while another one of the view is held: it gives them
 * back, waits, and begins again.  So views block neither each other nor pins,
 * in whatever order those are taken; what this thread had latched before is its
 * own affair, as with oriel_pin().
 *
 * All or nothing: after an error no page is pinned.  Errors: as oriel_pin();
 * -EINVAL count is 0;
 * -E2BIG  count is more than ORIEL_THREAD_PINS, or than the area has pages:
 *         no view can be so long;
 * -ENOBUFS  as oriel_pin(), or the area has no gap of count pages: end a view;
 * -ENOMEM  the kernel refused to map a run of frames;
 * -EOPNOTSUPP  the pool's pages are smaller than what memory is mapped in: 4096
 *         bytes, or the huge page of hugetlbfs.
 */
ORIEL_API int oriel_view (oriel_file *file, uint64_t first, uint64_t count,
                          unsigned flags, struct oriel_view *view);

/*
 * As oriel_dirty() for count pages of the view, from page first of the file on.
 * Errors: -EINVAL no such pages in the view, or it has not ORIEL_WRITE.
 */
ORIEL_API int oriel_view_dirty (struct oriel_view *view, uint64_t first,
                                uint64_t count, uint64_t lsn);

/*
 * Give the pages back.  May be called by another thread than the one that has
 * the view; one that exits loses its views with its pins.
 * Errors: -EINVAL it is no view any more; -EIO as oriel_unpin(), if it is so for
 * one page at least.
 */
ORIEL_API int oriel_view_end (struct oriel_view *view);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_VIEW_H */
