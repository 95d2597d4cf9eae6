/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql.h - what the benchmarks on SQLite share: oriel-tpcc, bench-tpcb,
 * bench-tpch
 *
 * A benchmark is a struct driver: its tables, what its processes do, and what
 * must hold afterwards.  All else is here: databases through each VFS,
 * children, rounds, memory, latencies, the report.
 *
 * PROCESSES
 *
 * The program is a tree of one level: a parent that neither opens a database
 * nor attaches to a pool, and children that do one thing each and exit.
 *
 *     loader    makes the tables and fills them
 *     prepare   reads the scale back, sets the journal mode
 *     worker    runs operations, one after the other (several at once)
 *     observer  attaches to the pool, reads its counters before and after
 *     checker   tests the consistency conditions
 *
 * So no connection and no attachment is ever carried across fork(), and the
 * parent can put children into a memory cgroup that it is not in itself.
 * Children report through struct shared, an anonymous mapping made before the
 * first fork; each field has one writer, named there.
 *
 * SIDES, ROUNDS, PASSES
 *
 * A side is a way to the database: Oriel, or stock in a setting.  A round runs
 * every side once, in an order that changes from round to round, each from the
 * same state and in a memory cgroup of the same size.  A pass is a part of a
 * run that is measured by itself (bench-tpch: cold, warm).  Each run gives one
 * value of each figure; the report shows medians.
 *
 */
#ifndef SQL_H
#define SQL_H

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "figures.h"
#include "oriel.h"
#include "sql-base.h"

#define MAX_PROCESSES 64
#define KINDS 22        /* of operations, at most */
#define PASSES 2        /* likewise */
#define CONDITIONS 6    /* likewise */
#define ROUNDS 25       /* likewise */
#define SIDES 4

/* ------------------------------------------------------------------ */
/* Options                                                            */

enum action {
  LOAD = 1,
  RUN = 2,
  CHECK = 4
};

enum side_is {
  SIDE_ORIEL,       /* our VFS */
  SIDE_STOCK,  /* SQLite's own, as it comes */
  SIDE_MMAP,   /* that, with all of the file mapped */
  SIDE_CACHE,  /* that, with as large a cache as the memory allows */
  SIDE_OTHER   /* a VFS by name */
};

struct options {
  unsigned actions; /* of enum action */
  int compare;      /* run the sides below, in rounds */
  enum side_is side[SIDES];
  int sides;
  int rounds;
  int processes;
  int seconds;
  int transactions; /* after which a worker ends; 0: when the time is up */
  int kill_every; /* ms between kills of a worker; 0: none */
  uint64_t seed;

  const char *db; /* as given, or NULL */
  int keep;

  const char *vfs;
  const char *module;
  const char *pool;      /* as given, or NULL */
  const char *pool_size; /* text for the URI; NULL if not given */
  const char *window;
  const char *slot;
  const char *backend;
  uint64_t pool_bytes; /* pool_size, or Oriel's default */
  uint64_t log_bytes;  /* of memory, for the log, beside what all have */

  const char *journal;
  const char *synchronous;
  const char *cache_size; /* NULL: SQLite's */
  const char *mmap_size;
  int warm;       /* workers read all of the database before the run */
  int page_size;

  int cgroup;      /* may make one */
  uint64_t memory; /* bytes; 0: chosen */

  const char *json; /* file; "-": standard output; NULL: none */
  int quiet;
};

/* "64M" in bytes; -EINVAL or -ERANGE. */
int sql_parse_size (const char *text, uint64_t *bytes);

/* ------------------------------------------------------------------ */
/* What is shared by parent and children                              */

/* A way to the database that is measured. */
struct side {
  char name[32]; /* "oriel", "stock", ... or the VFS */
  char vfs[32];
  enum side_is is;
  int oriel;    /* by Oriel's VFS: the pool options count */
  int own_pool; /* the pool is this run's: destroy it after */
  int made;     /* path is a copy that this run made: remove it after */
  char pool[PATH_MAX];
  char path[PATH_MAX];
};

