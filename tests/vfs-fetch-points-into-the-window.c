/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With mmap_size above 0 SQLite reads pages where they are, in the window; and
 * a statement that is not finished can't take the whole window for itself.
 */
#include "vfs.h"

static sqlite3_int64
file_mmap_size (sqlite3 *db, sqlite3_int64 size)
{
  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_MMAP_SIZE, &size)
      != SQLITE_OK)
    bail_out ("SQLITE_FCNTL_MMAP_SIZE is refused");
  return size;
}

static void
fill (sqlite3 *db)
{
  run (db, "PRAGMA synchronous = OFF;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < 20000) INSERT INTO t SELECT x, zeroblob (100) FROM c");
}

static unsigned long long
fetched_in_a_scan (sqlite3 *db)
{
  sqlite3_stmt *stmt = prepare (db, "SELECT id FROM t ORDER BY id");
  unsigned long long most = 0;

  for (int i = 0; sqlite3_step (stmt) == SQLITE_ROW; i++)
    if (i % 1000 == 0 && stat_of (db, "fetched") > most)
      most = stat_of (db, "fetched");
  sqlite3_finalize (stmt);
  return most;
}

/* A connection's first fetch is of a page that it may not have. */
static void
begin_beyond (const char *path)
{
  sqlite3 *db = open_oriel (path);

  run (db, "CREATE TABLE last (n); INSERT INTO last VALUES (7)");
  close_db (db);
  db = open_oriel (path);
  run (db, "PRAGMA mmap_size = 262144");
  run (db, "BEGIN");
  is_int (number_of (db, "SELECT n FROM last"), 7,
          "the first page that is wanted lies behind mmap_size");
  is_int (number_of (db, "SELECT count (*) FROM t"), 20000, "the next do not");
  close_db (db);
}

/* While statements of others are not finished, one reads, and one writes. */
static void
go_on_beside (const char *path)
{
  sqlite3 *reader = must_open_db (path, "oriel", "pool=small");
  sqlite3 *writer = must_open_db (path, "oriel", "pool=small");

  run (reader, "PRAGMA mmap_size = 1000000000");
  is_int (number_of (reader, "SELECT sum (id) FROM t"), 20000 * 20001 / 2,
          "beside them another connection reads all");
  ok (fetched_in_a_scan (reader) > 0, "and has pointers, too");
  run (writer, "UPDATE t SET filler = 'new' WHERE id %% 10 = 0");
  is_int (number_of (reader, "SELECT count (*) FROM t WHERE filler = 'new'"),
          2000, "a third one writes");
  close_db (writer);
  close_db (reader);
}

/* Many statements, each with its own place in the tree. */
static void
exhaust (const char *path)
{
  sqlite3 *db = must_open_db (path, "oriel", "pool=small&pool_size=1M&"
                                             "window=256K&slot=16K");
  sqlite3_stmt *stmt[40];
  int wrong = 0;

  run (db, "PRAGMA mmap_size = 1000000000");
  /* What is wanted often gets a slot; SQLite's own cache keeps nothing. */
  for (int i = 0; i < 100 * (int) COUNT (stmt); i++) {
    sqlite3_stmt *one = prepare (db, "SELECT id FROM t WHERE id = ?");

    sqlite3_bind_int (one, 1, i % (int) COUNT (stmt) * 500 + 1);
    wrong += sqlite3_step (one) != SQLITE_ROW;
    sqlite3_finalize (one);
    sqlite3_db_release_memory (db);
  }
  for (int i = 0; i < (int) COUNT (stmt); i++) {
    stmt[i] = prepare (db, "SELECT id FROM t WHERE id > ? ORDER BY id");
    sqlite3_bind_int (stmt[i], 1, i * 500);
    wrong += sqlite3_step (stmt[i]) != SQLITE_ROW
             || sqlite3_column_int (stmt[i], 0) != i * 500 + 1;
  }
  is_int (wrong, 0, "40 open statements work in a window of 16 slots");
  ok (stat_of (db, "fetched") > 0, "some have fetched pages");
  ok (stat_of (db, "fetched") <= 4, "but no more than a quarter of the slots");
  go_on_beside (path);
  for (int i = 0; i < (int) COUNT (stmt); i++) {
    for (int j = 2; j < 400; j++)
      wrong += sqlite3_step (stmt[i]) != SQLITE_ROW
               || sqlite3_column_int (stmt[i], 0) != i * 500 + j;
    sqlite3_finalize (stmt[i]);
  }
  is_int (wrong, 0, "and go on");
  is_int ((long long) stat_of (db, "fetched"), 0, "at the end none is fetched");
  is_int ((long long) stat_of (db, "pins"), 0, "and none pinned");
  close_db (db);
}

int
main (void)
{
  const char *path = scratch_file ("fetch.db");
  sqlite3 *db;

  want_room (24 * MiB);
  db = open_oriel (path);
  fill (db);
  is_int (file_mmap_size (db, -1), 0x7fff0000,
          "mmap_size is as large as can be by default");
  number_of (db, "SELECT sum (length (filler)) FROM t");
  ok (fetched_in_a_scan (db) > 0, "so pages are fetched");
  close_db (db);
  db = must_open_db (path, "oriel", POOL "&oriel_fetch=0");
  is_int (file_mmap_size (db, -1), 0, "it is 0 with oriel_fetch=0");
  is_int ((long long) fetched_in_a_scan (db), 0, "then nothing is fetched");
  is_int (number_of (db, "PRAGMA mmap_size = 1000000"), 1000000,
          "PRAGMA mmap_size sets it");
  is_int (file_mmap_size (db, -1), 1000000, "a negative size asks for it");
  is_int (file_mmap_size (db, 500000), 1000000, "setting it tells the old one");
  file_mmap_size (db, 1000000000);
  ok (fetched_in_a_scan (db) > 0, "a scan fetches pages");
  is_int ((long long) stat_of (db, "fetched"), 0, "and gives them back");
  run (db, "PRAGMA journal_mode = WAL; UPDATE t SET filler = zeroblob (101)");
  number_of (db, "SELECT sum (length (filler)) FROM t");
  run (db, "PRAGMA wal_checkpoint");
  ok (fetched_in_a_scan (db) > 0, "after a checkpoint they are");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  run (db, "PRAGMA mmap_size = 0");
  ok (fetched_in_a_scan (db) == 0, "with mmap_size 0 none is fetched again");
  close_db (db);
  begin_beyond (path);
  exhaust (path);
  return done_testing ();
}
