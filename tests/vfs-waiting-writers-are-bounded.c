/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No one waits to write for longer than the busy timeout, or without one; a
 * reader that wants to write is told at once that it cannot; and
 * oriel_lock_wait bounds the queue, after which SQLite's own waiting is left.
 */
#include "waiting.h"

enum { TICKETS = 9 };           /* a word, as in queue.c */

static sqlite3 *writer, *waiter;

/* What may not wait has this long, on a busy machine: who waits when he must not
 * waits for 10 s. */
#define AT_ONCE 0, 8.0
#define OF_300_MS 0.19, 8.0

static void
expect (int rc, const char *sql, double least, double most, const char *what)
{
  double start = seconds_now ();
  int got = try_run (waiter, "%s", sql);
  double took = seconds_now () - start;

  is_int (got, rc, what);
  if (!ok (took >= least && took <= most, "%s: in time", what))
    diag ("it took %.3f s", took);
}

static void
in (const char *journal)
{
  const char *path = make_database (journal, journal);
  int wal = strcmp (journal, "WAL") == 0;

  diag ("%s", journal);
  writer = open_oriel (path);
  waiter = open_oriel (path);
  run (writer, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");

  sqlite3_busy_timeout (waiter, 0);
  expect (SQLITE_BUSY, "BEGIN IMMEDIATE", AT_ONCE, "no handler, no wait");
  sqlite3_busy_timeout (waiter, 300);
  expect (SQLITE_BUSY, "BEGIN IMMEDIATE", OF_300_MS, "a wait has an end");
  expect (SQLITE_BUSY, "BEGIN IMMEDIATE", OF_300_MS, "so has the next");

  sqlite3_busy_timeout (waiter, 10000);
  run (waiter, "BEGIN; SELECT * FROM t");
  number_of (waiter, "SELECT x FROM t");
  expect (SQLITE_BUSY, "UPDATE t SET x = 7", AT_ONCE,
          "a reader cannot wait to write");
  if (wal) {
    run (writer, "COMMIT");
    expect (SQLITE_BUSY, "UPDATE t SET x = 7", AT_ONCE,
            "nor write what it read before a commit");
    is_int (sqlite3_extended_errcode (waiter), SQLITE_BUSY_SNAPSHOT,
            "for that is an old snapshot");
    run (waiter, "ROLLBACK");
  } else {
    run (waiter, "ROLLBACK");
    run (writer, "COMMIT");
  }
  sqlite3_busy_timeout (waiter, 0);
  expect (SQLITE_OK, "BEGIN IMMEDIATE; COMMIT", AT_ONCE,
          "a lock that is free is had without waiting");
  close_db (waiter);
  close_db (writer);
}

/* The holder gives the lock up 265 ms after the waiter came; how long the
 * waiter waits then, in s. */
static double
with_lock_wait (struct peer *holder, struct peer *peer, const char *more)
{
  const char *path = scratch_file ("limit.db");
  double took;
  int who;

  peer_open (holder, path, "oriel", POOL);
  peer_open (peer, path, "oriel", more);
  peer_run (peer, "PRAGMA busy_timeout = 20000");
  peer_run (holder, "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  begin_to_write (peer);
  usleep (265000);
  peer_run (holder, "COMMIT");
  took = await_answer (peer, 1, 120, &who);
  if (who < 0 || peer_receive (peer).rc != SQLITE_OK)
    bail_out ("the waiter cannot write");
  peer_run (peer, "COMMIT");
  peer_close (peer);
  peer_close (holder);
  return took;
}

/* Of a few times: whoever comes late finds the lock given up. */
static double
longest (struct peer *peers, const char *more)
{
  double most = 0;

  for (int i = 0; i < 30 && most <= 0.05; i++)
    most = with_lock_wait (&peers[0], &peers[1], more);
  return most;
}

/* How many tickets of the queue one takes who waits in vain. */
static uint32_t
tickets (const struct peer *peers, const char *path, const char *more)
{
  uint32_t *tail = (uint32_t *) &oriel_file_words (
      must_open_file (test_pool (), path, ORIEL_FOREIGN))[TICKETS];
  uint32_t before;

  peer_open (&peers[0], path, "oriel", POOL);
  peer_open (&peers[1], path, "oriel", more);
  peer_run (&peers[0], "BEGIN IMMEDIATE");
  before = __atomic_load_n (tail, __ATOMIC_SEQ_CST);
  peer_run (&peers[1], "PRAGMA busy_timeout = 20");
  if (peer_ask (&peers[1], 'R', "BEGIN IMMEDIATE").rc != SQLITE_BUSY)
    bail_out ("two write");
  peer_run (&peers[0], "COMMIT");
  peer_close (&peers[1]);
  peer_close (&peers[0]);
  return __atomic_load_n (tail, __ATOMIC_SEQ_CST) - before;
}

int
main (void)
{
  struct peer peers[2];
  double shortest = 1;
  const char *path;

  unsetenv ("ORIEL_LOCK_WAIT");
  for (int i = 0; i < 2; i++)
    peers[i] = peer_start ();
  in ("WAL");
  in ("DELETE");
  path = make_database ("default.db", "WAL");
  ok (tickets (peers, path, POOL) > 0, "who waits queues by default");
  is_int (tickets (peers, path, POOL "&oriel_lock_wait=0"), 0,
          "and not with oriel_lock_wait=0");
  path = make_database ("journal.db", "DELETE");
  is_int (tickets (peers, path, POOL), 0, "nor by default without a log");
  ok (tickets (peers, path, POOL "&oriel_lock_wait=10000") > 0,
      "but for who asks for it");
  make_database ("limit.db", "WAL");
  ok (longest (peers, POOL "&oriel_lock_wait=0") > 0.05,
      "without a queue SQLite's handler sleeps");
  ok (longest (peers, POOL "&oriel_lock_wait=50") > 0.05,
      "and when the time in the queue is over");
  for (int i = 0; i < 30 && shortest >= 0.045; i++)
    shortest = with_lock_wait (&peers[0], &peers[1], POOL);
  ok (shortest < 0.045, "within it the writer is woken");
  return done_testing ();
}