enum phase {
  PHASE_WAIT,               /* workers open the database */
  PHASE_RUN,                /* PHASE_RUN + pass */
  PHASE_OBSERVE = PHASE_RUN + PASSES, /* read the pool's counters */
  PHASE_CLOSE
};

enum state {
  STATE_NEW,
  STATE_READY,
  STATE_REPORTED,           /* STATE_REPORTED + pass */
  STATE_DONE = STATE_REPORTED + PASSES
};

/* Of one pass of one worker. */
struct pass_report {
  _Atomic uint64_t done[KINDS]; /* in time */
  int64_t began, ended;
  struct hist hist[KINDS];
  struct proc proc; /* at the end; its counters since the start */
};

#define OWN_COUNTERS 2

/* Written by worker number i alone: by all that had this number one after the
 * other, where workers are killed.  Between two of them the parent makes state
 * STATE_NEW. */
struct worker_report {
  _Atomic int state;
  _Atomic uint64_t retries;  /* after SQLITE_BUSY */
  _Atomic uint64_t commits;  /* that the driver counts, also late ones */
  _Atomic uint64_t own[OWN_COUNTERS]; /* the driver's */
  uint64_t wrong;            /* answers that are not what they must be */
  char example[ERROR_TEXT];  /* of those */
  struct pass_report pass[PASSES];
};

/* Written by the observer alone. */
struct observer_report {
  _Atomic int state;
  oriel_stats before;
  oriel_stats after;
};

/* Written by the checker alone. */
struct check_report {
  int done;
  long long rows[CONDITIONS]; /* that were compared */
  long long bad[CONDITIONS];  /* of those, in violation */
  char example[CONDITIONS][ERROR_TEXT];
  char integrity[ERROR_TEXT]; /* "ok" */
  char commits[ERROR_TEXT];   /* "ok"; "" if there was no run */
  int ok;
};

struct shared {
  /* written by the parent */
  _Atomic int phase;
  _Atomic int64_t deadline; /* of the run */
  _Atomic uint64_t kills;   /* of workers, during the run */
  /* written by the loader */
  _Atomic uint64_t loaded;  /* rows */
  _Atomic uint64_t to_load;
  /* written by prepare */
  int64_t commits_before;   /* the run: the driver's count */
  _Alignas (max_align_t) char own[256]; /* what the driver wants to know */
  /* written by whichever child fails first, who wins error_taken */
  _Atomic int error_taken;
  char error[ERROR_TEXT];

  struct observer_report observer;
  struct check_report check;
  struct worker_report worker[MAX_PROCESSES];
};

struct pass_result {
  double seconds;
  uint64_t done[KINDS];
  struct hist hist[KINDS];
  struct proc proc; /* of all workers; of vmas the most */
};

/* Of one run, kept by the parent. */
struct result {
  struct pass_result pass[PASSES];
  uint64_t retries;
  uint64_t own[OWN_COUNTERS];
  uint64_t kills;
  uint64_t wrong;
  char example[ERROR_TEXT];
  int observed;     /* pool holds the difference over the run */
  oriel_stats pool;
  long long wal_bytes; /* of the log at the end; -1: there was none */
  uint64_t memory_limit; /* of the cgroup; 0: there was none */
  uint64_t memory_peak;
  uint64_t memory_used; /* private, page cache, pool; at the end */
  int checks; /* how many of check[] are filled */
  struct check_report check[2];
  char check_vfs[2][32];
};

/* ------------------------------------------------------------------ */
/* Figures                                                            */

struct figure {
  char name[48];       /* "cold/throughput" */
  const char *section; /* of the report, above it */
  const char *unit;
  enum figures_better better;
  double value[SIDES][ROUNDS]; /* NAN: unknown */
};

#define MAX_FIGURES 160

/* ------------------------------------------------------------------ */
/* A benchmark                                                        */

struct sql;
struct worker;
struct loader;

