/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.c - the table of system calls
 *
 * Calls that a signal interrupted are repeated here, except futex waits, whose
 * callers look at the world again anyway.  close() is never repeated: on Linux
 * the descriptor is gone even when it says EINTR.  None of them is a
 * cancellation point.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "sys-lock.h"
#include "sys-uring.h"
#include "sys.h"

/* From the kernel's headers, which a C library need not come with. */
#define HUGETLBFS 0x958458f6u
#define NOREPLACE 1
#define WAIT 0
#define WAKE 1

#define AGAIN(type, call)                                                     \
  type r_;                                                                    \
  do                                                                          \
    r_ = (call);                                                              \
  while (r_ < 0 && errno == EINTR);                                           \
  return r_ < 0 ? -errno : r_

/* The same of what C libraries make a cancellation point. */
#define QUIETLY(type, call)                                                   \
  int was_ = orl_cancel_off ();                                               \
  type r_;                                                                    \
  do                                                                          \
    r_ = (call);                                                              \
  while (r_ < 0 && errno == EINTR);                                           \
  if (r_ < 0)                                                                 \
    r_ = -errno;                                                              \
  orl_cancel_back (was_);                                                     \
  return r_

/* What is called often goes past the C library, if its arguments are as simple
 * as that: to turn cancellation off and on costs 20 to 40 ns.  Writes do not: that
 * is nothing beside them, and tests of power losses stand in for the library's. */
#ifdef __LP64__
# define MOVE(raw, call) AGAIN (ssize_t, syscall raw)
#else
# define MOVE(raw, call) QUIETLY (ssize_t, call)
#endif

static int
sys_open (const char *path, int flags, mode_t mode)
{
  int fd = orl_posix_reopen (path, flags);

  if (fd >= 0)
    return fd;
  QUIETLY (int, open (path, flags | O_CLOEXEC, mode));
}

static int
sys_close (int fd)
{
  int was, r;

  if (orl_posix_keep (fd))
    return 0;
  was = orl_cancel_off ();
  r = close (fd) < 0 ? -errno : 0;
  orl_cancel_back (was);
  return r;
}

static int
sys_fstat (int fd, struct stat *st)
{
  AGAIN (int, fstat (fd, st));
}

static int
sys_statx_birth (int fd, uint64_t *ns)
{
#if defined SYS_statx && defined STATX_BTIME
  struct statx sx;

  if (syscall (SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) < 0)
    return -errno;
  if (!(sx.stx_mask & STATX_BTIME))
    return -EOPNOTSUPP;
  *ns = (uint64_t) sx.stx_btime.tv_sec * 1000000000u + sx.stx_btime.tv_nsec;
  return 0;
#else
  (void) fd, (void) ns;
  return -ENOSYS;
#endif
}

static int
sys_file_handle (int fd, struct file_handle *handle)
{
  int mount;

  return name_to_handle_at (fd, "", handle, &mount, AT_EMPTY_PATH) < 0 ? -errno
                                                                       : 0;
}

/* FNV-1a of a file's handle. */
static uint64_t
handle_digest (int fd)
{
  union {
    struct file_handle handle;
    unsigned char room[sizeof (struct file_handle) + MAX_HANDLE_SZ];
  } u;
  const unsigned char *byte = u.room + offsetof (struct file_handle, f_handle);
  uint64_t h = UINT64_C (0xcbf29ce484222325);

  u.handle.handle_bytes = MAX_HANDLE_SZ;
  if (orl_sys.file_handle (fd, &u.handle) < 0)
    return 0;
  for (unsigned i = 0; i < u.handle.handle_bytes && i < MAX_HANDLE_SZ; i++)
    h = (h ^ byte[i]) * UINT64_C (0x100000001b3);
  return h;
}

static int
sys_birth (int fd, uint64_t *mark)
{
  if (orl_sys.statx_birth (fd, mark) < 0)
    *mark = handle_digest (fd);
  return 0;
}

static ssize_t
sys_pread (int fd, void *buf, size_t n, off_t at)
{
  MOVE ((SYS_pread64, fd, buf, n, at), pread (fd, buf, n, at));
}

static ssize_t
sys_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  MOVE ((SYS_preadv, fd, iov, (long) n, at, 0L), preadv (fd, iov, n, at));
}

static ssize_t
sys_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  QUIETLY (ssize_t, pwritev (fd, iov, n, at));
}

static ssize_t
sys_pwrite (int fd, const void *buf, size_t n, off_t at)
{
  QUIETLY (ssize_t, pwrite (fd, buf, n, at));
}

static int
sys_forget (int fd)
{
  return -posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
}

