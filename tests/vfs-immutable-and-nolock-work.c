/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database opened with immutable=1 is read from the pool, as it was when it
 * was opened; one opened with nolock=1 works without the pool.  Both see what
 * strangers wrote before.
 */
#include "vfs.h"

static const char *path;

static void
stranger_sets (int x)
{
  sqlite3 *db = open_stock (path);

  run (db, "UPDATE t SET x = %d", x);
  close_db (db);
}

int
main (void)
{
  sqlite3 *db;

  path = strdup (scratch_file ("fixed.db"));
  db = open_oriel (path);
  run (db, "CREATE TABLE t (x, filler); INSERT INTO t VALUES (1, "
           "zeroblob (50000))");
  close_db (db);
  for (int i = 2; i < 6; i++) {
    stranger_sets (i);
    db = must_open_db (path, "oriel", POOL "&immutable=1");
    is_int (number_of (db, "SELECT x FROM t"), i, "immutable=1 sees the value");
    ok (strncmp (text_of (db, "PRAGMA oriel_status"), "pool ", 5) == 0,
        "through the pool");
    ok (try_run (db, "UPDATE t SET x = 0") != SQLITE_OK, "it can't write");
    close_db (db);

    db = must_open_db (path, "oriel", POOL "&nolock=1");
    is_int (number_of (db, "SELECT x FROM t"), i, "nolock=1 sees the value");
    run (db, "UPDATE t SET x = x + 100");
    close_db (db);
    db = open_oriel (path);
    is_int (number_of (db, "SELECT x FROM t"), i + 100,
            "what it wrote is seen through the pool");
    close_db (db);
  }
  return done_testing ();
}