struct driver {
  const char *program;   /* "oriel-tpcc", of messages */
  const char *name;      /* "tpcc", of files, pools and JSON */
  const char *title;
  const char *worker;    /* "terminal" */
  const char *operation; /* "transactions" */
  const char *const *kind;
  int kinds;
  const char *const *pass; /* names, where there are several */
  int passes;
  bool timed;            /* a pass ends at the deadline, not by itself */
  bool reads_only;       /* sides need no copies of their own */

  /* Each returns SQLite's code where it does not say otherwise. */
  uint64_t (*rows) (const struct sql *sql); /* to load */
  int (*load) (struct loader *l);
  /* In prepare and in the checker.  SQLITE_NOTADB: another's database. */
  int (*prepare) (struct sql *sql, sqlite3 *db);
  /* In a worker: 0, or 1 after sql_fail(). */
  int (*begin) (struct worker *w);
  int (*run) (struct worker *w, int pass);
  void (*end) (struct worker *w);
  /* Gives one row for each thing to compare: whether it holds, and a text. */
  const char *const *condition;
  int conditions;
  long long (*to_check) (const struct sql *sql, int condition); /* rows */
  const char *commits;   /* a query that counts what worker_report counts */
  /* In the parent, the first two if they are there: before all runs, 0 or 1
   * after sql_fail(); more figures, after each run; what the data is. */
  int (*before) (struct sql *sql);
  void (*figures) (struct sql *sql, const struct result *result);
  void (*describe) (const struct sql *sql, char text[ERROR_TEXT]);
};

/* Everything that the parent hands down to what it calls. */
struct sql {
  const struct driver *driver;
  void *own;                   /* the driver's */
  struct options opt;
  struct shared *shared;
  int argc;                    /* the command that began it */
  char **argv;
  char directory[PATH_MAX];    /* scratch; "" if there is none */
  char base[PATH_MAX];         /* the database that is loaded */
  int base_made;               /* there was no such file before this run */
  int base_loaded;             /* the loader did all of it */
  char cgroup_why[ERROR_TEXT]; /* why there is no cgroup; "" if there is */
  int64_t began;
  struct side side[SIDES];
  int sides;
  int round;
  int at;                      /* the side that runs */
  struct result *result;       /* [sides], of the last round */
  struct figure figure[MAX_FIGURES];
  int figures;
  char (*failure)[ERROR_TEXT * 2];
  int failures;
  int number;                  /* in a worker: which */
  uint64_t life;               /* in a worker: how many were killed before it */
};

/* The program, once the options are there; returns its exit status. */
int sql_main (struct sql *sql, int argc, char **argv);

/* ------------------------------------------------------------------ */
/* sql-fail.c                                                         */

