/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of pages is taken away that a connection has found right before, and
 * has looked at since its transaction began, or under the lease that stands for
 * its lock.  The statement that comes upon it may fail; the next one, in the same
 * transaction or under the same lease, reads what is in the file.
 */
#include "vfs.h"

#include "cut.h"

#define ROWS 20000
#define FRAMES (4 << 20)        /* bytes */

static sqlite3_stmt *stmt;

/* 1: all lookups say what they should. */
static int
look (int from)
{
  int good = 1;

  for (int id = from; id < from + 50 && good; id++)
    {
      sqlite3_bind_int (stmt, 1, id * 397 % ROWS);
      good = sqlite3_step (stmt) == SQLITE_ROW
             && sqlite3_column_int (stmt, 0) == id * 397 % ROWS * 3;
      sqlite3_reset (stmt);
    }
  return good;
}

static void
check (sqlite3 *db, const char *pool, const char *begin, const char *end)
{
  int first;

  run (db, "%s", begin);
  ok (look (1) && look (51), "%s lookups", *begin ? begin : "autocommit");
  cut_file (pool, (off_t) plain_size (pool) - FRAMES);
  first = look (1);
  diag ("the next lookups %s", first ? "are right" : "fail");
  ok (look (1), "what was lost is read again");
  ok (look (101), "and other pages");
  run (db, "%s", end);
}

int
main (void)
{
  const char *path = scratch_file ("a.db");
  sqlite3 *db = open_stock (path);

  run (db, "PRAGMA journal_mode = WAL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v BLOB);"
           "WITH RECURSIVE i (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM i "
           "WHERE x < %d) INSERT INTO t SELECT x, 3 * x, zeroblob (50) FROM i;"
           "PRAGMA wal_checkpoint = TRUNCATE", ROWS);
  close_db (db);
  db = open_oriel (path);
  stmt = prepare (db, "SELECT k FROM t WHERE id = ?");
  check (db, pool_path ("test"), "BEGIN", "ROLLBACK");
  check (db, pool_path ("test"), "", "");
  sqlite3_finalize (stmt);
  close_db (db);
  return done_testing ();
}
