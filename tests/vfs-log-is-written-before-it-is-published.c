/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log's frames gather, and are in the file before the wal-index says that
 * they are there: at each barrier the frame that is published is looked for in
 * the file.  And after each commit a copy of the files, as a killed process
 * would leave them, opens with all that was committed: after transactions that
 * spill, savepoints, rollbacks, checkpoints, logs that start anew, padding,
 * with pages of each size, and without a wal-index in shared memory.
 */
#include "below.h"

static char path[512];
static unsigned appends;        /* writes to the log since the last look */
static unsigned looked;
static unsigned missing;        /* frames published that were not there */

/* The log has frame n of this generation, and it is a commit frame. */
static int
has_frame (uint32_t n, const void *salts, uint32_t page_size)
{
  char name[600];
  unsigned char frame[24];
  off_t at = 32 + (off_t) (n - 1) * (24 + (off_t) page_size);

  snprintf (name, sizeof name, "%s-wal", path);
  return plain_read (name, at, frame, sizeof frame) == sizeof frame
         && memcmp (frame + 8, salts, 8) == 0
         && (frame[4] | frame[5] | frame[6] | frame[7]) != 0
         && plain_size (name) >= (uint64_t) at + 24 + page_size;
}

static int
watch (enum below_call call, int is_log, sqlite3_file *file, const void *data,
       int length, sqlite3_int64 offset)
{
  (void) file, (void) data, (void) length, (void) offset;
  if (call == BELOW_WRITE && is_log)
    appends++;
  if (call == BELOW_BARRIER && below_index) {
    /* The second copy of the header is written first. */
    volatile uint32_t *header = below_index + 12;
    uint32_t salts[2] = { header[8], header[9] };
    uint32_t size = ((volatile uint16_t *) header)[7];

    size = (size & 0xfe00) | (size & 1) << 16;
    if (header[4] > 0) {
      looked++;
      missing += !has_frame (header[4], salts, size);
    }
  }
  return SQLITE_OK;
}

static sqlite3 *
open_it (const char *more, unsigned page_size, const char *pragmas)
{
  char uri[256];
  sqlite3 *db;

  snprintf (uri, sizeof uri, "%s%s%s", POOL, *more ? "&" : "", more);
  unlink (path);
  below_index = NULL;
  db = must_open_db (path, "oriel", uri);
  run (db, "PRAGMA page_size = %u; %s; PRAGMA journal_mode = wal", page_size,
       pragmas);
  return db;
}

/* Random transactions, and what a copy has after each tenth. */
static int
transactions (sqlite3 *db, int n, uint64_t *random)
{
  int good = 1;

  for (int i = 0; i < n; i++) {
    random_transaction (db, random);
    if (i % 10 == 9 || i == n - 1)
      good &= below_copy_has (path, content_hash (db));
  }
  return good;
}

/* As random_transaction() does not: more than a buffer, pages written twice,
 * what is behind a savepoint taken back, all of it rolled back. */
static int
large (sqlite3 *db)
{
  static const char fill[]
      = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE "
        "x < 2000) REPLACE INTO a SELECT 5000 + x, x, randomblob (200) FROM c";
  uint64_t before;
  int good = 1;

  run (db, "PRAGMA cache_size = 10; BEGIN; %s; UPDATE a SET k = k + 1; "
           "SAVEPOINT s; UPDATE a SET v = zeroblob (150); "
           "DELETE FROM a WHERE id %% 3 = 0; ROLLBACK TO s; "
           "UPDATE a SET k = k + 7 WHERE id %% 5 = 0; COMMIT",
       fill);
  before = content_hash (db);
  good &= below_copy_has (path, before);
  run (db, "BEGIN; DELETE FROM a WHERE id %% 2; UPDATE a SET k = 1; ROLLBACK");
  good &= content_hash (db) == before && below_copy_has (path, before);
  run (db, "UPDATE a SET k = 3 WHERE id = 5001");
  good &= content_hash (db) != before;
  return good & below_copy_has (path, content_hash (db));
}

static void
one_case (const char *what, const char *more, unsigned page_size,
          const char *pragmas)
{
  int n = getenv ("ORIEL_QUICK") ? 20 : 60;
  uint64_t random = test_seed ();
  sqlite3 *db = open_it (more, page_size, pragmas);
  uint64_t content;

  make_schema (db);
  ok (transactions (db, n, &random), "%s: transactions", what);
  ok (large (db), "%s: large transactions", what);
  run (db, "PRAGMA wal_checkpoint (RESTART)");
  ok (transactions (db, n / 2, &random), "%s: a log that starts anew", what);
  run (db, "PRAGMA wal_checkpoint (TRUNCATE)");
  ok (transactions (db, n / 2, &random), "%s: a log that was truncated", what);
  content = content_hash (db);
  close_db (db);
  stock_agrees (path, content, what);
}

