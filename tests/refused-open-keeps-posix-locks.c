/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a file that the pool has no place for closes no descriptor of it, so
 * that the process keeps its POSIX locks on the file. */
#include "util.h"

static int
is_locked (void *arg)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open (arg, O_RDWR | O_CLOEXEC);

  return fd >= 0 && fcntl (fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

int
main (void)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  char *path = strdup (scratch_file ("second"));
  oriel_options opt = test_options ();
  oriel_file *first, *second;
  oriel_pool *pool;
  int fd;

  make_stamped_file (scratch_file ("first"), 4096, 1, 0, 1);
  make_stamped_file (path, 4096, 1, 0, 2);
  opt.max_files = 1;
  pool = must_open_pool ("test", &opt);
  first = must_open_file (pool, scratch_file ("first"), 0);
  fd = open (path, O_RDWR | O_CLOEXEC);
  ok (fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0, "a lock on the second file");
  is_int (in_child (is_locked, path), 1, "another process sees it");
  is_rc (oriel_file_open (pool, path, 0, &second), -ENFILE,
         "the pool has no place for it");
  is_int (in_child (is_locked, path), 1, "the lock is still there");
  close (fd);
  must (oriel_file_close (first), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  free (path);
  return done_testing ();
}
