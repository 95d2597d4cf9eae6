/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who had the lock to write, but not the newest snapshot, tries again at once:
 * no one is in its way, and SQLite's busy handler would sleep nevertheless.  Not
 * for ever: what is not slept counts against the busy timeout.
 */
#include "vfs.h"

static sqlite3_io_methods methods;
static int (*lock_shm) (sqlite3_file *, int, int, int);
static int (*sleep_below) (sqlite3_vfs *, int);

static sqlite3 *other;
static int commits;             /* yet to come */
static int slept;               /* times */

/* Someone commits between the reader's mark and the writer's lock. */
static int
lock_late (sqlite3_file *file, int first, int n, int flags)
{
  if (first == 0 && (flags & SQLITE_SHM_LOCK) && commits > 0) {
    commits--;
    run (other, "UPDATE t SET x = x + 1");
  }
  return lock_shm (file, first, n, flags);
}

static int
count_sleep (sqlite3_vfs *vfs, int us)
{
  slept++;
  return sleep_below (vfs, us);
}

static int
slept_for (sqlite3 *db, int snapshots)
{
  slept = 0;
  commits = snapshots;
  run (db, "UPDATE t SET x = x + 100");
  if (commits > 0)
    bail_out ("the hook was not called");
  return slept;
}

int
main (void)
{
  sqlite3_vfs *below = sqlite3_vfs_find ("unix");
  const char *path = scratch_file ("a.db");
  sqlite3_file *file;
  sqlite3 *db;

  sleep_below = below->xSleep;
  below->xSleep = count_sleep;
  db = open_oriel (path);
  run (db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
           "CREATE TABLE t (x); INSERT INTO t VALUES (0)");
  other = open_stock (path);
  sqlite3_file_control (db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
  methods = *file->pMethods;
  lock_shm = methods.xShmLock;
  methods.xShmLock = lock_late;
  file->pMethods = &methods;

  is_int (slept_for (db, 1), 0, "an old snapshot is not slept for");
  is_int (slept_for (db, 4), 0, "nor are four");
  is_int (slept_for (db, 1), 0, "nor one after a commit");
  ok (slept_for (db, 12) > 0, "but twelve in a row are");
  is_int ((int) number_of (db, "SELECT x FROM t"), 418, "all have written");
  close_db (db);
  close_db (other);
  below->xSleep = sleep_below;
  return done_testing ();
}
