/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of two processes, some of them strangers, read, write, roll back,
 * checkpoint, vacuum, warm, drop and look at statistics, on a database with a
 * log and on one without, through connections that come and go: no sum that a
 * transaction keeps is ever seen broken, no call fails but for want of a lock,
 * and both databases are good.
 *
 * ORIEL_STRESS_SECONDS=n: for so long.
 */
#include "vfs.h"

#define LARGE "pool=test&pool_size=16M"
#if defined __SANITIZE_THREAD__ /* as in every-call-at-once.c */
# define PROCESSES 1
# define THREADS 8
#else
# define PROCESSES 2
# define THREADS 4
#endif
#define ACCOUNTS 100
#define TOTAL (ACCOUNTS * 1000LL)

static struct board {
  _Atomic uint64_t calls;
  atomic_int stop, told;
  char why[400];
} *board;

static const char *path[2];

/* One process has a window of slots, one sees all of the pool, and so has room
 * to keep pages that are fetched often. */
static const char *const windows[]
    = { LARGE "&window=1M&slot=16K", LARGE };
static const char *parameters;

static void
wrong (const char *what, const char *why)
{
  if (atomic_exchange (&board->told, 1) == 0)
    snprintf (board->why, sizeof board->why, "%s: %s", what, why);
  atomic_store (&board->stop, 1);
}

/* The last number that the statement gives, or -1.  SQLite gives up with BUSY,
 * LOCKED or, after ten seconds of a log's recovery, PROTOCOL. */
static long long
ask (sqlite3 *db, const char *sql)
{
  long long n = -1;
  sqlite3_stmt *stmt;
  int rc = sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL);

  if (rc == SQLITE_OK) {
    while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
      n = sqlite3_column_int64 (stmt, 0);
    rc = sqlite3_finalize (stmt);
  }
  if (rc == SQLITE_OK)
    return n;
  if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED && rc != SQLITE_PROTOCOL)
    wrong (sql, sqlite3_errmsg (db));
  return -1;
}

static void
transfer (sqlite3 *db, uint64_t r, const char *end)
{
  char sql[400];

  snprintf (sql, sizeof sql,
            "UPDATE account SET amount = amount + CASE id WHEN %u THEN 7 "
            "ELSE -7 END WHERE id IN (%u, %u)",
            (unsigned) (r >> 8) % ACCOUNTS, (unsigned) (r >> 8) % ACCOUNTS,
            (unsigned) ((r >> 8) + 1 + (r >> 24) % (ACCOUNTS - 1)) % ACCOUNTS);
  ask (db, "BEGIN IMMEDIATE");
  if (!sqlite3_get_autocommit (db)) {
    ask (db, sql);
    ask (db, end);
    if (!sqlite3_get_autocommit (db))
      ask (db, "ROLLBACK");
  }
}

static void
seldom (sqlite3 *db, uint64_t r, int ours)
{
  static const char *const all[] = {
    "PRAGMA wal_checkpoint (PASSIVE)",
    "PRAGMA wal_checkpoint (TRUNCATE)",
    "VACUUM",
    "PRAGMA mmap_size = 0",
    "PRAGMA mmap_size = 100000000",
    "PRAGMA cache_size = 3",
    "SELECT count (*) FROM account NATURAL JOIN account AS b",
  };
  static const char *const only_ours[] = {
    "PRAGMA oriel_status",
    "PRAGMA oriel_stats",
    "PRAGMA oriel_pool",
    "PRAGMA oriel_warm",
    "PRAGMA oriel_drop",
    "SELECT count (*) FROM oriel_pages",
    "SELECT count (*) FROM oriel_stats",
  };

  if (ours && r % 2)
    ask (db, only_ours[(r >> 8) % COUNT (only_ours)]);
  else
    ask (db, all[(r >> 8) % COUNT (all)]);
}

static void
use (sqlite3 *db, uint64_t *random, int ours)
{
  for (int i = 0; i < 60 && !atomic_load (&board->stop); i++) {
    uint64_t r = next_random (random);

    if (r % 16 < 8) {
      long long sum = ask (db, "SELECT sum (amount) FROM account");

      if (sum != -1 && sum != TOTAL)
        wrong ("a sum is broken", ours ? "seen by us" : "seen by a stranger");
    } else if (r % 16 < 12)
      transfer (db, r, r % 64 < 12 ? "ROLLBACK" : "COMMIT");
    else if (r % 16 < 13)
      seldom (db, r >> 6, ours);
    else
      ask (db, "SELECT amount FROM account WHERE id = abs (random () % 100)");
    atomic_fetch_add (&board->calls, 1);
  }
}

static void *
work (void *arg)
{
  uint64_t random = *(uint64_t *) arg;

  while (!atomic_load (&board->stop)) {
    uint64_t r = next_random (&random);
    int ours = r % 4 != 0;
    sqlite3 *db = must_open_db (path[(r >> 8) % 2], ours ? "oriel" : "unix",
                                ours ? parameters : "");

    sqlite3_busy_timeout (db, 20000);
    use (db, &random, ours);
    close_db (db);
  }
  return NULL;
}

static int
process (void *arg)
{
  uint64_t seed[THREADS];
  pthread_t thread[THREADS];

  parameters = windows[*(uint64_t *) arg % COUNT (windows)];
  for (int i = 0; i < THREADS; i++) {
    seed[i] = *(uint64_t *) arg * THREADS + (uint64_t) i;
    thread[i] = start_thread (work, &seed[i]);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  return 0;
}

static int
make (void *arg)
{
  for (int i = 0; i < 2; i++) {
    sqlite3 *db = open_stock (path[i]);

    (void) arg;
    run (db, "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
             "CREATE TABLE account (id INTEGER PRIMARY KEY, amount, filler);"
             "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
             "WHERE x < %d) INSERT INTO account SELECT x, 1000, "
             "zeroblob (500) FROM c",
         i ? "DELETE" : "WAL", ACCOUNTS - 1);
    close_db (db);
  }
  return 0;
}

int
main (void)
{
  const char *seconds = getenv ("ORIEL_STRESS_SECONDS");
  double until;
  uint64_t seed[PROCESSES], first = test_seed ();
  pid_t pid[PROCESSES];

  path[0] = strdup (scratch_file ("log.db"));
  path[1] = strdup (scratch_file ("journal.db"));
  pool_dir ();
  board = shared_memory (sizeof *board);
  is_int (in_child (make, NULL), 0, "two databases");
  for (uint64_t i = 0; i < PROCESSES; i++) {
    seed[i] = first * PROCESSES + i;
    pid[i] = spawn (process, &seed[i]);
  }
  until = seconds_now ()
          + (seconds ? atof (seconds) : getenv ("ORIEL_QUICK") ? 1 : 2);
  while (!atomic_load (&board->stop)
         && (seconds_now () < until || atomic_load (&board->calls) < 1000))
    usleep (1000);
  atomic_store (&board->stop, 1);
  for (int i = 0; i < PROCESSES; i++)
    is_int (reap (pid[i]), 0, "a process ends well");
  is_str (board->why, "", "nothing is wrong");
  diag ("%llu calls", (unsigned long long) atomic_load (&board->calls));
  for (int i = 0; i < 2; i++) {
    sqlite3 *db = open_stock (path[i]);

    is_str (text_of (db, "PRAGMA integrity_check"), "ok",
            i ? "the one without a log is good" : "the one with a log is good");
    ok (number_of (db, "SELECT sum (amount) FROM account") == TOTAL,
        "and nothing is lost");
    close_db (db);
  }
  return done_testing ();
}
