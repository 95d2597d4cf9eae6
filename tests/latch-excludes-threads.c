/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared and exclusive latches, between the threads of a process. */
#include "latch.h"

static oriel_file *file;
static struct party party;

static void *
second (void *arg)
{
  (void) arg;
  second_party (&party, file);
  return NULL;
}

static void *
counts (void *arg)
{
  (void) arg;
  count_up (file);
  return NULL;
}

static void *
looks (void *arg)
{
  *(int *) arg = look_on (file);
  return NULL;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  pthread_t threads[4];
  int bad = 0;

  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  threads[0] = start_thread (second, NULL);
  first_party (&party, file);
  pthread_join (threads[0], NULL);
  ok (party.waited, "who does not say ORIEL_NOWAIT waits for the latch");

  for (int i = 0; i < 3; i++)
    threads[i] = start_thread (counts, NULL);
  threads[3] = start_thread (looks, &bad);
  for (int i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  is_int ((long long) count_of (file), 3 * TURNS,
          "no increment of three writers is lost");
  is_int (bad, 0, "a reader never saw a half-changed page");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
