/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed while it copies the log into the database, anywhere, also
 * in the middle of a write; then, or not, all others are; then, or not, a
 * stranger commits, copies the log as well, or is killed while it does.  Nothing
 * stale is ever read: neither with the log, nor when that has been copied by us
 * or by a stranger and started anew.  And unless a stranger came, the pool is as
 * warm as before.
 */
#include "below.h"

#include "sys.h"

#define ROWS 300
#define CONTENT "SELECT * FROM t ORDER BY id"

static char path[512];
static struct {
  int deaths;                   /* in the middle */
} *shared;

/* ------------------------------------------------------------------ */
/* A process that is killed                                           */

struct errand {
  const char *vfs;
  const char *mode;             /* of the checkpoint */
  int kill_at;                  /* the write to the database at which to die */
  int part;                     /* how much of that is made, in % */
};

static const struct errand *errand;
static int writes;
static ssize_t (*real_pwritev) (int fd, const struct iovec *iov, int n,
                                off_t at);

static void
die (void)
{
  shared->deaths++;
  kill (getpid (), SIGKILL);
}

/* The pool's writes, of the user that checkpoints. */
static ssize_t
die_in_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  if (++writes != errand->kill_at)
    return real_pwritev (fd, iov, n, at);
  if (errand->part > 0) {
    struct iovec first = iov[0];

    first.iov_len = first.iov_len * (size_t) errand->part / 100;
    real_pwritev (fd, &first, 1, at);
  }
  die ();
  return -1;
}

/* A stranger's. */
static int
die_below (enum below_call call, int is_log, sqlite3_file *file,
           const void *data, int length, sqlite3_int64 offset)
{
  if (call != BELOW_WRITE || is_log || ++writes != errand->kill_at)
    return SQLITE_OK;
  below_real (file)->xWrite (file, data, length * errand->part / 100, offset);
  die ();
  return SQLITE_OK;
}

static int
checkpointer (void *arg)
{
  sqlite3 *db;

  errand = arg;
  below_register ();
  db = must_open_db (path, errand->vfs,
                     strcmp (errand->vfs, "oriel") ? "" : POOL);
  run (db, "PRAGMA cache_size = 8; PRAGMA wal_autocheckpoint = 0;"
           "PRAGMA busy_timeout = 5");
  number_of (db, "SELECT count (*) FROM t");
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = die_in_pwritev;
  below_hook = die_below;
  try_run (db, "PRAGMA wal_checkpoint (%s)", errand->mode);
  /* It came to the end of it, or someone was in the way. */
  kill (getpid (), SIGKILL);
  return 0;
}

static void
checkpoint_and_die (const char *vfs, uint64_t *random)
{
  static const char *const modes[] = { "PASSIVE", "FULL", "RESTART" };
  struct errand e = {
    .vfs = vfs,
    .mode = modes[next_random (random) % COUNT (modes)],
    .kill_at = 1 + (int) (next_random (random) % 25),
    .part = (int) (next_random (random) % 5) * 25,
  };

  if (in_child (checkpointer, &e) != 128 + SIGKILL)
    bail_out ("a checkpointer was not killed");
}

/* ------------------------------------------------------------------ */
/* Those that live on                                                 */

static struct peer ours, stock;
static uint64_t content;        /* what was committed */

static void
open_both (void)
{
  peer_open (&ours, path, "oriel", POOL);
  peer_run (&ours, "PRAGMA cache_size = 8; PRAGMA wal_autocheckpoint = 0");
  peer_open (&stock, path, "unix", "");
  peer_run (&stock, "PRAGMA wal_autocheckpoint = 0");
}

static void
kill_both (void)
{
  peer_kill (&ours);
  peer_kill (&stock);
  ours = peer_start ();
  stock = peer_start ();
  open_both ();
}

static void
commit (const struct peer *who, uint64_t *random)
{
  unsigned m = 3 + (unsigned) (next_random (random) % 60);

  peer_run (who, "UPDATE t SET v = v + 1, filler = randomblob (%u) "
                 "WHERE id %% %u = %u",
            (unsigned) (next_random (random) % 500), m,
            (unsigned) (next_random (random) % m));
  content = peer_hash (who, CONTENT);
}