/* One write for each transaction, whatever it has of frames. */
static void
count_appends (void)
{
  sqlite3 *db = open_it ("", 4096, "PRAGMA synchronous = NORMAL");

  run (db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
  appends = 0;
  run (db, "INSERT INTO t VALUES (1, zeroblob (80000))");
  is_int (appends, 1, "20 frames are appended by one write");
  run (db, "UPDATE t SET v = randomblob (200)");
  is_int (appends, 2, "so is what the next transaction has");
  run (db, "BEGIN; UPDATE t SET v = zeroblob (80000); ROLLBACK");
  is_int (appends, 2, "and what is rolled back is not written");
  close_db (db);
}

/* The log's file, as a program may ask for it, in the middle of a transaction:
 * it has what was written to it, gathered or not. */
static void
use_the_file (void)
{
  sqlite3 *db = open_it ("", 4096, "PRAGMA synchronous = NORMAL");
  static char bytes[2 << 20], again[sizeof bytes];
  char name[600];
  sqlite3_int64 size, end;
  sqlite3_file *log;

  run (db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);"
           "PRAGMA cache_size = 4; BEGIN;"
           "INSERT INTO t VALUES (1, randomblob (400000))");
  sqlite3_file_control (db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  snprintf (name, sizeof name, "%s-wal", path);
  end = (sqlite3_int64) plain_size (name);
  /* Across the boundary of what is in the file and what is not yet. */
  ok (log->pMethods->xRead (log, bytes, 3 * 4120, end - 4120) == SQLITE_OK
          && plain_size (name) > (uint64_t) end,
      "a read across the boundary finds all");
  plain_read (name, end - 4120, again, 3 * 4120);
  ok (memcmp (bytes, again, 3 * 4120) == 0, "as it is in the file then");
  run (db, "INSERT INTO t VALUES (2, randomblob (20000))");
  end = (sqlite3_int64) plain_size (name);
  ok (log->pMethods->xFileSize (log, &size) == SQLITE_OK && size > end
          && plain_size (name) == (uint64_t) size,
      "the size counts what is gathered");
  run (db, "INSERT INTO t VALUES (3, randomblob (20000))");
  /* A frame's worth behind what the file has: the first of the gathered. */
  memset (bytes, 7, 5000);
  log->pMethods->xWrite (log, bytes, 5000, size - 1000);
  run (db, "INSERT INTO t VALUES (4, randomblob (20000))");
  end = (sqlite3_int64) plain_size (name);
  log->pMethods->xSync (log, SQLITE_SYNC_NORMAL);
  ok (plain_size (name) > (uint64_t) end, "a sync writes what is gathered");
  plain_read (name, size - 1000, again, 5000);
  ok (memcmp (bytes, again, 5000) == 0, "a later write wins");
  run (db, "INSERT INTO t VALUES (5, randomblob (20000))");
  log->pMethods->xTruncate (log, end);
  ok (log->pMethods->xFileSize (log, &size) == SQLITE_OK && size == end,
      "nothing that was written before a truncation comes after it");
  run (db, "ROLLBACK");
  close_db (db);
}

/* What was gathered and rolled back is not written later, over what others
 * have committed meanwhile in its place. */
static void
other_writer (void)
{
  sqlite3 *db = open_it ("", 4096, "PRAGMA synchronous = FULL");
  sqlite3 *other = open_oriel (path);
  uint64_t random = 7;
  uint64_t content;
  int good = 1;

  make_schema (db);
  run (db, "PRAGMA cache_size = 10");
  for (int i = 0; i < 5; i++) {
    run (db, "BEGIN; WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 "
             "FROM c WHERE x < 300) REPLACE INTO a SELECT x, x, "
             "randomblob (200) FROM c; ROLLBACK");
    random_transaction (other, &random);
    content = content_hash (other);
    run (db, "PRAGMA wal_checkpoint");
    good &= content_hash (db) == content && below_copy_has (path, content);
  }
  ok (good, "what was rolled back is not written over others' frames");
  close_db (db);
  close_db (other);
}

int
main (void)
{
  snprintf (path, sizeof path, "%s", scratch_file ("a.db"));
  below_register ();
  below_hook = watch;
  count_appends ();
  use_the_file ();
  other_writer ();
  one_case ("NORMAL", "", 4096, "PRAGMA synchronous = NORMAL");
  one_case ("FULL", "", 1024, "PRAGMA synchronous = FULL");
  one_case ("padded to sectors", "psow=0", 512, "PRAGMA synchronous = FULL");
  one_case ("pages of 64 KiB", "", 65536, "PRAGMA synchronous = OFF");
  ok (looked > 200, "%u frames were looked for when they were published",
      looked);
  is_int (missing, 0, "all were in the log then");
  one_case ("locked for itself", "", 4096,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL");
  return done_testing ();
}
