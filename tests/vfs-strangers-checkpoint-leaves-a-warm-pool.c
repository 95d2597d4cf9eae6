/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a stranger copies the log into the database, the pool loses the pages that
 * it copied and no others: whoever had written them, in each way to checkpoint,
 * and when the log starts anew after it.  Where the pages are not known any more
 * all are read again.  Nothing that is read is old.
 */
#include "vfs.h"

#define ROWS 400                /* two a page */
#define ROUNDS 10
#define LOADS 5                 /* for each page that was changed, at most */

static struct peer stranger;
static sqlite3 *db;             /* ours */
static sqlite3 *writer;         /* db, or another of ours */
static char path[512];
static long long sum;           /* of all rows' versions, by their numbers */
static unsigned turn;
static int stale;

/* Read all rows. */
static void
look (void)
{
  long long seen = number_of (db, "SELECT sum (id * version) FROM t");

  if (seen != sum) {
    diag ("seen %lld, not %lld", seen, sum);
    stale++;
  }
}

static void
change (int by_stranger)
{
  unsigned id = turn++ * 37 % ROWS;

  sum += id;
  if (by_stranger)
    peer_run (&stranger, "UPDATE t SET version = version + 1 WHERE id = %u",
              id);
  else
    run (writer, "UPDATE t SET version = version + 1 WHERE id = %u", id);
}

static unsigned long long drops, loads;

static void
begin_count (void)
{
  look ();
  stale = 0;
  drops = stat_of (db, "drops");
  loads = stat_of (db, "misses");
}

static void
end_count (const char *what)
{
  ok (stat_of (db, "drops") == drops, "%s: not all pages are dropped", what);
  ok (stat_of (db, "misses") - loads <= ROUNDS * LOADS,
          "%s: what was not changed stays in the pool", what);
  ok (stale == 0, "%s: nothing old is read", what);
}

static void
of_our_writes (const char *mode)
{
  begin_count ();
  for (int i = 0; i < ROUNDS; i++) {
    change (0);
    if (i % 2)
      look ();
    peer_run (&stranger, "PRAGMA wal_checkpoint (%s)", mode);
    look ();
  }
  end_count (mode);
}

/* Who did not start an empty log anew himself begins it with new salts. */
static void
of_another_of_us (void)
{
  writer = open_oriel (path);
  run (writer, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0");
  begin_count ();
  for (int i = 0; i < ROUNDS; i++) {
    change (0);
    if (i % 2)
      look ();
    peer_run (&stranger, "PRAGMA wal_checkpoint (TRUNCATE)");
    if (i / 2 % 2)
      look ();
  }
  look ();
  end_count ("of another of us");
  close_db (writer);
  writer = db;
}

/* A reader keeps the log from starting anew, which a stranger would do in a moment
 * in which we have not seen what it had. */
static void
of_its_own_writes (void)
{
  sqlite3 *reader = open_oriel (path);

  run (reader, "BEGIN; SELECT count (*) FROM t");
  begin_count ();
  for (int i = 0; i < ROUNDS; i++) {
    change (1);
    run (reader, "COMMIT; BEGIN; SELECT count (*) FROM t");
    peer_run (&stranger, "PRAGMA wal_checkpoint (PASSIVE)");
    look ();
  }
  end_count ("of its own writes");
  close_db (reader);
}

/* The log is empty, and someone has it locked: what it had is found out later. */
static void
while_it_is_locked (void)
{
  begin_count ();
  change (0);
  look ();
  change (0);
  peer_run (&stranger, "PRAGMA wal_checkpoint (TRUNCATE); BEGIN IMMEDIATE");
  look ();
  peer_run (&stranger, "ROLLBACK");
  look ();
  end_count ("while it is locked");
}

/* Then frames of a transaction that came to nothing lie where those were. */
static void
after_a_rollback (void)
{
  begin_count ();
  for (int i = 0; i < ROUNDS; i++) {
    change (0);
    look ();
    change (0);
    peer_run (&stranger,
              "PRAGMA wal_checkpoint (TRUNCATE); PRAGMA cache_size = 2;"
              "BEGIN; UPDATE t SET version = 0 WHERE id < 60 AND id > 40;"
              "ROLLBACK; PRAGMA cache_size = 100");
    look ();
  }
  is_int (stale, 0, "after a rollback: nothing old is read");
}

/* All begins anew: a log that was deleted, a pool that has nothing of it. */
static void
make (const char *name, int page_size)
{
  unsigned long long hits;

  snprintf (path, sizeof path, "%s", scratch_file (name));
  sum = turn = 0;
  peer_open (&stranger, path, "unix", "");
  peer_run (&stranger,
            "PRAGMA page_size = %d;"
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
            "PRAGMA synchronous = OFF;"
            "CREATE TABLE t (id INTEGER PRIMARY KEY, version, filler);"
            "WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c"
            " WHERE i < %d) INSERT INTO t SELECT i, 0, zeroblob (%d) FROM c;"
            "PRAGMA wal_checkpoint (TRUNCATE)",
            page_size, ROWS - 1, page_size * 2 / 5);
  writer = db = open_oriel (path);
  run (db, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"
           "PRAGMA cache_size = 5");
  look ();
  change (0);
  hits = stat_of (db, "hits");
  look ();
  ok (stat_of (db, "hits") > hits, "the pool is in use");
}

static void
with_pages_of (const char *name, int page_size)
{
  diag ("pages of %d bytes", page_size);
  make (name, page_size);
  of_our_writes ("PASSIVE");
  of_our_writes ("FULL");
  of_our_writes ("RESTART");
  of_our_writes ("TRUNCATE");
  of_another_of_us ();
  of_its_own_writes ();
  while_it_is_locked ();
  after_a_rollback ();
  close_db (db);
  is_str (peer_ask (&stranger, 'T', "PRAGMA integrity_check").text, "ok",
          "the database is whole");
  peer_close (&stranger);
}

int
main (void)
{
  stranger = peer_start ();
  with_pages_of ("small.db", 1024);
  with_pages_of ("equal.db", 4096);
  with_pages_of ("large.db", 8192);
  peer_kill (&stranger);
  return done_testing ();
}
