/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While databases are in use, someone removes the pool's file, cuts it, or
 * punches it empty; or cuts the database under the pointers into it.  No signal
 * ends the process: SQLite says an error at most, what was committed is there,
 * the process goes on, and the next one, with the stock VFS, finds the database
 * good.
 */
#include "vfs.h"

#include <stdbool.h>

#include "cut.h"

static char path[300];
static char pool[300];
static const char *pragmas;
static const char *window;
static int failures;            /* that SQLite told of */

struct outcome {
  char why[400];
  int pool_used;                /* in the end */
  int said;                     /* in the log, that it is not */
} *outcome;

static void __attribute__ ((format (printf, 1, 2)))
wrong (const char *fmt, ...)
{
  va_list ap;

  if (outcome->why[0])
    return;
  va_start (ap, fmt);
  vsnprintf (outcome->why, sizeof outcome->why, fmt, ap);
  va_end (ap);
}

static void
log_line (void *arg, int code, const char *text)
{
  (void) arg;
  outcome->said += code == SQLITE_WARNING
                   && strstr (text, "pool away is not used any more") != NULL;
}

/* ------------------------------------------------------------------ */
/* Deeds                                                              */

static void
unlink_it (void)
{
  if (unlink (pool) < 0)
    wrong ("unlink: %s", strerror (errno));
}

static void
cut (off_t size)
{
  if (truncate (pool, size) < 0)
    wrong ("truncate: %s", strerror (errno));
}

static void
cut_to_nothing (void)
{
  cut (0);
}

/* The tables stay, and most frames go. */
static void
cut_to_half (void)
{
  cut ((off_t) plain_size (pool) - 192 * 1024);
}

static void
punch (void)
{
  off_t frames = 256 * 1024;

  punch_file (pool, (off_t) plain_size (pool) - frames, frames);
}

static const struct {
  const char *name;
  void (*run) (void);
} deeds[] = {
  { "the pool's file is removed", unlink_it },
  { "it is cut to nothing", cut_to_nothing },
  { "it is cut to a part", cut_to_half },
  { "it is punched empty", punch },
};

static size_t deed;
static int moment;              /* of the life of the process, when it is done */

/* ------------------------------------------------------------------ */
/* The process                                                        */

static bool
is_answer (int rc)
{
  failures += rc != SQLITE_OK;
  return rc == SQLITE_OK || (rc & 0xff) == SQLITE_IOERR
         || (rc & 0xff) == SQLITE_FULL;
}

static int
transact (sqlite3 *db, int k, bool deed_inside)
{
  char sql[300];
  int rc;

  snprintf (sql, sizeof sql,
            "BEGIN IMMEDIATE; UPDATE t SET n = n + 1, v = zeroblob (length "
            "(v)); INSERT INTO log VALUES (%d)",
            k);
  rc = sqlite3_exec (db, sql, NULL, NULL, NULL);
  if (rc == SQLITE_OK && deed_inside)
    deeds[deed].run ();
  if (rc == SQLITE_OK)
    rc = sqlite3_exec (db, "UPDATE t SET n = n + 1; COMMIT", NULL, NULL,
                       NULL);
  if (!sqlite3_get_autocommit (db))
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  return rc;
}

/* -1: an error; else whether all is as after k transactions, or one more. */
static void
look (sqlite3 *db, int *k, const char *what, bool must)
{
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2 (
      db,
      "SELECT (SELECT count (*) FROM log), min (n), max (n), count (*), "
      "sum (length (v)) FROM t",
      -1, &stmt, NULL);
  int n;

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW) {
    n = sqlite3_column_int (stmt, 0);
    if (sqlite3_column_int (stmt, 1) != 2 * n
        || sqlite3_column_int (stmt, 2) != 2 * n
        || sqlite3_column_int (stmt, 3) != 400
        || sqlite3_column_int (stmt, 4) != 400 * 400 || n < *k || n > *k + 1)
      wrong ("%s: %d transactions where %d are known; n from %d to %d", what,
             n, *k, sqlite3_column_int (stmt, 1),
             sqlite3_column_int (stmt, 2));
    *k = n;
    rc = SQLITE_OK;
  }
  if (!is_answer (rc) || (must && rc != SQLITE_OK))
    wrong ("%s: %s", what, sqlite3_errmsg (db));
  sqlite3_finalize (stmt);
}

static sqlite3 *
open_one (void)
{
  char more[200];
  sqlite3 *db;

  snprintf (more, sizeof more, "pool=away&pool_size=256K&%s", window);
  db = must_open_db (path, "oriel", more);
  run (db, "%s; PRAGMA cache_size = 6", pragmas);
  return db;
}

