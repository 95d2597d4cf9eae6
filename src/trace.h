/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - which pages a process used, and when, for bench-eviction
 *
 * The file is blocks: a struct orl_trace_block and behind it that many struct
 * orl_trace_record, both in the byte order of who wrote them.  Each block is
 * one thread's and written by one call, so that threads and processes append to
 * one file; records of different blocks are put in order by their times.
 */
#ifndef ORL_TRACE_H
#define ORL_TRACE_H

#include <stdint.h>

#define ORL_TRACE_MAGIC "ORLTRC1\n"
#define ORL_TRACE_ORDER 0x01020304u
#define ORL_TRACE_ROOM 4096     /* records of a thread until they are written */
#define ORL_TRACE_PAGE_BITS 48  /* a file's index is above the page's number */

struct orl_trace_block {
  char magic[8];
  uint32_t order;
  uint32_t records;
  uint32_t pid;                 /* for people */
  uint32_t owner;               /* the thread's ledger, + 1 */
  uint32_t page_size;
  uint32_t zero;
};

struct orl_trace_record {
  uint64_t ns;                  /* CLOCK_MONOTONIC */
  uint64_t page;
};

struct oriel_pool;
struct orl_thread;

/* Begin.  -EBUSY it has begun; -EACCES, -EOWNERDEAD; errors of open(2). */
int orl_trace_start (struct oriel_pool *pool, const char *path);

/* Write out what is left, and end.  The error of a write, if one failed. */
int orl_trace_stop (struct oriel_pool *pool);

/* Note that the thread uses a page; only if pool->tracing. */
void orl_trace_note (struct orl_thread *me, uint32_t file, uint64_t page);

/* The thread ends; under pool->lock, or alone. */
void orl_trace_end (struct orl_thread *me);

/* The pool is being closed and has no threads any more. */
void orl_trace_close (struct oriel_pool *pool);

#endif /* ORL_TRACE_H */
