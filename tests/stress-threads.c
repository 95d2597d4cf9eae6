/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four threads use one pool in every way for some seconds
 * (ORIEL_STRESS_SECONDS, default 5); every page's content is checked at each
 * look and at the end.
 */
#include "stress.h"

static struct worker workers[WORKERS];

static void *
runs (void *arg)
{
  work (arg);
  return NULL;
}

int
main (void)
{
  struct stress *stress = start_stress ();
  oriel_options opt = stress_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  pthread_t threads[WORKERS];

  for (int i = 0; i < WORKERS; i++) {
    workers[i].stress = stress;
    workers[i].number = i;
    open_files (&workers[i], pool);
  }
  for (int i = 0; i < WORKERS; i++)
    threads[i] = start_thread (runs, &workers[i]);
  for (int i = 0; i < WORKERS; i++) {
    pthread_join (threads[i], NULL);
    is_str (workers[i].failure, "", "a thread found all well");
  }
  for (int i = 0; i < WORKERS; i++)
    close_files (&workers[i]);
  check_stress (stress, pool);
  for (int i = 0; i < WORKERS; i++) {
    memset (workers[i].buffer, 0, REGION * PAGE);
    plain_read (scratch_file ("regions"), (off_t) i * REGION * PAGE,
                workers[i].buffer, REGION * PAGE);
    ok (memcmp (workers[i].buffer, workers[i].region, REGION * PAGE) == 0,
        "the store has the region of thread %d", i);
  }
  is_rc (oriel_pool_close (pool), 0, "close");
  return done_testing ();
}
