/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint copies a part of the log, since someone reads the rest, and the
 * database cannot be written: that is an error, before SQLite counts a frame as
 * copied; and nothing is lost when the log starts anew.
 */
#include "vfs.h"

#include <sys/resource.h>

#define ROWS 300

/* How large files may become: beyond that writes fail with EFBIG. */
static void
limit_files (rlim_t bytes)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_FSIZE, &limit) < 0)
    bail_out ("getrlimit: %s", strerror (errno));
  limit.rlim_cur = bytes;
  if (setrlimit (RLIMIT_FSIZE, &limit) < 0)
    bail_out ("setrlimit: %s", strerror (errno));
}

int
main (void)
{
  struct peer peer = peer_start ();
  const char *path = scratch_file ("partial.db");
  struct rlimit all;
  sqlite3 *db;

  if (getrlimit (RLIMIT_FSIZE, &all) < 0)
    bail_out ("getrlimit: %s", strerror (errno));
  signal (SIGXFSZ, SIG_IGN);
  db = open_oriel (path);
  run (db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
           "CREATE TABLE t (x, filler);"
           "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
           "WHERE n < %d) INSERT INTO t SELECT 0, zeroblob (1000) FROM i;"
           "PRAGMA wal_checkpoint (TRUNCATE); UPDATE t SET x = 1",
       ROWS);
  peer_open (&peer, path, "unix", "");
  peer_run (&peer, "BEGIN");
  is_int ((long long) peer_number (&peer, "SELECT sum (x) FROM t"), ROWS,
          "someone reads");
  run (db, "INSERT INTO t VALUES (1, 1)");

  limit_files (4096);
  is_int (try_run (db, "PRAGMA wal_checkpoint (PASSIVE)") & 0xff, SQLITE_IOERR,
          "a part of the log cannot be copied: an error");
  limit_files (all.rlim_cur);
  peer_run (&peer, "COMMIT");
  peer_close (&peer);
  run (db, "PRAGMA wal_checkpoint (RESTART); INSERT INTO t VALUES (1, 1)");
  is_int (number_of (db, "SELECT sum (x) FROM t"), ROWS + 2, "all is there");
  close_db (db);
  db = open_stock (path);
  is_int (number_of (db, "SELECT sum (x) FROM t"), ROWS + 2,
          "and without the pool");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
  return done_testing ();
}
