/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process keeps 2048 pages pinned at most, however many of its connections read
 * and however large the pool is; those that come then go without.  Another process
 * gets its pins beside them, for pages to fetch and for all others, and what the
 * first has kept goes with its connections.
 */
#include "vfs.h"

#define BOUND 2048
#define A_CONNECTION 64
#define KEEPERS (BOUND / A_CONNECTION + 8)
#define ROWS 60000
#define URI "pool=bounded&pool_size=272M&oriel_lease=3600000"

static char path[512];
static sqlite3 *observer;

static long long
pins (void)
{
  return (long long) stat_of (observer, "pins");
}

/* Rows from all over the table; how many were wrong. */
static int
look_up (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT n FROM t WHERE id = ?");
  int wrong = 0;

  for (int id = 1; id <= ROWS; id += ROWS / 400) {
    sqlite3_bind_int (stmt, 1, id);
    wrong += sqlite3_step (stmt) != SQLITE_ROW
             || sqlite3_column_int (stmt, 0) != id;
    sqlite3_reset (stmt);
  }
  sqlite3_finalize (stmt);
  return wrong;
}

/* As many pages as a thread may have, all in use at once. */
static int
pin_some (void *arg)
{
  oriel_page page[ORIEL_THREAD_PINS / 2];
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;

  (void) arg;
  opt.pool_size = 272 * MiB;
  pool = must_open_pool ("bounded", &opt);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  for (int i = 0; i < ORIEL_THREAD_PINS / 2; i++)
    if (oriel_pin (file, (uint64_t) i,
                   ORIEL_OPTIMISTIC | (i % 2 ? ORIEL_ANYTHREAD : 0), &page[i]))
      return 1;
  for (int i = 0; i < ORIEL_THREAD_PINS / 2; i++)
    if (oriel_unpin (&page[i]))
      return 2;
  return 0;
}

static void
others (struct peer *peer)
{
  long long before = pins ();

  is_int (in_child (pin_some, NULL), 0, "another process pins what it wants");
  peer_open (peer, path, "oriel", URI);
  peer_number (peer, "SELECT sum (length (v)) FROM t");
  is_int (peer_number (peer, "SELECT n FROM t WHERE id = 77"), 77,
          "a connection of another process reads");
  ok (pins () > before, "and keeps pages, too");
  peer_close (peer);
  is_int (pins (), before, "until it is closed");
}

int
main (void)
{
  struct peer peer;
  sqlite3 *db[KEEPERS];
  long long last = 0;
  int wrong = 0;

  if (272 * MiB / 3 > pool_room (pool_dir ()) / 8)
    skip_all ("the file system of the pools is too small");
  peer = peer_start ();
  snprintf (path, sizeof path, "%s", scratch_file ("bounded.db"));
  observer = must_open_db (path, "oriel", URI);
  run (observer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
                 "CREATE TABLE t (id INTEGER PRIMARY KEY, n, v);"
                 "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1"
                 " FROM c WHERE x < %d)"
                 " INSERT INTO t SELECT x, x, zeroblob (100) FROM c;"
                 "PRAGMA wal_checkpoint (TRUNCATE)", ROWS);
  run (observer, "PRAGMA mmap_size = 0");
  number_of (observer, "SELECT sum (length (v)) FROM t");
  for (int i = 0; i < KEEPERS; i++) {
    db[i] = must_open_db (path, "oriel", URI);
    wrong += look_up (db[i]);
    if (i == BOUND / A_CONNECTION - 1)
      last = pins ();
  }
  is_int (wrong, 0, "all rows are found, in each connection");
  is_int (last, BOUND, "the first of them keep as many pages as may be");
  is_int (pins (), BOUND, "and the rest none");
  others (&peer);
  close_db (db[0]);
  is_int (pins (), BOUND - A_CONNECTION, "one that is closed keeps none");
  wrong = look_up (db[KEEPERS - 1]);
  is_int (wrong, 0, "the last reads again");
  is_int (pins (), BOUND, "and keeps pages now");
  for (int i = 1; i < KEEPERS; i++)
    close_db (db[i]);
  is_int (pins (), 0, "closed, none does");
  is_str (text_of (observer, "PRAGMA integrity_check"), "ok",
          "integrity_check");
  close_db (observer);
  return done_testing ();
}
