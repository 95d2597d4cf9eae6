/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h - have the n-th system call of a kind fail
 *
 * Every entry of the table orl_sys is wrapped.  A fault is a kind of call, what
 * it does in place of its work, and which one it befalls: the n-th since
 * fault_arm(), or that and all later ones.  Calls are counted from 1 on whether
 * one fails or not.  For programs of one thread.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "util.h"

#include "sys.h"

/* Not an errno: half of the bytes are read or written, and the call says so. */
#define SHORT 10000

struct fault {
  const char *call;             /* of the table */
  int error;                    /* errno, or SHORT */
};

/* What each call can say, as far as its callers may meet it. */
static const struct fault all_faults[] __attribute__ ((unused)) = {
  { "open", EMFILE },        { "close", EIO },
  { "fstat", EIO },          { "birth", EIO },
  { "pread", EIO },          { "pread", SHORT },
  { "preadv", EIO },         { "preadv", SHORT },
  { "pwritev", EIO },        { "pwritev", ENOSPC },
  { "pwritev", SHORT },      { "pwrite", EIO },
  { "pwrite", ENOSPC },      { "pwrite", SHORT },
  { "pwrite_atomic", EIO },  { "atomic_unit", ENOSYS },
  { "direct_unit", ENOSYS },
  { "fsync", EIO },          { "msync", EIO },
  { "fdatasync", EIO },      { "forget", EIO },
  { "ftruncate", EIO },      { "fallocate", ENOSPC },
  { "data", EIO },           { "hole", EIO },
  { "space", EIO },
  { "rename", EIO },         { "unlink", EIO },
  { "fgetxattr", EIO },      { "fsetxattr", ENOSPC },
  { "lock", ENOLCK },        { "locked", EIO },
  { "mmap", ENOMEM },        { "munmap", ENOMEM },
  { "madvise", ENOMEM },     { "madvise_many", ENOMEM },
  { "mincore", EAGAIN },     { "mprotect", ENOMEM },
  { "mlock", ENOMEM },       { "remap_file_pages", EINVAL },
  { "userfaultfd", EPERM },  { "ioctl", ENOMEM },
  { "membarrier", EPERM },   { "futex_wait", EINTR },
  { "futex_wake", EINVAL },  { "fcntl_lock", ENOLCK },
  { "statx_birth", ENOSYS }, { "file_handle", EOPNOTSUPP },
  { "rename_noreplace", EIO }, { "no_atime", EPERM },
  { "uring_setup", ENOSYS }, { "uring_register", EPERM },
  { "uring_update", EINVAL }, { "uring_submit", EPERM },
  { "uring_wait", EPERM },
};

static struct {
  const char *call;
  int error;
  unsigned at;                  /* 0: count only */
  bool lasting;
  unsigned calls;
} fault;

UTIL int
fault_hits (const char *call)
{
  if (!fault.call || strcmp (call, fault.call) != 0)
    return 0;
  fault.calls++;
  return fault.at && (fault.calls == fault.at
                      || (fault.lasting && fault.calls > fault.at));
}

static struct orl_sys fault_real;

