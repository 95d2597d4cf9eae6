/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing one connection to a database takes no lock away from another of the
 * process, whichever VFS it uses; nor does closing idle descriptors, or opening
 * the database again.
 */
#include "vfs.h"

/* SQLite's lock bytes: PENDING, RESERVED, SHARED. */
#define LOCK_BYTES 0x40000000

static const char *path;

/* In a child, which does not share our locks: is any byte locked? */
static int
look (void *arg)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                        .l_start = LOCK_BYTES, .l_len = 512 };
  int fd = open (path, O_RDWR | O_CLOEXEC);

  (void) arg;
  if (fd < 0 || fcntl (fd, F_GETLK, &lock) < 0)
    return 2;
  return lock.l_type != F_UNLCK;
}

static void
holds (const char *what)
{
  is_int (in_child (look, NULL), 1, what);
}

/* Open and close more databases than may stay idle. */
static void
crowd (void)
{
  for (int i = 0; i < 40; i++) {
    char name[32];
    sqlite3 *db;

    snprintf (name, sizeof name, "crowd%d.db", i);
    db = open_oriel (scratch_file (name));
    run (db, "CREATE TABLE IF NOT EXISTS t (x)");
    close_db (db);
  }
}

static void
with (const char *vfs, const char *begin, const char *what)
{
  sqlite3 *holder = must_open_db (path, vfs, POOL);
  sqlite3 *other;

  diag ("%s", what);
  run (holder, "%s", begin);
  number_of (holder, "SELECT count (*) FROM t");
  holds ("the lock is held");
  other = open_oriel (path);
  number_of (other, "SELECT count (*) FROM t");
  close_db (other);
  holds ("it is after another connection was closed");
  crowd ();
  holds ("it is after many databases came and went");
  other = must_open_db (path, "oriel", "pool=second&pool_size=1M");
  close_db (other);
  holds ("it is after the database was opened in another pool");
  other = must_open_db (path, "oriel", POOL "&mode=ro");
  close_db (other);
  holds ("it is after it was opened read-only");
  run (holder, "COMMIT");
  close_db (holder);
  is_int (in_child (look, NULL), 0, "after the commit no lock is left");
}

int
main (void)
{
  sqlite3 *db;

  path = strdup (scratch_file ("locked.db"));
  db = open_oriel (path);
  run (db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  close_db (db);
  with ("oriel", "BEGIN", "a reader with the pool");
  with ("oriel", "BEGIN IMMEDIATE", "a writer with the pool");
  with ("unix", "BEGIN", "a reader with SQLite's own VFS");
  with ("unix", "BEGIN IMMEDIATE", "a writer with SQLite's own VFS");
  return done_testing ();
}
