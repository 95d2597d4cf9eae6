/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-links.c - queues of pages, doubly linked through arrays
 */
#include <stdio.h>
#include <stdlib.h>

#include "eviction.h"

void *
eviction_alloc (size_t n, size_t size)
{
  void *p = calloc (n ? n : 1, size);

  if (!p) {
    fputs ("bench-eviction: no memory\n", stderr);
    exit (1);
  }
  return p;
}

void
links_init (struct links *l, uint32_t pages, unsigned queues)
{
  l->pages = pages;
  l->next = eviction_alloc (pages + queues, sizeof *l->next);
  l->prev = eviction_alloc (pages + queues, sizeof *l->prev);
  l->in = eviction_alloc (pages, sizeof *l->in);
  l->length = eviction_alloc (queues, sizeof *l->length);
  for (uint32_t q = pages; q < pages + queues; q++)
    l->next[q] = l->prev[q] = q;
}

void
links_free (struct links *l)
{
  free (l->next);
  free (l->prev);
  free (l->in);
  free (l->length);
}

void
links_push (struct links *l, unsigned queue, uint32_t page)
{
  uint32_t head = l->pages + queue;

  l->next[page] = l->next[head];
  l->prev[page] = head;
  l->prev[l->next[head]] = page;
  l->next[head] = page;
  l->in[page] = (uint8_t) (queue + 1);
  l->length[queue]++;
}

void
links_remove (struct links *l, uint32_t page)
{
  if (!l->in[page])
    return;
  l->next[l->prev[page]] = l->next[page];
  l->prev[l->next[page]] = l->prev[page];
  l->length[l->in[page] - 1]--;
  l->in[page] = 0;
}

uint32_t
links_last (const struct links *l, unsigned queue)
{
  return l->prev[l->pages + queue];
}

uint32_t
links_pop (struct links *l, unsigned queue)
{
  uint32_t page = links_last (l, queue);

  links_remove (l, page);
  return page;
}

void
links_move (struct links *l, unsigned queue, uint32_t page)
{
  links_remove (l, page);
  links_push (l, queue, page);
}
