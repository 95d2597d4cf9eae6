/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four processes use one pool in every way for some seconds
 * (ORIEL_STRESS_SECONDS, default 5); every page's content is checked at each
 * look and at the end.
 */
#include "stress.h"

static int
runs (void *arg)
{
  struct worker *w = arg;
  oriel_options opt = stress_options ();
  oriel_pool *pool;

  alarm ((unsigned) w->stress->seconds + util_timeout ());
  pool = must_open_pool ("test", &opt);
  open_files (w, pool);
  work (w);
  close_files (w);
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

int
main (void)
{
  struct worker *workers = shared_memory (WORKERS * sizeof *workers);
  struct stress *stress = start_stress ();
  oriel_options opt = stress_options ();
  pid_t pids[WORKERS];
  oriel_pool *pool;

  for (int i = 0; i < WORKERS; i++) {
    workers[i].stress = stress;
    workers[i].number = i;
    pids[i] = spawn (runs, &workers[i]);
  }
  for (int i = 0; i < WORKERS; i++) {
    is_int (reap (pids[i]), 0, "a process ended well");
    is_str (workers[i].failure, "", "and found all well");
  }
  pool = must_open_pool ("test", &opt);
  check_stress (stress, pool);
  for (int i = 0; i < WORKERS; i++) {
    memset (workers[i].buffer, 0, REGION * PAGE);
    plain_read (scratch_file ("regions"), (off_t) i * REGION * PAGE,
                workers[i].buffer, REGION * PAGE);
    ok (memcmp (workers[i].buffer, workers[i].region, REGION * PAGE) == 0,
        "the store has the region of process %d", i);
  }
  is_rc (oriel_pool_close (pool), 0, "close");
  return done_testing ();
}