static int
process (void *arg)
{
  sqlite3 *db = open_one ();
  sqlite3 *reader = open_one ();
  sqlite3_stmt *half;
  int done = 0;
  int rc;

  (void) arg;
  for (int k = 1; k <= 3; k++)
    if (transact (db, k, false) == SQLITE_OK)
      done = k;
  if (done != 3)
    wrong ("three transactions before");
  look (reader, &done, "before", true);
  /* In the middle of a query that has pointers. */
  half = prepare (reader, "SELECT length (v) FROM t ORDER BY id");
  for (int i = 0; moment == 0 && i < 100; i++)
    sqlite3_step (half);
  if (moment == 0) {
    deeds[deed].run ();
    while ((rc = sqlite3_step (half)) == SQLITE_ROW)
      ;
    if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_IOERR
        && (rc & 0xff) != SQLITE_CORRUPT)
      wrong ("a query in the middle: %s", sqlite3_errmsg (reader));
  }
  sqlite3_finalize (half);
  if (moment == 1)
    deeds[deed].run ();
  rc = transact (db, done + 1, moment == 2);
  if (!is_answer (rc))
    wrong ("a transaction: %s", sqlite3_errmsg (db));
  if (rc == SQLITE_OK)
    done++;
  look (reader, &done, "the reader after it", false);
  look (db, &done, "the writer after it", false);
  /* All has been told now: the process goes on. */
  for (int i = 0; i < 3; i++) {
    if (transact (db, done + 1, false) != SQLITE_OK)
      wrong ("transaction %d after it: %s", i + 1, sqlite3_errmsg (db));
    else
      done++;
    look (reader, &done, "the reader, going on", true);
    look (db, &done, "the writer, going on", true);
  }
  outcome->pool_used
      = strncmp (text_of (db, "PRAGMA oriel_status"), "pool ", 5) == 0;
  sqlite3_close (reader);
  sqlite3_close (db);
  db = open_one ();
  look (db, &done, "opened anew", true);
  sqlite3_close (db);
  return 0;
}

static void
check (const char *journal)
{
  static const char *const moments[]
      = { "while a query runs", "between transactions",
          "while a transaction runs" };
  static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
  sqlite3 *db;
  char name[310];
  int code;

  for (size_t i = 0; i < COUNT (tails); i++) {
    snprintf (name, sizeof name, "%s%s", path, tails[i]);
    unlink (name);
  }
  unlink (pool);
  memset (outcome, 0, sizeof *outcome);
  db = open_stock (path);
  run (db, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, v BLOB);"
           "CREATE TABLE log (k INTEGER PRIMARY KEY);"
           "WITH RECURSIVE i (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i "
           "WHERE x < 400) INSERT INTO t SELECT x, 0, zeroblob (400) FROM i");
  close_db (db);
  code = in_child (process, NULL);
  if (code != 0)
    wrong ("the process ended with %d", code);
  ok (!outcome->why[0], "%s, %s, %s: %s", journal, deeds[deed].name,
      moments[moment], outcome->why[0] ? outcome->why : "all goes on");
  ok ((outcome->said > 0) == (deeds[deed].run == cut_to_nothing),
      "the log says so if the pool is not used any more");
  ok (outcome->pool_used == (deeds[deed].run != cut_to_nothing),
      "%s the pool", outcome->pool_used ? "with" : "without");
  db = open_stock (path);
  is_str (text_of (db, "PRAGMA integrity_check"), "ok",
          "the next process finds the database good");
  close_db (db);
}

/* ------------------------------------------------------------------ */
/* The database itself                                                */

static int
cut_database (void *arg)
{
  sqlite3 *db = open_one ();
  sqlite3_stmt *stmt;
  int rc;

  (void) arg;
  stmt = prepare (db, "SELECT length (v) FROM t");
  for (int i = 0; i < 100; i++)
    sqlite3_step (stmt);
  if (truncate (path, 8192) < 0)
    wrong ("truncate: %s", strerror (errno));
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    ;
  sqlite3_finalize (stmt);
  /* The pool may have all of it, and serve it on. */
  stmt = prepare (db, "SELECT sum (length (v)) FROM t");
  if (sqlite3_step (stmt) == SQLITE_ROW
      && sqlite3_column_int (stmt, 0) != 400 * 400)
    wrong ("what was cut off is not missed");
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  return 0;
}

int
main (void)
{
  static const char *const modes[][3] = {
    { "rollback journal", "PRAGMA journal_mode = DELETE", "window=1M" },
    { "rollback journal, pointers",
      "PRAGMA journal_mode = DELETE; PRAGMA mmap_size = 10000000",
      "window=1M" },
    { "WAL, pointers",
      "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4;"
      "PRAGMA mmap_size = 10000000",
      "window=1M" },
    { "WAL, window swapped",
      "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4",
      "window=64K&slot=16K&backend=mmap" },
  };

  outcome = shared_memory (sizeof *outcome);
  sqlite3_config (SQLITE_CONFIG_LOG, log_line, NULL);
  snprintf (path, sizeof path, "%s", scratch_file ("a.db"));
  snprintf (pool, sizeof pool, "%s", pool_path ("away"));
  for (size_t m = 0; m < COUNT (modes); m++) {
    pragmas = modes[m][1];
    window = modes[m][2];
    /* Holes are noticed in linear windows alone, see oriel.h. */
    for (deed = 0;
         deed < COUNT (deeds)
         && (deeds[deed].run != punch
             || (holes_fault () && !strstr (window, "mmap")));
         deed++)
      for (moment = 0; moment < 3; moment++)
        check (modes[m][0]);
    memset (outcome, 0, sizeof *outcome);
    is_int (in_child (cut_database, NULL), 0,
            "no signal when the database is cut");
    ok (!outcome->why[0], "but an error, or what was there: %s",
        outcome->why[0] ? outcome->why : "yes");
  }
  return done_testing ();
}
