/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File controls are answered as the VFS beneath answers them, and ours by us;
 * unknown ones are unknown.
 */
#include "vfs.h"

static sqlite3 *ours;
static sqlite3 *stock;

static void
same_int (int op, int in, const char *name)
{
  int a = in;
  int b = in;
  int ra = sqlite3_file_control (ours, "main", op, &a);
  int rb = sqlite3_file_control (stock, "main", op, &b);

  ok (ra == rb && a == b, "%s: %d and code %d, as stock's %d and %d", name, a,
      ra, b, rb);
}

int
main (void)
{
  const char *one = scratch_file ("ours.db");
  const char *two = scratch_file ("stock.db");
  sqlite3_file *a = NULL;
  sqlite3_file *b = NULL;
  char *text = NULL;
  int moved = 0;

  ours = open_oriel (one);
  stock = open_stock (two);
  run (ours, "CREATE TABLE t (x); BEGIN IMMEDIATE");
  run (stock, "CREATE TABLE t (x); BEGIN IMMEDIATE");
  same_int (SQLITE_FCNTL_LOCKSTATE, -1, "LOCKSTATE");
  run (ours, "COMMIT");
  run (stock, "COMMIT");
  same_int (SQLITE_FCNTL_LOCKSTATE, -1, "LOCKSTATE without a lock");
  same_int (SQLITE_FCNTL_PERSIST_WAL, -1, "PERSIST_WAL asked");
  same_int (SQLITE_FCNTL_PERSIST_WAL, 1, "PERSIST_WAL set");
  same_int (SQLITE_FCNTL_PERSIST_WAL, -1, "PERSIST_WAL asked again");
  same_int (SQLITE_FCNTL_POWERSAFE_OVERWRITE, -1, "POWERSAFE_OVERWRITE");
  same_int (SQLITE_FCNTL_HAS_MOVED, -1, "HAS_MOVED");
  same_int (SQLITE_FCNTL_CHUNK_SIZE, 32768, "CHUNK_SIZE");
  same_int (SQLITE_FCNTL_EXTERNAL_READER, -1, "EXTERNAL_READER");
  same_int (SQLITE_FCNTL_LAST_ERRNO, -1, "LAST_ERRNO");
  same_int (SQLITE_FCNTL_DATA_VERSION, 0, "DATA_VERSION");
  same_int (987654, 7, "one that does not exist");

  is_int (sqlite3_file_control (ours, "main", SQLITE_FCNTL_VFSNAME, &text),
          SQLITE_OK, "VFSNAME");
  is_str (text, "oriel/unix", "it shows the stack");
  sqlite3_free (text);
  is_int (sqlite3_file_control (ours, "main", SQLITE_FCNTL_TEMPFILENAME,
                                &text),
          SQLITE_OK, "TEMPFILENAME");
  ok (text && *text == '/', "it is a path");
  sqlite3_free (text);

  sqlite3_file_control (ours, "main", SQLITE_FCNTL_FILE_POINTER, &a);
  sqlite3_file_control (stock, "main", SQLITE_FCNTL_FILE_POINTER, &b);
  is_int (a->pMethods->iVersion, b->pMethods->iVersion, "iVersion");
  is_int (a->pMethods->xSectorSize (a), b->pMethods->xSectorSize (b),
          "xSectorSize");
  is_int (a->pMethods->xDeviceCharacteristics (a),
          b->pMethods->xDeviceCharacteristics (b), "xDeviceCharacteristics");

  /* CHUNK_SIZE rounds the file's size up, beneath the pool. */
  run (ours, "PRAGMA synchronous = OFF;"
             "INSERT INTO t VALUES (zeroblob (100000))");
  is_int ((long long) plain_size (one) % 32768, 0, "the file grows by chunks");
  run (ours, "PRAGMA auto_vacuum = FULL; VACUUM; DELETE FROM t");
  is_int ((long long) plain_size (one) % 32768, 0, "and shrinks by chunks");
  is_str (text_of (ours, "PRAGMA integrity_check"), "ok", "integrity_check");

  unlink (one);
  sqlite3_file_control (ours, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  is_int (moved, 1, "HAS_MOVED of a deleted database");
  close_db (ours);
  close_db (stock);
  return done_testing ();
}
