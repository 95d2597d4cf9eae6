/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush-ring.h - writes of many runs of pages at once
 */
#ifndef ORL_FLUSH_RING_H
#define ORL_FLUSH_RING_H

#include "thread.h"
#include "uring.h"

/* A run that is to be written.  iov stays as it is until orl_ring_write() comes
 * back. */
struct orl_ring_write {
  struct orl_io io;             /* the first field */
  const struct iovec *iov;
  int n;
  uint64_t at;
  uint64_t bytes;
  uint32_t first, last;         /* the caller's */
  /* set by orl_ring_write() */
  bool whole;                   /* all of it was written */
  uint32_t *left;
};

/* Does this process write the file so?  Asks the kernel for a ring the first
 * time. */
bool orl_ring_ready (struct orl_thread *me, struct oriel_file *file);

/* May the run go there, in a file whose store has size bytes? */
bool orl_ring_takes (const struct oriel_file *file, uint64_t size,
                     const struct orl_ring_write *w);

/* Write the n runs of the file, and wait for all.  Their pages are WRITING, in
 * this thread's work. */
void orl_ring_write (struct orl_thread *me, struct oriel_file *file,
                     struct orl_ring_write *w, uint32_t n);

/* No ring is made between these two. */
void orl_ring_before_fork (void);
void orl_ring_after_fork (void);

#endif /* ORL_FLUSH_RING_H */
