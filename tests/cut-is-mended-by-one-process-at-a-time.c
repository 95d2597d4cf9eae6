/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gives the pool's cut file its length back has a byte of it locked, so
 * that no other process does so meanwhile: by an OFD lock, or by a POSIX lock
 * where the kernel has no others.
 */
#include "cut.h"

#include "lost.h"
#include "sys.h"

#define LOCK_AT (((off_t) 1 << 59) + 1) /* as in lost.c */

static int (*really_truncate) (int fd, off_t bytes);
static int (*really_lock) (int fd, int cmd, struct flock *lock);
static const char *path;
static int calls, refused;

static int
is_refused (void *arg)
{
  struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                      .l_start = LOCK_AT, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CLOEXEC);

  (void) arg;
  return fd >= 0 && fcntl (fd, F_SETLK, &fl) < 0
         && (errno == EAGAIN || errno == EACCES);
}

static int
truncate_and_ask (int fd, off_t bytes)
{
  calls++;
  refused += reap (spawn (is_refused, NULL)) == 1;
  return really_truncate (fd, bytes);
}

static int
no_ofd_locks (int fd, int cmd, struct flock *lock)
{
  return cmd == F_OFD_SETLK || cmd == F_OFD_GETLK
             ? -EINVAL
             : really_lock (fd, cmd, lock);
}

static void
mend (const char *name, const char *what)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool (name, &opt);

  path = pool_path (name);
  cut_file (path, place_of (pool, 10));
  calls = refused = 0;
  orl_sys.ftruncate = truncate_and_ask;
  orl_lost_repair (&pool->shm, (uint64_t) place_of (pool, 20), 4096, false);
  orl_sys.ftruncate = really_truncate;
  ok (calls > 0, "the file gets its length back");
  is_int (refused, calls, what);
  is_int (reap (spawn (is_refused, NULL)), 0, "and no lock is left");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  really_truncate = orl_sys.ftruncate;
  really_lock = orl_sys.fcntl_lock;
  mend ("test", "no other process may do so meanwhile");
  orl_sys.fcntl_lock = no_ofd_locks;
  mend ("posix", "nor without OFD locks");
  return done_testing ();
}
