/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database that is deleted and recreated at the same path, a thousand times,
 * never shows the rows of its predecessors, and leaves no descriptors behind;
 * nor does one that another file was renamed over.
 */
#include "vfs.h"

#include <dirent.h>

#define TIMES 1000

static int
count_descriptors (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  int n = 0;

  while (dir && readdir (dir))
    n++;
  if (dir)
    closedir (dir);
  return n;
}

static void
make (const char *path, const char *vfs, int number, const char *journal)
{
  sqlite3 *db = must_open_db (path, vfs, POOL);

  run (db, "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
           "CREATE TABLE t (n, filler); INSERT INTO t VALUES (%d, "
           "zeroblob (9000))",
       journal, number);
  close_db (db);
}

static int
shows (const char *path, int number)
{
  sqlite3 *db = open_oriel (path);
  int good = number_of (db, "SELECT n FROM t") == number
             && number_of (db, "SELECT count (*) FROM t") == 1
             && strncmp (text_of (db, "PRAGMA oriel_status"), "pool ", 5) == 0;

  close_db (db);
  return good;
}

int
main (void)
{
  const char *path = scratch_file ("again.db");
  const char *next = scratch_file ("next.db");
  int wrong = 0;
  int early = 0;
  int descriptors;
  sqlite3 *db;

  for (int i = 0; i < TIMES; i++) {
    make (path, i % 3 ? "oriel" : "unix", i, i % 2 ? "WAL" : "DELETE");
    wrong += !shows (path, i);
    unlink (path);
    if (i == 50)
      early = count_descriptors ();
  }
  descriptors = count_descriptors ();
  is_int (wrong, 0, "each database shows its own row");
  ok (descriptors <= early, "after %d databases %d descriptors are open, after "
      "50 it was %d", TIMES, descriptors, early);

  wrong = 0;
  for (int i = 0; i < 100; i++) {
    make (next, i % 3 ? "oriel" : "unix", -i, "DELETE");
    if (rename (next, path) < 0)
      bail_out ("rename: %s", strerror (errno));
    wrong += !shows (path, -i);
  }
  is_int (wrong, 0, "each database that was renamed over it shows its own row");
  ok (count_descriptors () <= early + 4, "and leaves no descriptors");

  /* A connection that has the old file open goes on with it. */
  db = open_oriel (path);
  run (db, "PRAGMA cache_size = 0");
  is_int (number_of (db, "SELECT n FROM t"), -99, "the last one");
  make (next, "oriel", 7, "DELETE");
  rename (next, path);
  is_int (number_of (db, "SELECT n FROM t"), -99, "is seen while it is open");
  ok (shows (path, 7), "and the new one by who opens that");
  close_db (db);
  return done_testing ();
}
