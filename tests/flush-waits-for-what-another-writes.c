/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What another thread is just writing to the store is not there yet: a flush or
 * sync that finds nothing else to do comes back when it is.
 */
#include "util.h"

#include "sys.h"

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_futex_wait) (uint32_t *, uint32_t, unsigned);
static oriel_pool *pool;
static oriel_file *file;
static _Thread_local int waits;
static atomic_int held;         /* 1 the other's write is held, 2 no more */
static atomic_int ended;

/* Held until the flush waits, or, in vain, is done. */
static ssize_t
hold_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  ssize_t r;

  go_to (&held, 1);
  await (&held, 2);
  r = real_pwritev (fd, iov, n, at);
  ended = 1;
  return r;
}

static int
note_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  if (waits)
    go_to (&held, 2);
  return real_futex_wait (word, value, ms);
}

static void *
flushes (void *arg)
{
  must (oriel_flush (file), "oriel_flush");
  return arg;
}

static void
one (int (*call) (oriel_file *), uint64_t tag, const char *what)
{
  pthread_t thread;
  char page[4096];

  stamp_page (pool, file, 0, tag);
  held = ended = 0;
  orl_sys.pwritev = hold_pwritev;
  orl_sys.futex_wait = note_futex_wait;
  thread = start_thread (flushes, NULL);
  await (&held, 1);
  waits = 1;
  is_rc (call (file), 0, what);
  ok (ended, "comes back when the page is written");
  waits = 0;
  go_to (&held, 2);
  pthread_join (thread, NULL);
  orl_sys.pwritev = real_pwritev;
  orl_sys.futex_wait = real_futex_wait;
  plain_read (scratch_file ("data"), 0, page, sizeof page);
  ok (is_stamped (page, sizeof page, tag, 0), "it is");
}

static void
try (const char *what, size_t window)
{
  oriel_options opt = test_options ();

  diag ("%s", what);
  opt.store = ORIEL_STORE_POSIX;
  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  one (oriel_flush, 1, "a flush");
  one (oriel_sync, 2, "a sync");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  real_pwritev = orl_sys.pwritev;
  real_futex_wait = orl_sys.futex_wait;
  try ("written from where it lies", 0);
  try ("written as a copy", 256 * KiB);
  return done_testing ();
}
