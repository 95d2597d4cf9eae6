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

#define SPARE 40

static struct peer peers[4];
static struct peer spare[SPARE]; /* in the place of those that are killed */
static int n_spare;
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

/* On a busy machine they may arrive in another order than they were sent, and
 * who is not on a processor within a millisecond loses his turn: so not every
 * time.  An order of three that is left to chance comes once in six. */
static void
mostly (bool (*holds) (void), const char *journal, const char *what)
{
  int good = 0;
  int bad = 0;

  while (good + bad < 12 && (good < 2 || 2 * good <= bad))
    if (holds ())
      good++;
    else
      bad++;
  if (!ok (good >= 2 && 2 * good > bad, "%s: %s", journal, what))
    diag ("in %d of %d rounds", good, good + bad);
}

static bool
in_order (void)
{
  bool good = true;

  queue_up (3);
  peer_run (&peers[0], "COMMIT");
  for (int i = 1; i <= 3; i++) {
    double took;

    good &= next_turn (4, &took) == i;
    good &= took < SOON;
  }
  return good;
}

static void
replace (struct peer *peer)
{
  if (n_spare == 0)
    bail_out ("no more processes to replace those that were killed");
  peer_kill (peer);
  *peer = spare[--n_spare];
  peer_open (peer, path, "oriel", POOL);
  peer_run (peer, "PRAGMA busy_timeout = 20000");
}

static bool
first_is_killed (void)
{
  double took;

  queue_up (2);
  replace (&peers[1]);
  peer_run (&peers[0], "COMMIT");
  return next_turn (4, &took) == 2 && took < SOON;
}

static bool
second_is_killed (void)
{
  double took[2];
  int who[2];

  queue_up (3);
  replace (&peers[2]);
  peer_run (&peers[0], "COMMIT");
  for (int i = 0; i < 2; i++)
    who[i] = next_turn (4, &took[i]);
  return who[0] == 1 && who[1] == 3 && took[0] < SOON && took[1] < SOON;
}

static bool
first_is_stopped (void)
{
  double took;
  double later;
  int who;

  queue_up (2);
  kill (peers[1].pid, SIGSTOP);
  peer_run (&peers[0], "COMMIT");
  who = next_turn (4, &took);
  kill (peers[1].pid, SIGCONT);
  return next_turn (4, &later) == 1 && who == 2 && took < SOON;
}

static bool
writer_is_killed (void)
{
  double took[2];
  int who[2];

  queue_up (2);
  replace (&peers[0]);
  for (int i = 0; i < 2; i++)
    who[i] = next_turn (4, &took[i]);
  return who[0] + who[1] == 1 + 2 && took[0] < SOON;
}

/* With a stranger's lock in the way no one tells when it is given up. */
static bool
stranger_was_writing (void)
{
  sqlite3 *stranger = open_stock (path);
  double took;
  int who;

  run (stranger, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  begin_to_write (&peers[1]);
  usleep (50000);
  run (stranger, "COMMIT");
  who = next_turn (4, &took);
  close_db (stranger);
  return who == 1 && took < 0.1;
}

static bool
stranger_writes (void)
{
  sqlite3 *stranger = open_stock (path);
  double took;
  int who;

  queue_up (1);
  peer_run (&peers[0], "COMMIT");
  who = next_turn (4, &took);
  for (int i = 0; i < 5; i++)
    run (stranger, "UPDATE t SET x = x + 1");
  close_db (stranger);
  return who == 1;
}

int
main (void)
{
  static const char *const journals[] = { "WAL", "DELETE" };
  static const struct {
    bool (*holds) (void);
    const char *what;
  } cases[] = {
    { in_order, "writers have the lock at once, in the order they came" },
    { first_is_killed, "the first waiter is killed: the second, soon" },
    { second_is_killed, "the second is killed: the first, then the third" },
    { first_is_stopped, "the first is stopped: the second, and he later" },
    { writer_is_killed, "the writer is killed: both who wait" },
    { stranger_was_writing, "a stranger was writing: the waiter looks" },
    { stranger_writes, "a stranger writes after a waiter" },
  };

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  for (int i = 0; i < 4; i++)
    peers[i] = peer_start ();
  while (n_spare < SPARE)
    spare[n_spare++] = peer_start ();
  for (int i = 0; i < 2; i++) {
    sqlite3 *db;

    path = make_database (i ? "delete.db" : "wal.db", journals[i]);
    open_all (POOL);
    for (size_t j = 0; j < sizeof cases / sizeof *cases; j++)
      mostly (cases[j].holds, journals[i], cases[j].what);
    close_all ();
    db = open_stock (path);
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  return done_testing ();
}
