/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process forks, and is killed; its child lives on and neither closes its copy
 * of the pool nor executes anything.  The process counts as dead all the same:
 * what it had latched is free at once.
 */
#include "util.h"

struct shared {
  steps at;
  uint64_t token;
  pid_t child;
};

/* The windows: linear, and with slots. */
static uint64_t window;

static int
forks (void *arg)
{
  struct shared *shared = arg;
  oriel_options opt = test_options ();
  oriel_page page;
  oriel_pool *pool;
  oriel_file *file;
  pid_t pid;

  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  page = must_pin (file, 3, ORIEL_WRITE);
  memset (page.data, 0xee, 4096);
  must_pin (file, 4, ORIEL_READ);
  shared->token = oriel_self (pool);
  pid = fork ();
  if (pid > 0)
    shared->child = pid;
  if (pid == 0)
    go_to (&shared->at, 1);
  await (&shared->at, 1);
  if (pid > 0)
    go_to (&shared->at, 2);
  for (;;)
    pause ();
  return 0;
}

static void
try (const char *what, uint64_t window_size)
{
  struct shared *shared = shared_memory (sizeof *shared);
  struct timespec from, to;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  pid_t pid;
  double ms;
  int rc;

  window = window_size;
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  pid = spawn (forks, shared);
  await (&shared->at, 2);
  is_int (oriel_alive (pool, shared->token), 1, what);
  kill (pid, SIGKILL);
  reap (pid);
  is_int (oriel_alive (pool, shared->token), 0, "the parent is dead");
  is_int (kill (shared->child, 0), 0, "its child lives");
  if (oriel_alive (pool, shared->token))
    kill (shared->child, SIGKILL); /* or we would wait for ever */
  clock_gettime (CLOCK_MONOTONIC, &from);
  rc = oriel_pin (file, 3, ORIEL_WRITE, &page);
  clock_gettime (CLOCK_MONOTONIC, &to);
  ms = (double) (to.tv_sec - from.tv_sec) * 1e3
       + (double) (to.tv_nsec - from.tv_nsec) / 1e6;
  is_rc (rc, 0, "the page it had latched can be latched");
  ok (is_stamped (page.data, 4096, 1, 3), "and is as it was");
  ok (ms < 1000, "soon");
  must (oriel_unpin (&page), "oriel_unpin");
  kill (shared->child, SIGKILL);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
}

int
main (void)
{
  pool_dir (); /* the children's, too */
  try ("with a window as large as the pool", 0);
  try ("with a small window", 128 * KiB);
  return done_testing ();
}
