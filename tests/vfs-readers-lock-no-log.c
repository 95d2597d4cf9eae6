/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who only reads never locks the log for writing, not for a moment and not to see
 * what strangers have copied: a stranger who writes would be told SQLITE_BUSY.
 */
#include <fcntl.h>

#include "vfs.h"

#define ROUNDS 6
#define WRITE_LOCK 120          /* a byte of the wal-index; SQLite's format */

static int counting;
static int locks;

static int
count_locks (int fd, int command, ...)
{
  va_list ap;
  void *arg;

  va_start (ap, command);
  arg = va_arg (ap, void *);
  va_end (ap);
  if (counting && command == F_SETLK) {
    const struct flock *lock = arg;

    locks += lock->l_type != F_UNLCK && lock->l_start <= WRITE_LOCK
             && lock->l_start + lock->l_len > WRITE_LOCK;
  }
  return fcntl (fd, command, arg);
}

static void
look (sqlite3 *db, long long sum)
{
  counting = 1;
  is_int (number_of (db, "SELECT sum (version) FROM t"), sum,
          "what the stranger wrote is seen");
  counting = 0;
}

int
main (void)
{
  sqlite3_vfs *unix_vfs = sqlite3_vfs_find ("unix");
  struct peer stranger;
  char path[512];
  long long sum = 0;
  sqlite3 *db;

  if (unix_vfs->iVersion < 3
      || unix_vfs->xSetSystemCall (unix_vfs, "fcntl",
                                   (sqlite3_syscall_ptr) count_locks)
             != SQLITE_OK)
    skip_all ("this SQLite's calls cannot be counted");
  stranger = peer_start ();
  snprintf (path, sizeof path, "%s", scratch_file ("read.db"));
  peer_open (&stranger, path, "unix", "");
  peer_run (&stranger,
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
            "PRAGMA synchronous = OFF; CREATE TABLE t (version);"
            "INSERT INTO t VALUES (0); PRAGMA wal_checkpoint (TRUNCATE)");
  db = open_oriel (path);
  look (db, sum);
  for (int i = 0; i < ROUNDS; i++) {
    peer_run (&stranger, "UPDATE t SET version = version + 1");
    look (db, ++sum);
    peer_run (&stranger, "PRAGMA wal_checkpoint (%s)",
              i % 3 ? "TRUNCATE" : "RESTART");
    if (i % 2)
      look (db, sum);
    /* Who has not had the log before begins it with new salts. */
    peer_close (&stranger);
    peer_open (&stranger, path, "unix", "");
    peer_run (&stranger, "PRAGMA wal_autocheckpoint = 0;"
                         "PRAGMA synchronous = OFF");
  }
  is_int (locks, 0, "the log was never locked for writing");
  close_db (db);
  peer_close (&stranger);
  peer_kill (&stranger);
  return done_testing ();
}
