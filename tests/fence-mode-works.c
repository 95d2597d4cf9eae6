/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool made with ORIEL_FENCE works as any other, for processes that say
 * nothing of it as well: threads and processes on a pool smaller than the
 * file.
 */
#include "util.h"

#define PAGES 1000u

static oriel_options opt;

/* Read all pages at random, rewrite some; the number that were wrong. */
static int
use (oriel_pool *pool, oriel_file *file, uint64_t seed)
{
  int bad = 0;

  for (int i = 0; i < 4000; i++) {
    uint64_t number = next_random (&seed) % PAGES;

    bad += !page_is_stamped (pool, file, number, 1);
    if (i % 7 == 0)
      stamp_page (pool, file, number, 1);
  }
  return bad;
}

static oriel_pool *pool;
static oriel_file *file;

static void *
thread_uses (void *bad)
{
  *(int *) bad = use (pool, file, 13);
  return NULL;
}

static int
process_uses (void *arg)
{
  oriel_pool *mine = must_open_pool ("test", &opt);
  oriel_file *f = must_open_file (mine, scratch_file ("data"), 0);
  int bad = use (mine, f, *(uint64_t *) arg);

  must (oriel_file_abandon (f), "oriel_file_abandon");
  must (oriel_pool_close (mine), "oriel_pool_close");
  return bad > 90 ? 90 : bad;
}

int
main (void)
{
  uint64_t seeds[2] = { 11, 12 };
  pthread_t threads[2];
  pid_t pids[2];
  int bad[2];

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt = test_options ();
  opt.pool_size = MiB;
  opt.window_size = 256 * KiB;
  opt.slot_size = 4096;
  opt.flags = ORIEL_FENCE;
  pool = must_open_pool ("test", &opt);
  opt.flags = 0;
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int (use (pool, file, 10), 0, "one thread");
  for (int i = 0; i < 2; i++)
    pids[i] = spawn (process_uses, &seeds[i]);
  for (int i = 0; i < 2; i++)
    threads[i] = start_thread (thread_uses, &bad[i]);
  for (int i = 0; i < 2; i++) {
    pthread_join (threads[i], NULL);
    is_int (bad[i], 0, "a thread beside others");
    is_int (reap (pids[i]), 0, "a process beside others");
  }
  ok (get_stats (pool).evictions > 1000, "many pages were evicted");
  is_rc (oriel_file_close (file), 0, "close the file");
  is_rc (oriel_pool_close (pool), 0, "close the pool");
  return done_testing ();
}
