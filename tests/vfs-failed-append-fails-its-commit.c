/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write to the log fails, before or after a part of it was made, or a sync
 * does: the statement that needed it is told, nothing of its transaction is
 * seen then or later, not even by a recovery after the next syncs (but if it
 * was only the sync that failed: as without Oriel, the log has it all then),
 * and the connection goes on.  At each write of a transaction that spills in
 * turn, and also with locking_mode = EXCLUSIVE, where no lock goes at the
 * rollback.
 */
#include "below.h"

static char path[512];

static enum below_call fail_call;
static int fail_at;             /* the call that fails; 0: none */
static int fail_code;
static int fail_part;           /* bytes that are written all the same, in % */
static int calls;

static int
fail (enum below_call call, int is_log, sqlite3_file *file, const void *data,
      int length, sqlite3_int64 offset)
{
  if (!is_log || call != fail_call || ++calls != fail_at)
    return SQLITE_OK;
  if (call == BELOW_WRITE && fail_part > 0)
    below_real (file)->xWrite (file, data, length * fail_part / 100, offset);
  return fail_code;
}

static const char small[]
    = "REPLACE INTO a VALUES (1, abs (random ()) % 1000, zeroblob (9))";

static const char large[]
    = "BEGIN;"
      "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE "
      "x < 500) REPLACE INTO a SELECT x, x + 1, randomblob (200) FROM c;"
      "SAVEPOINT s;"
      "UPDATE a SET k = k + 1 WHERE id % 7 = 0;"
      "ROLLBACK TO s;"
      "UPDATE a SET k = k + 2 WHERE id % 5 = 0;"
      "COMMIT";

static void
one_case (const char *what, const char *transaction, const char *pragmas,
          enum below_call call, int code, int part)
{
  sqlite3 *db = open_oriel (path);
  uint64_t random = 3;
  uint64_t content;
  int failures = 0, told = 1, unseen = 1, unseen_later = 1, whole = 1;
  int step = getenv ("ORIEL_QUICK") ? 3 : 1;

  run (db, "PRAGMA journal_mode = wal; PRAGMA cache_size = 8; "
           "PRAGMA wal_autocheckpoint = 0; %s",
       pragmas);
  run (db, "DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b");
  make_schema (db);
  for (int i = 0; i < 20; i++)
    random_transaction (db, &random);
  fail_call = call;
  fail_code = code;
  fail_part = part;
  for (int n = 1;; n += step) {
    int rc;

    content = content_hash (db);
    calls = 0;
    fail_at = n;
    rc = sqlite3_exec (db, transaction, NULL, NULL, NULL);
    fail_at = 0;
    if (rc == SQLITE_OK)
      break;
    failures++;
    told &= (rc & 0xff) == (code & 0xff);
    if (!sqlite3_get_autocommit (db))
      run (db, "ROLLBACK");
    unseen &= content_hash (db) == content;
    run (db, "PRAGMA wal_checkpoint");
    unseen_later &= content_hash (db) == content;
    if (call == BELOW_WRITE)
      unseen_later &= below_copy_has (path, content);
    random_transaction (db, &random);
    whole &= below_copy_has (path, content_hash (db));
  }
  ok (failures >= 1, "%s: fails at %d places", what, failures);
  ok (told, "%s: the error is told", what);
  ok (unseen, "%s: the transaction is not seen", what);
  ok (unseen_later, "%s: nor after a recovery", what);
  ok (whole, "%s: the next transaction is committed", what);
  content = content_hash (db);
  close_db (db);
  stock_agrees (path, content, what);
}

int
main (void)
{
  static const char normal[] = "PRAGMA synchronous = NORMAL";
  static const char full[] = "PRAGMA synchronous = FULL";
  static const char alone[]
      = "PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE";

  snprintf (path, sizeof path, "%s", path_in (pool_dir (), "a.db"));
  below_register ();
  below_hook = fail;
  one_case ("no room", large, normal, BELOW_WRITE, SQLITE_FULL, 0);
  one_case ("an error", large, normal, BELOW_WRITE, SQLITE_IOERR_WRITE, 0);
  one_case ("a short write", large, full, BELOW_WRITE, SQLITE_FULL, 70);
  one_case ("most of a write", large, normal, BELOW_WRITE, SQLITE_IOERR_WRITE,
            99);
  one_case ("a failed sync", large, full, BELOW_SYNC, SQLITE_IOERR_FSYNC, 0);
  one_case ("alone, no room", large, alone, BELOW_WRITE, SQLITE_FULL, 0);
  one_case ("alone, a short write", large, alone, BELOW_WRITE,
            SQLITE_IOERR_WRITE, 50);
  one_case ("one write", small, normal, BELOW_WRITE, SQLITE_FULL, 50);
  one_case ("alone, one write", small, alone, BELOW_WRITE, SQLITE_FULL, 50);
  return done_testing ();
}
