/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that was forked while databases were open uses the pool with a
 * connection of its own; the parent's connection goes on, and closing the
 * child's copy of it does no harm.
 */
#include "vfs.h"

static char path[512];
static sqlite3 *parents;

static int
child (void *arg)
{
  sqlite3 *db = open_oriel (path);
  int good = strncmp (text_of (db, "PRAGMA oriel_status"), "pool ", 5) == 0
             && number_of (db, "SELECT sum (x) FROM t") == 6;

  run (db, "INSERT INTO t VALUES (4); PRAGMA mmap_size = 1000000");
  good = good && number_of (db, "SELECT sum (x) FROM t") == 10;
  close_db (db);
  if (arg) /* what SQLite forbids, and programs do */
    sqlite3_close (parents);
  return good ? 0 : 1;
}

static void
with (const char *journal, void *arg)
{
  snprintf (path, sizeof path, "%s", scratch_file ("fork.db"));
  parents = open_oriel (path);
  run (parents, "PRAGMA journal_mode = %s; CREATE TABLE t (x);"
                "INSERT INTO t VALUES (1), (2), (3); PRAGMA cache_size = 0",
       journal);
  is_int (number_of (parents, "SELECT sum (x) FROM t"), 6, journal);
  is_int (in_child (child, arg), 0, "a child has its own connection");
  is_int (number_of (parents, "SELECT sum (x) FROM t"), 10,
          "the parent sees what it wrote");
  run (parents, "INSERT INTO t VALUES (5)");
  is_int (number_of (parents, "SELECT sum (x) FROM t"), 15, "and goes on");
  ok (strncmp (text_of (parents, "PRAGMA oriel_status"), "pool ", 5) == 0,
      "with its pool");
  close_db (parents);
  parents = open_stock (path);
  is_str (text_of (parents, "PRAGMA integrity_check"), "ok",
          "integrity_check");
  close_db (parents);
  unlink (path);
}

int
main (void)
{
  with ("DELETE", NULL);
  with ("WAL", NULL);
  with ("DELETE", path);
  return done_testing ();
}
