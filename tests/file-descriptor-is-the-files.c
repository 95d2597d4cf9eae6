/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_fd() is a buffered descriptor of the file, open until close; it
 * serves for locks. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  oriel_pool *pool = test_pool ();
  oriel_file *file;
  struct stat a, b;
  char byte;
  int fd;

  make_stamped_file (path, 4096, 2, 3, 1);
  file = must_open_file (pool, path, 0);
  fd = oriel_file_fd (file);
  ok (fd >= 0 && fstat (fd, &a) == 0 && stat (path, &b) == 0
      && a.st_dev == b.st_dev && a.st_ino == b.st_ino, "it is the file");
  ok (!(fcntl (fd, F_GETFL) & O_DIRECT), "it is buffered");
  ok (pread (fd, &byte, 1, 8191) == 1, "odd places can be read");
  ok (fcntl (fd, F_GETFD) & FD_CLOEXEC, "it is closed at exec");
  ok (fcntl (fd, F_SETLK, &lock) == 0, "it can be locked for writing");
  is_int (oriel_file_fd (file), fd, "it is always the same");
  must (oriel_file_close (file), "oriel_file_close");
  ok (fcntl (fd, F_GETFD) < 0, "close closes it");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
