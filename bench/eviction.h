/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction.h - replacement policies by the book, and ours, on traces
 *
 * A trace is a sequence of pages, numbered from 0 without gaps.  Each policy
 * replays one on a cache of so many pages, empty at first, and says how many
 * accesses were hits.
 */
#ifndef EVICTION_H
#define EVICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
  char name[24];
  bool scan;                    /* the mixed scan: a target is for it */
  uint32_t space;               /* pages that capacities are fractions of */
  uint32_t *page;         /* [n] */
  size_t n;
  uint32_t pages;               /* every page is below */
};

uint64_t eviction_fifo (const struct trace *trace, uint32_t capacity);
uint64_t eviction_lru (const struct trace *trace, uint32_t capacity);
uint64_t eviction_clock (const struct trace *trace, uint32_t capacity);
uint64_t eviction_2q (const struct trace *trace, uint32_t capacity);
uint64_t eviction_arc (const struct trace *trace, uint32_t capacity);
uint64_t eviction_lirs (const struct trace *trace, uint32_t capacity);
uint64_t eviction_s3fifo (const struct trace *trace, uint32_t capacity);
uint64_t eviction_optimum (const struct trace *trace, uint32_t capacity);

/* The library itself, by a pool of that many pages. */
uint64_t eviction_ours (const struct trace *trace, uint32_t capacity);

/* Traces; accesses: how many. */
void trace_zipf (struct trace *trace, double skew, size_t accesses);
void trace_loop (struct trace *trace, size_t accesses);
void trace_scan (struct trace *trace, size_t accesses);
/* What oriel_pool_trace() wrote; at most so many. */
void trace_recorded (struct trace *trace, const char *path, size_t accesses);

/* Record an analytical query set on SQLite, to the file at path.  0, or 1 if
 * there is no SQLite or it failed. */
int eviction_record (const char *path, bool quick);

uint64_t eviction_random (uint64_t *state);

/* Memory, or the end of the program. */
void *eviction_alloc (size_t n, size_t size);

/* Queues of pages.  A page is in one queue of a set at most. */
struct links {
  uint32_t *next;               /* [pages + queues]; the queues' heads behind */
  uint32_t *prev;
  uint8_t *in;                  /* [pages]: the queue that has it, + 1; 0: none */
  uint32_t *length;             /* [queues] */
  uint32_t pages;
};

void links_init (struct links *l, uint32_t pages, unsigned queues);
void links_free (struct links *l);
void links_push (struct links *l, unsigned queue, uint32_t page);
void links_remove (struct links *l, uint32_t page);

/* The oldest; the queue is not empty. */
uint32_t links_last (const struct links *l, unsigned queue);
uint32_t links_pop (struct links *l, unsigned queue);

/* To the head of a queue, from wherever it is. */
void links_move (struct links *l, unsigned queue, uint32_t page);

static inline bool
links_has (const struct links *l, unsigned queue, uint32_t page)
{
  return l->in[page] == queue + 1;
}

#endif /* EVICTION_H */
