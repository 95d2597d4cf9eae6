/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who queues to write is not told that the database is busy because of one who
 * only copies the log, however slow that is, or stopped: the lock is free, and
 * after a while the waiter takes it.  Until then it waits, also if it is alone;
 * who does not sleep when told BUSY does not wait.
 */
#include "waiting.h"

#include <stdbool.h>

enum { HELD = 8, TICKETS = 9, TIMES = 11, COPIES = 15 }; /* words, as in queue.c */

#define PAUSED (1ull << 63)
#define DEAD (1ull << 60 | 1)   /* a token that no one has */

#define ROUNDS 3

#define TRIES 20

#define RECENT_US 50000         /* so long a ticket counts (RECENT_MS) */

#define A_WHILE 0.01            /* s; the waiter tries after 0.02 (PAUSE_US) */

static oriel_pool *pool;

/* What vfs_queue_copies() does: one who lives, and has no lock, says that others
 * are not to write. */
static void
copy (uint64_t *words)
{
  __atomic_store_n (&words[COPIES], oriel_self (pool) | PAUSED, __ATOMIC_SEQ_CST);
}

/* The same while someone waits. */
static void
copy_for_ever (uint64_t *words)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  __atomic_fetch_add ((uint32_t *) &words[TICKETS], 1, __ATOMIC_SEQ_CST);
  __atomic_store_n ((uint32_t *) &words[TIMES],
                    (uint32_t) (now.tv_sec * 1000 + now.tv_nsec / 1000000),
                    __ATOMIC_SEQ_CST);
  copy (words);
}

/* The second peer is one that sleeps when it is told BUSY, and is known for it
 * from then on. */
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

/* A timeout of a tenth of a second is enough, though it is slept in full if the
 * machine is busy. */
static void
end_soon (const struct peer *peers, uint64_t *words)
{
  bool had = false;

  peer_run (&peers[1], "PRAGMA busy_timeout = 80");
  for (int i = 0; i < TRIES && !had; i++) {
    copy (words);
    had = peer_ask (&peers[1], 'R', "BEGIN IMMEDIATE").rc == SQLITE_OK;
    __atomic_store_n (&words[COPIES], 0, __ATOMIC_SEQ_CST);
    if (had)
      peer_run (&peers[1], "COMMIT");
  }
  ok (had, "and not for long");
  peer_run (&peers[1], "PRAGMA busy_timeout = 0");
  for (int i = 0; i < 2; i++) {
    __atomic_store_n (&words[i ? COPIES : HELD], DEAD | (i ? PAUSED : 0),
                      __ATOMIC_SEQ_CST);
    is_int (peer_ask (&peers[1], 'R', "BEGIN IMMEDIATE").rc, SQLITE_OK,
            i ? "nor for the dead that copied" : "nor for the dead that wrote");
    peer_run (&peers[1], "COMMIT");
  }
  peer_run (&peers[1], "PRAGMA busy_timeout = 20000");
}

/* No one else waits.  On a busy machine the wait seems to be longer. */
static void
alone (const struct peer *peers, uint64_t *words)
{
  bool waited = false;
  int who;

  for (int i = 0; i < TRIES && !waited; i++) {
    double start = seconds_now (), took;

    copy (words);
    begin_to_write (&peers[1]);
    waited = await_answer (&peers[1], 1, A_WHILE, &who) >= A_WHILE && who < 0;
    took = seconds_now () - start;
    __atomic_store_n (&words[COPIES], 0, __ATOMIC_SEQ_CST);
    if (peer_receive (&peers[1]).rc != SQLITE_OK)
      bail_out ("the waiter is told BUSY");
    peer_run (&peers[1], "COMMIT");
    if (took > 3 * A_WHILE)
      diag ("%.3f s passed", took);
  }
  ok (waited, "who sleeps waits for the copy, though no one else does");
  end_soon (peers, words);
  copy (words);
  peer_run (&peers[0], "PRAGMA busy_timeout = 0");
  is_int (peer_ask (&peers[0], 'R', "BEGIN IMMEDIATE").rc, SQLITE_OK,
          "who does not sleep has the lock");
  peer_run (&peers[0], "COMMIT");
}

static void
in (const char *journal, const struct peer *peers)
{
  const char *path = make_database (journal, journal);
  uint64_t *words
      = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));

  diag ("%s", journal);
  for (int i = 0; i < 2; i++)
    peer_open (&peers[i], path, "oriel", POOL);
  peer_run (&peers[1], "PRAGMA busy_timeout = 20000");
  for (int i = 1; i <= ROUNDS; i++) {
    wait_once (peers);
    /* It is slept in full, as SQLite counts it, and far more than is wanted. */
    peer_run (&peers[1], "PRAGMA busy_timeout = 3000");
    copy_for_ever (words);
    is_int (peer_ask (&peers[1], 'R', "BEGIN IMMEDIATE").rc, SQLITE_OK,
            "the free lock is had");
    peer_run (&peers[1], "COMMIT; PRAGMA busy_timeout = 20000");
  }
  usleep (2 * RECENT_US);
  alone (peers, words);
  for (int i = 0; i < 2; i++)
    peer_close (&peers[i]);
}

int
main (void)
{
  struct peer peers[2];

  setenv ("ORIEL_LOCK_WAIT", "10000", 1);
  for (int i = 0; i < 2; i++)
    peers[i] = peer_start ();
  pool = test_pool ();
  in ("WAL", peers);
  in ("DELETE", peers);
  return done_testing ();
}
