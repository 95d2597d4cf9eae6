/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed before, in the middle of, or after any call that appends
 * to the log, syncs, truncates or publishes it, or writes the database in a
 * checkpoint.  Another process that has the database open goes on through the
 * same pool: it sees what the dead one committed, or one transaction more, and
 * so does stock SQLite; and what the living one commits next, both see.
 */
#include "below.h"

#define TRANSACTIONS 14

static char path[512];

/* What the killed process leaves. */
static struct shared {
  int calls;                    /* that a whole run makes */
  int acknowledged;
  uint64_t content[TRANSACTIONS + 1];
} *shared;

static int kill_at;             /* the call at which to die; 0: none */
static int kill_part;           /* of a write, how much is made before, in % */

static int
die (enum below_call call, int is_log, sqlite3_file *file, const void *data,
     int length, sqlite3_int64 offset)
{
  (void) is_log;
  if (++shared->calls != kill_at)
    return SQLITE_OK;
  if (call == BELOW_WRITE && kill_part > 0)
    below_real (file)->xWrite (file, data, length * kill_part / 100, offset);
  kill (getpid (), SIGKILL);
  return SQLITE_OK;
}

/* Seeded: each run makes the same transactions, but for the salts. */
static int
victim (void *arg)
{
  uint64_t random = *(uint64_t *) arg;
  sqlite3 *db;

  db = open_oriel (path);
  run (db, "PRAGMA synchronous = FULL; PRAGMA cache_size = 8; "
           "PRAGMA wal_autocheckpoint = 30");
  below_hook = die;
  for (int n = 1; n <= TRANSACTIONS; n++) {
    run (db, "BEGIN IMMEDIATE; UPDATE meta SET n = %d; "
             "UPDATE a SET k = %d, v = hex (zeroblob (%u)) WHERE id %% 3 = %d",
         n, n, (unsigned) (next_random (&random) % 200), n % 3);
    shared->content[n] = content_hash (db);
    run (db, "COMMIT");
    shared->acknowledged = n;
  }
  below_hook = NULL;
  close_db (db);
  return 0;
}

static void
make_database (void)
{
  sqlite3 *db;
  char name[600];

  unlink (path);
  snprintf (name, sizeof name, "%s-wal", path);
  unlink (name);
  db = open_stock (path);
  run (db, "PRAGMA page_size = 1024; PRAGMA journal_mode = wal");
  make_schema (db);
  run (db, "CREATE TABLE meta (n INTEGER); INSERT INTO meta VALUES (0);"
           "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < 90) INSERT INTO a SELECT x, 0, zeroblob (100) FROM c");
  shared->content[0] = content_hash (db);
  close_db (db);
}

/* What a peer finds: the transactions, -1 if it is none of their states. */
static int
state_of (const struct peer *peer)
{
  int n = (int) peer_number (peer, "SELECT n FROM meta");
  uint64_t content;

  if (n < shared->acknowledged || n > shared->acknowledged + 1
      || n > TRANSACTIONS)
    return -1;
  content = peer_hash (peer, "SELECT * FROM a ORDER BY id")
            ^ (peer_hash (peer, "SELECT * FROM b ORDER BY name") * 3)
            ^ (peer_hash (peer, "SELECT k, id FROM a ORDER BY k, id") * 5)
            ^ (peer_hash (peer, "SELECT n, name FROM b ORDER BY n, name") * 7);
  return content == shared->content[n] ? n : -1;
}

static int
is_whole (const struct peer *peer)
{
  return strcmp (peer_ask (peer, 'T', "PRAGMA integrity_check").text, "ok")
         == 0;
}

int
main (void)
{
  struct peer ours = peer_start (), stock = peer_start ();
  uint64_t seed = test_seed ();
  uint64_t random = seed;
  int runs = getenv ("ORIEL_QUICK") ? 30 : 120;
  int killed = 0, seen = 1, agreed = 1, whole = 1, went_on = 1;
  int calls;

  shared = shared_memory (sizeof *shared);
  snprintf (path, sizeof path, "%s", path_in (pool_dir (), "a.db"));
  below_register ();
  make_database ();
  if (in_child (victim, &seed) != 0)
    bail_out ("a run that no one kills fails");
  calls = shared->calls;
  diag ("%d calls", calls);
  for (int i = 0; i < runs; i++) {
    int n, code;

    make_database ();
    peer_open (&ours, path, "oriel", POOL);
    peer_number (&ours, "SELECT count (*) FROM a");
    shared->calls = shared->acknowledged = 0;
    kill_at = 1 + (int) (next_random (&random) % (unsigned) calls);
    kill_part = (int) (next_random (&random) % 5) * 25;
    code = in_child (victim, &seed);
    killed += code == 128 + SIGKILL;
    n = state_of (&ours);
    peer_open (&stock, path, "unix", "");
    if (n < 0 || state_of (&stock) != n)
      diag ("killed at call %d, %d%% of it made: ours finds %d of %d", kill_at,
            kill_part, n, shared->acknowledged);
    seen &= n >= 0;
    agreed &= state_of (&stock) == n;
    peer_run (&ours, "UPDATE a SET k = 77 WHERE id = 5; "
                     "PRAGMA wal_checkpoint; UPDATE meta SET n = 1000");
    went_on &= peer_number (&stock, "SELECT n * 100 + k FROM meta, a WHERE "
                                    "id = 5") == 100077;
    whole &= is_whole (&ours) && is_whole (&stock);
    peer_close (&stock);
    peer_close (&ours);
  }
  ok (killed >= runs * 9 / 10, "%d of %d were killed", killed, runs);
  ok (seen, "the living see what the dead committed");
  ok (agreed, "stock sees the same");
  ok (went_on, "both see what is committed next");
  ok (whole, "the database is whole");
  return done_testing ();
}
