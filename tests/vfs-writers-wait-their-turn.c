/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits to write has the lock when it is given up, and not when SQLite's
 * busy handler next looks; in the order in which they came; in WAL mode and
 * with a rollback journal.  A waiter that is killed or stopped, first in the
 * queue or later, takes no turn, and a writer that is killed gives up its own.
 */
#include "waiting.h"

#include <stdbool.h>

/* So long that the handler sleeps for 100 ms at a time by then, from 228 ms to
 * 328 ms after the first look. */
#define HELD_US 265000

/* Long enough for a peer to begin to wait. */
#define ARRIVE_US 25000

#define SOON 0.045              /* s; the handler would take 0.063 */

static struct peer peers[4];
static const char *path;

static void
open_all (const char *more)
{
  for (int i = 0; i < 4; i++) {
    /* A connection that is killed is replaced. */
    peer_open (&peers[i], path, "oriel", more);
    peer_run (&peers[i], "PRAGMA busy_timeout = 20000");
  }
}

static void
close_all (void)
{
  for (int i = 0; i < 4; i++)
    peer_close (&peers[i]);
}

/* peers[0] writes; the others arrive one after the other. */
static void
queue_up (int n)
{
  peer_run (&peers[0], "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  for (int i = 1; i <= n; i++) {
    begin_to_write (&peers[i]);
    usleep (ARRIVE_US);
  }
  usleep (HELD_US - (useconds_t) n * ARRIVE_US);
}

/* The peer whose turn it is; it commits at once. */
static int
next_turn (int n, double *took)
{
  int who;

  *took = await_answer (peers, n, 10, &who);
  if (who < 0)
    bail_out ("no one has the lock");
  if (peer_receive (&peers[who]).rc != SQLITE_OK)
    bail_out ("a peer cannot write");
  peer_run (&peers[who], "UPDATE t SET x = x + 1; COMMIT");
  return who;
}

static double
median_of_three (double a, double b, double c)
{
  return a > b ? (b > c ? b : a > c ? c : a) : (a > c ? a : b > c ? c : b);
}

static void
in_order (const char *journal)
{
  double took[3];
  int ordered = 0;

  for (int round = 0; round < 3; round++) {
    bool good = true;

    queue_up (3);
    peer_run (&peers[0], "COMMIT");
    took[round] = 0;
    for (int i = 1; i <= 3; i++) {
      double t;

      good &= next_turn (4, &t) == i;
      if (t > took[round])
        took[round] = t;
    }
    ordered += good;
  }
  if (!ok (median_of_three (took[0], took[1], took[2]) < SOON,
           "%s: a writer has the lock when it is given up", journal))
    diag ("%.3f, %.3f, %.3f s", took[0], took[1], took[2]);
  /* On a busy machine they may arrive in another. */
  if (!ok (ordered >= 2, "in the order in which they came"))
    diag ("in %d of 3 rounds", ordered);
}

static void
replace (struct peer *peer, struct peer by)
{
  peer_kill (peer);
  *peer = by;
  peer_open (peer, path, "oriel", POOL);
  peer_run (peer, "PRAGMA busy_timeout = 20000");
}

static void
with_deaths (const char *journal, struct peer *spare)
{
  double took;
  int i;

  queue_up (2);
  replace (&peers[1], spare[0]);
  peer_run (&peers[0], "COMMIT");
  is_int (next_turn (4, &took), 2, "the first waiter is killed: the second");
  if (!ok (took < SOON, "%s: has the lock soon", journal))
    diag ("after %.3f s", took);

  queue_up (3);
  replace (&peers[2], spare[1]);
  peer_run (&peers[0], "COMMIT");
  is_int (next_turn (4, &took), 1, "the second is killed: the first, ");
  is_int (next_turn (4, &took), 3, "and then the third");
  if (!ok (took < SOON, "%s: has the lock soon", journal))
    diag ("after %.3f s", took);

  queue_up (2);
  kill (peers[1].pid, SIGSTOP);
  peer_run (&peers[0], "COMMIT");
  is_int (next_turn (4, &took), 2, "the first waiter is stopped: the second");
  if (!ok (took < SOON, "%s: has the lock soon", journal))
    diag ("after %.3f s", took);
  kill (peers[1].pid, SIGCONT);
  is_int (next_turn (4, &took), 1, "and the first when it goes on");

  queue_up (2);
  replace (&peers[0], spare[2]);
  i = next_turn (4, &took);
  if (!ok (took < SOON, "%s: the writer is killed: one has the lock soon",
           journal))
    diag ("after %.3f s", took);
  is_int (i + next_turn (4, &took), 1 + 2, "and then the other");
}

/* With a stranger's lock in the way no one tells when it is given up. */
static void
with_stranger (const char *journal)
{
  sqlite3 *stranger = open_stock (path);
  double took;

  run (stranger, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  begin_to_write (&peers[1]);
  usleep (50000);
  run (stranger, "COMMIT");
  is_int (next_turn (4, &took), 1, "a stranger was writing: the waiter");
  if (!ok (took < 0.1, "%s: looks for itself", journal))
    diag ("after %.3f s", took);

  queue_up (1);
  peer_run (&peers[0], "COMMIT");
  next_turn (4, &took);
  for (int i = 0; i < 5; i++)
    run (stranger, "UPDATE t SET x = x + 1");
  ok (1, "a stranger writes");
  close_db (stranger);
}

int
main (void)
{
  static const char *const journals[] = { "WAL", "DELETE" };
  struct peer spare[6];

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  for (int i = 0; i < 4; i++)
    peers[i] = peer_start ();
  for (int i = 0; i < 6; i++)
    spare[i] = peer_start ();
  for (int i = 0; i < 2; i++) {
    sqlite3 *db;

    path = make_database (i ? "delete.db" : "wal.db", journals[i]);
    open_all (POOL);
    in_order (journals[i]);
    with_deaths (journals[i], spare + 3 * i);
    with_stranger (journals[i]);
    close_all ();
    db = open_stock (path);
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  return done_testing ();
}
