/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processes recall the leases on one file at the same time.  If the recall of
 * one is ended by the other's end, it is posted again; and when it ends itself,
 * the other's goes on.  Here this process is the other one, by the words of
 * shared memory, and whose lease it is was stopped, so that none is served.
 */
#include "vfs.h"

#define TRIES 60                /* on a busy machine we may come too late */
#define SIGNALS 5               /* a word, as in lease.c: RECALL is its half */
#define LEASES 4

static struct peer reader, writer[TRIES];
static const char *path;
static uint64_t *words;
static uint32_t *recall;

static uint32_t
recall_now (void)
{
  return __atomic_load_n (recall, __ATOMIC_SEQ_CST);
}

static int
has_answered (const struct peer *peer)
{
  char c;

  return recv (peer->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Is there a recall, before the peer's checkpoint is over? */
static int
await_recall (const struct peer *peer)
{
  while (!(recall_now () & 1))
    if (has_answered (peer))
      return 0;
  return 1;
}

static int
change (uint32_t from, uint32_t to)
{
  return __atomic_compare_exchange_n (recall, &from, to, 0, __ATOMIC_SEQ_CST,
                                      __ATOMIC_SEQ_CST);
}

/* A checkpoint that recalls the stopped reader's lease, which is on an older mark
 * than the last: one recall, of 10 ms. */
static void
one_try (const struct peer *peer, int *again, int *goes_on)
{
  uint32_t seen;

  peer_open (peer, path, "oriel", POOL);
  peer_number (&reader, "SELECT x FROM t");
  stop_child (reader.pid);
  if (words[LEASES] != 0) {
    peer_run (peer, "UPDATE t SET x = x + 1");
    peer_send (peer, 'R', "", "", "PRAGMA wal_checkpoint (PASSIVE)");
    if (await_recall (peer)) {
      seen = recall_now ();
      change (seen, seen & ~1u); /* another has ended it */
      if (await_recall (peer)) {
        *again = 1;
        seen = recall_now ();
        if ((seen & 1) && change (seen, seen + 2)) { /* another has posted */
          peer_receive (peer);
          *goes_on = recall_now () == seen + 2 ? 1 : -1;
          change (recall_now (), seen + 3);
          kill (reader.pid, SIGCONT);
          return;
        }
      }
    }
    peer_receive (peer);
  }
  kill (reader.pid, SIGCONT);
}

int
main (void)
{
  int again = 0, goes_on = 0;
  oriel_pool *pool;

  reader = peer_start ();
  for (int i = 0; i < TRIES; i++)
    writer[i] = peer_start ();
  path = scratch_file ("recalls.db");
  peer_open (&reader, path, "oriel", POOL "&oriel_lease=3600000");
  peer_run (&reader, "PRAGMA journal_mode = WAL; CREATE TABLE t (x);"
                     "INSERT INTO t VALUES (0)");
  pool = test_pool ();
  words = oriel_file_words (must_open_file (pool, path, ORIEL_FOREIGN));
  recall = (uint32_t *) &words[SIGNALS];
  for (int i = 0; i < TRIES && !(again && goes_on); i++) {
    one_try (&writer[i], &again, &goes_on);
    peer_kill (&writer[i]);
  }
  ok (again, "a recall that another has ended is posted again");
  ok (goes_on == 1, "a recall that another has posted goes on");
  return done_testing ();
}
