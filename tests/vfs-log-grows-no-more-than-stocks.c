/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While others read without pause, or now and then, the log of a database that
 * is written stays as short as with SQLite's own VFS, whether a user of the
 * pool writes and checkpoints or a stranger.
 */
#include "vfs.h"

#include <stdbool.h>
#include <sys/stat.h>

#define READERS 2
#define TRIES 20

static char path[512];
static struct {
  _Atomic int stop;
  _Atomic int ready;
} *shared;

struct reader {
  const char *vfs;
  const char *more;
  useconds_t pause;
};

static int
read_on (void *arg)
{
  const struct reader *r = arg;
  sqlite3 *db = must_open_db (path, r->vfs, r->more);

  atomic_fetch_add (&shared->ready, 1);
  for (long long last = 0; !atomic_load (&shared->stop);) {
    long long n = number_of (db, "SELECT x FROM t WHERE id = 1");

    if (n < last)
      return 1;
    last = n;
    if (r->pause)
      usleep (r->pause);
  }
  close_db (db);
  return 0;
}

/* The log's size after so many commits, in frames. */
static double
frames_after (int commits, const char *writer, const char *reader,
              useconds_t pause)
{
  struct reader r = { reader, strcmp (reader, "oriel") ? "" : POOL, pause };
  pid_t child[READERS];
  sqlite3 *db;
  struct stat st;
  char log[600];

  snprintf (log, sizeof log, "%s-wal", path);
  unlink (path);
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = WAL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, x);"
           "INSERT INTO t VALUES (1, 0)");
  close_db (db);
  shared->stop = shared->ready = 0;
  for (int i = 0; i < READERS; i++)
    child[i] = spawn (read_on, &r);
  await (&shared->ready, READERS);
  db = must_open_db (path, writer, strcmp (writer, "oriel") ? "" : POOL);
  run (db, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 200");
  for (int i = 0; i < commits; i++) {
    run (db, "UPDATE t SET x = x + 1 WHERE id = 1");
    if (i % 16 == 0)
      usleep (200);
  }
  if (stat (log, &st) < 0)
    bail_out ("%s: %s", log, strerror (errno));
  shared->stop = 1;
  for (int i = 0; i < READERS; i++)
    if (reap (child[i]) != 0)
      bail_out ("a reader went back");
  close_db (db);
  return (double) st.st_size / (4096 + 24);
}

/* Who has a lease, and is not on a processor when it is recalled, has the log
 * grow: on a busy machine not every time is like stock's. */
static bool
is_short (int commits, const char *writer, useconds_t pause)
{
  for (int i = 0; i < TRIES; i++) {
    double stock = frames_after (commits, "unix", "unix", pause);
    double ours = frames_after (commits, writer, "oriel", pause);

    diag ("readers pause for %u us: stock %.0f frames, %s %.0f",
          (unsigned) pause, stock, writer, ours);
    if (ours < 2 * stock + 100)
      return true;
  }
  return false;
}

int
main (void)
{
  int commits = getenv ("ORIEL_QUICK") ? 3000 : 12000;
  static const useconds_t pauses[] = { 0, 300, 3000 };

  shared = shared_memory (sizeof *shared);
  snprintf (path, sizeof path, "%s", scratch_file ("log.db"));
  for (int i = 0; i < 3; i++) {
    ok (is_short (commits, "oriel", pauses[i]),
        "a user's log, readers pause for %u us", (unsigned) pauses[i]);
    ok (is_short (commits, "unix", pauses[i]),
        "a stranger's, readers pause for %u us", (unsigned) pauses[i]);
  }
  return done_testing ();
}
