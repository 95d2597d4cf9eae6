/* SPDX-License-Identifier: BSD-2-Clause */
/* cut.h - take memory away from a pool, as a stranger would */
#ifndef CUT_H
#define CUT_H

#include "window.h"

#include <sys/syscall.h>

#ifndef FALLOC_FL_PUNCH_HOLE
# define FALLOC_FL_KEEP_SIZE 1
# define FALLOC_FL_PUNCH_HOLE 2
#endif

/* Where a page of 4 KiB lies in the pool's file. */
UTIL off_t
place_of (oriel_pool *pool, uint32_t frame)
{
  return (off_t) (get_stats (pool).pool_bytes - oriel_pool_frames (pool) * 4096
                  + frame * 4096ull);
}

/* Can holes be punched into the files of pools, and found?  Not before Linux 3.8
 * on tmpfs, nor in some sandboxes. */
UTIL int
holes_can_be (void)
{
  const char *path = pool_path ("holes");
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  char page[4096];
  int can;

  memset (page, 1, sizeof page);
  can = fd >= 0 && pwrite (fd, page, sizeof page, 0) == sizeof page
        && pwrite (fd, page, sizeof page, sizeof page) == sizeof page
        && fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                      sizeof page)
               == 0
        && lseek (fd, 0, SEEK_DATA) == (off_t) sizeof page;
  if (fd >= 0)
    close (fd);
  unlink (path);
  return can;
}

UTIL void
punch_file (const char *path, off_t at, off_t n)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd < 0
      || fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n))
    bail_out ("cannot punch %s: %s", path, strerror (errno));
  close (fd);
}

UTIL void
cut_file (const char *path, off_t size)
{
  if (truncate (path, size))
    bail_out ("cannot cut %s: %s", path, strerror (errno));
}

/* Has the kernel userfaultfd, so that holes are noticed? */
UTIL int
holes_fault (void)
{
#ifdef SYS_userfaultfd
  int fd = (int) syscall (SYS_userfaultfd, O_CLOEXEC | 1);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
#else
  return 0;
#endif
}

/* The windows to try. */
static const struct {
  uint32_t backend;
  size_t window;                /* of 4 MiB */
} windows[] __attribute__ ((unused)) = {
  { ORIEL_BACKEND_EMULATED, MiB },
  { ORIEL_BACKEND_MMAP, MiB },
  { ORIEL_BACKEND_NATIVE, MiB },
  { ORIEL_BACKEND_LINEAR, 4 * MiB },
};

#endif /* CUT_H */
