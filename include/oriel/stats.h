/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/stats.h - what is in a pool, who uses it, and is it in order
 *
 * Included by oriel.h, which says what holds for all calls.
 */
#ifndef ORIEL_STATS_H
#define ORIEL_STATS_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counters of the whole pool since its creation, by all processes, then gauges
 * of the pool, then of this process.  Counters of others are read while they
 * run: each is exact, together they are no snapshot. */
typedef struct oriel_stats {
  uint32_t struct_size;    /* the caller's sizeof (oriel_stats) */
  uint32_t backend;        /* this process's: ORIEL_BACKEND_* */
  /* counters, of all processes */
  uint64_t hits;           /* pages found in the pool */
  uint64_t misses;         /* pages that had to be loaded, or made fresh */
  uint64_t readahead;      /* pages loaded before they were asked for */
  uint64_t reads;          /* read calls to stores */
  uint64_t read_bytes;
  uint64_t writes;         /* write calls to stores */
  uint64_t write_bytes;
  uint64_t syncs;
  uint64_t evictions;      /* pages that gave up their frame */
  uint64_t writebacks;     /* dirty pages written */
  uint64_t swaps;          /* slots remapped from one extent to another */
  uint64_t installs;       /* slots mapped for the first time */
  uint64_t copies;         /* pages copied from or to the pool file, because no
                              slot showed them and a swap would have cost more */
  uint64_t barriers;       /* membarrier calls (or fences in their place) */
  uint64_t latch_waits;
  uint64_t drops;          /* oriel_file_drop() calls */
  uint64_t repairs;        /* states of dead processes put right */
  uint64_t remaps;         /* system calls that made the swaps and installs */
  uint64_t frames_lost;    /* whose memory was taken away, see FAULTS */
  uint64_t reinstalls;     /* slots mapped by the fault handler */
  uint64_t pages_damaged;  /* calls that failed because a page did not pass its
                              check after reading, see oriel/hooks.h */
  uint64_t views;          /* oriel_view() calls that gave one */
  uint64_t view_pages;     /* pages in them */
  uint64_t view_maps;      /* system calls that mapped them */
  /* gauges of the pool */
  uint64_t page_size;      /* bytes */
  uint64_t frames;         /* that it has */
  uint64_t frames_max;     /* that oriel_pool_resize() can give it */
  uint64_t frames_free;
  uint64_t frames_dirty;
  uint64_t pool_bytes;     /* of the pool file, without what it could grow to */
  uint64_t processes;      /* attached */
  uint64_t threads;        /* ledgers in use */
  uint64_t files;          /* known to the pool */
  uint64_t pins;           /* pages pinned by all threads */
  /* gauges of this process */
  uint64_t window_bytes;
  uint64_t slot_size;
  uint64_t slots;
  uint64_t slots_used;     /* showing an extent */
  uint64_t vmas;           /* lines of /proc/self/maps inside the window */
  uint64_t page_table_bytes; /* VmPTE of the process; 0 where unknown */
  uint64_t copies_per_swap;  /* pages that can be copied in the time that a swap
                                takes, as measured at open; 0: linear */
  uint64_t residency;      /* ORIEL_RESIDENCY_*: what holds */
  uint64_t locked_bytes;   /* VmLck of the process: what it has locked, Oriel's
                              and other; 0 where unknown */
  uint64_t huge_page;      /* bytes, if the pool was found on huge pages at
                              open; else 0 */
  uint64_t other_boot;     /* with ORIEL_WATCH, 1: the pool is of an earlier boot,
                              and whoever opens it to use it makes it anew */
  uint64_t store;          /* ORIEL_STORE_*: POSIX, or URING if the kernel lets
                              us and it was not chosen otherwise */
} oriel_stats;

/* stats->struct_size must be set.  Takes some microseconds per MiB of pool.
 * Errors: -EINVAL struct_size is not one that any version had. */
ORIEL_API int oriel_pool_stats (oriel_pool *pool, oriel_stats *stats);

/*
 * A file that the pool knows, open or not.  misses, readahead and writebacks
 * were counted, by all processes, since the file entered the pool.
 */
typedef struct oriel_file_info {
  uint32_t struct_size;    /* sizeof (oriel_file_info) */
  uint32_t foreign;        /* 1: last opened with ORIEL_FOREIGN */
  const char *path;        /* a path that it was opened by; of a long one, the
                              last 199 bytes.  Gone when the call returns */
  uint64_t dev;            /* with ino, what fstat(2) says of it */
  uint64_t ino;
  uint64_t size;           /* bytes, with what is not yet in the store */
  uint64_t pages;          /* in the pool */
  uint64_t dirty;          /* of those, not yet in the store */
  uint64_t pinned;         /* pins on them */
  uint64_t openers;        /* living processes that have it open */
  uint64_t misses;         /* pages that had to be loaded, or made fresh */
  uint64_t readahead;      /* pages loaded before they were asked for */
  uint64_t writebacks;     /* dirty pages written */
  uint64_t hooks;          /* id of what is done to its pages; 0: nothing */
  uint64_t durable;        /* the log is, up to this lsn */
  uint64_t error;          /* errno of a sync that failed, or of a write that did
                              and has not been made good; 0: none */
  uint64_t birth;          /* when it was made, in ns, or another number that
                              tells it from what had its ino before */
} oriel_file_info;