#define ATOMIC 0x40             /* RWF_ATOMIC, Linux 6.11 */

static ssize_t
sys_pwrite_atomic (int fd, const void *buf, size_t n, off_t at)
{
#ifdef SYS_pwritev2
  struct iovec iov = { (void *) (uintptr_t) buf, n };

  AGAIN (ssize_t, syscall (SYS_pwritev2, fd, &iov, 1L, (unsigned long) at,
                           (unsigned long) ((uint64_t) at >> 32), ATOMIC));
#else
  (void) fd, (void) buf, (void) n, (void) at;
  return -EOPNOTSUPP;
#endif
}

/* Of what statx() says: the two words at this byte, if it has what is wanted.
 * That is younger than most C libraries. */
static int
statx_words (int fd, unsigned wanted, unsigned at, uint32_t *first,
             uint32_t *second)
{
#ifdef SYS_statx
  uint32_t sx[64] = { 0 };

  if (syscall (SYS_statx, fd, "", AT_EMPTY_PATH, wanted, sx) < 0)
    return -errno;
  if (!(sx[0] & wanted))
    return -EOPNOTSUPP;
  *first = sx[at / 4];
  *second = sx[at / 4 + 1];
  return 0;
#else
  (void) fd, (void) wanted, (void) at, (void) first, (void) second;
  return -ENOSYS;
#endif
}

/* STATX_WRITE_ATOMIC, Linux 6.11. */
static int
sys_atomic_unit (int fd, uint32_t *min, uint32_t *max)
{
  return statx_words (fd, 0x10000, 0xa8, min, max);
}

/* STATX_DIOALIGN, Linux 6.1. */
static int
sys_direct_unit (int fd, uint32_t *memory, uint32_t *place)
{
  return statx_words (fd, 0x2000, 0x98, memory, place);
}

static int
sys_fsync (int fd)
{
  QUIETLY (int, fsync (fd));
}

static int
sys_fdatasync (int fd)
{
  QUIETLY (int, fdatasync (fd));
}

static int
sys_ftruncate (int fd, off_t size)
{
  AGAIN (int, ftruncate (fd, size));
}

static int
sys_fallocate (int fd, int mode, off_t at, off_t n)
{
  QUIETLY (int, fallocate (fd, mode, at, n));
}

static off_t
sys_data (int fd, off_t at)
{
#ifdef SEEK_DATA
  off_t r = lseek (fd, at, SEEK_DATA);

  return r < 0 ? -errno : r;
#else
  (void) fd;
  return at;
#endif
}

static off_t
sys_hole (int fd, off_t at)
{
#ifdef SEEK_HOLE
  off_t r = lseek (fd, at, SEEK_HOLE);

  return r < 0 ? -errno : r;
#else
  (void) fd;
  (void) at;
  return -ENXIO;
#endif
}

static int
sys_space (int fd, uint64_t *free_bytes, uint32_t *block)
{
  struct statfs fs;

  if (fstatfs (fd, &fs) < 0)
    return -errno;
  *free_bytes = (uint64_t) fs.f_bavail * (uint64_t) fs.f_bsize;
  *block = (uint32_t) fs.f_type == HUGETLBFS ? (uint32_t) fs.f_bsize : 4096;
  return 0;
}

static int
sys_rename_noreplace (const char *from, const char *to)
{
#ifdef SYS_renameat2
  return syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, NOREPLACE) < 0
             ? -errno
             : 0;
#else
  (void) from, (void) to;
  return -ENOSYS;
#endif
}

static int
sys_rename (const char *from, const char *to)
{
  int r = orl_sys.rename_noreplace (from, to);

  if (r != -EINVAL && r != -ENOSYS && r != -EPERM)
    return r;
  if (link (from, to) < 0)
    return -errno;
  return unlink (from) < 0 ? -errno : 0;
}

static int
sys_unlink (const char *path)
{
  return unlink (path) < 0 ? -errno : 0;
}

static ssize_t
sys_fgetxattr (int fd, const char *name, void *value, size_t n)
{
  AGAIN (ssize_t, fgetxattr (fd, name, value, n));
}

static int
sys_fsetxattr (int fd, const char *name, const void *value, size_t n)
{
  AGAIN (int, fsetxattr (fd, name, value, n, 0));
}

static int
sys_fcntl_lock (int fd, int cmd, struct flock *lock)
{
  AGAIN (int, fcntl (fd, cmd, lock));
}

static int
sys_no_atime (int fd)
{
  AGAIN (int, fcntl (fd, F_SETFL, O_NOATIME));
}

/* OFD locks came with Linux 3.15; sandboxes that list the commands of fcntl()
 * may not know them. */