static unsigned long long
drops (void)
{
  struct peer_reply a = peer_ask (&ours, 'T', "PRAGMA oriel_stats");
  const char *at = strstr (a.text, " drops=");

  if (!at)
    bail_out ("no drops in: %s", a.text);
  return strtoull (at + 7, NULL, 10);
}

static int
agree (const char *when)
{
  int good = peer_hash (&ours, CONTENT) == content
             && peer_hash (&stock, CONTENT) == content;

  if (!good)
    diag ("%s: ours is %s, stock's is %s", when,
          peer_hash (&ours, CONTENT) == content ? "right" : "wrong",
          peer_hash (&stock, CONTENT) == content ? "right" : "wrong");
  return good;
}

static void
visit (uint64_t *random)
{
  if (next_random (random) % 2)
    commit (&stock, random);
  if (next_random (random) % 2)
    peer_run (&stock, "PRAGMA wal_checkpoint");
  if (next_random (random) % 2)
    commit (&stock, random);
  if (next_random (random) % 2)
    checkpoint_and_die ("below", random);
  if (next_random (random) % 2)
    kill_both ();
}

/* Are there no dirty pages, soon?  A reader takes an owner that it saw alive for
 * that for some milliseconds. */
static int
is_clean (void)
{
  for (int i = 0; i < 20000; i++) {
    if (peer_number (&ours, "SELECT count (*) FROM oriel_pages WHERE dirty")
        == 0)
      return 1;
    usleep (5000);
    peer_run (&ours, "SELECT count (*) FROM t");
  }
  return 0;
}

struct result {
  int agreed, clean, warm, whole;
};

static void
round_of (int i, uint64_t *random, struct result *r)
{
  int all = next_random (random) % 2;
  int stranger = next_random (random) % 3 == 0;
  struct peer reader = { .pid = 0 };
  unsigned long long before;

  for (unsigned n = 1 + next_random (random) % 3; n > 0; n--)
    commit (next_random (random) % 2 ? &ours : &stock, random);
  if (next_random (random) % 3 == 0) {
    /* Only part of the log can be copied. */
    reader = peer_start ();
    peer_open (&reader, path, next_random (random) % 2 ? "unix" : "oriel",
               POOL);
    peer_run (&reader, "BEGIN");
    peer_hash (&reader, CONTENT);
    commit (&ours, random);
  }
  r->agreed &= agree ("before");
  before = drops ();
  checkpoint_and_die ("oriel", random);
  if (reader.pid)
    peer_kill (&reader);
  if (all)
    kill_both ();
  if (stranger)
    visit (random);
  r->agreed &= agree (all ? "after all died" : "after one died");
  r->clean &= is_clean ();
  if (!stranger && drops () != before) {
    diag ("round %d: all were dropped, %s", i, all ? "all died" : "one died");
    r->warm = 0;
  }
  if (next_random (random) % 2)
    commit (&ours, random);
  peer_run (next_random (random) % 2 ? &ours : &stock,
            "PRAGMA wal_checkpoint (%s)",
            next_random (random) % 2 ? "TRUNCATE" : "PASSIVE");
  r->agreed &= agree ("copied");
  r->whole &= strcmp (peer_ask (&stock, 'T', "PRAGMA integrity_check").text,
                      "ok") == 0;
}

int
main (void)
{
  int rounds = getenv ("ORIEL_QUICK") ? 40 : 100;
  struct result r = { 1, 1, 1, 1 };
  uint64_t random = test_seed ();

  shared = shared_memory (sizeof *shared);
  snprintf (path, sizeof path, "%s", path_in (pool_dir (), "a.db"));
  stock = peer_start ();
  ours = peer_start ();
  peer_open (&stock, path, "unix", "");
  peer_run (&stock,
            "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL;"
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, filler);"
            "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
            "WHERE x < %d) INSERT INTO t SELECT x, 0, zeroblob (300) FROM c",
            ROWS);
  peer_close (&stock);
  open_both ();
  for (int i = 0; i < rounds; i++)
    round_of (i, &random, &r);
  ok (shared->deaths >= rounds / 6, "%d died in the middle of a write",
      shared->deaths);
  ok (r.agreed, "all that was committed was read, and nothing older");
  ok (r.whole, "the database is whole");
  ok (r.clean, "no one is left with pages that no one will write");
  ok (r.warm, "the pool stayed warm where no stranger came");
  return done_testing ();
}
