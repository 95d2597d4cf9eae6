/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that SQLite fetches time and again stay pinned in between: while a
 * transaction is open, and while a lease stands for its lock.  They are given
 * back with that, whoever takes it back; a keeper that is killed is in no one's
 * way; all connections together keep a small share of the pool; and pages that
 * someone drops meanwhile are read again.
 */
#include "vfs.h"

#define ROWS 20000
#define SHARED "pool=kept&pool_size=16M"
#define LONG SHARED "&oriel_lease=3600000"
#define FRAMES (16 * 1024 / 4)
#define KEEPERS 40
#define TURNS 300               /* that look at each of a connection's places */

static char path[512];
static sqlite3 *observer;

static long long
pins (void)
{
  return (long long) stat_of (observer, "pins");
}

/* Look rows up, in n places of the table; how many were wrong. */
static int
look_up (sqlite3 *db, int n)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT n FROM t WHERE id = ?");
  int wrong = 0;

  for (int i = 0; i < n; i++) {
    int id = 1 + i * (ROWS / n);

    sqlite3_bind_int (stmt, 1, id);
    wrong += sqlite3_step (stmt) != SQLITE_ROW
             || sqlite3_column_int (stmt, 0) != id;
    sqlite3_reset (stmt);
  }
  sqlite3_finalize (stmt);
  return wrong;
}

/* The pool has all pages, as what is not at hand is not fetched. */
static void
warm (sqlite3 *db)
{
  number_of (db, "SELECT sum (length (v)) FROM t");
  number_of (db, "SELECT sum (length (v)) FROM t");
}

static void
with_a_lease (void)
{
  sqlite3 *db = must_open_db (path, "oriel", LONG);
  sqlite3 *writer = must_open_db (path, "oriel", LONG);

  warm (db);
  is_int (look_up (db, 500), 0, "rows are found");
  ok (pins () > 0, "pages stay pinned with the lease");
  ok (pins () <= FRAMES / 32 / 8, "but few");
  run (writer, "UPDATE t SET v = zeroblob (99) WHERE id = 7");
  run (writer, "PRAGMA wal_checkpoint (TRUNCATE)");
  is_int (pins (), 0, "they are given back when it is recalled");
  is_int (number_of (db, "SELECT length (v) FROM t WHERE id = 7"), 99,
          "and what was written is read");
  run (db, "BEGIN");
  look_up (db, 50);
  ok (pins () > 0, "pages stay pinned in a transaction");
  run (db, "COMMIT");
  close_db (db);
  is_int (pins (), 0, "closing gives all back");
  close_db (writer);
}

static void
without (const char *more, const char *what)
{
  sqlite3 *db = must_open_db (path, "oriel", more);

  run (db, "BEGIN");
  warm (db);
  ok (look_up (db, 500) == 0, "rows are found, %s", what);
  ok (pins () > 0, "pages stay pinned in a transaction, %s", what);
  run (db, "COMMIT");
  is_int (pins (), 0, "and not after it");
  close_db (db);
}

/* The default lease goes after some milliseconds. */
static void
idle (void)
{
  sqlite3 *db = must_open_db (path, "oriel", SHARED);

  look_up (db, 500);
  while (pins () > 0)
    usleep (1000);
  ok (1, "who is idle keeps none");
  is_int (look_up (db, 500), 0, "and goes on");
  close_db (db);
}

static int
drop_all (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  (void) arg;
  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("kept", &opt);
  return oriel_file_drop (must_open_file (pool, path, ORIEL_FOREIGN)) != 0;
}

static void
dropped (void)
{
  sqlite3 *db = must_open_db (path, "oriel", LONG);
  int wrong = 0;

  warm (db);
  look_up (db, 500);
  ok (pins () > FRAMES / 32 / 8 / 2, "pages are kept");
  is_int (in_child (drop_all, NULL), 0, "another process drops the file's");
  sqlite3_db_release_memory (db); /* its own cache */
  for (int i = 0; i < TURNS; i++)
    wrong += look_up (db, 1);
  is_int (wrong, 0, "what was dropped is read again");
  ok (pins () < FRAMES / 32 / 8 / 2, "and not kept");
  close_db (db);
}

static void
bounded (void)
{
  sqlite3 *db[KEEPERS];
  int wrong = 0;

  for (int i = 0; i < KEEPERS; i++) {
    db[i] = must_open_db (path, "oriel", LONG);
    for (int j = 0; j < 3; j++)
      wrong += look_up (db[i], 50);
  }
  is_int (wrong, 0, "many connections read");
  ok (pins () > FRAMES / 32 / 8, "more than one keeps pages");
  ok (pins () <= FRAMES / 32, "all together a 32nd of the pool, at most");
  for (int i = 0; i < KEEPERS; i++)
    close_db (db[i]);
  is_int (pins (), 0, "closed, none");
}

static void
killed (struct peer *peer)
{
  peer_open (peer, path, "oriel", LONG);
  peer_number (peer, "SELECT sum (length (v)) FROM t");
  peer_number (peer, "SELECT n FROM t WHERE id = 77");
  ok (pins () > 0, "another process keeps pages");
  peer_kill (peer);
  run (observer, "UPDATE t SET n = -1 WHERE id = 77");
  is_int (number_of (observer, "PRAGMA wal_checkpoint (TRUNCATE)"), 0,
          "killed, it holds up no checkpoint");
  is_int (number_of (observer, "SELECT n FROM t WHERE id = 77"), -1,
          "and what was written is read");
}

int
main (void)
{
  struct peer peer = peer_start ();

  want_room (32 * MiB);
  snprintf (path, sizeof path, "%s", scratch_file ("kept.db"));
  observer = must_open_db (path, "oriel", LONG);
  run (observer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
                 "CREATE TABLE t (id INTEGER PRIMARY KEY, n, v);"
                 "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1"
                 " FROM c WHERE x < %d)"
                 " INSERT INTO t SELECT x, x, zeroblob (100) FROM c;"
                 "PRAGMA wal_checkpoint (TRUNCATE)", ROWS);
  with_a_lease ();
  without (SHARED "&oriel_lease=0", "without leases");
  idle ();
  dropped ();
  bounded ();
  run (observer, "PRAGMA journal_mode = DELETE");
  without (SHARED, "with a rollback journal");
  run (observer, "PRAGMA journal_mode = WAL");
  killed (&peer);
  is_str (text_of (observer, "PRAGMA integrity_check"), "ok",
          "integrity_check");
  close_db (observer);
  return done_testing ();
}
