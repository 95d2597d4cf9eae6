/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-policies.c - FIFO, LRU, CLOCK, 2Q, ARC, S3-FIFO
 *
 * As their papers have them, with the parameters that those recommend.
 */
#include <stdlib.h>

#include "eviction.h"

enum { CACHE };

uint64_t
eviction_fifo (const struct trace *trace, uint32_t capacity)
{
  struct links l;
  uint64_t hits = 0;

  links_init (&l, trace->pages, 1);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];

    if (l.in[page]) {
      hits++;
      continue;
    }
    if (l.length[CACHE] == capacity)
      links_pop (&l, CACHE);
    links_push (&l, CACHE, page);
  }
  links_free (&l);
  return hits;
}

uint64_t
eviction_lru (const struct trace *trace, uint32_t capacity)
{
  struct links l;
  uint64_t hits = 0;

  links_init (&l, trace->pages, 1);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];

    if (l.in[page])
      hits++;
    else if (l.length[CACHE] == capacity)
      links_pop (&l, CACHE);
    links_move (&l, CACHE, page);
  }
  links_free (&l);
  return hits;
}

/* A page that is loaded has no reference yet: the better of the two ways to
 * have it. */
uint64_t
eviction_clock (const struct trace *trace, uint32_t capacity)
{
  struct links l;
  bool *ref = eviction_alloc (trace->pages, sizeof *ref);
  uint64_t hits = 0;

  links_init (&l, trace->pages, 1);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];

    if (l.in[page]) {
      hits++;
      ref[page] = true;
      continue;
    }
    while (l.length[CACHE] == capacity) {
      uint32_t last = links_pop (&l, CACHE);

      if (ref[last])
        links_push (&l, CACHE, last);
      ref[last] = false;
    }
    links_push (&l, CACHE, page);
  }
  free (ref);
  links_free (&l);
  return hits;
}

/* Johnson, Shasha: 2Q (VLDB 1994), the full version; Kin a quarter, Kout a
 * half. */
uint64_t
eviction_2q (const struct trace *trace, uint32_t capacity)
{
  enum { IN, OUT, MAIN, QUEUES };
  uint32_t kin = capacity / 4 ? capacity / 4 : 1;
  uint32_t kout = capacity / 2;
  struct links l;
  uint64_t hits = 0;

  links_init (&l, trace->pages, QUEUES);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];
    bool known = links_has (&l, OUT, page);

    if (links_has (&l, MAIN, page) || links_has (&l, IN, page)) {
      hits++;
      if (links_has (&l, MAIN, page))
        links_move (&l, MAIN, page);
      continue;
    }
    if (l.length[IN] + l.length[MAIN] == capacity) {
      if (l.length[IN] > kin || l.length[MAIN] == 0) {
        links_push (&l, OUT, links_pop (&l, IN));
        if (l.length[OUT] > kout)
          links_pop (&l, OUT);
      } else
        links_pop (&l, MAIN);
    }
    links_move (&l, known ? MAIN : IN, page);
  }
  links_free (&l);
  return hits;
}

/* Megiddo, Modha: ARC (FAST 2003). */
enum { T1, T2, B1, B2, ARC_QUEUES };

static void
arc_replace (struct links *l, uint32_t p, bool in_b2)
{
  if (l->length[T1] > 0
      && (l->length[T1] > p || (in_b2 && l->length[T1] == p)
          || l->length[T2] == 0))
    links_move (l, B1, links_last (l, T1));
  else
    links_move (l, B2, links_last (l, T2));
}

static void
arc_new (struct links *l, uint32_t capacity, uint32_t p)
{
  if (l->length[T1] + l->length[B1] == capacity) {
    if (l->length[T1] == capacity) {
      links_pop (l, T1);
      return;
    }
    links_pop (l, B1);
    arc_replace (l, p, false);
    return;
  }
  if (l->length[T1] + l->length[T2] + l->length[B1] + l->length[B2]
      < capacity)
    return;
  if (l->length[T1] + l->length[T2] + l->length[B1] + l->length[B2]
      == 2 * capacity)
    links_pop (l, B2);
  if (l->length[T1] + l->length[T2] == capacity)
    arc_replace (l, p, false);
}

uint64_t
eviction_arc (const struct trace *trace, uint32_t capacity)
{
  struct links l;
  uint64_t hits = 0;
  uint32_t p = 0;

  links_init (&l, trace->pages, ARC_QUEUES);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];
    uint32_t b1 = l.length[B1], b2 = l.length[B2], step;

    if (links_has (&l, T1, page) || links_has (&l, T2, page)) {
      hits++;
      links_move (&l, T2, page);
    } else if (links_has (&l, B1, page)) {
      step = b1 >= b2 ? 1 : b2 / b1;
      p = p + step < capacity ? p + step : capacity;
      arc_replace (&l, p, false);
      links_move (&l, T2, page);
    } else if (links_has (&l, B2, page)) {
      step = b2 >= b1 ? 1 : b1 / b2;
      p = p > step ? p - step : 0;
      arc_replace (&l, p, true);
      links_move (&l, T2, page);
    } else {
      arc_new (&l, capacity, p);
      links_push (&l, T1, page);
    }
  }
  links_free (&l);
  return hits;
}

/* Yang and others: FIFO queues are all you need (SOSP 2023); a tenth for the
 * small queue, and as many ghosts as the main queue has pages. */
enum { SMALL, MAIN, GHOST, S3_QUEUES };

struct s3 {
  struct links l;
  uint8_t *freq;
  uint32_t small, main;
};

static void
s3_evict_main (struct s3 *s)
{
  for (;;) {
    uint32_t page = links_pop (&s->l, MAIN);

    if (s->freq[page] == 0)
      return;
    s->freq[page]--;
    links_push (&s->l, MAIN, page);
  }
}

static void
s3_evict (struct s3 *s)
{
  if (s->l.length[SMALL] < s->small && s->l.length[MAIN] > 0) {
    s3_evict_main (s);
    return;
  }
  while (s->l.length[SMALL] > 0) {
    uint32_t page = links_pop (&s->l, SMALL);

    if (s->freq[page] > 1) {
      s->freq[page] = 0;
      links_push (&s->l, MAIN, page);
      if (s->l.length[MAIN] > s->main) {
        s3_evict_main (s);
        return;
      }
    } else {
      links_push (&s->l, GHOST, page);
      if (s->l.length[GHOST] > s->main)
        links_pop (&s->l, GHOST);
      return;
    }
  }
  s3_evict_main (s);
}

uint64_t
eviction_s3fifo (const struct trace *trace, uint32_t capacity)
{
  struct s3 s = { .small = capacity / 10 ? capacity / 10 : 1 };
  uint64_t hits = 0;

  s.main = capacity - s.small;
  s.freq = eviction_alloc (trace->pages, sizeof *s.freq);
  links_init (&s.l, trace->pages, S3_QUEUES);
  for (size_t i = 0; i < trace->n; i++) {
    uint32_t page = trace->page[i];
    bool known = links_has (&s.l, GHOST, page);

    if (s.l.in[page] && !known) {
      hits++;
      if (s.freq[page] < 3)
        s.freq[page]++;
      continue;
    }
    while (s.l.length[SMALL] + s.l.length[MAIN] >= capacity)
      s3_evict (&s);
    s.freq[page] = 0;
    links_move (&s.l, known ? MAIN : SMALL, page);
  }
  free (s.freq);
  links_free (&s.l);
  return hits;
}
