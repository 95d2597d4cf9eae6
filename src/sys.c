/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.c - the table of system calls
 *
 * Calls that a signal interrupted are repeated here, except futex waits, whose
 * callers look at the world again anyway.  close() is never repeated: on Linux
 * the descriptor is gone even when it says EINTR.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#define AGAIN(type, call)                                                     \
  type r_;                                                                    \
  do                                                                          \
    r_ = (call);                                                              \
  while (r_ < 0 && errno == EINTR);                                           \
  return r_ < 0 ? -errno : r_

static int
sys_open (const char *path, int flags, mode_t mode)
{
  AGAIN (int, open (path, flags | O_CLOEXEC, mode));
}

static int
sys_close (int fd)
{
  return close (fd) < 0 ? -errno : 0;
}

static int
sys_fstat (int fd, struct stat *st)
{
  AGAIN (int, fstat (fd, st));
}

static int
sys_birth (int fd, uint64_t *ns)
{
  *ns = 0;
#if defined SYS_statx && defined STATX_BTIME
  struct statx sx;

  if (syscall (SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) == 0
      && (sx.stx_mask & STATX_BTIME))
    *ns = (uint64_t) sx.stx_btime.tv_sec * 1000000000u + sx.stx_btime.tv_nsec;
#else
  (void) fd;
#endif
  return 0;
}

static ssize_t
sys_pread (int fd, void *buf, size_t n, off_t at)
{
  AGAIN (ssize_t, pread (fd, buf, n, at));
}

static ssize_t
sys_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  AGAIN (ssize_t, preadv (fd, iov, n, at));
}

static ssize_t
sys_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  AGAIN (ssize_t, pwritev (fd, iov, n, at));
}

static ssize_t
sys_pwrite (int fd, const void *buf, size_t n, off_t at)
{
  AGAIN (ssize_t, pwrite (fd, buf, n, at));
}

static int
sys_forget (int fd)
{
  return -posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int
sys_fdatasync (int fd)
{
  AGAIN (int, fdatasync (fd));
}

static int
sys_ftruncate (int fd, off_t size)
{
  AGAIN (int, ftruncate (fd, size));
}

static int
sys_fallocate (int fd, int mode, off_t at, off_t n)
{
  AGAIN (int, fallocate (fd, mode, at, n));
}

static int
sys_space (int fd, uint64_t *free_bytes, uint32_t *block)
{
  struct statfs fs;

  if (fstatfs (fd, &fs) < 0)
    return -errno;
  *free_bytes = (uint64_t) fs.f_bavail * (uint64_t) fs.f_bsize;
  *block = fs.f_type == HUGETLBFS_MAGIC ? (uint32_t) fs.f_bsize : 4096;
  return 0;
}

static int
sys_rename (const char *from, const char *to)
{
#if defined SYS_renameat2 && defined RENAME_NOREPLACE
  if (syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE)
      == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS)
    return -errno;
#endif
  if (link (from, to) < 0)
    return -errno;
  return unlink (from) < 0 ? -errno : 0;
}

static int
sys_unlink (const char *path)
{
  return unlink (path) < 0 ? -errno : 0;
}

static int
sys_lock (int fd, int type, off_t at)
{
  struct flock fl
      = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

  AGAIN (int, fcntl (fd, F_OFD_SETLK, &fl));
}

static int
sys_locked (int fd, off_t at)
{
  struct flock fl
      = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

  if (fcntl (fd, F_OFD_GETLK, &fl) < 0)
    return -errno;
  return fl.l_type != F_UNLCK;
}

static int
sys_munmap (void *at, size_t n)
{
  return munmap (at, n) < 0 ? -errno : 0;
}

static int
sys_madvise (void *at, size_t n, int advice)
{
  return madvise (at, n, advice) < 0 ? -errno : 0;
}

static int
sys_remap_file_pages (void *at, size_t n, size_t pgoff, int flags)
{
#ifdef SYS_remap_file_pages
  return syscall (SYS_remap_file_pages, at, n, 0, pgoff, flags) < 0 ? -errno
                                                                    : 0;
#else
  (void) at, (void) n, (void) pgoff, (void) flags;
  return -ENOSYS;
#endif
}

static int
sys_membarrier (int cmd)
{
#ifdef SYS_membarrier
  long r = syscall (SYS_membarrier, cmd, 0, 0);

  return r < 0 ? -errno : (int) r;
#else
  (void) cmd;
  return -ENOSYS;
#endif
}

static int
sys_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  struct timespec ts = { ms / 1000, (long) (ms % 1000) * 1000000 };

  return syscall (SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0) < 0
             ? -errno
             : 0;
}

static int
sys_futex_wake (uint32_t *word)
{
  long r = syscall (SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);

  return r < 0 ? -errno : (int) r;
}

struct orl_sys orl_sys = {
  .open = sys_open,
  .close = sys_close,
  .fstat = sys_fstat,
  .birth = sys_birth,
  .pread = sys_pread,
  .preadv = sys_preadv,
  .pwritev = sys_pwritev,
  .pwrite = sys_pwrite,
  .fdatasync = sys_fdatasync,
  .forget = sys_forget,
  .ftruncate = sys_ftruncate,
  .fallocate = sys_fallocate,
  .space = sys_space,
  .rename = sys_rename,
  .unlink = sys_unlink,
  .lock = sys_lock,
  .locked = sys_locked,
  .mmap = mmap,
  .munmap = sys_munmap,
  .madvise = sys_madvise,
  .remap_file_pages = sys_remap_file_pages,
  .membarrier = sys_membarrier,
  .futex_wait = sys_futex_wait,
  .futex_wake = sys_futex_wake,
};

/* What is waited for takes well under a microsecond when its owner runs, and a
 * time slice when it does not: so a short spin, some yields, then sleeps. */
void
orl_backoff (unsigned round)
{
  if (round < 64)
    {
#if defined __x86_64__ || defined __i386__
      __builtin_ia32_pause ();
#endif
    }
  else if (round < 96)
    sched_yield ();
  else
    {
      unsigned us = round < 128 ? 50 : 1000;
      struct timespec ts = { 0, us * 1000L };

      nanosleep (&ts, NULL);
    }
}
