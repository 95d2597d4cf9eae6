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

/* Who can be measured. */
enum crews {
  BY_ALL,
  BY_THREADS,                   /* it is private to a process */
  BY_ONE_THREAD
};

#define WORKERS 2               /* of a crew, if it is more than one thread */

/* Which of its process's threads this is: 0 the first, up to WORKERS. */
extern _Thread_local int worker_number;

struct subject {
  const char *name;             /* "CALL: WHO" if compared by itself */
  enum crews crews;
  /* In each process, once; in the first one before the others.  NULL: it cannot
   * be had, for the reason given, if one is. */
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
    oriel_swapped_emulated, oriel_prefetched, oriel_read_ahead, oriel_descent;

/* bench-micro-peers.c */
extern const struct subject mpool_private, mpool_shared, lmdb_get;

/* bench-micro-vfs.c: calls that SQLite makes, to our VFS and to its own */
extern const struct subject sqlite_read, sqlite_read_stock,
    sqlite_read_mapped, sqlite_fetch, sqlite_fetch_mapped, sqlite_write,
    sqlite_write_stock;

/* bench-micro-vmcache.c: another program, which measures itself */
extern const struct subject vmcache;

/* Which program; NULL: none.  Before any subject is opened. */
void vmcache_choose (const char *path, bool quick);

/* Seconds that a lookup takes one of so many threads of it.  0: it failed, and
 * *why says how. */
double vmcache_lookup (unsigned threads, const char **why);

#endif /* BENCH_MICRO_H */
