/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - the one table through which every system call goes
 *
 * The entries have the meaning of the calls that they are named for, but
 * return -errno on failure (mmap: MAP_FAILED with errno set, as usual).  A test
 * that links the library's objects replaces an entry to inject a fault; no one
 * else writes to the table.  The fault handler uses it, too: the calls that it
 * makes are async-signal-safe.
 */
#ifndef ORL_SYS_H
#define ORL_SYS_H

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Advices to madvise() that C libraries may not know yet. */
#define ORL_POPULATE_READ 22    /* Linux 5.14 */
#define ORL_COLLAPSE 25         /* 6.1 */
#define ORL_GUARD_INSTALL 102   /* 6.13; for files 6.15 */
#define ORL_GUARD_REMOVE 103

#define ORL_LOCK_ONFAULT 1      /* flag of mlock2(), Linux 4.4 */

struct io_uring;

struct orl_sys {
  int (*open) (const char *path, int flags, mode_t mode);
  int (*close) (int fd);
  int (*fstat) (int fd, struct stat *st);
  /* What tells a file from one that had its inode before: its birth time in
   * ns, else a digest of its handle, which has the inode's generation; 0 where
   * the kernel or the file system has neither. */
  int (*birth) (int fd, uint64_t *mark);
  ssize_t (*pread) (int fd, void *buf, size_t n, off_t at);
  ssize_t (*preadv) (int fd, const struct iovec *iov, int n, off_t at);
  ssize_t (*pwritev) (int fd, const struct iovec *iov, int n, off_t at);
  ssize_t (*pwrite) (int fd, const void *buf, size_t n, off_t at);
  /* All of it or, also when the power goes, nothing: O_DIRECT.  -EOPNOTSUPP: the
   * file or the kernel cannot. */
  ssize_t (*pwrite_atomic) (int fd, const void *buf, size_t n, off_t at);
  /* The bytes that one such write may have; 0, 0 or an error: none. */
  int (*atomic_unit) (int fd, uint32_t *min, uint32_t *max);
  /* How a direct transfer's memory and its place in the file have to be aligned;
   * 0, 0: the file has none.  -EOPNOTSUPP, -ENOSYS: no one knows. */
  int (*direct_unit) (int fd, uint32_t *memory, uint32_t *place);
  int (*fdatasync) (int fd);
  int (*fsync) (int fd);
  int (*forget) (int fd);       /* drop clean pages from the page cache */
  int (*ftruncate) (int fd, off_t size);
  int (*fallocate) (int fd, int mode, off_t at, off_t n);
  /* The next byte from at on that is not in a hole; -ENXIO: none. */
  off_t (*data) (int fd, off_t at);
  /* And the next that is in one, or behind the end; -ENXIO: none. */
  off_t (*hole) (int fd, off_t at);
  /* Of the file system: bytes free for us, and the unit of mappings (a huge
   * page on hugetlbfs, else 4096). */
  int (*space) (int fd, uint64_t *free_bytes, uint32_t *block);
  /* -EEXIST rather than replace a file. */
  int (*rename) (const char *from, const char *to);
  int (*unlink) (const char *path);
  /* Extended attributes: bytes of the value, -ENODATA none, -ERANGE longer.
   * -EOPNOTSUPP: the file system has none. */
  ssize_t (*fgetxattr) (int fd, const char *name, void *value, size_t n);
  int (*fsetxattr) (int fd, const char *name, const void *value, size_t n);
  /* An OFD lock of one byte; type is F_WRLCK or F_UNLCK.  -EAGAIN if held. */
  int (*lock) (int fd, int type, off_t at);
  /* 1 if another open file holds a lock on the byte, else 0. */
  int (*locked) (int fd, off_t at);
  void *(*mmap) (void *at, size_t n, int prot, int flags, int fd, off_t off);
  int (*munmap) (void *at, size_t n);
  int (*madvise) (void *at, size_t n, int advice);
  /* Advice on several ranges of this process at once: bytes done. */
  ssize_t (*madvise_many) (const struct iovec *iov, int n, int advice);
  int (*msync) (void *at, size_t n);
  int (*mincore) (void *at, size_t n, unsigned char *in_memory);
  int (*mprotect) (void *at, size_t n, int prot);
  /* mlock(), or with flags mlock2(). */
  int (*mlock) (void *at, size_t n, unsigned flags);
  int (*remap_file_pages) (void *at, size_t n, size_t pgoff, int flags);
  int (*userfaultfd) (int flags);
  int (*ioctl) (int fd, unsigned long request, void *arg);
  int (*membarrier) (int cmd);
  /* Shared futex.  wait: -EAGAIN the word differs, -ETIMEDOUT, -EINTR. */
  int (*futex_wait) (uint32_t *word, uint32_t value, unsigned ms);
  int (*futex_wake) (uint32_t *word);

  /* io_uring, by liburing; -ENOSYS in a build without it.  What is registered are
   * descriptors; wait: until there is a completion. */
  int (*uring_setup) (struct io_uring *ring, unsigned entries);
  int (*uring_register) (struct io_uring *ring, const int *fds, unsigned n);
  int (*uring_update) (struct io_uring *ring, unsigned at, int fd);
  int (*uring_submit) (struct io_uring *ring);
  int (*uring_wait) (struct io_uring *ring);

  /* What older kernels lack and sandboxes refuse: the entries above go on
   * without (sys.c). */
  int (*fcntl_lock) (int fd, int cmd, struct flock *lock);
  int (*no_atime) (int fd);     /* F_SETFL of O_NOATIME: for a file's owner */
  int (*statx_birth) (int fd, uint64_t *ns);
  int (*file_handle) (int fd, struct file_handle *handle);
  int (*rename_noreplace) (const char *from, const char *to);
};

extern struct orl_sys orl_sys;

/* Commands of membarrier(2); not every C library comes with the kernel's
 * headers. */
#define ORL_MEMBARRIER_GLOBAL 2 /* all processes that registered */
#define ORL_MEMBARRIER_REGISTER_GLOBAL 4
#define ORL_MEMBARRIER_PRIVATE 8 /* this process */
#define ORL_MEMBARRIER_REGISTER_PRIVATE 16

/* No call of the library is a cancellation point: a thread that is cancelled in
 * one has locks of the process, and frames that are on their way.  So what
 * would be one is put between these two. */
static inline int
orl_cancel_off (void)
{
  int was;

  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &was);
  return was;
}

static inline void
orl_cancel_back (int was)
{
  pthread_setcancelstate (was, &(int){ 0 });
}

/* CLOCK_MONOTONIC. */
uint64_t orl_now_ns (void);

/* Wait a little, more with each round: spin, yield, then sleep up to 1 ms. */
void orl_backoff (unsigned round);

#endif /* ORL_SYS_H */
