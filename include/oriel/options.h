/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/options.h - how a pool is made, and this process's window of it
 *
 * Included by oriel.h, which says what holds for all calls.
 */
#ifndef ORIEL_OPTIONS_H
#define ORIEL_OPTIONS_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of oriel_options.flags. */
#define ORIEL_ATTACH    0x0001u /* attach only: -ENOENT if there is no pool */
#define ORIEL_EXCL      0x0002u /* create only: -EEXIST if there is one */
#define ORIEL_FENCE     0x0004u /* at creation: pins use a full fence and not
                                   membarrier(2); found by itself where the
                                   kernel has no membarrier */
#define ORIEL_NO_FAULT_HANDLER 0x0008u /* leave SIGSEGV and SIGBUS alone */
#define ORIEL_WATCH     0x0010u /* attach only, to look: see oriel_pool_open() */
#define ORIEL_LAZY      0x0020u /* slots are mapped when they are touched, by
                                   the fault handler; see FAULTS */
#define ORIEL_PROTECT   0x0040u /* to find bugs: a page that this process has
                                   pinned for reading only cannot be written */
#define ORIEL_RETIRE    0x0080u /* to find bugs: a page that it has not pinned
                                   cannot be accessed at all.  See STRICT
                                   WINDOWS */
#define ORIEL_HOLES     0x10000u /* also in a window that is swapped, notice
                                   holes that someone punches into the pool's
                                   file; see FAULTS */

#define ORIEL_TRY_LOCK  0x20000u /* where the kernel refuses to lock the window
                                    go on without; oriel_stats.residency says
                                    what holds */
#define ORIEL_WRITEBACK 0x40000u /* a thread writes dirty pages back; see
                                    oriel/log.h */

/* How a window's slots are swapped; see oriel_options.backend. */
#define ORIEL_BACKEND_AUTO     0 /* linear if the window covers the pool, else
                                    what a probe at open finds best */
#define ORIEL_BACKEND_EMULATED 1 /* remap_file_pages(2), each slot a VMA */
#define ORIEL_BACKEND_MMAP     2 /* mmap(2) with MAP_FIXED */
#define ORIEL_BACKEND_LINEAR   3 /* one mapping of the whole pool */
#define ORIEL_BACKEND_NATIVE   4 /* remap_file_pages(2) of kernels before 4.0:
                                    the whole window is one VMA */

/* What a swap maps at once of what it shows; see oriel_options.populate.  Page
 * tables are filled for good reasons only: it costs time and memory. */
#define ORIEL_POPULATE_NONE     0 /* as touched; the kernel maps neighbours of
                                     what is in memory along, 64 KiB usually */
#define ORIEL_POPULATE_ALL      1 /* all of it; waits for what was swapped out */
#define ORIEL_POPULATE_RESIDENT 2 /* what is in memory, waiting for nothing
                                     (Linux 5.14; else as NONE) */

/* What of a window's memory stays in memory when that is short; see
 * oriel_options.residency and RESIDENCY. */
#define ORIEL_RESIDENCY_NONE    0 /* the kernel may swap all of it out */
#define ORIEL_RESIDENCY_LOCKED  1 /* all that the slots show stays */
#define ORIEL_RESIDENCY_ONFAULT 2 /* what was touched since its slot shows it
                                     (Linux 4.4; else as LOCKED) */

/* How files are read and written; see oriel_options.store. */
#define ORIEL_STORE_AUTO  0     /* by io_uring where the kernel lets us */
#define ORIEL_STORE_POSIX 1     /* preadv(2), pwritev(2) */
#define ORIEL_STORE_URING 2     /* what no one waits for, by io_uring(7) */
#define ORIEL_STORE_PMEM  3     /* mapped; on persistent memory (DAX) what is
                                   written is durable at once, by libpmem;
                                   elsewhere by msync(2): oriel_file_store() */
#define ORIEL_STORE_MSYNC 4     /* none to choose: what that is then */

/*
 * Initialise with oriel_options_init(), which makes every field its default;
 * then set fields, or use oriel_options_set().  The strings are only read
 * while oriel_pool_open() runs.
 */
struct oriel_options {
  uint32_t struct_size;   /* set by oriel_options_init() */
  uint32_t flags;         /* ORIEL_ATTACH, ... */
  const char *directory;  /* where pools are; NULL: $ORIEL_DIR or /dev/shm */
  uint64_t pool_size;     /* bytes of pages that the pool holds, at creation;
                             at least 16 pages and one slot.  0: 128 MiB, or
                             half of what the directory has free if less */
  uint64_t window_size;   /* bytes of this process's window, at least one slot;
                             0: the pool's size or 1 GiB, whichever is less */
  uint32_t page_size;     /* power of two, 512 to 65536.  0: 4096 at creation,
                             the pool's own when attaching */
  uint32_t slot_size;     /* power of two, 4096 to 2 MiB, and at least one page.
                             0: 64 KiB, more where the VMA budget asks for it;
                             on hugetlbfs, and tmpfs with huge pages, the huge
                             page */
  uint32_t backend;       /* ORIEL_BACKEND_* */
  uint32_t max_processes; /* at creation; 1 to 4096, 0: 128 */
  uint32_t max_threads;   /* at creation, of all processes together;
                             at least 1, with max_processes at most 65535;
                             0: 256 */
  uint32_t max_files;     /* at creation; 1 to 65536, 0: 256 */
  uint32_t populate;      /* ORIEL_POPULATE_*; a linear window is never
                             populated ahead */
  uint32_t residency;     /* ORIEL_RESIDENCY_* */
  uint32_t store;         /* ORIEL_STORE_* */
  uint64_t max_size;      /* at creation: bytes that oriel_pool_resize() can
                             give it, at least pool_size; 0: that.  A linear
                             window reserves address space for all of it */
  uint64_t writeback_rate; /* bytes a second that write-back writes; 0: as fast
                              as it goes */
  uint32_t dirty_low;     /* permille of the pool that may be dirty before
                             write-back hurries; 0: 100 */
  uint32_t dirty_high;    /* permille above which whoever pins pages for writing
                             writes some, or waits; 0: none.  This process's,
                             as the other two; see oriel/log.h */
};

ORIEL_API void oriel_options_init (oriel_options *opt);

/*
 * Set one option from text, as a URI or a command line has it.  Names are those
 * of the fields: directory, pool_size, max_size, window_size (or window),
 * page_size, slot_size (or slot), backend (auto, native, emulated, mmap,
 * linear), populate (none, all, resident), residency (none, locked, onfault),
 * store (auto, posix, uring, pmem), writeback_rate, dirty_low, dirty_high,
 * max_processes, max_threads, max_files; and for flags lazy, holes, protect,
 * retire, try_lock and writeback, each 0 or 1.  Sizes take K, M and G (powers
 * of 1024).  The text of "directory" is kept by reference.
 * Errors: -ENOENT no such option; -EINVAL not a value for it; -ERANGE too large.
 */
ORIEL_API int oriel_options_set (oriel_options *opt, const char *name,
                                 const char *value);

#ifdef __cplusplus
}
#endif

#endif /* ORIEL_OPTIONS_H */
