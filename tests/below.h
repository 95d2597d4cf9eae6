/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * below.h - a VFS beneath Oriel's that sees what reaches the default VFS
 *
 * Call below_register() before anything else opens a database: Oriel goes on
 * top of it.  It is the VFS "unix" but for the method tables of open databases
 * and logs, whose writes, syncs, truncations and barriers come by below_hook
 * first.
 */
#ifndef BELOW_H
#define BELOW_H

#include "vfs.h"

enum below_call { BELOW_WRITE, BELOW_SYNC, BELOW_TRUNCATE, BELOW_BARRIER };

/* Returns an SQLite code: SQLITE_OK, and the call is made; any other, and it
 * fails with that.  data, length and offset are as the call has them. */
typedef int (*below_fn) (enum below_call call, int is_log, sqlite3_file *file,
                         const void *data, int length, sqlite3_int64 offset);

static below_fn below_hook;

/* Region 0 of the wal-index that was mapped last. */
static volatile uint32_t *below_index;

static sqlite3_vfs below_vfs;

/* One of a database and one of a log: what is open decides. */
static struct {
  const sqlite3_io_methods *real;
  sqlite3_io_methods methods;
} below_tables[2];

UTIL int
below_is_log (const sqlite3_file *file)
{
  return file->pMethods == &below_tables[1].methods;
}

UTIL const sqlite3_io_methods *
below_real (const sqlite3_file *file)
{
  return below_tables[below_is_log (file)].real;
}

UTIL int
below_ask (enum below_call call, sqlite3_file *file, const void *data, int n,
           sqlite3_int64 at)
{
  return below_hook ? below_hook (call, below_is_log (file), file, data, n, at)
                    : SQLITE_OK;
}

UTIL int
below_write (sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
  int rc = below_ask (BELOW_WRITE, file, data, n, at);

  return rc ? rc : below_real (file)->xWrite (file, data, n, at);
}

UTIL int
below_sync (sqlite3_file *file, int flags)
{
  int rc = below_ask (BELOW_SYNC, file, NULL, 0, 0);

  return rc ? rc : below_real (file)->xSync (file, flags);
}

UTIL int
below_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  int rc = below_ask (BELOW_TRUNCATE, file, NULL, 0, size);

  return rc ? rc : below_real (file)->xTruncate (file, size);
}

UTIL void
below_barrier (sqlite3_file *file)
{
  below_ask (BELOW_BARRIER, file, NULL, 0, 0);
  below_real (file)->xShmBarrier (file);
}

UTIL int
below_map (sqlite3_file *file, int region, int size, int extend,
           void volatile **p)
{
  int rc = below_real (file)->xShmMap (file, region, size, extend, p);

  if (rc == SQLITE_OK && region == 0)
    below_index = *p;
  return rc;
}

UTIL int
below_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
            int *out)
{
  int log = (flags & SQLITE_OPEN_WAL) != 0;
  sqlite3_vfs *real = vfs->pAppData;
  int rc = real->xOpen (real, name, file, flags, out);

  if (rc != SQLITE_OK || !(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)))
    return rc;
  below_tables[log].real = file->pMethods;
  below_tables[log].methods = *file->pMethods;
  below_tables[log].methods.xWrite = below_write;
  below_tables[log].methods.xSync = below_sync;
  below_tables[log].methods.xTruncate = below_truncate;
  below_tables[log].methods.xShmMap = below_map;
  below_tables[log].methods.xShmBarrier = below_barrier;
  file->pMethods = &below_tables[log].methods;
  return rc;
}

UTIL void
below_register (void)
{
  below_vfs = *sqlite3_vfs_find ("unix");
  below_vfs.zName = "below";
  below_vfs.pAppData = sqlite3_vfs_find ("unix");
  below_vfs.xOpen = below_open;
  if (sqlite3_vfs_register (&below_vfs, 1) != SQLITE_OK
      || oriel_vfs_register (0) != SQLITE_OK)
    bail_out ("a VFS cannot be registered");
}

/* ------------------------------------------------------------------ */
/* What a killed process would leave                                  */

UTIL void
below_copy_file (const char *from, const char *to)
{
  static char buffer[65536];
  int in = open (from, O_RDONLY | O_CLOEXEC);
  off_t at = 0;
  ssize_t got;

  unlink (to);
  while (in >= 0 && (got = read (in, buffer, sizeof buffer)) > 0) {
    plain_write (to, at, buffer, (size_t) got);
    at += got;
  }
  if (in >= 0)
    close (in);
}

struct below_copy {
  const char *path;
  uint64_t content;
};

UTIL int
below_check_copy (void *arg)
{
  const struct below_copy *c = arg;
  char from[600], to[600];
  sqlite3 *db;
  int good;

  snprintf (from, sizeof from, "%s-wal", c->path);
  snprintf (to, sizeof to, "%s-copy", c->path);
  below_copy_file (c->path, to);
  snprintf (to, sizeof to, "%s-copy-wal", c->path);
  below_copy_file (from, to);
  snprintf (to, sizeof to, "%s-copy", c->path);
  db = open_stock (to);
  good = strcmp (text_of (db, "PRAGMA integrity_check"), "ok") == 0
         && content_hash (db) == c->content;
  close_db (db);
  return good ? 0 : 1;
}

/* Do copies of database and log, as they are now, open with that content?  In
 * a child: closing a database's file would drop the locks of this process. */
UTIL int
below_copy_has (const char *path, uint64_t content)
{
  struct below_copy c = { path, content };

  return in_child (below_check_copy, &c) == 0;
}

#endif /* BELOW_H */
