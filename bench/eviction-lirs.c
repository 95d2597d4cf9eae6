/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-lirs.c - LIRS and the optimum
 */
#include <stdlib.h>

#include "eviction.h"

/*
 * Jiang, Zhang: LIRS (SIGMETRICS 2002).  A hundredth of the cache is for pages
 * whose last two accesses lie far apart; the stack is not bounded.
 */
enum { STACK, STACK_SETS };
enum { COLD, COLD_SETS };
enum { GONE, LIR, HIR };

struct lirs {
  struct links stack, cold;
  uint8_t *is;                  /* [pages] */
  uint32_t lirs, lir_max;
};

/* The stack's bottom is always LIR. */
static void
lirs_prune (struct lirs *s)
{
  while (s->stack.length[STACK] > 0
         && s->is[links_last (&s->stack, STACK)] != LIR)
    links_pop (&s->stack, STACK);
}

static void
lirs_demote_last (struct lirs *s)
{
  uint32_t page = links_pop (&s->stack, STACK);

  s->is[page] = HIR;
  links_push (&s->cold, COLD, page);
  s->lirs--;
  lirs_prune (s);
}

static void
lirs_access (struct lirs *s, uint32_t page)
{
  bool in_stack = s->stack.in[page];

  if (s->is[page] == LIR) {
    links_move (&s->stack, STACK, page);
    lirs_prune (s);
    return;
  }
  links_move (&s->stack, STACK, page);
  if (s->lirs < s->lir_max || in_stack) {
    links_remove (&s->cold, page);
    s->is[page] = LIR;
    if (++s->lirs > s->lir_max)
      lirs_demote_last (s);
    return;
  }
  s->is[page] = HIR;
  links_move (&s->cold, COLD, page);
}

uint64_t
eviction_lirs (const struct trace *trace, uint32_t capacity)
{
  uint32_t cold = capacity / 100 ? capacity / 100 : 1;
  struct lirs s = { .lir_max = capacity - cold };
  uint64_t hits = 0;

  links_init (&s.stack, trace->pages, STACK_SETS);
  links_init (&s.cold, trace->pages, COLD_SETS);
  s.is = eviction_alloc (trace->pages, sizeof *s.is);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];

    if (s.is[page] != GONE)
      hits++;
    else if (s.lirs + s.cold.length[COLD] == capacity)
      s.is[links_pop (&s.cold, COLD)] = GONE;
    lirs_access (&s, page);
  }
  links_free (&s.stack);
  links_free (&s.cold);
  free (s.is);
  return hits;
}

/*
 * Belady: the page goes whose next access is the farthest.  A heap of next
 * accesses, farthest first; entries that a later access has made old stay until
 * they come to the top.
 */
struct heap {
  uint64_t *at;                 /* next access << 32 | page */
  size_t n;
};

static void
heap_push (struct heap *h, uint64_t x)
{
  size_t i = h->n++;

  while (i > 0 && h->at[(i - 1) / 2] < x) {
    h->at[i] = h->at[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h->at[i] = x;
}

static uint64_t
heap_pop (struct heap *h)
{
  uint64_t top = h->at[0], x = h->at[--h->n];
  size_t i = 0, child;

  while ((child = 2 * i + 1) < h->n) {
    if (child + 1 < h->n && h->at[child + 1] > h->at[child])
      child++;
    if (h->at[child] <= x)
      break;
    h->at[i] = h->at[child];
    i = child;
  }
  h->at[i] = x;
  return top;
}

uint64_t
eviction_optimum (const struct trace *trace, uint32_t capacity)
{
  uint32_t *next = eviction_alloc (trace->n, sizeof *next);
  uint32_t *next_of = eviction_alloc (trace->pages, sizeof *next_of);
  bool *cached = eviction_alloc (trace->pages, sizeof *cached);
  struct heap heap = { .at = eviction_alloc (trace->n, sizeof *heap.at) };
  uint32_t used = 0;
  uint64_t hits = 0;

  for (uint32_t p = 0; p < trace->pages; p++)
    next_of[p] = UINT32_MAX;
  for (size_t i = trace->n; i-- > 0;) {
    next[i] = next_of[trace->page[i]];
    next_of[trace->page[i]] = (uint32_t) i;
  }
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];

    if (cached[page])
      hits++;
    else
      used++;
    cached[page] = true;
    next_of[page] = next[i];
    heap_push (&heap, (uint64_t) next[i] << 32 | page);
    while (used > capacity) {
      uint64_t top = heap_pop (&heap);
      uint32_t out = (uint32_t) top;

      if (cached[out] && next_of[out] == top >> 32) {
        cached[out] = false;
        used--;
      }
    }
  }
  free (next);
  free (next_of);
  free (cached);
  free (heap.at);
  return hits;
}
