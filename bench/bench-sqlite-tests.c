/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite-tests.c - what is measured, and the processes that do it
 *
 * Where data is said to be in memory, each process has read all of it before
 * the clock starts: stock finds it in the page cache, or in its own.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench-sqlite.h"

#define STATEMENTS_PER_TRANSACTION 10000
#define SCAN_EVERY 2            /* seconds between two scans' starts */
#define WARM_UP 6               /* seconds, of the case with scans */
#define LOAD_ROWS 60000
/* Seconds of the pace before the kill: it goes up and down with the disk from one
 * tenth to the next, so more of it is taken than of what is held against it. */
#define STEADY 2

const char *const setting_name[SETTINGS] = {
  [ORIEL] = "oriel", [PREAD] = "pread", [MMAP] = "mmap", [CACHE] = "cache",
  [FLOOR] = "floor"
};

/* ------------------------------------------------------------------ */
/* Children                                                           */

static int64_t
seconds_to_ns (double s)
{
  return (int64_t) (s * (double) NSEC);
}

static void
run_once (struct bench *b, sqlite3 *db, sqlite3_stmt *stmt, int wanted)
{
  if (sqlite3_step (stmt) != wanted)
    bench_die (b, db, sqlite3_sql (stmt));
  sqlite3_reset (stmt);
}

static double
timed (struct bench *b, sqlite3 *db, const char *sql)
{
  int64_t start = sql_now ();

  bench_exec (b, db, sql);
  return (double) (sql_now () - start) / NSEC;
}

#define SCAN "SELECT sum (length (v)) FROM t"

static void
await_start (struct bench *b, struct report *r)
{
  r->state = REPORT_READY;
  while (b->board->deadline == 0)
    usleep (200);
}

/* Point selects and updates, until the deadline. */
static int
statements (struct bench *b, const struct test *t, enum setting s,
            const char *path, int number, bool warm)
{
  const struct work *w = &t->work;
  struct report *r = &b->board->report[number];
  const uint32_t *row = b->board->row[w->zipf];
  uint64_t rows = w->data / 116;
  sqlite3 *db = bench_open (b, t, s, path, 0);
  sqlite3_stmt *get = bench_prepare (b, db, "SELECT v FROM t WHERE id = ?");
  sqlite3_stmt *put
      = bench_prepare (b, db, "UPDATE t SET k = k + 1 WHERE id = ?");
  struct rng rng;

  if (warm)
    bench_exec (b, db, SCAN);
  sql_rng_seed (&rng, 1, (uint64_t) number);
  await_start (b, r);
  if (w->transaction)
    bench_exec (b, db, "BEGIN");
  for (uint64_t i = 0;; i++)
    {
      uint32_t at = row[(i + (uint64_t) number * SEQUENCE / PROCESSES)
                        % SEQUENCE];
      bool write = w->writes && sql_uniform (&rng, 0, 99) < w->writes;
      sqlite3_stmt *stmt = write ? put : get;
      int64_t start = write || i % 8 == 0 ? sql_now () : 0;

      if (start >= b->board->deadline)
        break;
      sqlite3_bind_int64 (stmt, 1, (int64_t) (at * rows >> 32));
      run_once (b, db, stmt, write ? SQLITE_DONE : SQLITE_ROW);
      r->done++;
      if (write)
        {
          r->writes++;
          sql_hist_add (&r->hist, (uint64_t) (sql_now () - start));
        }
      if (w->transaction && i % STATEMENTS_PER_TRANSACTION == 0)
        bench_exec (b, db, "COMMIT; BEGIN");
    }
  r->state = REPORT_DONE;
  while (!b->board->stop)
    usleep (1000);
  sqlite3_finalize (get);
  sqlite3_finalize (put);
  sqlite3_close (db);
  return 0;
}

static int
reader (struct bench *b, const struct test *t, enum setting s,
        const char *path, int number)
{
  return statements (b, t, s, path, number, t->work.memory > t->work.data);
}

/* It follows one that was killed.  The clock starts when it is in its cgroup: to
 * join one takes the kernel some milliseconds, whoever joins. */
static int
cold_reader (struct bench *b, const struct test *t, enum setting s,
             const char *path, int number)
{
  await_start (b, &b->board->report[number]);
  return statements (b, t, s, path, number, false);
}