/* Call each for every file that the pool knows.  Like all calls of this part it
 * takes no lock that another process could hold; what others change meanwhile
 * is seen or not.  each may not close the pool.  Errors: -ENOMEM. */
ORIEL_API int oriel_pool_files (oriel_pool *pool,
                                void (*each) (void *arg,
                                              const oriel_file_info *info),
                                void *arg);

/* A page of a file that the pool has. */
typedef struct oriel_page_info {
  uint32_t struct_size;    /* sizeof (oriel_page_info) */
  uint32_t dirty;          /* 1: not yet in the store */
  uint64_t number;
  uint64_t frame;
  int64_t slot;            /* of this process's window that shows the page, -1
                              if none does; 0 if the window is linear */
  uint32_t pinned;         /* pins on it, of all processes */
  uint32_t used;           /* what eviction knows of its use: 0 goes first */
  uint64_t lsn;            /* the greatest that oriel_dirty() was given for it
                              since it was loaded */
  uint64_t first;          /* that of the first change that the store has not;
                              0: none that has one */
} oriel_page_info;

/* Call each for every page of the file that is in the pool, in the order of
 * frames, likewise.  Takes a look at every frame of the pool, some microseconds
 * per MiB.  each may not close the file.  Errors: -ENOMEM. */
ORIEL_API int oriel_file_pages (oriel_file *file,
                                void (*each) (void *arg,
                                              const oriel_page_info *info),
                                void *arg);

/*
 * A process that is attached, or that died and whose state no one has put right
 * yet.  The counters are those of oriel_stats, counted by this process since it
 * attached; those of processes that are gone are in oriel_stats alone.
 */
typedef struct oriel_process_info {
  uint32_t struct_size;    /* sizeof (oriel_process_info) */
  uint32_t pid;            /* in its own pid namespace; for people */
  uint64_t token;          /* see oriel_self() */
  uint32_t alive;          /* 0: it died; the next who attaches repairs */
  uint32_t backend;        /* ORIEL_BACKEND_* */
  uint64_t window_bytes;
  uint64_t slot_size;
  uint64_t threads;        /* that use the pool */
  uint64_t pins;
  uint64_t hits;
  uint64_t misses;
  uint64_t readahead;
  uint64_t reads;
  uint64_t read_bytes;
  uint64_t writes;
  uint64_t write_bytes;
  uint64_t syncs;
  uint64_t evictions;
  uint64_t writebacks;
  uint64_t swaps;
  uint64_t installs;
  uint64_t copies;
  uint64_t barriers;
  uint64_t latch_waits;
  uint64_t drops;
  uint64_t repairs;
  uint64_t remaps;
  uint64_t frames_lost;
  uint64_t reinstalls;
  uint64_t pages_damaged;
  uint64_t views;
  uint64_t view_pages;
  uint64_t view_maps;
  uint64_t residency;      /* ORIEL_RESIDENCY_*: what holds */
  uint64_t huge_page;      /* bytes, if it found the pool on huge pages */
} oriel_process_info;

/* Call each for every process, likewise. */
ORIEL_API int oriel_pool_processes (oriel_pool *pool,
                                    void (*each) (void *arg,
                                      const oriel_process_info *info),
                                    void *arg);

/*
 * Check every rule that the shared state keeps, also while others work on the
 * pool: what a process is in the middle of, or died in the middle of and left
 * for repair, breaks none.  problem, if not NULL, is called with one line for
 * each finding.  What may have been a moment's is looked at again, some times
 * over some milliseconds.
 * Returns the number of findings, 0 if all is well.  Errors: -ENOMEM.
 */
ORIEL_API int oriel_pool_check (oriel_pool *pool,
                                void (*problem) (void *arg, const char *text),
                                void *arg);

/*
 * Call each for every pool of this user in the directory (as in oriel_options),
 * sorted by name, damaged ones and those of other versions too.  name and path
 * are gone when the call returns; either opens the pool.
 * Errors: those of opendir(3).
 */
ORIEL_API int oriel_pool_list (const char *directory,
                               void (*each) (void *arg, const char *name,
                                             const char *path),
                               void *arg);

#ifdef __cplusplus
}
#endif

#endif /* ORIEL_STATS_H */
