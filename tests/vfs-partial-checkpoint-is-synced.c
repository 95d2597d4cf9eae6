/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint that cannot copy the whole log, and so is not synced by SQLite,
 * syncs what it has copied, if that is much and SQLite syncs at all: the one that
 * copies the rest need not.  If that fails it is an error, before SQLite counts a
 * frame as copied.
 */
#include "vfs.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MANY 100                /* pages; 64 of them are enough */
#define FEW 30
#define LOTS 2000
#define LAST_OF_LOTS "1980"

static dev_t device;
static ino_t inode;             /* of the database */
static int syncs;
static bool fails;

/* SQLite's library calls it. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  struct stat st;

  if (fstat (fd, &st) == 0 && st.st_dev == device && st.st_ino == inode) {
    syncs++;
    if (fails) {
      errno = EIO;
      return -1;
    }
  }
  return (int) syscall (SYS_fdatasync, fd);
}

static void
note_database (const char *path)
{
  struct stat st;

  if (stat (path, &st) < 0)
    bail_out ("%s: %s", path, strerror (errno));
  device = st.st_dev;
  inode = st.st_ino;
}

/* A log of so many pages and one more, which someone's snapshot is without. */
static sqlite3 *
with_reader (const char *path, const char *vfs, const struct peer *reader,
             int pages)
{
  sqlite3 *db;

  unlink (path);
  db = must_open_db (path, vfs, strcmp (vfs, "oriel") ? "" : POOL);
  run (db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
           "CREATE TABLE t (x, filler); CREATE TABLE u (x);"
           "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i "
           "WHERE n < %d) INSERT INTO t SELECT 0, zeroblob (3500) FROM i;"
           "INSERT INTO u VALUES (0);"
           "PRAGMA wal_checkpoint (TRUNCATE); UPDATE t SET x = 1",
       pages);
  note_database (path);
  peer_open (reader, path, "unix", "");
  peer_run (reader, "BEGIN");
  if ((int) peer_number (reader, "SELECT sum (x) FROM t") != pages)
    bail_out ("the reader does not see the log");
  run (db, "UPDATE u SET x = 1");
  syncs = 0;
  return db;
}

static void
done (sqlite3 *db, const struct peer *reader)
{
  close_db (db);
  peer_run (reader, "COMMIT");
  peer_close (reader);
}

static void
copy (const char *path, const char *vfs, const struct peer *reader, int pages,
      const char *before, int most, const char *what)
{
  sqlite3 *db = with_reader (path, vfs, reader, pages);

  run (db, "%s", before);
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  is_int (syncs, most, what);
  done (db, reader);
}

static void
failing (const char *path, const struct peer *reader)
{
  sqlite3 *db = with_reader (path, "oriel", reader, MANY);

  fails = true;
  try_run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  is_int (sqlite3_extended_errcode (db), SQLITE_IOERR_FSYNC,
          "that sync fails: an error");
  fails = false;
  peer_run (reader, "COMMIT; BEGIN");
  syncs = 0;
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  is_int (syncs, 1, "and the next checkpoint syncs");
  close_db (db);
  peer_run (reader, "COMMIT");
  is_int ((int) peer_number (reader, "SELECT sum (x) FROM t"), MANY,
          "nothing is lost");
  is_int ((int) peer_number (reader, "SELECT x FROM u"), 1,
          "nor what came after it");
  peer_close (reader);
}

int
main (void)
{
  struct peer reader = peer_start ();
  const char *path = scratch_file ("synced.db");
  sqlite3 *db;

  copy (path, "unix", &reader, MANY, "", 0,
        "SQLite does not sync what is incomplete");
  copy (path, "oriel", &reader, FEW, "", 0, "little is left to the next");
  copy (path, "oriel", &reader, MANY, "PRAGMA synchronous = OFF", 0,
        "nothing is synced where SQLite does not");
  copy (path, "oriel", &reader, LOTS,
        "UPDATE t SET x = 2 WHERE rowid > " LAST_OF_LOTS, 1,
        "once, though it is not known which page is the last");

  db = with_reader (path, "oriel", &reader, MANY);
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  is_int (syncs, 1, "much that is copied is synced");
  peer_run (&reader, "COMMIT; BEGIN");
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  is_int (syncs, 2, "the rest by SQLite, once");
  done (db, &reader);

  failing (path, &reader);
  return done_testing ();
}
