/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All processes are killed, and one of them while it recalls leases.  Who makes
 * the wal-index anew ends that recall: leases are kept from the first read on,
 * and not when it is found out, a second later, that no one ends it.
 */
#include "vfs.h"

#define SIGNALS 5               /* a word, as in lease.c: RECALL is its half */
#define LEASES 4
#define TRIES 20                /* if busy, an idle lease may be gone */

static const char *path;
static uint64_t *words;
static uint32_t *recall;

/* 1: the one who came next has a lease. */
static int
one_try (struct peer *killed, struct peer *next)
{
  int leased;

  peer_open (killed, path, "oriel", POOL);
  peer_run (killed, "UPDATE t SET x = x + 1");
  peer_kill (killed);
  __atomic_store_n (&words[LEASES], 0, __ATOMIC_SEQ_CST);
  __atomic_store_n (recall, 7, __ATOMIC_SEQ_CST);
  peer_open (next, path, "oriel", POOL "&oriel_lease=3600000");
  peer_number (next, "SELECT x FROM t");
  leased = __atomic_load_n (&words[LEASES], __ATOMIC_SEQ_CST) != 0;
  is_int (__atomic_load_n (recall, __ATOMIC_SEQ_CST) & 1, 0,
          "the recall is over");
  peer_kill (next);
  return leased;
}

int
main (void)
{
  struct peer peers[2 * TRIES];
  oriel_pool *pool;
  sqlite3 *db;
  int leased = 0, n = 0;

  for (int i = 0; i < 2 * TRIES; i++)
    peers[i] = peer_start ();
  path = scratch_file ("recall.db");
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x);"
           "INSERT INTO t VALUES (0)");
  close_db (db);
  pool = test_pool ();
  words = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
  recall = (uint32_t *) &words[SIGNALS];
  for (; n < 2 * TRIES && !leased; n += 2)
    leased = one_try (&peers[n], &peers[n + 1]);
  ok (leased, "a lease is kept at once");
  for (; n < 2 * TRIES; n++)
    peer_kill (&peers[n]);
  return done_testing ();
}
