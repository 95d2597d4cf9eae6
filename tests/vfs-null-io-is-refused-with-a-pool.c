/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file control that takes a file's descriptor away (SQLITE_FCNTL_NULL_IO, of
 * newer SQLite) is unknown where the pool is used, as we would go on reading and
 * writing by our own; and the VFS beneath has it where the pool is not.
 */
#include "below.h"

#define NULL_IO 43

static int seen;

static int
control (sqlite3_file *file, int op, void *arg)
{
  if (op != NULL_IO)
    return below_real (file)->xFileControl (file, op, arg);
  seen++;
  return SQLITE_OK;
}

/* Whose tables below_open() filled last. */
static int
ask (sqlite3 *db)
{
  below_tables[0].methods.xFileControl = control;
  seen = 0;
  return sqlite3_file_control (db, "main", NULL_IO, NULL);
}

int
main (void)
{
  const char *path = scratch_file ("null.db");
  sqlite3 *db;

  below_register ();
  db = open_oriel (path);
  run (db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  is_int (ask (db), SQLITE_NOTFOUND, "with a pool it is unknown");
  is_int (seen, 0, "and the VFS beneath keeps its descriptor");
  run (db, "INSERT INTO t VALUES (2)");
  is_int (number_of (db, "SELECT count (*) FROM t"), 2, "the database works");
  close_db (db);

  db = must_open_db (path, "oriel", "nolock=1");
  is_int (ask (db), SQLITE_OK, "without one it is answered");
  is_int (seen, 1, "by the VFS beneath");
  close_db (db);
  return done_testing ();
}
