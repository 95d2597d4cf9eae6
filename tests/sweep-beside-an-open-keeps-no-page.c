/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that opens a file has its process's lock for as long as the file system
 * takes.  Another thread that sweeps the pool meanwhile, and finds dirty pages, keeps
 * no page from other processes.
 */
#include "util.h"

#include "sys.h"

#define FRAMES 8192
#define PAGES (FRAMES - 80)

static int (*real_open) (const char *path, int flags, mode_t mode);
static steps *at;
static oriel_options options;
static oriel_pool *pool;

static int
slow_open (const char *path, int flags, mode_t mode)
{
  if (strstr (path, "slow")) {
    go_to (at, 1);
    usleep (1500000);
  }
  return real_open (path, flags, mode);
}

static void *
opens (void *unused)
{
  oriel_file *file;

  must (oriel_file_open (pool, scratch_file ("slow"), ORIEL_CREATE, &file),
        "oriel_file_open");
  must (oriel_file_close (file), "oriel_file_close");
  return unused;
}

static int
sweeps (void *unused)
{
  oriel_file *file, *more;
  pthread_t thread;

  (void) unused;
  pool = must_open_pool ("test", &options);
  file = must_open_file (pool, scratch_file ("data"), 0);
  more = must_open_file (pool, scratch_file ("more"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    if (i % 4 == 3)
      stamp_page (pool, file, i, 2);
    else
      page_is_stamped (pool, file, i, 1);
  orl_sys.open = slow_open;
  pthread_create (&thread, NULL, opens, NULL);
  await (at, 1);
  for (uint64_t i = 0; i < 1500; i++)
    page_is_stamped (pool, more, i, 1);
  pthread_join (thread, NULL);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (more), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

int
main (void)
{
  oriel_pool *mine;
  oriel_file *file;
  double worst = 0;
  pid_t pid;

  at = shared_memory (sizeof *at);
  real_open = orl_sys.open;
  options = test_options ();
  options.pool_size = FRAMES * 4096;
  options.store = ORIEL_STORE_POSIX;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("more"), 4096, 1500, 0, 1);
  mine = must_open_pool ("test", &options);
  file = must_open_file (mine, scratch_file ("data"), 0);
  pid = spawn (sweeps, NULL);
  await (at, 1);
  usleep (300000);
  for (uint64_t i = 0; i < PAGES; i++) {
    double from = seconds_now ();
    oriel_page page = must_pin (file, i, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
    from = seconds_now () - from;
    if (from > worst)
      worst = from;
  }
  ok (worst < 1, "no pin of another process waits for the open: %.2f s", worst);
  is_int (reap (pid), 0, "the process ends");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (mine), "oriel_pool_close");
  return done_testing ();
}
