/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who wants a page that another thread is just reading waits for it, however long
 * that takes: it is not read twice, by threads of the process or by others.
 */
#include "util.h"

#include "sys.h"

#define LONG 150000             /* us: several times as long as one waits at once */

static struct shared {
  steps step;
  atomic_int reads;
  int good;
} *shared;

static ssize_t (*real_preadv) (int, const struct iovec *, int, off_t);
static oriel_pool *pool;
static oriel_file *file;

static ssize_t
slow_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  shared->reads++;
  go_to (&shared->step, 2);
  usleep (LONG);
  return real_preadv (fd, iov, n, at);
}

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static void
leave (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

static void *
reads (void *good)
{
  *(int *) good = page_is_stamped (pool, file, 5, 1);
  return NULL;
}

static int
reads_too (void *unused)
{
  (void) unused;
  attach ();
  go_to (&shared->step, 1);
  await (&shared->step, 2);
  shared->good = page_is_stamped (pool, file, 5, 1);
  leave ();
  return 0;
}

int
main (void)
{
  pthread_t thread;
  int good[2] = { 0 };
  pid_t pid;

  shared = shared_memory (sizeof *shared);
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool_dir ();
  real_preadv = orl_sys.preadv;
  orl_sys.preadv = slow_preadv;
  pid = spawn (reads_too, NULL);
  await (&shared->step, 1);
  attach ();
  thread = start_thread (reads, &good[0]);
  await (&shared->step, 2);
  reads (&good[1]);
  pthread_join (thread, NULL);
  is_int (reap (pid), 0, "a process, and two threads of another, want a page");
  ok (good[0] && good[1] && shared->good, "all have it");
  is_int (shared->reads, 1, "it is read once");
  leave ();
  return done_testing ();
}