static bool
no_ofd_locks (int r)
{
  return r == -EINVAL || r == -ENOSYS || r == -EPERM;
}

static int
sys_lock (int fd, int type, off_t at)
{
  struct flock fl
      = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  int r = orl_sys.fcntl_lock (fd, F_OFD_SETLK, &fl);

  return no_ofd_locks (r) ? orl_posix_lock (fd, type, at) : r;
}

static int
sys_locked (int fd, off_t at)
{
  struct flock fl
      = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  int r = orl_sys.fcntl_lock (fd, F_OFD_GETLK, &fl);

  if (no_ofd_locks (r))
    return orl_posix_locked (fd, at);
  return r < 0 ? r : fl.l_type != F_UNLCK;
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

static ssize_t
sys_madvise_many (const struct iovec *iov, int n, int advice)
{
#ifdef SYS_process_madvise
  /* PIDFD_SELF_THREAD (6.14): this process needs no descriptor of itself. */
  long r = syscall (SYS_process_madvise, -10000, iov, (long) n, advice, 0);

  return r < 0 ? -errno : (ssize_t) r;
#else
  (void) iov, (void) n, (void) advice;
  return -ENOSYS;
#endif
}

static int
sys_msync (void *at, size_t n)
{
  QUIETLY (int, msync (at, n, MS_SYNC));
}

static int
sys_mincore (void *at, size_t n, unsigned char *in_memory)
{
  return mincore (at, n, in_memory) < 0 ? -errno : 0;
}

static int
sys_mprotect (void *at, size_t n, int prot)
{
  return mprotect (at, n, prot) < 0 ? -errno : 0;
}

static int
sys_mlock (void *at, size_t n, unsigned flags)
{
  if (flags == 0)
    return mlock (at, n) < 0 ? -errno : 0;
#ifdef SYS_mlock2
  return syscall (SYS_mlock2, at, n, flags) < 0 ? -errno : 0;
#else
  return -ENOSYS;
#endif
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
sys_userfaultfd (int flags)
{
#ifdef SYS_userfaultfd
  long r = syscall (SYS_userfaultfd, flags);

  return r < 0 ? -errno : (int) r;
#else
  (void) flags;
  return -ENOSYS;
#endif
}

static int
sys_ioctl (int fd, unsigned long request, void *arg)
{
  AGAIN (int, ioctl (fd, request, arg));
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
  /* What the call takes, where a time_t may be longer than a long (musl). */
  const long ts[2] = { (long) (ms / 1000), (long) (ms % 1000) * 1000000 };

  return syscall (SYS_futex, word, WAIT, value, ts, NULL, 0) < 0
             ? -errno
             : 0;
}

static int
sys_futex_wake (uint32_t *word)
{
  long r = syscall (SYS_futex, word, WAKE, INT32_MAX, NULL, NULL, 0);

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
  .pwrite_atomic = sys_pwrite_atomic,
  .atomic_unit = sys_atomic_unit,
  .direct_unit = sys_direct_unit,
  .fdatasync = sys_fdatasync,
  .fsync = sys_fsync,
  .forget = sys_forget,
  .ftruncate = sys_ftruncate,
  .fallocate = sys_fallocate,
  .data = sys_data,
  .hole = sys_hole,
  .space = sys_space,
  .rename = sys_rename,
  .unlink = sys_unlink,
  .fgetxattr = sys_fgetxattr,
  .fsetxattr = sys_fsetxattr,
  .lock = sys_lock,
  .locked = sys_locked,
  .mmap = mmap,
  .munmap = sys_munmap,
  .madvise = sys_madvise,
  .madvise_many = sys_madvise_many,
  .msync = sys_msync,
  .mincore = sys_mincore,
  .mprotect = sys_mprotect,
  .mlock = sys_mlock,
  .remap_file_pages = sys_remap_file_pages,
  .userfaultfd = sys_userfaultfd,
  .ioctl = sys_ioctl,
  .membarrier = sys_membarrier,
  .futex_wait = sys_futex_wait,
  .futex_wake = sys_futex_wake,
  .uring_setup = orl_sys_uring_setup,
  .uring_register = orl_sys_uring_register,
  .uring_update = orl_sys_uring_update,
  .uring_submit = orl_sys_uring_submit,
  .uring_wait = orl_sys_uring_wait,
  .fcntl_lock = sys_fcntl_lock,
  .no_atime = sys_no_atime,
  .statx_birth = sys_statx_birth,
  .file_handle = sys_file_handle,
  .rename_noreplace = sys_rename_noreplace,
};

uint64_t
orl_now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

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
      int was = orl_cancel_off ();

      nanosleep (&ts, NULL);
      orl_cancel_back (was);
    }
}
