/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite.h - what the parts of bench-sqlite share
 *
 * As in oriel-tpcc (tpcc.h), whose parts are linked in, the parent opens no
 * database and attaches to no pool: children do, one thing each, in a memory
 * cgroup of the run, and report through shared memory.
 */
#ifndef BENCH_SQLITE_H
#define BENCH_SQLITE_H

#include <stdbool.h>

#include "sql.h"

#define KiB UINT64_C (1024)
#define MiB (KiB * 1024)

#define ROUNDS 25               /* at most */
#define VALUES 3                /* that a case may have */
#define PROCESSES 16            /* of a case, at most */
#define SEQUENCE (1u << 20)     /* rows to ask for, then the same ones again */

/* ------------------------------------------------------------------ */
/* What is compared                                                   */

/* How SQLite is set up.  Of the stock VFS's settings the best one counts. */
enum setting {
  ORIEL,                        /* our VFS, SQLite's default cache */
  PREAD,                        /* stock, SQLite's default cache */
  MMAP,                         /* stock, all of the file mapped */
  CACHE,                        /* stock, as large a cache as memory allows */
  /* Stock as of a file that never changes, mapped: no locks, no log, a VFS that
   * costs nothing.  Nobody competes with it.  Twice stock's selects may lie
   * beyond it, and so below what SQLite itself takes on the machine: on one, in
   * turns in one process, a statement took 1720 ns of CPU time here, 2611 by
   * stock's mmap and 1431 so, which is 1.82 times as fast as stock. */
  FLOOR,
  SETTINGS
};

extern const char *const setting_name[SETTINGS];

/* With what a value of Oriel's is compared. */
enum against {
  BEST,                         /* the best of stock's settings */
  ITSELF,                       /* nothing: it is a ratio already */
  ONLY                          /* ONLY + setting: that one */
};

struct target {
  const char *text;
  enum against against;
  double ratio;                 /* ours to theirs, at least; at most if less is
                                   better */
};

/* One number of a case. */
struct metric {
  const char *name;
  const char *unit;
  double scale;                 /* what is shown is the value times this */
  bool less;                    /* is better */
  struct target target[2];      /* the second is optional */
};

/* What its processes do. */
struct work {
  int processes;
  uint64_t data;                /* bytes of the table, about */
  uint64_t memory;              /* of all processes, the pool, the page cache */
  uint64_t pool;
  int writes;                   /* percent of the statements */
  bool transaction;             /* statements are in long ones, of reads */
  bool zipf;                    /* else rows are wanted evenly */
  bool scanner;                 /* the last process scans all rows at times */
  bool killed;                  /* and started anew */
  const char *synchronous;
};

struct bench;
struct outcome {
  double value[VALUES];         /* NAN: unknown */
};

struct test {
  const char *name;
  const char *title;
  unsigned settings;            /* a bit each */
  /* 0; or 1, and the reason is in bench->shared->error. */
  int (*run) (struct bench *b, const struct test *t, enum setting s,
              struct outcome *o);
  struct metric metric[VALUES]; /* up to one without a name */
  struct work work;
};

extern const struct test tests[];
extern const int ntests;

/* ------------------------------------------------------------------ */
/* The run                                                            */

enum { REPORT_NEW, REPORT_READY, REPORT_DONE };

/* Written by process number i alone. */
struct report {
  _Atomic int state;
  _Atomic uint64_t done;        /* statements */
  uint64_t writes;              /* of those */
  struct hist hist;             /* of the writes, nanoseconds */
  double seconds[VALUES];       /* of single things */
  int scans;
};

struct board {
  _Atomic int64_t deadline;     /* 0: not yet to start */
  _Atomic bool warm;            /* from here on scans count */
  _Atomic bool stop;
  struct report report[PROCESSES];
  uint32_t row[2][SEQUENCE];    /* in millionths of the table: even, zipf */
};

struct bench {
  int rounds;
  bool quick;
  double seconds;               /* that a measurement takes */
  int64_t started;
  const char *json;             /* file, or NULL */
  const char *out;              /* directory of the plot, or NULL */
  unsigned chosen;              /* tests, a bit each */
  unsigned settings;            /* likewise */
  struct sql sql;              /* for what is shared with oriel-tpcc */
  struct sql load;              /* TPC-C's base, once it is loaded */
  struct board *board;
  struct cgroup group;
  bool grouped;                 /* groups can be had */
  char directory[PATH_MAX];     /* scratch */
  struct outcome outcome[32][SETTINGS][ROUNDS];
};

/* Of rounds' values, one quantile. */
double quantile (const double *value, int n, double at);

/* bench-sqlite-run.c */

typedef int worker (struct bench *b, const struct test *t, enum setting s,
                    const char *path, int number);

/* Take a database of the test's size, which no one has in memory; a copy of its
 * own if it is going to be changed. */
int bench_database (struct bench *b, const struct test *t, char path[PATH_MAX]);
void bench_database_end (struct bench *b, const struct test *t,
                         const char *path);

/* Make the cgroup of the run, if there can be one, and remove it and the pool. */
int bench_begin (struct bench *b, uint64_t memory);
void bench_end (struct bench *b);

/* Children, from number first on, in the cgroup. */
int bench_start (struct bench *b, worker *run, const struct test *t,
                 enum setting s, const char *path, int first, int n);
/* Wait until the first n reports have come to a state. */
int bench_await (struct bench *b, int n, int state);
void bench_sleep (struct bench *b, double seconds);
/* Wait for all children to end; or kill them. */
int bench_wait (struct bench *b);
void bench_kill (struct bench *b);

/* In a child: open the database so, SQLITE_OPEN_CREATE in flags or 0. */
sqlite3 *bench_open (struct bench *b, const struct test *t, enum setting s,
                     const char *path, int flags);
/* In a child: it must go well. */
void bench_exec (struct bench *b, sqlite3 *db, const char *sql);
sqlite3_stmt *bench_prepare (struct bench *b, sqlite3 *db, const char *sql);
_Noreturn void bench_die (struct bench *b, sqlite3 *db, const char *what);

/* bench-sqlite-tpcc.c */
int bench_tpcc (struct bench *b, const struct test *t, enum setting s,
                struct outcome *o);
void bench_tpcc_end (struct bench *b);

/* bench-sqlite-report.c */
int bench_report (struct bench *b); /* how many targets were missed */
int bench_report_json (struct bench *b, int argc, char **argv);
int bench_plot (struct bench *b);

/* KiB of SQLite's own cache. */
uint64_t bench_cache_kib (const struct work *w, enum setting s);

#endif /* BENCH_SQLITE_H */
