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

/* Each that SQLite 3.40 has, without those that sqlite3_file_control() answers
 * itself or that get an address, and some that no one has. */
static const struct {
  const char *name;
  int op;
} all[] = {
#define OP(name) { #name, SQLITE_FCNTL_##name }
  OP (LOCKSTATE), OP (GET_LOCKPROXYFILE), OP (SET_LOCKPROXYFILE),
  OP (LAST_ERRNO), OP (SIZE_HINT), OP (CHUNK_SIZE), OP (SYNC_OMITTED),
  OP (WIN32_AV_RETRY), OP (PERSIST_WAL), OP (OVERWRITE),
  OP (POWERSAFE_OVERWRITE), OP (BUSYHANDLER), OP (MMAP_SIZE), OP (TRACE),
  OP (HAS_MOVED), OP (SYNC), OP (COMMIT_PHASETWO), OP (WIN32_SET_HANDLE),
  OP (WAL_BLOCK), OP (ZIPVFS), OP (RBU), OP (WIN32_GET_HANDLE), OP (PDB),
  OP (BEGIN_ATOMIC_WRITE), OP (COMMIT_ATOMIC_WRITE),
  OP (ROLLBACK_ATOMIC_WRITE), OP (LOCK_TIMEOUT), OP (SIZE_LIMIT),
  OP (CKPT_DONE), OP (CKPT_START), OP (EXTERNAL_READER), OP (CKSM_FILE),
  { "one of the future", 43 }, { "one of an application", 1000 },
  { "a negative one", -7 },
};

/* Ask the files themselves, with the same argument. */
static void
same_of_all (sqlite3_file *a, sqlite3_file *b)
{
  for (size_t i = 0; i < COUNT (all); i++)
    for (int in = -1; in <= 1; in++) {
      sqlite3_int64 one[4] = { in };
      sqlite3_int64 two[4] = { in };
      int ra, rb;

      /* LAST_ERRNO of the one is not the other's; a hint grows the file. */
      if (all[i].op == SQLITE_FCNTL_LAST_ERRNO)
        continue;
      ra = a->pMethods->xFileControl (a, all[i].op, one);
      rb = b->pMethods->xFileControl (b, all[i].op, two);
      if (ra != rb || memcmp (one, two, sizeof one) != 0)
        ok (0, "%s of %d: %lld and code %d, not stock's %lld and %d",
            all[i].name, in, (long long) one[0], ra, (long long) two[0], rb);
    }
  ok (1, "%d file controls are as stock's", (int) COUNT (all));
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

  /* Stock's mmap_size is 0 unless asked for, and so is ours then. */
  setenv ("ORIEL_FETCH", "0", 1);
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

  same_of_all (a, b);
  run (ours, "INSERT INTO t VALUES (1)");
  is_int (number_of (ours, "SELECT count (*) FROM t"), 1,
          "the database works after all of them");
  sqlite3_file_control (ours, "main", SQLITE_FCNTL_RESET_CACHE, NULL);
  is_int (number_of (ours, "SELECT count (*) FROM t"), 1, "and RESET_CACHE");
  moved = 8;
  is_int (sqlite3_file_control (ours, "main", SQLITE_FCNTL_RESERVE_BYTES,
                                &moved),
          SQLITE_OK, "RESERVE_BYTES");
  moved = 0;
  same_int (SQLITE_FCNTL_CHUNK_SIZE, 32768, "CHUNK_SIZE");

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