static int
scanner (struct bench *b, const struct test *t, enum setting s,
         const char *path, int number)
{
  struct report *r = &b->board->report[number];
  sqlite3 *db = bench_open (b, t, s, path, 0);

  await_start (b, r);
  usleep (300000);
  do
    {
      bool counts = b->board->warm;
      double took = timed (b, db, SCAN);

      if (counts)
        {
          r->seconds[0] += took;
          r->scans++;
        }
      for (double left = SCAN_EVERY - took;
           left > 0 && sql_now () < b->board->deadline; left -= 0.01)
        usleep (10000);
    }
  while (sql_now () + seconds_to_ns (0.3) < b->board->deadline);
  r->state = REPORT_DONE;
  sqlite3_close (db);
  return 0;
}

/* As in speedtest1: bulk load, index build, ordered scan. */
static int
loader (struct bench *b, const struct test *t, enum setting s,
        const char *path, int number)
{
  struct report *r = &b->board->report[number];
  sqlite3 *db = bench_open (b, t, s, path, SQLITE_OPEN_CREATE);
  char sql[300];

  await_start (b, r);
  bench_exec (b, db, "PRAGMA journal_mode = delete");
  snprintf (sql, sizeof sql,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v TEXT);"
            "CREATE INDEX i ON t (k);"
            "WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c"
            " WHERE i < %d)"
            " INSERT INTO t SELECT i, i * 7919 %% 1000003,"
            " hex (randomblob (50)) FROM c", LOAD_ROWS * (b->quick ? 1 : 2));
  r->seconds[0] = timed (b, db, sql);
  r->seconds[1] = timed (b, db, "CREATE INDEX j ON t (v)");
  r->seconds[2] = timed (b, db, "SELECT sum (length (v || k)) FROM"
                                " (SELECT k, v FROM t ORDER BY k)");
  r->state = REPORT_DONE;
  sqlite3_close (db);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The parent                                                         */

static void
reset (struct bench *b)
{
  b->board->deadline = 0;
  b->board->warm = false;
  b->board->stop = false;
}

static int
start (struct bench *b, const struct test *t, enum setting s,
       const char *path)
{
  const struct work *w = &t->work;
  int readers = w->processes - w->scanner;
  int r = bench_start (b, reader, t, s, path, 0, readers);

  if (r == 0 && w->scanner)
    r = bench_start (b, scanner, t, s, path, readers, 1);
  if (r == 0)
    r = bench_await (b, w->processes, REPORT_READY);
  return r;
}

static uint64_t
sum_done (const struct bench *b, int n)
{
  uint64_t sum = 0;

  for (int i = 0; i < n; i++)
    sum += b->board->report[i].done;
  return sum;
}

/* Statements a second; what else there is for the case. */
static void
add_up (struct bench *b, const struct work *w, uint64_t before, double seconds,
        struct outcome *o)
{
  static struct hist hist;
  int readers = w->processes - w->scanner;

  o->value[0] = (double) (sum_done (b, readers) - before) / seconds;
  if (w->scanner)
    {
      const struct report *r = &b->board->report[readers];

      o->value[1] = r->scans ? r->seconds[0] / r->scans : NAN;
    }
  else if (w->writes == 100)
    {
      memset (&hist, 0, sizeof hist);
      o->value[2] = 0;
      for (int i = 0; i < readers; i++)
        {
          const struct hist *one = &b->board->report[i].hist;
          double p99 = (double) sql_hist_at (one, 0.99) / NSEC;

          sql_hist_merge (&hist, one);
          o->value[2] = p99 > o->value[2] ? p99 : o->value[2];
        }
      o->value[1] = (double) sql_hist_at (&hist, 0.99) / NSEC;
    }
}

/* Let the processes run for a while before what they do counts: where not all is
 * in memory, until it has what is wanted most.  Statements made meanwhile. */
static uint64_t
warm_up (struct bench *b, const struct work *w, double seconds)
{
  double warm = w->scanner ? WARM_UP * b->seconds : 0;

  b->board->deadline = sql_now () + seconds_to_ns (warm + seconds);
  if (warm > 0)
    bench_sleep (b, warm);
  b->board->warm = true;
  return sum_done (b, w->processes - w->scanner);
}

