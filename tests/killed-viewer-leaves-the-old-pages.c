/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is killed with a writable view leaves every page as it was;
 * nothing of its view stays pinned or latched, and one that waited for the pages
 * gets them.
 */
#include "util.h"

#define PAGES 60

static oriel_pool *pool;
static oriel_file *file;

static void
begin (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static int
die (void *arg)
{
  struct oriel_view view, other;

  begin ();
  must (oriel_view (file, 50, 10, ORIEL_READ, &other), "oriel_view");
  must (oriel_view (file, 0, 40, ORIEL_WRITE, &view), "oriel_view");
  memset (view.data, 'x', 40 * 4096);
  must (oriel_view_dirty (&view, 0, 30, 0), "oriel_view_dirty");
  go_to (arg, 1);
  pause ();
  return 1;
}

static void *
wait_for_it (void *arg)
{
  struct oriel_view view;
  int *good = arg;

  must (oriel_view (file, 0, PAGES, ORIEL_WRITE, &view), "oriel_view");
  for (uint64_t i = 0; i < PAGES; i++)
    *good += is_stamped ((char *) view.data + i * 4096, 4096, 1, i);
  must (oriel_view_end (&view), "oriel_view_end");
  return NULL;
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  pthread_t thread;
  int good = 0;
  pid_t pid;

  scratch ();
  pool_dir ();
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pid = spawn (die, at);
  await (at, 1);
  begin ();
  thread = start_thread (wait_for_it, &good);
  while (get_stats (pool).latch_waits == 0)
    usleep (200);
  kill (pid, SIGKILL);
  reap (pid);
  pthread_join (thread, NULL);
  is_int (good, PAGES, "every page is what it was before the view");
  is_int ((long long) get_stats (pool).pins, 0, "nothing stays pinned");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
