/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed in a transaction, with pages of it written.  Others go
 * on: with the pool, without it, and while another process makes the pool evict
 * whatever it can.  No one ever sees what was not committed, and the database
 * stays whole.
 */
#include "vfs.h"

#define ROUNDS 12
#define ROWS 1500

/* Who is killed, who goes on first. */
enum { WRITER, FIRST, SECOND, EVICTOR, PEERS };

static struct peer peers[PEERS];
static char path[512];
static char other[512];

static const char content[]
    = "SELECT id, v, length (filler) FROM t ORDER BY id";

static const char *
more_of (const char *vfs)
{
  return strcmp (vfs, "oriel") == 0 ? "pool=test&pool_size=1M" : "";
}

static void
open_it (int i, const char *vfs)
{
  peer_open (&peers[i], path, vfs, more_of (vfs));
  peer_run (&peers[i], "PRAGMA synchronous = OFF; PRAGMA cache_size = 5;"
                       "PRAGMA wal_autocheckpoint = 0");
}

/* Have the pool evict: read, through it, what is four times as large.  The
 * evictor has the database in question open, too. */
static void
evict (void)
{
  peer_number (&peers[EVICTOR], "SELECT count (*) FROM big.t WHERE "
                                "length (hex (filler)) > 1");
}

static void
make_databases (const char *journal)
{
  sqlite3 *db = open_stock (path);

  run (db, "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO t SELECT x, 0, zeroblob (300) FROM c",
       journal, ROWS);
  close_db (db);
  if (access (other, F_OK) == 0)
    return;
  db = open_stock (other);
  run (db, "PRAGMA synchronous = OFF;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < 1000) INSERT INTO t SELECT x, zeroblob (4000) FROM c");
  close_db (db);
}

/* Write, and die before the commit is complete. */
static void
write_and_die (const char *vfs, int round, uint64_t *random)
{
  peers[WRITER] = peer_start ();
  open_it (WRITER, vfs);
  peer_run (&peers[WRITER], "BEGIN IMMEDIATE; UPDATE t SET v = v + 1000000 "
                            "WHERE id %% 7 = %d", round % 7);
  peer_run (&peers[WRITER], "DELETE FROM t WHERE id > %d",
            ROWS - 60 - round);
  if (round % 3) { /* else between two statements */
    peer_send (&peers[WRITER], 'R', "", "",
               round % 3 == 1 ? "COMMIT" : "UPDATE t SET v = v + 5000000");
    usleep ((useconds_t) (next_random (random) % 3000));
  }
  peer_kill (&peers[WRITER]);
}

/* What they see is what was there before, or the whole transaction. */
static int
is_whole (uint64_t before, uint64_t now, int who)
{
  static const char partly[]
      = "SELECT (SELECT count (*) FROM t WHERE v >= 5000000) OR "
        "(SELECT count (DISTINCT v >= 1000000) > 1 FROM t WHERE id % 7 = "
        "(SELECT id % 7 FROM t WHERE v >= 1000000))";

  return now == before || peer_number (&peers[who], partly) == 0;
}

static void
round_of (const char *killed, const char *first, const char *second, int round,
          uint64_t *random)
{
  uint64_t before, now;
  char sql[1024];
  int good;

  open_it (FIRST, first);
  peer_run (&peers[FIRST], "UPDATE t SET v = %d", round);
  before = peer_hash (&peers[FIRST], content);
  peer_close (&peers[FIRST]);
  peer_open (&peers[EVICTOR], path, "oriel", more_of ("oriel"));
  snprintf (sql, sizeof sql,
            "ATTACH 'file:%s?vfs=oriel&pool_dir=%s&%s' AS big", other,
            pool_dir (), more_of ("oriel"));
  peer_run (&peers[EVICTOR], "%s", sql);
  peer_hash (&peers[EVICTOR], content);

  write_and_die (killed, round, random);
  if (round % 2)
    evict ();
  open_it (FIRST, first);
  now = peer_hash (&peers[FIRST], content);
  good = is_whole (before, now, FIRST);
  peer_run (&peers[FIRST], "UPDATE t SET v = v + 1 WHERE id %% 3 = %d",
            round % 3);
  now = peer_hash (&peers[FIRST], content);
  evict ();
  open_it (SECOND, second);
  ok (good, "%s killed: %s sees whole transactions", killed, first);
  ok (peer_hash (&peers[SECOND], content) == now, "%s sees what %s wrote",
      second, first);
  ok (peer_hash (&peers[FIRST], content) == now, "%s still sees it", first);
  for (int i = FIRST; i <= SECOND; i++) {
    is_str (peer_ask (&peers[i], 'T', "PRAGMA integrity_check").text, "ok",
            "integrity_check");
    peer_close (&peers[i]);
  }
  peer_close (&peers[EVICTOR]);
}

static void
with (const char *journal, uint64_t *random)
{
  static const char *const casts[][3] = {
    { "oriel", "unix", "oriel" },
    { "oriel", "oriel", "unix" },
    { "unix", "oriel", "unix" },
  };

  make_databases (journal);
  for (int round = 0; round < ROUNDS; round++) {
    const char *const *cast = casts[round / 2 % 3];

    diag ("%s, round %d", journal, round);
    round_of (cast[0], cast[1], cast[2], round, random);
  }
  unlink (path);
}

int
main (void)
{
  uint64_t random = test_seed ();

  snprintf (path, sizeof path, "%s", scratch_file ("shared.db"));
  snprintf (other, sizeof other, "%s", scratch_file ("other.db"));
  for (int i = FIRST; i < PEERS; i++)
    peers[i] = peer_start ();
  with ("DELETE", &random);
  with ("PERSIST", &random);
  with ("WAL", &random);
  for (int i = FIRST; i < PEERS; i++)
    peer_kill (&peers[i]);
  return done_testing ();
}
