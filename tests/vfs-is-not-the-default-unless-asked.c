/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VFS leaves SQLite's default alone unless it is asked to become that.
 */
#include "vfs.h"

int
main (void)
{
  const char *path = scratch_file ("plain.db");
  const char *name = sqlite3_vfs_find (NULL)->zName;
  char *stack = NULL;
  sqlite3 *db;

  setenv ("ORIEL_DIR", pool_dir (), 1);
  setenv ("ORIEL_POOL_SIZE", "1M", 1);
  is_int (oriel_vfs_register (0), SQLITE_OK, "registered");
  is_str (sqlite3_vfs_find (NULL)->zName, name, "the default is as it was");
  ok (sqlite3_vfs_find ("oriel") != NULL, "oriel is known");
  is_int (oriel_vfs_register (1), SQLITE_OK, "registered as the default");
  is_str (sqlite3_vfs_find (NULL)->zName, "oriel", "it is the default");
  is_int (oriel_vfs_register (0), SQLITE_OK, "registered once more");
  is_str (sqlite3_vfs_find (NULL)->zName, "oriel", "it stays the default");

  setenv ("ORIEL_DIR", "/nonexistent", 1); /* too late to be heeded */
  if (sqlite3_open (path, &db) != SQLITE_OK)
    bail_out ("open: %s", sqlite3_errmsg (db));
  run (db, "CREATE TABLE t (x)");
  sqlite3_file_control (db, "main", SQLITE_FCNTL_VFSNAME, &stack);
  is_str (stack, "oriel/unix", "a database opened by its plain name uses it");
  sqlite3_free (stack);
  is_int ((long long) stat_of (db, "frames"), 256,
          "with the environment's pool");
  close_db (db);

  is_int (sqlite3_shutdown (), SQLITE_OK, "SQLite is shut down");
  is_int (sqlite3_initialize (), SQLITE_OK, "and initialised anew");
  is_int (oriel_vfs_register (0), SQLITE_OK, "registered again");
  is_str (sqlite3_vfs_find (NULL)->zName, name, "SQLite's own is the default");
  is_int (oriel_vfs_register (1), SQLITE_OK, "asked again");
  is_str (sqlite3_vfs_find (NULL)->zName, "oriel", "it is the default again");
  return done_testing ();
}