static int
run_statements (struct bench *b, const struct test *t, enum setting s,
                struct outcome *o)
{
  const struct work *w = &t->work;
  double seconds = w->scanner ? 4 * b->seconds
                   : w->writes == 100 ? 2 * b->seconds : b->seconds;
  char path[PATH_MAX];
  uint64_t before = 0;
  int64_t left = 0;
  int r;

  reset (b);
  if (bench_database (b, t, path))
    return 1;
  r = bench_begin (b, w->memory) || start (b, t, s, path);
  if (r == 0)
    {
      before = warm_up (b, w, seconds);
      left = b->board->deadline - sql_now ();
      r = bench_await (b, w->processes, REPORT_DONE);
    }
  if (r == 0)
    add_up (b, w, before, (double) left / NSEC, o);
  b->board->stop = true;
  if (r == 0)
    r = bench_wait (b);
  bench_end (b);
  bench_database_end (b, t, path);
  return r;
}

/* What the processes and their caches take, once all is warm. */
static int
run_memory (struct bench *b, const struct test *t, enum setting s,
            struct outcome *o)
{
  const struct work *w = &t->work;
  char path[PATH_MAX];
  uint64_t used = 0;
  int r;

  if (!b->grouped)
    return 0;
  reset (b);
  if (bench_database (b, t, path))
    return 1;
  r = bench_begin (b, w->memory) || start (b, t, s, path);
  if (r == 0)
    {
      b->board->deadline = sql_now () + seconds_to_ns (b->seconds);
      r = bench_await (b, w->processes, REPORT_DONE);
    }
  if (r == 0)
    used = sql_cgroup_used (&b->group);
  if (used > 0)
    o->value[0] = (double) used / MiB;
  b->board->stop = true;
  if (r == 0)
    r = bench_wait (b);
  bench_end (b);
  bench_database_end (b, t, path);
  return r;
}

/* The first second of those who follow the killed. */
static int
run_killed (struct bench *b, const struct test *t, enum setting s,
            struct outcome *o)
{
  const struct work *w = &t->work;
  char path[PATH_MAX];
  double steady = 0, first;
  uint64_t before;
  int64_t begun;
  int r;

  reset (b);
  if (bench_database (b, t, path))
    return 1;
  r = bench_begin (b, w->memory) || start (b, t, s, path);
  b->board->deadline = INT64_MAX;
  if (r == 0)
    {
      bench_sleep (b, 0.5);
      before = sum_done (b, w->processes);
      begun = sql_now ();
      bench_sleep (b, STEADY);
      steady = (double) (sum_done (b, w->processes) - before)
               / (double) (sql_now () - begun);
      bench_kill (b);
      b->board->deadline = 0;
      r = bench_start (b, cold_reader, t, s, path, 0, w->processes)
          || bench_await (b, w->processes, REPORT_READY);
      begun = sql_now ();
      b->board->deadline = INT64_MAX;
      bench_sleep (b, 1);
      first = (double) sum_done (b, w->processes)
              / (double) (sql_now () - begun);
      o->value[0] = first / steady;
      o->value[1] = first * NSEC;
    }
  if (b->sql.shared->error_taken)
    r = 1;
  bench_end (b);
  bench_database_end (b, t, path);
  return r;
}

static int
run_load (struct bench *b, const struct test *t, enum setting s,
          struct outcome *o)
{
  char path[PATH_MAX];
  int r;

  reset (b);
  snprintf (path, sizeof path, "%.3000s/run.db", b->directory);
  r = bench_begin (b, t->work.memory)
      || bench_start (b, loader, t, s, path, 0, 1)
      || bench_await (b, 1, REPORT_READY);
  b->board->deadline = 1;
  if (r == 0)
    r = bench_wait (b);
  if (r == 0)
    memcpy (o->value, b->board->report[0].seconds, sizeof o->value);
  bench_end (b);
  sql_file_remove (path);
  return r;
}

/* ------------------------------------------------------------------ */

#define READS ((1u << SETTINGS) - 1)
#define ALL (READS & ~(1u << FLOOR))
#define SMALL (64 * MiB)        /* in memory */

