/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process begins to read pages and then does nothing, or is stopped, or dies:
 * others who want these pages read them themselves, and soon.  When it goes on
 * it finds them, too.
 */
#include "util.h"

#define PAGES 64

struct shared {
  _Atomic int begun;
  _Atomic int go_on;
  _Atomic int good;
};

static struct shared *shared;

static int
prefetches (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  (void) arg;
  must (oriel_prefetch (file, 0, PAGES), "oriel_prefetch");
  shared->begun = 1;
  while (!shared->go_on)
    usleep (1000);
  for (uint64_t i = 0; i < PAGES; i++)
    shared->good += page_is_stamped (pool, file, i, 1);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void
pin_all (oriel_pool *pool, const char *what)
{
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  double from = seconds_now ();
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  ok (good == PAGES, "%s: %d of %d pages are right", what, good, PAGES);
  diag ("%s: in %.2f s", what, seconds_now () - from);
  must (oriel_file_close (file), "oriel_file_close");
}

static void
await_begun (pid_t pid)
{
  while (!shared->begun) {
    if (waitpid (pid, NULL, WNOHANG) != 0)
      bail_out ("the process ended before it began");
    usleep (100);
  }
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  pid_t pid;
  int status;

  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  shared = shared_memory (sizeof *shared);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);

  pid = spawn (prefetches, NULL);
  await_begun (pid);
  stop_child (pid);
  pin_all (pool, "stopped");
  kill (pid, SIGCONT);
  shared->go_on = 1;
  waitpid (pid, &status, 0);
  ok (WIFEXITED (status) && WEXITSTATUS (status) == 0,
      "the process went on and ended");
  is_int (shared->good, PAGES, "with all its pages");

  oriel_pool_evict (pool, NULL);
  shared->begun = shared->go_on = 0;
  pid = spawn (prefetches, NULL);
  await_begun (pid);
  kill (pid, SIGKILL);
  pin_all (pool, "killed");
  reap (pid);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
