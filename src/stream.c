/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - who reads a file in order, as its misses tell
 *
 * A miss right behind another's page is the second of a sequential run.  A run
 * with another stride, which may go backwards, takes three: two equal steps.
 * Several runs may be under way, of several threads, so each is looked for among
 * a few; a miss that fits none begins a new one, in the place of the one that
 * was used least of late.  Nothing is kept of what fits no run: a window is read
 * ahead only when the one before it is wanted, so a run that ends costs two.
 *
 * Locks: busy, which is tried once.
 */
#include <stdbool.h>
#include <stddef.h>

#include "stream.h"

/* Steps of more pages are steps at random. */
#define NEAR 1024

static bool
enter (struct orl_streams *s)
{
  return !atomic_flag_test_and_set_explicit (&s->busy, memory_order_acquire);
}

static void
leave (struct orl_streams *s)
{
  atomic_flag_clear_explicit (&s->busy, memory_order_release);
}

static uint64_t
distance (uint64_t a, uint64_t b)
{
  return a > b ? a - b : b - a;
}

/* The run that the page goes on with, of several the one that was nearest; or NULL,
 * and then the one to be given up, and how far the page is from the nearest miss
 * of late, 0: too far. */
static struct orl_stream *
find (struct orl_streams *s, uint64_t page, struct orl_stream **old,
      int64_t *step)
{
  uint64_t nearest = NEAR + 1, shortest = UINT64_MAX;
  struct orl_stream *found = NULL;

  *old = &s->stream[0];
  *step = 0;
  for (int i = 0; i < ORL_STREAMS; i++)
    {
      struct orl_stream *t = &s->stream[i];
      int64_t d = (int64_t) (page - t->last);

      if (t->used < (*old)->used)
        *old = t;
      if (!t->used)
        continue;
      if (t->stride && page == t->next)
        return t;
      if ((d == 1 || (d != 0 && d == t->step))
          && distance (page, t->last) < shortest)
        {
          shortest = distance (page, t->last);
          found = t;
        }
      if (distance (page, t->last) < nearest)
        {
          nearest = distance (page, t->last);
          *step = d;
        }
    }
  if (found)
    {
      found->stride = (int64_t) (page - found->last);
      found->window = 0;
    }
  return found;
}

bool
orl_stream_miss (struct orl_streams *s, uint64_t page, int64_t *stride,
                 uint32_t *window)
{
  struct orl_stream *t, *old;
  int64_t step;
  bool found;

  if (!enter (s))
    return false;
  t = find (s, page, &old, &step);
  found = t != NULL;
  if (found)
    {
      *stride = t->stride;
      *window = t->window;
      t->next = page + (uint64_t) t->stride;
    }
  else
    {
      t = old;
      *t = (struct orl_stream){ .step = step };
    }
  t->last = page;
  t->used = ++s->clock;
  leave (s);
  return found;
}

bool
orl_stream_mark (struct orl_streams *s, uint64_t page, int64_t *stride,
                 uint32_t *window, uint64_t *next)
{
  bool found = false;

  if (!enter (s))
    return false;
  for (int i = 0; i < ORL_STREAMS && !found; i++)
    {
      struct orl_stream *t = &s->stream[i];

      if (!t->used || !t->stride || !t->window || t->mark != page)
        continue;
      *stride = t->stride;
      *window = t->window;
      *next = t->next;
      t->last = page;
      t->used = ++s->clock;
      found = true;
    }
  leave (s);
  return found;
}

void
orl_stream_begun (struct orl_streams *s, uint64_t page, uint64_t mark,
                  uint32_t window, uint64_t next)
{
  if (!enter (s))
    return;
  for (int i = 0; i < ORL_STREAMS; i++)
    {
      struct orl_stream *t = &s->stream[i];

      if (!t->used || !t->stride || t->last != page)
        continue;
      t->mark = mark;
      t->window = window;
      t->next = next;
      break;
    }
  leave (s);
}
