/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users of two pools and a stranger read and write one database while they are
 * killed one after the other, at any moment, and replaced: no read is stale, no
 * transaction torn, no commit lost, and those that live go on.
 *
 * ORIEL_TEST_ROUNDS is the number of kills.
 */
#include "vfs-versions.h"

static uint64_t seed;
static unsigned born;

static int
peer (void *arg)
{
  int kind = (int) (intptr_t) arg;

  return peer_of_kind (kind, seed * 10000 + born, 1000000);
}

static void
with (const char *journal, int kills, uint64_t *random)
{
  pid_t pids[PEERS];
  unsigned long writes = 0;
  int bad = 0;

  make_versions (journal);
  for (int i = 0; i < PEERS; i++)
    pids[i] = spawn (peer, (void *) (intptr_t) i);
  for (int i = 0; i < kills; i++) {
    int who = (int) (next_random (random) % PEERS);

    usleep ((useconds_t) (next_random (random) % 40000));
    kill (pids[who], SIGKILL);
    bad += reap (pids[who]) != 128 + SIGKILL;
    born++;
    pids[who] = spawn (peer, (void *) (intptr_t) who);
    if (i == kills - 5)
      writes = atomic_load (&shared->writes);
  }
  /* They still get somewhere. */
  for (int i = 0; i < 15000 && atomic_load (&shared->writes) <= writes; i++)
    usleep (20000);
  ok (atomic_load (&shared->writes) > writes, "they write to the end");
  for (int i = 0; i < PEERS; i++) {
    kill (pids[i], SIGKILL);
    bad += reap (pids[i]) != 128 + SIGKILL;
  }
  is_int (bad, 0, "no process ended but by being killed");
  check_versions (journal);
}

int
main (void)
{
  const char *text = getenv ("ORIEL_TEST_ROUNDS");
  int kills = text ? atoi (text) : 60;
  uint64_t random;

  random = seed = test_seed ();
  with ("WAL", kills, &random);
  with ("DELETE", kills, &random);
  with ("PERSIST", kills, &random);
  return done_testing ();
}
