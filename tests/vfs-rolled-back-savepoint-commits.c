/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With a log, a transaction whose pages were written before it went back to a
 * savepoint is committed as with the stock VFS: SQLite may read of the log what
 * it wrote behind that savepoint.
 */
#include "vfs.h"

#define ROUNDS 300

int
main (void)
{
  const char *path = scratch_file ("savepoint.db");
  sqlite3 *db = open_oriel (path);
  int failed = 0;

  run (db, "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL;"
           "PRAGMA synchronous = OFF; PRAGMA cache_size = 10;"
           "CREATE TABLE t (a PRIMARY KEY)");
  for (int i = 0; i < ROUNDS && failed == 0; i++) {
    run (db, "PRAGMA wal_checkpoint (TRUNCATE); DELETE FROM t;"
             "INSERT INTO t VALUES (randomblob (900))");
    run (db, "BEGIN; INSERT INTO t SELECT randomblob (900) FROM t;"
             "SAVEPOINT s; INSERT INTO t SELECT randomblob (900) FROM t;"
             "INSERT INTO t SELECT randomblob (900) FROM t;"
             "INSERT INTO t SELECT randomblob (900) FROM t; ROLLBACK TO s");
    failed += try_run (db, "COMMIT") != SQLITE_OK;
    if (failed)
      diag ("round %d: %d", i, sqlite3_extended_errcode (db));
  }
  is_int (failed, 0, "commits that failed");
  is_int (number_of (db, "SELECT count (*) FROM t"), 2, "rows");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
  return done_testing ();
}
