/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who queues to write is not told that the database is busy because of one who
 * only copies the log, however slow that is, or stopped: the lock is free, and
 * after a while the waiter takes it.
 */
#include "waiting.h"

enum { HELD = 8, TICKETS = 9, TIMES = 11 }; /* words, as in queue.c */

#define ROUNDS 3

static oriel_pool *pool;

/* What vfs_queue_pause() does while someone waits: one who lives, and has no
 * lock, says that others are not to write. */
static void
copy_for_ever (uint64_t *words)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  __atomic_fetch_add ((uint32_t *) &words[TICKETS], 1, __ATOMIC_SEQ_CST);
  __atomic_store_n ((uint32_t *) &words[TIMES],
                    (uint32_t) (now.tv_sec * 1000 + now.tv_nsec / 1000000),
                    __ATOMIC_SEQ_CST);
  __atomic_store_n (&words[HELD], oriel_self (pool), __ATOMIC_SEQ_CST);
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
