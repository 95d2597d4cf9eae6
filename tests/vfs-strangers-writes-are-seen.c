/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two users of a pool, a user of another pool and a stranger, each its own
 * process, take turns at random: after each write every one of them reads every
 * row's version as it was last written, and nothing older, in all journal
 * modes, with checkpoints of all kinds, connections that come and go, vacuums
 * and changes of the journal mode in between.
 */
#include "vfs.h"

#define ROWS 400
#define PEERS 4
#define TURNS 700

static const struct {
  const char *vfs;
  const char *more;
  const char *name;
} kinds[PEERS] = {
  { "oriel", POOL, "a user of the pool" },
  { "oriel", POOL, "another user of the pool" },
  { "unix", "", "a stranger" },
  { "oriel", "pool=other&pool_size=1M&window=64K&slot=4K",
    "a user of another pool" },
};

static struct peer peers[PEERS];
static int is_open[PEERS];
static unsigned version[ROWS];
static int stale[PEERS];
static char path[512];

static void
toggle (int i)
{
  if (is_open[i])
    peer_close (&peers[i]);
  else {
    peer_open (&peers[i], path, kinds[i].vfs, kinds[i].more);
    peer_run (&peers[i],
              "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"
              "PRAGMA mmap_size = %d; PRAGMA cache_size = 5",
              i == 1 ? 0 : 100000000);
  }
  is_open[i] = !is_open[i];
}

/* What a hash of "id, version, length (filler)" must be. */
static uint64_t
expected (sqlite3 *model)
{
  return hash_of (model, "SELECT id, version, length (filler) FROM t "
                         "ORDER BY id");
}

static void
look (uint64_t content)
{
  for (int i = 0; i < PEERS; i++)
    if (is_open[i]
        && peer_hash (&peers[i], "SELECT id, version, length (filler) FROM t "
                                 "ORDER BY id")
               != content)
      stale[i]++;
}

static void
write_some (int i, sqlite3 *model, uint64_t *random)
{
  int n = 1 + (int) (next_random (random) % 6);

  peer_run (&peers[i], "BEGIN IMMEDIATE");
  for (int j = 0; j < n; j++) {
    unsigned id = (unsigned) (next_random (random) % ROWS);
    unsigned length = (unsigned) (next_random (random) % 3000);
    char sql[160];

    version[id]++;
    snprintf (sql, sizeof sql,
              "REPLACE INTO t VALUES (%u, %u, zeroblob (%u))", id, version[id],
              length);
    peer_run (&peers[i], "%s", sql);
    run (model, "%s", sql);
  }
  peer_run (&peers[i], "COMMIT");
}

/* Transactions that come to nothing, but may have written to the file. */
static void
write_in_vain (int i)
{
  peer_run (&peers[i], "BEGIN IMMEDIATE; PRAGMA cache_size = 2;"
                       "UPDATE t SET version = version + 1000;"
                       "ROLLBACK; PRAGMA cache_size = 5");
}

static int
count_open (void)
{
  int n = 0;

  for (int i = 0; i < PEERS; i++)
    n += is_open[i];
  return n;
}

/* Alone, a peer may change the mode. */
static void
change_mode (int i, uint64_t *random)
{
  static const char *const modes[]
      = { "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "WAL" };

  for (int j = 0; j < PEERS; j++)
    if (j != i && is_open[j])
      toggle (j);
  peer_run (&peers[i], "PRAGMA journal_mode = %s",
            modes[next_random (random) % COUNT (modes)]);
}

static void
turn (int i, sqlite3 *model, uint64_t *random)
{
  static const char *const checkpoints[]
      = { "PASSIVE", "FULL", "RESTART", "TRUNCATE" };
  unsigned what = (unsigned) (next_random (random) % 32);

  if (!is_open[i])
    toggle (i);
  if (what < 16)
    write_some (i, model, random);
  else if (what < 18)
    write_in_vain (i);
  else if (what < 26)
    peer_run (&peers[i], "PRAGMA wal_checkpoint (%s)",
              checkpoints[next_random (random) % COUNT (checkpoints)]);
  else if (what < 29 && count_open () > 1)
    toggle (i);
  else if (what < 31)
    change_mode (i, random);
  else
    peer_run (&peers[i], "VACUUM");
}

int
main (void)
{
  uint64_t random = test_seed ();
  sqlite3 *model;

  snprintf (path, sizeof path, "%s", scratch_file ("shared.db"));
  for (int i = 0; i < PEERS; i++)
    peers[i] = peer_start ();
  if (sqlite3_open (":memory:", &model) != SQLITE_OK)
    bail_out ("no model");
  run (model, "CREATE TABLE t (id INTEGER PRIMARY KEY, version, filler)");
  toggle (0);
  peer_run (&peers[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, version, "
                       "filler)");
  for (int t = 0; t < TURNS; t++) {
    turn ((int) (next_random (&random) % PEERS), model, &random);
    look (expected (model));
  }
  for (int i = 0; i < PEERS; i++)
    ok (stale[i] == 0, "%s read nothing stale", kinds[i].name);
  for (int i = 0; i < PEERS; i++) {
    if (!is_open[i])
      toggle (i);
    is_str (peer_ask (&peers[i], 'T', "PRAGMA integrity_check").text, "ok",
            kinds[i].name);
  }
  ok (strstr (peer_ask (&peers[0], 'T', "PRAGMA oriel_stats").text, "drops=")
          != NULL,
      "the pool was in use");
  diag ("%s", peer_ask (&peers[0], 'T', "PRAGMA oriel_stats").text);
  for (int i = 0; i < PEERS; i++)
    peer_kill (&peers[i]);
  sqlite3_close (model);
  return done_testing ();
}
