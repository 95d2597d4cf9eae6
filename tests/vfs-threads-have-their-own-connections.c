/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of one process, each with its own connection, read and write one
 * database at once: no sum that a transaction keeps is ever seen broken, and
 * nothing is lost.
 */
#include "vfs.h"

#define THREADS 6
#define ACCOUNTS 200
#define TRANSFERS 120
#define TOTAL (ACCOUNTS * 1000LL)

static char path[512];
static const char *more;
static _Atomic int broken;
static _Atomic long long transfers;

static void
transfer (sqlite3 *db, uint64_t *random)
{
  int from = (int) (next_random (random) % ACCOUNTS);
  int to = (int) (next_random (random) % ACCOUNTS);
  int amount = (int) (next_random (random) % 100);

  run (db, "BEGIN IMMEDIATE;"
           "UPDATE account SET amount = amount - %d WHERE id = %d;"
           "UPDATE account SET amount = amount + %d WHERE id = %d;"
           "INSERT INTO log VALUES (%d, %d, zeroblob (700));"
           "COMMIT",
       amount, from, amount, to, from, to);
}

static void *
work (void *arg)
{
  uint64_t random = (uint64_t) (uintptr_t) arg;
  sqlite3 *db = must_open_db (path, "oriel", more);

  run (db, "PRAGMA synchronous = OFF; PRAGMA cache_size = 5;"
           "PRAGMA wal_autocheckpoint = 30; PRAGMA mmap_size = 100000000");
  for (int i = 0; i < TRANSFERS; i++) {
    transfer (db, &random);
    atomic_fetch_add (&transfers, 1);
    if (number_of (db, "SELECT sum (amount) FROM account") != TOTAL)
      atomic_fetch_add (&broken, 1);
    if (i % 40 == 39) {
      close_db (db);
      db = must_open_db (path, "oriel", more);
      run (db, "PRAGMA synchronous = OFF");
    }
  }
  close_db (db);
  return NULL;
}

static void
with (const char *journal, const char *uri, uint64_t seed)
{
  pthread_t threads[THREADS];
  sqlite3 *db;

  diag ("%s, %s", journal, uri);
  snprintf (path, sizeof path, "%s", scratch_file ("threads.db"));
  more = uri;
  atomic_store (&broken, 0);
  atomic_store (&transfers, 0);
  db = must_open_db (path, "oriel", more);
  run (db, "PRAGMA journal_mode = %s;"
           "CREATE TABLE account (id INTEGER PRIMARY KEY, amount, filler);"
           "CREATE TABLE log (a, b, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO account SELECT x, 1000, zeroblob (500) "
           "FROM c",
       journal, ACCOUNTS - 1);
  for (int i = 0; i < THREADS; i++)
    threads[i] = start_thread (work, (void *) (uintptr_t) (seed * 1000
                                                           + (unsigned) i));
  for (int i = 0; i < THREADS; i++)
    pthread_join (threads[i], NULL);
  is_int (atomic_load (&broken), 0, "the sum was right whenever it was read");
  is_int (number_of (db, "SELECT count (*) FROM log"),
          atomic_load (&transfers), "no transfer is lost");
  close_db (db);
  db = open_stock (path);
  is_int (number_of (db, "SELECT sum (amount) FROM account"), TOTAL,
          "a stock connection sees the sum");
  is_int (number_of (db, "SELECT count (*) FROM log"),
          atomic_load (&transfers), "and all transfers");
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
  unlink (path);
}

int
main (void)
{
  uint64_t seed = test_seed ();

  with ("WAL", POOL, seed);
  with ("WAL", "pool=tiny&pool_size=256K&window=64K&slot=4K", seed);
  with ("DELETE", POOL, seed);
  return done_testing ();
}
