/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A checkpoint finds the file's words another's for a while, as of a process that
 * is stopped, and writes its first page without the pool.  When they are free it
 * does not go on as if the pool had that page: what it copied is read, by all.
 */
#include "below.h"

enum { OWNER, TOKEN = 8 };      /* the words, of coherence.c and queue.c */

#define ROWS 100

static uint64_t *words;
static int freed;

static int
free_at_first_write (enum below_call call, int is_log, sqlite3_file *file,
                     const void *data, int amount, sqlite3_int64 at)
{
  (void) file, (void) data, (void) amount, (void) at;
  if (call == BELOW_WRITE && !is_log && words && !freed) {
    __atomic_store_n (&words[OWNER], 0, __ATOMIC_SEQ_CST);
    freed = 1;
  }
  return SQLITE_OK;
}

int
main (void)
{
  const char *path = scratch_file ("beside.db");
  struct peer other = peer_start ();
  uint64_t *its;
  sqlite3 *db;

  below_register ();
  below_hook = free_at_first_write;
  db = open_oriel (path);
  run (db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
           "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"
           "PRAGMA cache_size = 2; PRAGMA mmap_size = 0;"
           "CREATE TABLE t (version, filler);"
           "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"
           " WHERE i < %d) INSERT INTO t SELECT 0, zeroblob (3000) FROM c;"
           "PRAGMA wal_checkpoint (TRUNCATE)", ROWS);
  peer_open (&other, path, "oriel", POOL);
  peer_run (&other, "PRAGMA cache_size = 2");
  is_int (number_of (db, "SELECT sum (version) FROM t"), 0,
          "all pages are in the pool");
  run (db, "UPDATE t SET version = version + 1");
  its = oriel_file_words (must_open_file (test_pool (), path, ORIEL_FOREIGN));
  peer_run (&other, "BEGIN IMMEDIATE");
  its[OWNER] = its[TOKEN];      /* one who lives */
  peer_run (&other, "ROLLBACK");
  ok (its[OWNER] != 0, "the file's words are another's");
  words = its;
  run (db, "PRAGMA wal_checkpoint (PASSIVE)");
  ok (freed, "a page was written while they were");
  is_int (number_of (db, "SELECT sum (version) FROM t"), ROWS,
          "what was copied is read");
  is_int (peer_number (&other, "SELECT sum (version) FROM t"), ROWS,
          "by another process, too");
  close_db (db);
  peer_close (&other);
  peer_kill (&other);
  return done_testing ();
}
