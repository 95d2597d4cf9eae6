/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database 8 times as large as its pool, seen through a window an eighth of
 * that, keeps every row while rows are read and changed at random: on each
 * backend, with a rollback journal and with a log.
 */
#include "vfs.h"

#define ROWS 9000               /* of about 1 KiB: 9 MiB */
#define POOL_AND_WINDOW "pool_size=1M&window=128K&slot=4K"

static unsigned version[ROWS];

static void
put (sqlite3_stmt *stmt, int id)
{
  unsigned char row[1000];

  stamp (row, sizeof row, version[id], (uint64_t) id);
  sqlite3_bind_int (stmt, 1, id);
  sqlite3_bind_int64 (stmt, 2, version[id]);
  sqlite3_bind_blob (stmt, 3, row, sizeof row, SQLITE_STATIC);
  if (sqlite3_step (stmt) != SQLITE_DONE)
    bail_out ("a row cannot be written");
  sqlite3_reset (stmt);
}

static int
is_right (sqlite3_stmt *stmt, int id)
{
  return sqlite3_column_int64 (stmt, 1) == version[id]
         && sqlite3_column_bytes (stmt, 2) == 1000
         && is_stamped (sqlite3_column_blob (stmt, 2), 1000, version[id],
                        (uint64_t) id);
}

static int
count_wrong (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT * FROM t ORDER BY id");
  int wrong = 0;
  int next = 0;

  while (sqlite3_step (stmt) == SQLITE_ROW) {
    int id = sqlite3_column_int (stmt, 0);

    wrong += id != next++ || !is_right (stmt, id);
  }
  sqlite3_finalize (stmt);
  return wrong + (ROWS - next);
}

static void
change_and_look (sqlite3 *db, uint64_t *random)
{
  sqlite3_stmt *write = prepare (db, "REPLACE INTO t VALUES (?, ?, ?)");
  sqlite3_stmt *read = prepare (db, "SELECT * FROM t WHERE id = ?");
  int wrong = 0;

  for (int i = 0; i < 60; i++) {
    run (db, "BEGIN IMMEDIATE");
    for (int j = 0; j < 20; j++) {
      int id = (int) (next_random (random) % ROWS);

      version[id]++;
      put (write, id);
    }
    run (db, "COMMIT");
    for (int j = 0; j < 40; j++) {
      int id = (int) (next_random (random) % ROWS);

      sqlite3_bind_int (read, 1, id);
      wrong += sqlite3_step (read) != SQLITE_ROW || !is_right (read, id);
      sqlite3_reset (read);
    }
  }
  is_int (wrong, 0, "rows read at random are right");
  sqlite3_finalize (write);
  sqlite3_finalize (read);
}

static void
with (const char *backend, const char *journal, uint64_t *random)
{
  const char *path = scratch_file ("big.db");
  sqlite3_stmt *write;
  char more[160];
  sqlite3 *db;

  diag ("backend %s, journal mode %s", backend, journal);
  snprintf (more, sizeof more, "pool=%s-%s&backend=%s&" POOL_AND_WINDOW,
            backend, journal, backend);
  db = must_open_db (path, "oriel", more);
  run (db, "PRAGMA journal_mode = %s", journal);
  run (db, "PRAGMA synchronous = OFF; PRAGMA cache_size = 30;"
           "PRAGMA mmap_size = 1000000000;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, version, data);"
           "BEGIN");
  write = prepare (db, "INSERT INTO t VALUES (?, ?, ?)");
  memset (version, 0, sizeof version);
  for (int id = 0; id < ROWS; id++)
    put (write, id);
  sqlite3_finalize (write);
  run (db, "COMMIT");
  ok (number_of (db, "PRAGMA page_count") * 4096 >= 8 * (long long) MiB,
      "the database is 8 times its pool");
  is_int (count_wrong (db), 0, "all rows are right");
  change_and_look (db, random);
  is_int (count_wrong (db), 0, "all rows are right after changes");
  ok (stat_of (db, "evictions") > 1000, "the pool had to evict");
  ok (stat_of (db, "swaps") + stat_of (db, "copies") > 1000,
      "the window did not show all of it");
  close_db (db);
  db = open_stock (path);
  is_int (count_wrong (db), 0, "a stock connection sees all rows");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
  unlink (path);
}

int
main (void)
{
  static const char *const backends[] = { "mmap", "emulated" };
  uint64_t random = test_seed ();

  want_room (24 * MiB);
  for (size_t i = 0; i < COUNT (backends); i++) {
    with (backends[i], "DELETE", &random);
    with (backends[i], "WAL", &random);
  }
  return done_testing ();
}
