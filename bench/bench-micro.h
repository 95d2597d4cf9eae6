/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro.h - shared by the parts of bench-micro
 *
 * A subject is a cache, or what a cache could do at best.  Each process that
 * takes part opens all of them on the same file of PAGES pages, whose first word
 * is their number; workers, threads or processes, then visit pages.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include "bench.h"

#define PAGES 16384u            /* 64 MiB; all caches hold all of them */
#define HOT 16                  /* pages, of the sequence "hot" */
#define SEQUENCE (1u << 20)     /* visits, then again from the start */

/* Where everybody finds the same things. */
struct place {
  const char *directory;        /* of files, in memory */
  const char *path;             /* the file of pages */
};

struct subject {
  const char *name;
  bool one_process;             /* is private to it */
  /* In each process, once; in the first one before the others.  NULL: it cannot
   * be had, for the reason given. */
  void *(*open) (const struct place *place, const char **why);
  void (*close) (void *opened);
  /* Visit n pages; the sum of their first words. */
  uint64_t (*visit) (void *opened, const uint32_t *pages, uint64_t n);
  uint32_t slow;                /* so many times slower than a hit; 0: it is one */
};

/* bench-micro-oriel.c */
extern const struct subject oriel_found, oriel_asked, oriel_hinted,
    oriel_optimistic, oriel_validated, oriel_nested, oriel_shared,
    oriel_exclusive, oriel_copied, oriel_missed, oriel_swapped_mmap,
    oriel_swapped_emulated;

/* bench-micro-peers.c */
extern const struct subject mpool_private, mpool_shared, lmdb_get;

#endif /* BENCH_MICRO_H */
