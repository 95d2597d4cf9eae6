/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that the pool did not have are not copied into SQLite's own cache besides,
 * which would hold the same bytes twice; but an application that asks for a large
 * cache has them there, and SQLite finds them when the pool has given them up.
 */
#include "vfs.h"

#define ROWS 40000              /* 4.6 MB: more than the pool and SQLite's default */
#define SMALL_POOL "pool=test&pool_size=2M"

static int
cache_used (sqlite3 *db)
{
  int used = 0, most;

  if (sqlite3_db_status (db, SQLITE_DBSTATUS_CACHE_USED, &used, &most, 0)
      != SQLITE_OK)
    bail_out ("SQLITE_DBSTATUS_CACHE_USED is refused");
  return used;
}

/* All rows, not in order; how many pages the pool did not have. */
static unsigned long long
read_all (sqlite3 *db)
{
  unsigned long long before = stat_of (db, "misses");
  sqlite3_stmt *stmt = prepare (db, "SELECT length (v) FROM t WHERE id = ?");
  int wrong = 0;

  for (int i = 0; i < ROWS; i++) {
    sqlite3_bind_int (stmt, 1, (int) (i * 7919ll % ROWS) + 1);
    wrong += sqlite3_step (stmt) != SQLITE_ROW
             || sqlite3_column_int (stmt, 0) != 100;
    sqlite3_reset (stmt);
  }
  sqlite3_finalize (stmt);
  is_int (wrong, 0, "all rows are read");
  return stat_of (db, "misses") - before;
}

static void
fill (const char *path, int page_size)
{
  sqlite3 *db = open_stock (path);

  run (db, "PRAGMA page_size = %d; PRAGMA synchronous = OFF;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
           "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO t SELECT x, zeroblob (100) FROM c",
       page_size, ROWS);
  close_db (db);
}

/* When the cache is asked for after the first reads, under a lock that stays. */
static void
ask_late (const char *path, const char *before, const char *pragma)
{
  sqlite3 *db = must_open_db (path, "oriel", SMALL_POOL);
  unsigned long long misses;

  run (db, "%s", before);
  read_all (db);
  run (db, "%s", pragma);
  read_all (db);
  misses = read_all (db);
  ok (misses < 50, "%s: after %s %llu are missed", before, pragma, misses);
  close_db (db);
}

/* Of 30 pages that are far from each other. */
static void
few_rows (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT length (v) FROM t WHERE id = ?");

  for (int i = 0; i < 30; i++) {
    sqlite3_bind_int (stmt, 1, i * 7 % 30 * (ROWS / 30) + 1);
    sqlite3_step (stmt);
    sqlite3_reset (stmt);
  }
  sqlite3_finalize (stmt);
}

/* A page of SQLite that no frame can hold is SQLite's: the pool is not asked for a
 * part of it. */
static void
large_pages (const char *path)
{
  unsigned long long misses;
  sqlite3 *db;

  fill (path, 16384);
  db = must_open_db (path, "oriel", SMALL_POOL);
  few_rows (db);
  few_rows (db);
  run (db, "PRAGMA oriel_drop");
  misses = stat_of (db, "misses");
  few_rows (db);
  misses = stat_of (db, "misses") - misses;
  ok (misses < 4, "what SQLite has is not asked for: %llu misses", misses);
  close_db (db);
}

int
main (void)
{
  const char *path = scratch_file ("db");
  unsigned long long misses;
  sqlite3 *db;

  fill (path, 4096);
  db = must_open_db (path, "oriel", SMALL_POOL);
  misses = read_all (db);
  ok (misses > 500, "%llu pages were missed", misses);
  ok (cache_used (db) < 100000, "SQLite's cache has %d bytes",
      cache_used (db));

  run (db, "PRAGMA cache_size = -8000");
  read_all (db);
  ok (cache_used (db) > 2000000, "of 8 MB it has %d when that was asked for",
      cache_used (db));
  misses = read_all (db);
  ok (misses < 50, "and finds all there: %llu were missed", misses);
  run (db, "PRAGMA cache_size = 100");
  ok (cache_used (db) < 600000, "it is small again: %d", cache_used (db));
  misses = read_all (db);
  ok (misses > 500, "and %llu are missed", misses);
  ok (cache_used (db) < 600000, "which it does not get: %d", cache_used (db));
  run (db, "PRAGMA cache_size = 2000");
  read_all (db);
  ok (cache_used (db) > 2000000, "of 2000 pages it has %d bytes",
      cache_used (db));
  close_db (db);

  ask_late (path, "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA cache_size = -8000");
  ask_late (path, "BEGIN", "PRAGMA cache_size = 0x1000");
  ask_late (path, "SELECT 1", "PRAGMA cache_size = 3000");
  large_pages (scratch_file ("large"));
  ask_late (path, "SELECT 1", "PRAGMA default_cache_size = 3000");
  return done_testing ();
}
