/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Databases of all page sizes work through a pool whose pages are of one size,
 * smaller or larger, with a rollback journal and with a log.
 */
#include "vfs.h"

static void
workload (sqlite3 *db, int page_size, const char *journal, uint64_t seed)
{
  uint64_t random = seed;

  run (db, "PRAGMA page_size = %d", page_size);
  run (db, "PRAGMA journal_mode = %s", journal);
  run (db, "PRAGMA synchronous = OFF");
  run (db, "PRAGMA cache_size = 10");
  run (db, "PRAGMA wal_autocheckpoint = 40");
  run (db, "PRAGMA mmap_size = 100000000");
  make_schema (db);
  for (int i = 0; i < 100; i++)
    random_transaction (db, &random);
}

static void
compare (int page_size, const char *journal, uint64_t seed)
{
  const char *ours = scratch_file ("ours.db");
  const char *theirs = scratch_file ("stock.db");
  char what[64];
  uint64_t content;
  sqlite3 *db;

  snprintf (what, sizeof what, "pages of %d, %s", page_size, journal);
  db = open_stock (theirs);
  workload (db, page_size, journal, seed);
  content = content_hash (db);
  close_db (db);

  db = open_oriel (ours);
  workload (db, page_size, journal, seed);
  is_int (number_of (db, "PRAGMA page_size"), page_size, what);
  ok (content_hash (db) == content, "%s: our own connection sees it", what);
  close_db (db);
  stock_agrees (ours, content, what);
  unlink (ours);
  unlink (theirs);
}

int
main (void)
{
  uint64_t seed = test_seed ();

  for (int size = 512; size <= 65536; size *= 2) {
    compare (size, "DELETE", seed + (unsigned) size);
    compare (size, "WAL", seed + (unsigned) size);
  }
  return done_testing ();
}
