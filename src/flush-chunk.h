/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush-chunk.h - some dirty pages of a file on their way to its store
 *
 * There are two ways.  By the first the pages are latched while they are written,
 * from where they lie: nothing is copied.  By the second they are copied, each
 * under its latch for a moment, and the copies are written: no one waits for the
 * store, and a page that changes all the time is written nevertheless.
 */
#ifndef ORL_FLUSH_CHUNK_H
#define ORL_FLUSH_CHUNK_H

#include "thread.h"

/* With the stash, less than ledger.work holds; and as many as a double-write
 * area takes in a batch. */
#define ORL_CHUNK 128

/* A page that was found dirty. */
struct orl_item {
  uint64_t page;
  uint32_t frame;
};

struct orl_chunk {
  struct oriel_file *file;
  unsigned char *copies;        /* room for all, aligned for O_DIRECT; NULL: the
                                   first way */
  bool together;                /* the runs at once, where that can be */
  uint64_t lsn;                 /* the greatest of those not begun since their
                                   log is not durable */
  uint32_t n;
  struct orl_item item[ORL_CHUNK];
  void *at[ORL_CHUNK];
  size_t length[ORL_CHUNK];     /* of that, to be written */
  bool failed[ORL_CHUNK];
  bool faulted[ORL_CHUNK];      /* failed, and worth another try: the slot wants a
                                   touch, or the store has to be cut first */
  /* the first way */
  uint32_t bounced;             /* of the thread's private pages */
  int entry[ORL_CHUNK];         /* in the ledger */
  bool sole[ORL_CHUNK];         /* the latch wants to be told the end */
  /* the second: what the copy is of */
  uint64_t version[ORL_CHUNK];
  uint64_t last[ORL_CHUNK];     /* lsn */
  uint64_t first[ORL_CHUNK];    /* likewise, of firsts[] */
  uint64_t next[ORL_CHUNK];     /* the least lsn of a later change */
};

/* Add a page: then it is WRITING, or copied.  -ENOENT: not dirty any more; -EAGAIN:
 * busy; -EFAULT: its memory has to be looked at, when no page is WRITING;
 * -ENOTCONN, the first way: its log is not durable; -ENOBUFS and others: no room
 * for it now. */
int orl_chunk_begin (struct orl_thread *me, struct orl_chunk *c,
                     const struct orl_item *it);

/* The second way, when all are copied and the log is durable up to the greatest
 * of c->last: make them WRITING.  Those that cannot be so now are taken out, and
 * added to left, of which there are *n, unless another has written them. */
void orl_chunk_claim (struct orl_thread *me, struct orl_chunk *c,
                      struct orl_item *left, size_t *n);

/* Write them, and end that they are WRITING.  The first error. */
int orl_chunk_write (struct orl_thread *me, struct orl_chunk *c);

#endif /* ORL_FLUSH_CHUNK_H */