/* Record why this child fails, if none did before; returns 1, its status. */
int sql_fail (struct shared *shared, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* ------------------------------------------------------------------ */
/* sql-db.c: connections                                              */

/*
 * Open side's database through its VFS, which is registered or loaded first.
 * On failure *db is NULL and the text is in sql_db_error().
 */
int sql_db_open (const struct sql *sql, const struct side *side, int create,
                 sqlite3 **db);
const char *sql_db_error (void);

/* The pragmas that workers run under. */
int sql_db_configure (const struct sql *sql, const struct side *side,
                      sqlite3 *db);
int sql_db_warm (sqlite3 *db); /* read every page once */
int sql_db_journal_mode (sqlite3 *db, const char *mode);

int sql_db_exec (sqlite3 *db, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* The one number that a query gives. */
int sql_db_number (sqlite3 *db, const char *query, int64_t *number);

/* Bind from the first parameter on: i int, l int64_t, s text that stays until
 * the statement is done, n null (no argument). */
int sql_db_bind (sqlite3_stmt *stmt, const char *format, va_list ap);

/* How long a statement waits for a lock before the transaction is retried. */
#define BUSY_MSEC 5000

/* ------------------------------------------------------------------ */
/* sql-load.c: in the loader                                          */

/* The first error is kept, and makes all later inserts do nothing. */
struct loader {
  struct sql *sql;
  sqlite3 *db;
  struct rng rng;
  int rc;
  uint64_t rows; /* not yet added to shared->loaded */
};

sqlite3_stmt *sql_load_prepare (struct loader *l, const char *table,
                                int columns);
/* As sql_db_bind(). */
void sql_load_row (struct loader *l, sqlite3_stmt *stmt, const char *format,
                   ...);

/* ------------------------------------------------------------------ */
/* sql-worker.c: in a worker                                          */

struct worker {
  struct sql *sql;
  const struct side *side;
  sqlite3 *db;
  int number;
  struct rng rng;
  struct worker_report *report;
  void *own; /* the driver's */
};

/* Count one operation that began then and is now done, if that is in time. */
void sql_worker_done (struct worker *w, int pass, int kind, int64_t began,
                      _Atomic uint64_t *counter);
bool sql_worker_late (const struct worker *w);

/* ------------------------------------------------------------------ */
/* Children; each returns its exit status                             */

typedef int child_main (struct sql *sql, const struct side *side);

child_main sql_checker, sql_loader, sql_observer, sql_pool_remove, sql_prepare,
           sql_worker;

/* ------------------------------------------------------------------ */
/* sql-family.c: the children that run at one time                    */

extern volatile sig_atomic_t sql_interrupted; /* the signal, or 0 */

struct child {
  pid_t pid; /* 0: it has ended well */
  child_main *run;
  char name[40];
};

struct family {
  struct sql *sql;
  const struct side *side;
  struct cgroup group;
  struct child child[MAX_PROCESSES + 1];
  int children;
};

void sql_family_add (struct family *family, child_main *run,
                     const struct cgroup *group, const char *name);
void sql_family_start (struct family *family, struct child *child,
                       const struct cgroup *group);
/* Say why it ended so, if it has not. */
void sql_family_note (struct family *family, const struct child *child,
                      int status);
/* How many live; -1 if one has failed, or we were told to stop. */
int sql_family_look (struct family *family);
void sql_family_end (struct family *family); /* kill and await all */
/* Wait for all to end by themselves; 0 if all did well. */
int sql_family_await (struct family *family);
/* Wait until one has come to a state; 0, or 1 after sql_fail(). */
int sql_family_state (struct family *family, const _Atomic int *where,
                      int state, const char *name);
int sql_family_one (struct sql *sql, child_main *run, const struct side *side,
                    const char *name);

/* ------------------------------------------------------------------ */
/* sql-run.c: the parent's phases                                     */

/* Each: 0, or 1 with the reason in shared->error. */
int sql_run_load (struct sql *sql, const struct side *side);
int sql_run_workers (struct sql *sql, const struct side *side,
                     struct result *result);
int sql_run_check (struct sql *sql, const struct side *side,
                   struct result *result);
/* Also after a failure or a signal. */
int sql_run_pool_remove (struct sql *sql, const struct side *side);
uint64_t sql_run_memory (const struct options *opt); /* of the cgroup */

/* sql-progress.c: a line on standard error */
void sql_progress (const struct options *opt, const char *what,
                   double fraction, const char *detail);
void sql_progress_end (void);

/* ------------------------------------------------------------------ */
/* sql-figures.c                                                      */

/* A figure of the run that was made last. */
void sql_figure (struct sql *sql, const char *section, const char *name,
                 const char *unit, enum figures_better better, double value);
void sql_figures_add (struct sql *sql, const struct result *result);
/* Of all rounds: the least, the median and the largest that are known; NAN. */
void sql_figure_of (const struct sql *sql, const struct figure *figure,
                    int side, double value[3]);
/* What went wrong and is no reason to stop. */
void sql_failure (struct sql *sql, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* sql-report.c, sql-json.c */
void sql_report_head (const struct sql *sql);
void sql_report (const struct sql *sql);
int sql_report_json (const struct sql *sql);

#endif /* SQL_H */