const struct test tests[] = {
  { "point", "point reads in one process, data in memory", READS,
    run_statements,
    { { "reads", "1/s", 1, false,
        { { "mmap", ONLY + MMAP, 0.95 }, { "pread", ONLY + PREAD, 1.5 } } } },
    { .processes = 1, .data = SMALL, .memory = 3 * SMALL, .pool = 80 * MiB,
      .transaction = true } },
  { "select1", "autocommit point selects, WAL, one process", READS,
    run_statements,
    { { "selects", "1/s", 1, false, { { "best", BEST, 2 } } } },
    { .processes = 1, .data = SMALL, .memory = 3 * SMALL, .pool = 80 * MiB } },
  { "select2", "the same, two processes", READS, run_statements,
    { { "selects", "1/s", 1, false, { { "best", BEST, 2 } } } },
    { .processes = 2, .data = SMALL, .memory = 4 * SMALL, .pool = 80 * MiB } },
  { "mixed", "4 processes, 95% reads, 5% writes, WAL, data in memory", ALL,
    run_statements,
    { { "statements", "1/s", 1, false, { { "best", BEST, 1.4 } } } },
    { .processes = 4, .data = SMALL, .memory = 5 * SMALL, .pool = 80 * MiB,
      .writes = 5 } },
  { "tpcc", "TPC-C, 2 terminals, data in memory, WAL, synchronous=NORMAL",
    ALL, bench_tpcc,
    { { "transactions", "1/s", 1, false, { { "best", BEST, 1.3 } } } },
    { .processes = 2, .data = 96 * MiB, .memory = 320 * MiB,
      .pool = 128 * MiB, .synchronous = "normal" } },
  { "tpcc-full", "the same, synchronous=FULL", ALL, bench_tpcc,
    { { "transactions", "1/s", 1, false, { { "best", BEST, 1 } } } },
    { .processes = 2, .data = 96 * MiB, .memory = 320 * MiB,
      .pool = 128 * MiB, .synchronous = "full" } },
  { "writers", "8 writing processes, WAL", 1u << ORIEL | 1u << PREAD
    | 1u << MMAP, run_statements,
    { { "writes", "1/s", 1, false, { { "best", BEST, 1 } } },
      { "p99", "ms", 1000, true, { { "best", BEST, 0.2 } } },
      { "worst p99", "ms", 1000, true, { { "best", BEST, 0.2 } } } },
    { .processes = 8, .data = 16 * MiB, .memory = 192 * MiB, .pool = 32 * MiB,
      .writes = 100 } },
  { "larger", "data 4 times the memory, zipf(0.99) reads beside full scans",
    ALL, run_statements,
    { { "reads", "1/s", 1, false, { { "best", BEST, 1.3 } } },
      { "scan", "s", 1, true, { { "best", BEST, 1 } } } },
    { .processes = 2, .data = 4 * SMALL, .memory = SMALL, .pool = 56 * MiB,
      .zipf = true, .scanner = true } },
  { "memory", "16 processes on one database, all of it at hand", ALL,
    run_memory,
    { { "memory", "MiB", 1, true, { { "cache", ONLY + CACHE, 0.25 } } } },
    { .processes = 16, .data = 32 * MiB, .memory = 1024 * MiB,
      .pool = 40 * MiB } },
  { "killed", "the first second after kill -9 of all, 2 processes, 5% writes",
    ALL, run_killed,
    { { "of steady", "%", 100, false, { { "itself", ITSELF, 0.9 } } },
      { "statements", "1/s", 1, false, { { NULL, BEST, 0 } } } },
    { .processes = 2, .data = SMALL, .memory = 4 * SMALL, .pool = 80 * MiB,
      .writes = 5, .killed = true } },
  { "load", "bulk load, index build, ordered scan, rollback journal", ALL,
    run_load,
    { { "load", "s", 1, true, { { "best", BEST, 1.05 } } },
      { "index", "s", 1, true, { { "best", BEST, 1.05 } } },
      { "scan", "s", 1, true, { { "best", BEST, 1.05 } } } },
    { .processes = 1, .data = 32 * MiB, .memory = 160 * MiB,
      .pool = 64 * MiB } },
};

const int ntests = sizeof tests / sizeof *tests;
