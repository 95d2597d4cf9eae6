/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As long as all who write a database use one pool, no page is dropped from it
 * or read from the file again: not by commits, checkpoints, logs that start
 * anew, or connections that come and go.
 */
#include "vfs.h"

#define ROUNDS 200

static char path[512];

static unsigned long long
stat_by (const struct peer *peer, const char *name)
{
  struct peer_reply a = peer_ask (peer, 'T', "PRAGMA oriel_stats");
  const char *at = strstr (a.text, name);

  if (!at)
    bail_out ("no %s in: %s", name, a.text);
  return strtoull (at + strlen (name), NULL, 10);
}

static void
begin (const struct peer *peer, const char *journal)
{
  peer_open (peer, path, "oriel", POOL);
  peer_run (peer,
            "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;"
            "PRAGMA wal_autocheckpoint = 25; PRAGMA cache_size = 5",
            journal);
}

static void
with (const char *journal, struct peer *peers, uint64_t *random)
{
  unsigned long long drops, reads;
  struct peer_reply a;

  begin (&peers[0], journal);
  peer_run (&peers[0],
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER PRIMARY KEY, "
            "v INTEGER, filler);"
            "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
            "WHERE x < 1000) INSERT INTO t SELECT x, 0, zeroblob (200) FROM c");
  begin (&peers[1], journal);
  peer_number (&peers[1], "SELECT sum (v) FROM t");
  drops = stat_by (&peers[0], " drops=");
  reads = stat_by (&peers[0], " reads=");
  for (int i = 1; i <= ROUNDS; i++) {
    peer_run (&peers[i % 2], "UPDATE t SET v = v + 1 WHERE id > %d",
              (int) (next_random (random) % 400));
    if (i % 20 == 0) {
      peer_close (&peers[(i / 20) % 2]);
      begin (&peers[(i / 20) % 2], journal);
    }
    if (peer_number (&peers[0], "SELECT sum (v) FROM t")
        != peer_number (&peers[1], "SELECT sum (v) FROM t"))
      bail_out ("the two disagree");
    if (strcmp (journal, "WAL") == 0 && i % 30 == 0)
      peer_run (&peers[0], "PRAGMA wal_checkpoint (TRUNCATE)");
  }
  a = peer_ask (&peers[1], 'T', "PRAGMA oriel_stats");
  ok (stat_by (&peers[0], " drops=") == drops, "%s: nothing was dropped",
      journal);
  ok (stat_by (&peers[0], " reads=") == reads, "%s: nothing was read",
      journal);
  diag ("before: drops %llu, reads %llu; after: %s", drops, reads, a.text);
  peer_close (&peers[0]);
  peer_close (&peers[1]);
  begin (&peers[0], journal);
  is_int (peer_number (&peers[0], "SELECT count (*) FROM t"), 1000,
          "opened again");
  ok (stat_by (&peers[0], " reads=") == reads,
      "%s: nor after all had closed it", journal);
  peer_close (&peers[0]);
}

int
main (void)
{
  uint64_t random = test_seed ();
  struct peer peers[2];

  snprintf (path, sizeof path, "%s", scratch_file ("shared.db"));
  peers[0] = peer_start ();
  peers[1] = peer_start ();
  with ("DELETE", peers, &random);
  with ("PERSIST", peers, &random);
  with ("WAL", peers, &random);
  return done_testing ();
}
