/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read mark that is kept as a lease holds up no checkpoint: not that of a
 * connection in the same process, nor of another, nor a stranger's for more
 * than some milliseconds.  Nor when whose lease it is was killed; and when it
 * was stopped, a checkpoint does without, and does not wait each time.
 *
 * A busy machine may make any one call slow: where time tells, the shortest of
 * several tries does.
 */
#include "vfs.h"

#define ROUNDS 50
#define TRIES 100
#define RECALL 0.01             /* seconds that a recall waits, as in lease.c */
#define LONG_AGO 120             /* and that no one waits, however busy */
#define LONG POOL "&oriel_lease=3600000"

static char path[512];

/* Frames in the log that a checkpoint has not copied; -1: it was busy. */
static int
left_by_checkpoint (sqlite3 *db, const char *mode)
{
  char sql[64];
  sqlite3_stmt *stmt;
  int left;

  snprintf (sql, sizeof sql, "PRAGMA wal_checkpoint (%s)", mode);
  stmt = prepare (db, sql);
  if (sqlite3_step (stmt) != SQLITE_ROW)
    bail_out ("%s: %s", sql, sqlite3_errmsg (db));
  left = sqlite3_column_int (stmt, 0)
             ? -1
             : sqlite3_column_int (stmt, 1) - sqlite3_column_int (stmt, 2);
  sqlite3_finalize (stmt);
  return left;
}

/* Does a passive checkpoint leave nothing, at some time?  Another process may be
 * late to answer. */
static int
all_is_copied (sqlite3 *db, int at_once)
{
  double start = seconds_now ();
  int left;

  while ((left = left_by_checkpoint (db, "PASSIVE")) != 0 && !at_once
         && seconds_now () - start < LONG_AGO)
    usleep (500);
  return left == 0;
}

/* Rounds in which a passive checkpoint left nothing, each after a commit that
 * the reader, whose lease is on an older mark, has not seen. */
static int
whole_checkpoints (sqlite3 *writer, sqlite3 *reader, const struct peer *peer)
{
  int whole = 0;

  for (int i = 0; i < ROUNDS; i++) {
    long long n = reader ? number_of (reader, "SELECT x FROM t")
                         : peer_number (peer, "SELECT x FROM t");

    run (writer, "UPDATE t SET x = x + 1");
    whole += all_is_copied (writer, reader != NULL);
    if (n < i)
      bail_out ("round %d sees %lld", i, n);
  }
  return whole;
}

static void
within_a_process (void)
{
  sqlite3 *writer = must_open_db (path, "oriel", LONG);
  sqlite3 *reader = must_open_db (path, "oriel", LONG);

  is_int (whole_checkpoints (writer, reader, NULL), ROUNDS,
          "a checkpoint copies all, another connection has a lease");
  close_db (reader);
  close_db (writer);
}

/* Of checkpoints, each after a commit: seconds. */
static double
shortest (sqlite3 *db, const char *mode)
{
  double least = LONG_AGO;

  for (int i = 0; i < TRIES && (i < 20 || least >= RECALL); i++) {
    double start, took;

    run (db, "UPDATE t SET x = x + 1");
    start = seconds_now ();
    left_by_checkpoint (db, mode);
    took = seconds_now () - start;
    if (took < least)
      least = took;
  }
  diag ("%s: %.6f s", mode, least);
  return least;
}

static void
between_processes (struct peer *peer)
{
  sqlite3 *writer = must_open_db (path, "oriel", LONG);

  peer_open (peer, path, "oriel", LONG);
  run (writer, "PRAGMA synchronous = OFF; UPDATE t SET x = 0");
  is_int (whole_checkpoints (writer, NULL, peer), ROUNDS,
          "a checkpoint copies all, another process has a lease");

  sqlite3_busy_timeout (writer, 0);
  peer_number (peer, "SELECT x FROM t");
  stop_child (peer->pid);
  run (writer, "UPDATE t SET x = x + 1");
  ok (left_by_checkpoint (writer, "PASSIVE") > 0,
      "not what a process that is stopped may be reading");
  ok (shortest (writer, "PASSIVE") < RECALL,
      "and does not wait for it each time");
  run (writer, "UPDATE t SET x = x + 1");
  kill (peer->pid, SIGCONT);
  ok (all_is_copied (writer, 0),
      "when it goes on, it gives the lease back");

  peer_number (peer, "SELECT x FROM t");
  run (writer, "UPDATE t SET x = x + 1");
  peer_number (peer, "SELECT x FROM t");
  stop_child (peer->pid);
  run (writer, "UPDATE t SET x = x + 1");
  peer_kill (peer);
  is_int (left_by_checkpoint (writer, "TRUNCATE"), 0,
          "nothing is left when it is killed");
  run (writer, "UPDATE t SET x = x + 1");
  is_int (left_by_checkpoint (writer, "RESTART"), 0, "nor later");
  ok (shortest (writer, "RESTART") < RECALL, "without waiting for the dead");
  close_db (writer);
}

/* Await a truncation by a stock connection, which cannot ask for it. */
static void
of_a_stranger (const struct peer *peer)
{
  sqlite3 *stranger = open_stock (path);

  sqlite3_busy_timeout (stranger, 0);
  peer_open (peer, path, "oriel", POOL);
  for (int i = 0; i < 2; i++) {
    double start = seconds_now ();

    run (stranger, "UPDATE t SET x = x + 1");
    peer_number (peer, "SELECT x FROM t");
    if (i == 1)
      run (stranger, "UPDATE t SET x = x + 1");
    while (left_by_checkpoint (stranger, "TRUNCATE") != 0
           && seconds_now () - start < LONG_AGO)
      usleep (500);
    ok (seconds_now () - start < LONG_AGO, "a stranger truncates the log, %s",
        i ? "the lease is on an older mark" : "the lease is on the last one");
  }
  close_db (stranger);
  peer_close (peer);
}

int
main (void)
{
  struct peer peers[] = { peer_start (), peer_start () };
  sqlite3 *db;

  snprintf (path, sizeof path, "%s", scratch_file ("recall.db"));
  db = open_oriel (path);
  run (db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x);"
           "INSERT INTO t VALUES (0)");
  within_a_process ();
  between_processes (&peers[0]);
  of_a_stranger (&peers[1]);
  is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (db);
  return done_testing ();
}
