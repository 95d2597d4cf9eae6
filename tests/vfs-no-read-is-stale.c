/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two users of a pool, a user of another and a stranger read and write one
 * database at the same time, checkpoint, and come and go: no read is stale.
 *
 * ORIEL_TEST_ROUNDS makes it longer.
 */
#include "vfs-versions.h"

static uint64_t seed;
static int rounds;

static int
peer (void *arg)
{
  int kind = (int) (intptr_t) arg;

  return peer_of_kind (kind, seed * 100 + (unsigned) kind, rounds);
}

static void
with (const char *journal)
{
  pid_t pids[PEERS];
  int bad = 0;

  make_versions (journal);
  for (int i = 0; i < PEERS; i++)
    pids[i] = spawn (peer, (void *) (intptr_t) i);
  for (int i = 0; i < PEERS; i++)
    bad += reap (pids[i]) != 0;
  is_int (bad, 0, "all processes ended well");
  check_versions (journal);
}

int
main (void)
{
  const char *text = getenv ("ORIEL_TEST_ROUNDS");

  seed = test_seed ();
  rounds = text ? atoi (text) : 400;
  with ("WAL");
  with ("DELETE");
  with ("TRUNCATE");
  return done_testing ();
}
