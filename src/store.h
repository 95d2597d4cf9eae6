/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - where a file's pages are durable
 */
#ifndef ORL_STORE_H
#define ORL_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct orl_io;
struct orl_map;
struct orl_store;
struct orl_uring;

/* What every kind of store does.  All may be called by any threads at once. */
struct orl_store_ops {
  const char *name;
  /* Read into iov until it is full or the file ends: bytes read, or -errno. */
  int64_t (*read) (struct orl_store *s, const struct iovec *iov, int n,
                   uint64_t at);
  /* Write all of iov: 0 or -errno; then a part may have been written. */
  int (*write) (struct orl_store *s, const struct iovec *iov, int n,
                uint64_t at);
  int (*sync) (struct orl_store *s);
  int (*truncate) (struct orl_store *s, uint64_t bytes);
  void (*close) (struct orl_store *s);
  /* Say where io, whose iov and place in the file are set, is to be read from by
   * the ring, whose lock is held.  NULL: this kind reads by no ring. */
  void (*aim) (struct orl_store *s, struct orl_uring *ring,
               struct orl_io *io);
};

struct orl_store {
  const struct orl_store_ops *ops;
  int fd;                       /* buffered; closed last */
  int direct;                   /* O_DIRECT, -1 if there is none */
  uint64_t unit;                /* bytes that the page cache reads, and writes,
                                   as one */
  uint32_t memory_mask;         /* of direct's alignment, less 1 */
  uint32_t place_mask;
  struct orl_uring *ring;       /* that has read it; under its lock */
  int place;                    /* there, of direct or else fd */
  struct orl_map *map;          /* store-pmem.c; NULL: it is not mapped */
};

/* What tells files apart, and versions of one file. */
struct orl_store_id {
  uint64_t dev;
  uint64_t ino;
  uint64_t birth;               /* ns; 0 unknown */
  uint64_t size;
  uint64_t mtime;               /* ns */
  uint64_t ctime;               /* ns */
};

struct orl_store_options {
  bool create;
  bool exclusive;
  bool read_only;
  bool buffered;
};

/* Errors of open(2), -EISDIR, -EINVAL not a regular file; with the text. */
int orl_store_posix_open (const char *path,
                          const struct orl_store_options *opt,
                          struct orl_store **store);
int orl_store_uring_open (const char *path,
                          const struct orl_store_options *opt,
                          struct orl_store **store);

/* Mapped.  Errors of mmap(2), too. */
int orl_store_pmem_open (const char *path,
                         const struct orl_store_options *opt,
                         struct orl_store **store);

/* Is this build able to? */
bool orl_store_pmem_works (void);

/* Is what is written there durable by itself: does it lie on persistent memory? */
bool orl_store_is_persistent (const struct orl_store *s);

/* Would the kernel take this transfer by s->direct? */
bool orl_store_fits_direct (const struct orl_store *s,
                            const struct iovec *iov, int n, uint64_t at);

/* For stores that do most as that one. */
extern const struct orl_store_ops orl_store_posix_ops;

/* Errors of fstat(2). */
int orl_store_identify (const struct orl_store *s, struct orl_store_id *id);

/* Size and times alone. */
int orl_store_times (const struct orl_store *s, struct orl_store_id *id);

#endif /* ORL_STORE_H */
