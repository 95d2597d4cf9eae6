/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same workload, through the pool and through SQLite's own VFS, leaves the
 * same content, in every journal mode and both locking modes.
 */
#include "vfs.h"

static void
workload (sqlite3 *db, const char *journal, const char *locking, uint64_t seed)
{
  uint64_t random = seed;

  /* A small cache makes SQLite spill, and read again what it wrote. */
  run (db, "PRAGMA cache_size = 20");
  run (db, "PRAGMA locking_mode = %s", locking);
  run (db, "PRAGMA journal_mode = %s", journal);
  run (db, "PRAGMA synchronous = OFF");
  run (db, "PRAGMA wal_autocheckpoint = 50");
  make_schema (db);
  for (int i = 0; i < 150; i++) {
    /* Without a journal ROLLBACK is undefined. */
    if (strcmp (journal, "OFF") == 0) {
      run (db, "BEGIN");
      for (int j = 0; j < 3; j++)
        run (db, "REPLACE INTO a VALUES (%d, %d, 'row %d')",
             (int) (next_random (&random) % 3000), i, j);
      run (db, "COMMIT");
    } else
      random_transaction (db, &random);
    if (i % 30 == 29)
      run (db, "SELECT sum (k) FROM a");
  }
}

static void
compare (const char *journal, const char *locking, uint64_t seed)
{
  const char *ours = scratch_file ("ours.db");
  const char *theirs = scratch_file ("stock.db");
  char what[64];
  uint64_t content;
  sqlite3 *db;

  snprintf (what, sizeof what, "%s, %s", journal, locking);
  db = open_stock (theirs);
  workload (db, journal, locking, seed);
  content = content_hash (db);
  close_db (db);

  db = open_oriel (ours);
  workload (db, journal, locking, seed);
  ok (content_hash (db) == content, "%s: our own connection sees it", what);
  close_db (db);
  stock_agrees (ours, content, what);
  db = open_oriel (ours);
  ok (content_hash (db) == content, "%s: a new connection sees it", what);
  close_db (db);
  unlink (ours);
  unlink (theirs);
}

int
main (void)
{
  static const char *const journals[]
      = { "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF", "WAL" };
  uint64_t seed = test_seed ();

  for (size_t i = 0; i < COUNT (journals); i++) {
    compare (journals[i], "NORMAL", seed + i);
    compare (journals[i], "EXCLUSIVE", seed + i);
  }
  return done_testing ();
}
