/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A truncation waits for a copy of the page that the new end lies in, which a
 * checkpoint is just writing: else the file would be long again, and have what was
 * cut off.
 */
#include "util.h"

#include "sys.h"

#define END (4096 + 100)

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_ftruncate) (int, off_t);
static int (*real_futex_wait) (uint32_t *, uint32_t, unsigned);
static oriel_pool *pool;
static oriel_file *file;
static atomic_int writes, cut, waits;

/* What the checkpoint writes is not there before the truncation waits, or is
 * done. */
static ssize_t
slow_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  atomic_store (&writes, 1);
  while (!atomic_load (&cut) && !atomic_load (&waits))
    sched_yield ();
  return real_pwritev (fd, iov, n, at);
}

static int
note_ftruncate (int fd, off_t size)
{
  int r = real_ftruncate (fd, size);

  atomic_store (&cut, 1);
  return r;
}

static int
note_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  atomic_store (&waits, 1);
  return real_futex_wait (word, value, ms);
}

static void *
checkpoint (void *unused)
{
  must (oriel_checkpoint (pool, file, NULL), "oriel_checkpoint");
  return unused;
}

static void
one (const char *name, unsigned flags)
{
  const char *path = scratch_file (name);
  char rest[4096 - 100];
  pthread_t thread;

  make_stamped_file (path, 4096, 2, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, flags);
  stamp_page (pool, file, 1, 2);
  atomic_store (&writes, 0);
  atomic_store (&cut, 0);
  atomic_store (&waits, 0);
  orl_sys.pwritev = slow_pwritev;
  orl_sys.ftruncate = note_ftruncate;
  orl_sys.futex_wait = note_futex_wait;
  pthread_create (&thread, NULL, checkpoint, NULL);
  while (!atomic_load (&writes))
    sched_yield ();
  is_rc (oriel_file_truncate (file, END), 0, name);
  pthread_join (thread, NULL);
  orl_sys.pwritev = real_pwritev;
  orl_sys.ftruncate = real_ftruncate;
  orl_sys.futex_wait = real_futex_wait;
  is_int ((long long) plain_size (path), END, "the store is cut");
  must (oriel_file_truncate (file, 8192), "oriel_file_truncate");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  plain_read (path, END, rest, sizeof rest);
  ok (is_zero (rest, sizeof rest), "what was cut off does not come back");
}

int
main (void)
{
  real_pwritev = orl_sys.pwritev;
  real_ftruncate = orl_sys.ftruncate;
  real_futex_wait = orl_sys.futex_wait;
  one ("file", 0);
  one ("foreign", ORIEL_FOREIGN);
  return done_testing ();
}
