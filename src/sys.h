/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - the one table through which every system call goes
 *
 * The entries have the meaning of the calls that they are named for, but
 * return -errno on failure (mmap: MAP_FAILED with errno set, as usual).  A test
 * that links the library's objects replaces an entry to inject a fault; no one
 * else writes to the table.  The fault handler does not use it.
 */
#ifndef ORL_SYS_H
#define ORL_SYS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct orl_sys {
  int (*open) (const char *path, int flags, mode_t mode);
  int (*close) (int fd);
  int (*fstat) (int fd, struct stat *st);
  /* Birth time in ns, 0 where the file system or the kernel has none. */
  int (*birth) (int fd, uint64_t *ns);
  ssize_t (*pread) (int fd, void *buf, size_t n, off_t at);
  ssize_t (*preadv) (int fd, const struct iovec *iov, int n, off_t at);
  ssize_t (*pwritev) (int fd, const struct iovec *iov, int n, off_t at);
  ssize_t (*pwrite) (int fd, const void *buf, size_t n, off_t at);
  int (*fdatasync) (int fd);
  int (*forget) (int fd);       /* drop clean pages from the page cache */
  int (*ftruncate) (int fd, off_t size);
  int (*fallocate) (int fd, int mode, off_t at, off_t n);
  /* Of the file system: bytes free for us, and the unit of mappings (a huge
   * page on hugetlbfs, else 4096). */
  int (*space) (int fd, uint64_t *free_bytes, uint32_t *block);
  /* -EEXIST rather than replace a file. */
  int (*rename) (const char *from, const char *to);
  int (*unlink) (const char *path);
  /* An OFD lock of one byte; type is F_WRLCK or F_UNLCK.  -EAGAIN if held. */
  int (*lock) (int fd, int type, off_t at);
  /* 1 if another open file holds a lock on the byte, else 0. */
  int (*locked) (int fd, off_t at);
  void *(*mmap) (void *at, size_t n, int prot, int flags, int fd, off_t off);
  int (*munmap) (void *at, size_t n);
  int (*madvise) (void *at, size_t n, int advice);
  int (*remap_file_pages) (void *at, size_t n, size_t pgoff, int flags);
  int (*membarrier) (int cmd);
  /* Shared futex.  wait: -EAGAIN the word differs, -ETIMEDOUT, -EINTR. */
  int (*futex_wait) (uint32_t *word, uint32_t value, unsigned ms);
  int (*futex_wake) (uint32_t *word);
};

extern struct orl_sys orl_sys;

/* Wait a little, more with each round: spin, yield, then sleep up to 1 ms. */
void orl_backoff (unsigned round);

#endif /* ORL_SYS_H */
