/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for a turn to write does not take the lock between two transactions
 * of the writer whose turn it is, or while that one copies the log: it is told
 * that the lock is busy, also if it looks when it is free.  Who never waits takes
 * it.  A turn whose owner does nothing is over.
 */
#include "waiting.h"

enum { HELD = 8, TICKETS = 9, TIMES = 11 }; /* words, as in queue.c */

static oriel_pool *pool;
static uint64_t *words;
static uint64_t self;

/* Someone who lives is at work, and someone else waits. */
static void
take_turn (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  __atomic_fetch_add ((uint32_t *) &words[TICKETS], 1, __ATOMIC_SEQ_CST);
  __atomic_store_n ((uint32_t *) &words[TIMES],
                    (uint32_t) (now.tv_sec * 1000 + now.tv_nsec / 1000000),
                    __ATOMIC_SEQ_CST);
  __atomic_store_n (&words[HELD], self, __ATOMIC_SEQ_CST);
}

/* The peer waits behind another one, until that one commits. */
static void
wait_once (const struct peer *peers)
{
  peer_run (&peers[0], "BEGIN IMMEDIATE; UPDATE t SET x = x + 1");
  begin_to_write (&peers[1]);
  usleep (50000);
  peer_run (&peers[0], "COMMIT");
  if (peer_receive (&peers[1]).rc != SQLITE_OK)
    bail_out ("a peer cannot write");
  peer_run (&peers[1], "COMMIT");
}

/* On a busy machine the turn may seem to be given up, as no one waits; so not
 * every time. */
static int
finds_it_busy (const struct peer *peers)
{
  for (int i = 0; i < 100; i++) {
    wait_once (peers);
    peer_run (&peers[1], "PRAGMA busy_timeout = 20");
    take_turn ();
    if (peer_ask (&peers[1], 'R', "BEGIN IMMEDIATE").rc == SQLITE_BUSY)
      return 1;
    peer_run (&peers[1], "COMMIT; PRAGMA busy_timeout = 20000");
  }
  return 0;
}

static void
in (const char *journal, const struct peer *peers)
{
  const char *path = make_database (journal, journal);
  int who;

  diag ("%s", journal);
  words = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
  for (int i = 0; i < 3; i++)
    peer_open (&peers[i], path, "oriel", POOL);
  peer_run (&peers[1], "PRAGMA busy_timeout = 20000");
  ok (finds_it_busy (peers), "who waits its turn finds the lock busy");
  is_int (peer_ask (&peers[2], 'R', "PRAGMA busy_timeout = 0;"
                                    "BEGIN IMMEDIATE; COMMIT").rc,
          SQLITE_OK, "who never waits has it");

  peer_run (&peers[1], "PRAGMA busy_timeout = 20000");
  take_turn ();
  begin_to_write (&peers[1]);
  usleep (20000);
  __atomic_store_n (&words[HELD], 0, __ATOMIC_SEQ_CST);
  await_answer (&peers[1], 1, 120, &who);
  is_int (who, 0, "a waiter has it when no one is at work");
  if (peer_receive (&peers[1]).rc != SQLITE_OK)
    bail_out ("a waiter cannot write");
  peer_run (&peers[1], "COMMIT");
  for (int i = 0; i < 3; i++)
    peer_close (&peers[i]);
}

int
main (void)
{
  struct peer peers[3];

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  for (int i = 0; i < 3; i++)
    peers[i] = peer_start ();
  pool = test_pool ();
  self = oriel_self (pool);
  in ("WAL", peers);
  in ("DELETE", peers);
  return done_testing ();
}
