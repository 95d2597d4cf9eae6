/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Databases of all page sizes work in every journal mode through pools whose
 * pages are smaller or larger: our own connection, another process that shares
 * the pool, and SQLite's own VFS see what a stock database has.  A page that
 * fits into one of the pool's can be had by a pointer, a larger one is copied.
 *
 * ORIEL_QUICK=1 leaves out the pools of other page sizes than 4096.
 */
#include "vfs.h"

#define TRANSACTIONS 12

static const char *const journals[]
    = { "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF", "WAL" };
static const int pool_pages[] = { 4096, 512, 16384, 65536 };

static struct peer peer;
static uint64_t seed;

static void
workload (sqlite3 *db, int page_size, const char *journal)
{
  uint64_t random = seed;

  run (db, "PRAGMA page_size = %d; PRAGMA journal_mode = %s;"
           "PRAGMA synchronous = OFF; PRAGMA cache_size = 5;"
           "PRAGMA wal_autocheckpoint = 15; PRAGMA mmap_size = 100000000",
       page_size, journal);
  make_schema (db);
  for (int i = 0; i < TRANSACTIONS; i++)
    /* Without a journal ROLLBACK is undefined. */
    if (strcmp (journal, "OFF") != 0)
      random_transaction (db, &random);
    else
      for (int j = 0; j < 3; j++)
        run (db, "REPLACE INTO a VALUES (%d, %d, zeroblob (%d))",
             (int) (next_random (&random) % 3000), i, 700 * j);
}

static uint64_t
stock_content (const char *journal)
{
  const char *path = scratch_file ("stock.db");
  sqlite3 *db = open_stock (path);
  uint64_t content;

  workload (db, 4096, journal);
  content = content_hash (db);
  close_db (db);
  unlink (path);
  return content;
}

/* Pages that xFetch gives a pointer to; -1 if one shows what xRead does not. */
static int
fetched_pages (sqlite3 *db, int page_size)
{
  static char page[65536];
  sqlite3_file *file = NULL;
  sqlite3_int64 size = 0;
  int n = 0;

  run (db, "BEGIN");
  number_of (db, "SELECT count (*) FROM a");
  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_FILE_POINTER, &file)
          != SQLITE_OK
      || file->pMethods->xFileSize (file, &size) != SQLITE_OK)
    bail_out ("no file");
  for (sqlite3_int64 at = page_size; n >= 0 && at < size; at += page_size) {
    void *data = NULL;

    if (file->pMethods->xRead (file, page, page_size, at) != SQLITE_OK
        || file->pMethods->xFetch (file, at, page_size, &data) != SQLITE_OK)
      bail_out ("a page cannot be read");
    if (!data)
      continue;
    n = memcmp (data, page, (size_t) page_size) == 0 ? n + 1 : -1;
    file->pMethods->xUnfetch (file, at, data);
  }
  run (db, "COMMIT");
  return n;
}

static int
peer_sees (const char *path, const char *pool, uint64_t content)
{
  uint64_t hash;

  peer_open (&peer, path, "oriel", pool);
  hash = peer_hash (&peer, "SELECT * FROM a ORDER BY id")
         ^ (peer_hash (&peer, "SELECT * FROM b ORDER BY name") * 3)
         ^ (peer_hash (&peer, "SELECT k, id FROM a ORDER BY k, id") * 5)
         ^ (peer_hash (&peer, "SELECT n, name FROM b ORDER BY n, name") * 7);
  peer_close (&peer);
  return hash == content;
}

static int
stock_sees (const char *path, uint64_t content)
{
  sqlite3 *db = open_stock (path);
  int good = strcmp (text_of (db, "PRAGMA integrity_check"), "ok") == 0
             && content_hash (db) == content;

  close_db (db);
  return good;
}

static void
compare (int pool_page, int page_size, const char *journal, uint64_t content)
{
  const char *path = scratch_file ("ours.db");
  char pool[80];
  char what[80];
  sqlite3 *db;
  int pointers;

  snprintf (pool, sizeof pool, "pool=p%d&pool_size=4M&pool_page_size=%d",
            pool_page, pool_page);
  snprintf (what, sizeof what, "pages of %d in a pool of %d, %s", page_size,
            pool_page, journal);
  db = must_open_db (path, "oriel", pool);
  workload (db, page_size, journal);
  ok (number_of (db, "PRAGMA page_size") == page_size
          && stat_of (db, "page_size") == (unsigned) pool_page
          && content_hash (db) == content,
      "%s: our own connection sees it", what);
  ok (peer_sees (path, pool, content), "%s: another process sees it", what);
  run (db, "PRAGMA wal_checkpoint (TRUNCATE)");
  pointers = fetched_pages (db, page_size);
  ok (page_size <= pool_page ? pointers > 0 : pointers == 0,
      "%s: %s", what, page_size <= pool_page ? "pages are pointed to"
                                             : "pages are copied");
  close_db (db);
  ok (stock_sees (path, content), "%s: a stock connection sees it", what);
  unlink (path);
}

int
main (void)
{
  size_t pools = getenv ("ORIEL_QUICK") ? 1 : COUNT (pool_pages);
  uint64_t content, without;

  want_room (24 * MiB);
  seed = test_seed ();
  peer = peer_start ();
  content = stock_content ("DELETE");
  without = stock_content ("OFF");
  for (size_t i = 0; i < pools; i++)
    for (int size = 512; size <= 65536; size *= 2)
      for (size_t j = 0; j < COUNT (journals); j++)
        compare (pool_pages[i], size, journals[j],
                 strcmp (journals[j], "OFF") == 0 ? without : content);
  peer_kill (&peer);
  return done_testing ();
}
