/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-base.h - what benchmarks share that need not run on SQLite: the time,
 * random values, latencies, what the kernel says of a process, memory cgroups,
 * files
 *
 * Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef SQL_BASE_H
#define SQL_BASE_H

#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ERROR_TEXT 400
#define NSEC 1000000000LL

int64_t sql_now (void);
void sql_sleep (int msec);

/* ------------------------------------------------------------------ */
/* sql-hist.c: latencies                                              */

/* Buckets are 1/128 of a power of two wide, so a percentile is at most 0.8% too
 * large.  35 powers above the first 256 ns reach two hours. */
#define HIST_SUB_BITS 7
#define HIST_BUCKETS (37 << HIST_SUB_BITS)

struct hist {
  uint64_t bucket[HIST_BUCKETS];
  uint64_t count;
  uint64_t max; /* exact */
};

void sql_hist_add (struct hist *hist, uint64_t nsec);
void sql_hist_merge (struct hist *into, const struct hist *from);

/* The latency that a fraction (0 to 1) of those recorded did not exceed;
 * 0 if there is none. */
uint64_t sql_hist_at (const struct hist *hist, double fraction);

/* ------------------------------------------------------------------ */
/* sql-random.c                                                       */

struct rng {
  uint64_t s[4];
};

void sql_rng_seed (struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t sql_rng_next (struct rng *rng);
int64_t sql_uniform (struct rng *rng, int64_t low, int64_t high);
void sql_shuffle (struct rng *rng, int *v, int n);

/* Random characters, low to high of them, and a NUL; returns their number. */
int sql_alnum (struct rng *rng, char *buf, int low, int high);
int sql_digits (struct rng *rng, char *buf, int low, int high);
int sql_letters (struct rng *rng, char *buf, int low, int high);

/* ------------------------------------------------------------------ */
/* sql-proc.c                                                         */

/* What /proc says of a process.  In bytes; -1 in each: unknown. */
struct proc {
  long vmas;
  long long page_tables;
  long long pss;
  long long anonymous;
  long long rchar;      /* by read calls, from cache or disk */
  long long wchar;
  long long read_bytes; /* from disk */
  long long write_bytes;
  long long cpu_usec;
};

void sql_proc_read (struct proc *proc);
void sql_proc_subtract (struct proc *proc, const struct proc *start);
void sql_proc_merge (struct proc *into, const struct proc *from);
void sql_proc_forget (struct proc *proc);

/* ------------------------------------------------------------------ */
/* sql-cgroup.c                                                       */

struct cgroup {
  char path[PATH_MAX];
  int version; /* 1 or 2; 0: there is none */
};

/* 0, or -errno and the reason in why. */
int sql_cgroup_make (struct cgroup *group, uint64_t bytes,
                     char why[ERROR_TEXT]);
int sql_cgroup_join (const struct cgroup *group);
uint64_t sql_cgroup_peak (const struct cgroup *group);  /* 0: unknown */
/* Private memory, page cache and tmpfs, in bytes; 0: unknown. */
uint64_t sql_cgroup_used (const struct cgroup *group);
int sql_cgroup_was_full (const struct cgroup *group);   /* killed someone */
void sql_cgroup_remove (struct cgroup *group);

/* ------------------------------------------------------------------ */
/* sql-files.c */
int sql_file_copy (const char *from, const char *to); /* 0 or -errno */
int sql_file_uncache (const char *path);
long long sql_file_size (const char *path, const char *suffix); /* or -1 */
void sql_file_remove (const char *database); /* and its journals */

#endif /* SQL_BASE_H */