#define FAULT(name, type, params, args)                                       \
  static type fault_##name params                                             \
  {                                                                           \
    return fault_hits (#name) ? (type) -fault.error : fault_real.name args;   \
  }

/* Of a call that would move n bytes, half. */
#define FAULT_BYTES(name, params, args, n, half_args)                         \
  static ssize_t fault_##name params                                          \
  {                                                                           \
    if (!fault_hits (#name))                                                  \
      return fault_real.name args;                                            \
    if (fault.error != SHORT)                                                 \
      return -fault.error;                                                    \
    return (n) > 1 ? fault_real.name half_args : fault_real.name args;        \
  }

FAULT (open, int, (const char *p, int f, mode_t m), (p, f, m))
FAULT (fstat, int, (int fd, struct stat *st), (fd, st))
FAULT (birth, int, (int fd, uint64_t *m), (fd, m))
FAULT_BYTES (pread, (int fd, void *b, size_t n, off_t at), (fd, b, n, at), n,
             (fd, b, n / 2, at))
FAULT_BYTES (pwrite, (int fd, const void *b, size_t n, off_t at),
             (fd, b, n, at), n, (fd, b, n / 2, at))
FAULT (pwrite_atomic, ssize_t, (int fd, const void *b, size_t n, off_t at),
       (fd, b, n, at))
FAULT (atomic_unit, int, (int fd, uint32_t *a, uint32_t *b), (fd, a, b))
FAULT (direct_unit, int, (int fd, uint32_t *a, uint32_t *b), (fd, a, b))
FAULT (fdatasync, int, (int fd), (fd))
FAULT (fsync, int, (int fd), (fd))
FAULT (forget, int, (int fd), (fd))
FAULT (ftruncate, int, (int fd, off_t n), (fd, n))
FAULT (fallocate, int, (int fd, int m, off_t at, off_t n), (fd, m, at, n))
FAULT (data, off_t, (int fd, off_t at), (fd, at))
FAULT (hole, off_t, (int fd, off_t at), (fd, at))
FAULT (space, int, (int fd, uint64_t *f, uint32_t *b), (fd, f, b))
FAULT (rename, int, (const char *a, const char *b), (a, b))
FAULT (unlink, int, (const char *p), (p))
FAULT (fgetxattr, ssize_t, (int fd, const char *k, void *v, size_t n),
       (fd, k, v, n))
FAULT (fsetxattr, int, (int fd, const char *k, const void *v, size_t n),
       (fd, k, v, n))
FAULT (lock, int, (int fd, int t, off_t at), (fd, t, at))
FAULT (locked, int, (int fd, off_t at), (fd, at))
FAULT (munmap, int, (void *at, size_t n), (at, n))
FAULT (madvise, int, (void *at, size_t n, int a), (at, n, a))
FAULT (madvise_many, ssize_t, (const struct iovec *v, int n, int a),
       (v, n, a))
FAULT (msync, int, (void *at, size_t n), (at, n))
FAULT (mincore, int, (void *at, size_t n, unsigned char *m), (at, n, m))
FAULT (mprotect, int, (void *at, size_t n, int p), (at, n, p))
FAULT (mlock, int, (void *at, size_t n, unsigned f), (at, n, f))
FAULT (remap_file_pages, int, (void *at, size_t n, size_t o, int f),
       (at, n, o, f))
FAULT (userfaultfd, int, (int f), (f))
FAULT (ioctl, int, (int fd, unsigned long r, void *a), (fd, r, a))
FAULT (membarrier, int, (int c), (c))
FAULT (futex_wait, int, (uint32_t *w, uint32_t v, unsigned ms), (w, v, ms))
FAULT (futex_wake, int, (uint32_t *w), (w))
FAULT (fcntl_lock, int, (int fd, int c, struct flock *l), (fd, c, l))
FAULT (statx_birth, int, (int fd, uint64_t *ns), (fd, ns))
FAULT (file_handle, int, (int fd, struct file_handle *h), (fd, h))
FAULT (rename_noreplace, int, (const char *a, const char *b), (a, b))
FAULT (no_atime, int, (int fd), (fd))
FAULT (uring_setup, int, (struct io_uring *r, unsigned n), (r, n))
FAULT (uring_register, int, (struct io_uring *r, const int *f, unsigned n),
       (r, f, n))
FAULT (uring_update, int, (struct io_uring *r, unsigned i, int f), (r, i, f))
FAULT (uring_submit, int, (struct io_uring *r), (r))
FAULT (uring_wait, int, (struct io_uring *r), (r))

/* The descriptor is gone all the same, as with the kernel's. */
static int
fault_close (int fd)
{
  int r = fault_real.close (fd);

  return fault_hits ("close") ? -fault.error : r;
}

static void *
fault_mmap (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  if (!fault_hits ("mmap"))
    return fault_real.mmap (at, n, prot, flags, fd, off);
  errno = fault.error;
  return MAP_FAILED;
}

/* The first part of a vector: at least half of its bytes, or what one entry
 * has. */
static ssize_t
fault_vector (ssize_t (*call) (int, const struct iovec *, int, off_t), int fd,
              const struct iovec *v, int n, off_t at)
{
  struct iovec half = v[0];

  if (n > 1)
    return call (fd, v, n / 2, at);
  half.iov_len /= 2;
  return half.iov_len % 512 ? call (fd, v, n, at) : call (fd, &half, 1, at);
}

static ssize_t
fault_preadv (int fd, const struct iovec *v, int n, off_t at)
{
  if (!fault_hits ("preadv"))
    return fault_real.preadv (fd, v, n, at);
  return fault.error == SHORT ? fault_vector (fault_real.preadv, fd, v, n, at)
                              : -fault.error;
}

static ssize_t
fault_pwritev (int fd, const struct iovec *v, int n, off_t at)
{
  if (!fault_hits ("pwritev"))
    return fault_real.pwritev (fd, v, n, at);
  return fault.error == SHORT
             ? fault_vector (fault_real.pwritev, fd, v, n, at)
             : -fault.error;
}

#define FAULT_ENTRY(name) orl_sys.name = fault_##name, wrapped++

/* Wrap the table; the number of entries that were. */
UTIL size_t
fault_wrap (void)
{
  size_t wrapped = 0;

  fault_real = orl_sys;
  FAULT_ENTRY (open);
  FAULT_ENTRY (close);
  FAULT_ENTRY (fstat);
  FAULT_ENTRY (birth);
  FAULT_ENTRY (pread);
  FAULT_ENTRY (preadv);
  FAULT_ENTRY (pwritev);
  FAULT_ENTRY (pwrite);
  FAULT_ENTRY (pwrite_atomic);
  FAULT_ENTRY (atomic_unit);
  FAULT_ENTRY (direct_unit);
  FAULT_ENTRY (fdatasync);
  FAULT_ENTRY (fsync);
  FAULT_ENTRY (forget);
  FAULT_ENTRY (ftruncate);
  FAULT_ENTRY (fallocate);
  FAULT_ENTRY (data);
  FAULT_ENTRY (hole);
  FAULT_ENTRY (space);
  FAULT_ENTRY (rename);
  FAULT_ENTRY (unlink);
  FAULT_ENTRY (fgetxattr);
  FAULT_ENTRY (fsetxattr);
  FAULT_ENTRY (lock);
  FAULT_ENTRY (locked);
  FAULT_ENTRY (mmap);
  FAULT_ENTRY (munmap);
  FAULT_ENTRY (madvise);
  FAULT_ENTRY (madvise_many);
  FAULT_ENTRY (msync);
  FAULT_ENTRY (mincore);
  FAULT_ENTRY (mprotect);
  FAULT_ENTRY (mlock);
  FAULT_ENTRY (remap_file_pages);
  FAULT_ENTRY (userfaultfd);
  FAULT_ENTRY (ioctl);
  FAULT_ENTRY (membarrier);
  FAULT_ENTRY (futex_wait);
  FAULT_ENTRY (futex_wake);
  FAULT_ENTRY (fcntl_lock);
  FAULT_ENTRY (statx_birth);
  FAULT_ENTRY (file_handle);
  FAULT_ENTRY (rename_noreplace);
  FAULT_ENTRY (no_atime);
  FAULT_ENTRY (uring_setup);
  FAULT_ENTRY (uring_register);
  FAULT_ENTRY (uring_update);
  FAULT_ENTRY (uring_submit);
  FAULT_ENTRY (uring_wait);
  return wrapped;
}

UTIL void
fault_arm (const struct fault *what, unsigned at, bool lasting)
{
  fault.call = what->call;
  fault.error = what->error;
  fault.at = at;
  fault.lasting = lasting;
  fault.calls = 0;
}

UTIL void
fault_disarm (void)
{
  fault.call = NULL;
}

#endif /* FAULTS_H */
