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

/* s: a turn that no one takes for 1 ms is another's (queue.c: GRACE_US). */
#define AT_ONCE 0.0009

#define ROUNDS 40

enum held { NO, YES, CANNOT_TELL };

static struct peer peers[4];
static struct peer stranger;
static const char *path;
static uint64_t *words;         /* of the file, in the pool */

enum { TICKETS = 9 };           /* a word, as in queue.c: its half counts up */

static void
open_all (const char *more)
{
  for (int i = 0; i < 4; i++) {
    /* A connection that is killed is replaced. */
    peer_open (&peers[i], path, "oriel", more);
    peer_run (&peers[i], "PRAGMA busy_timeout = 20000;"
                         "PRAGMA synchronous = OFF");
  }
  peer_open (&stranger, path, "unix", "");
}

static void
close_all (void)
{
  for (int i = 0; i < 4; i++)
    peer_close (&peers[i]);
  peer_close (&stranger);
}

static uint32_t
load_tickets (void)
{
  return __atomic_load_n ((uint32_t *) &words[TICKETS], __ATOMIC_SEQ_CST);
}

/* peers[0] writes; the others arrive one after the other. */
static void
queue_up (int n)
{
  peer_run (&peers[0], "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  for (int i = 1; i <= n; i++) {
    uint32_t tickets = load_tickets ();

    begin_to_write (&peers[i]);
    while (load_tickets () == tickets)
      usleep (200);
    usleep (ARRIVE_US);
  }
  usleep (HELD_US - (useconds_t) n * ARRIVE_US);
}

/* The peer whose turn it is; it commits at once. */
static int
next_turn (int n, double *took)
{
  int who;

  *took = await_answer (peers, n, 120, &who);
  if (who < 0)
    bail_out ("no one has the lock");
  if (peer_receive (&peers[who]).rc != SQLITE_OK)
    bail_out ("a peer cannot write");
  peer_run (&peers[who], "UPDATE t SET x = x + 1; COMMIT");
  return who;
}

/* On a busy machine not every time; without a queue never, as long as the
 * machine is not.  most: failures that are enough.  Of three in an order that
 * is left to chance one in six is right. */
static void
twice (enum held (*holds) (void), int most, const char *journal,
       const char *what)
{
  int n[3] = { 0 };
  int rounds = 0;

  while (rounds < ROUNDS && n[YES] < 2 && n[NO] < most) {
    n[holds ()]++;
    rounds++;
  }
  if (n[CANNOT_TELL] > 0 && n[NO] < most && n[YES] < 2)
    skip ("this machine is too busy to tell");
  else if (!ok (n[YES] >= 2, "%s: %s", journal, what))
    diag ("in %d of %d rounds", n[YES], rounds);
}

/* In the order in which they came, if each took his turn: who is not on a
 * processor within a millisecond loses it. */
static enum held
in_order (void)
{
  bool ordered = true, at_once = true;
  double left;
  int who = 0;

  queue_up (3);
  for (int i = 1; i <= 3; i++) {
    left = seconds_now ();
    peer_run (&peers[who], "COMMIT");
    await_answer (peers, 4, 120, &who);
    at_once &= seconds_now () - left < AT_ONCE;
    ordered &= who == i;
    if (who < 0 || peer_receive (&peers[who]).rc != SQLITE_OK)
      bail_out ("no one can write");
  }
  peer_run (&peers[who], "COMMIT");
  return at_once ? ordered : CANNOT_TELL;
}

static enum held
at_once (void)
{
  bool good = true;

  queue_up (3);
  peer_run (&peers[0], "COMMIT");
  for (int i = 1; i <= 3; i++) {
    double took;

    next_turn (4, &took);
    good &= took < SOON;
  }
  return good;
}

static void
replace (struct peer *peer)
{
  peer_kill (peer);
  *peer = peer_start ();
  peer_open (peer, path, "oriel", POOL);
  peer_run (peer, "PRAGMA busy_timeout = 20000; PRAGMA synchronous = OFF");
}

static enum held
first_is_killed (void)
{
  double took;

  queue_up (2);
  replace (&peers[1]);
  peer_run (&peers[0], "COMMIT");
  return next_turn (4, &took) == 2 && took < SOON;
}

static enum held
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

static enum held
first_is_stopped (void)
{
  double took;
  double later;
  int who;

  queue_up (2);
  stop_child (peers[1].pid);
  peer_run (&peers[0], "COMMIT");
  who = next_turn (4, &took);
  kill (peers[1].pid, SIGCONT);
  return next_turn (4, &later) == 1 && who == 2 && took < SOON;
}

static enum held
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
static enum held
stranger_was_writing (void)
{
  double took;
  int who;

  peer_run (&stranger, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  begin_to_write (&peers[1]);
  usleep (50000);
  peer_run (&stranger, "COMMIT");
  who = next_turn (4, &took);
  return who == 1 && took < 0.1;
}

static enum held
stranger_writes (void)
{
  double took;
  int who;

  queue_up (1);
  peer_run (&peers[0], "COMMIT");
  who = next_turn (4, &took);
  for (int i = 0; i < 5; i++)
    peer_run (&stranger, "UPDATE t SET x = x + 1");
  return who == 1;
}

int
main (void)
{
  static const char *const journals[] = { "WAL", "DELETE" };
  static const struct {
    enum held (*holds) (void);
    int most;
    const char *what;
  } cases[] = {
    { in_order, 3, "writers have the lock in the order they came" },
    { at_once, ROUNDS, "and at once" },
    { first_is_killed, ROUNDS, "the first waiter is killed: the second, soon" },
    { second_is_killed, ROUNDS,
      "the second is killed: the first, then the third" },
    { first_is_stopped, ROUNDS,
      "the first is stopped: the second, and he later" },
    { writer_is_killed, ROUNDS, "the writer is killed: both who wait" },
    { stranger_was_writing, ROUNDS,
      "a stranger was writing: the waiter looks" },
    { stranger_writes, ROUNDS, "a stranger writes after a waiter" },
  };
  oriel_pool *pool;

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  for (int i = 0; i < 4; i++)
    peers[i] = peer_start ();
  stranger = peer_start ();
  pool = test_pool ();
  for (int i = 0; i < 2; i++) {
    sqlite3 *db;

    path = make_database (i ? "delete.db" : "wal.db", journals[i]);
    words = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
    open_all (POOL);
    for (size_t j = 0; j < sizeof cases / sizeof *cases; j++)
      twice (cases[j].holds, cases[j].most, journals[i], cases[j].what);
    close_all ();
    db = open_stock (path);
    is_str (text_of (db, "PRAGMA integrity_check"), "ok", "integrity_check");
    close_db (db);
  }
  return done_testing ();
}
