/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared and exclusive latches, between processes. */
#include "latch.h"

/* Run what arg says on an attachment of the process's own. */
static int
attached (struct party *p, int what)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  int bad = 0;

  switch (what) {
  case 0: second_party (p, file); break;
  case 1: count_up (file); break;
  default: bad = look_on (file); break;
  }
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return bad > 90 ? 90 : bad;
}

static int
second (void *arg)
{
  return attached (arg, 0);
}

static int
counts (void *arg)
{
  return attached (arg, 1);
}

static int
looks (void *arg)
{
  return attached (arg, 2);
}

int
main (void)
{
  struct party *party = shared_memory (sizeof *party);
  oriel_pool *pool;
  oriel_file *file;
  pid_t pids[4];

  pool_dir ();
  scratch ();
  pids[0] = spawn (second, party);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  first_party (party, file);
  is_int (reap (pids[0]), 0, "the other process ends well");
  ok (party->waited, "who does not say ORIEL_NOWAIT waits for the latch");

  for (int i = 0; i < 3; i++)
    pids[i] = spawn (counts, party);
  pids[3] = spawn (looks, party);
  is_int (reap (pids[3]), 0, "a reader never saw a half-changed page");
  for (int i = 0; i < 3; i++)
    is_int (reap (pids[i]), 0, "a writer ends well");
  is_int ((long long) count_of (file), 3 * TURNS,
          "no increment of three writers is lost");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
