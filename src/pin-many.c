/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin-many.c - pin several pages of a file at once
 *
 *   1. read what is missing, neighbours together (load.c);
 *   2. hold the pages in the order of their numbers, so that two threads that
 *      latch the same ones cannot block each other;
 *   3. show those that no slot shows, with few calls (window-show.c): for
 *      readers only extents of which enough is wanted here, or that are wanted
 *      often; the rest of their pages come as copies, as in oriel_pin().
 *
 * Locks: those of each step.
 */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "load.h"
#include "pin.h"

struct item {
  uint64_t number;
  uint32_t index;               /* in the caller's arrays */
  struct orl_hold hold;
  void *at;
};

static int
by_number (const void *a, const void *b)
{
  const struct item *x = a, *y = b;

  return x->number < y->number   ? -1
         : x->number > y->number ? 1
         : x->index < y->index   ? -1
                                 : x->index > y->index;
}

static int
by_frame (const void *a, const void *b)
{
  const struct item *x = *(struct item *const *) a;
  const struct item *y = *(struct item *const *) b;

  return x->hold.frame < y->hold.frame ? -1 : x->hold.frame > y->hold.frame;
}

/* Step 1.  What fails here fails again, and is told, in step 2. */
static void
read_missing (struct orl_thread *me, struct oriel_file *file,
              const struct item *item, uint32_t n)
{
  for (uint32_t i = 0, k; i < n; i += k)
    {
      k = 1;
      while (i + k < n && item[i + k].number <= item[i].number + k)
        k++;
      if (k > 1)
        orl_load_ahead (me, file, item[i].number, k);
    }
}

/* Step 2: how many are held; *r says why it is not all. */
static uint32_t
hold (struct orl_thread *me, struct oriel_file *file, struct item *item,
      uint32_t n, unsigned flags, int *r)
{
  *r = 0;
  for (uint32_t i = 0; i < n; i++)
    {
      *r = orl_hold (me, file, item[i].number, flags | ORL_HOLD_COPY,
                     &item[i].hold);
      if (*r < 0)
        return i;
    }
  return n;
}

/* Step 3: choose what is to be shown, and show it.  at stays NULL for what is
 * to be copied or had no slot. */
static void
show (struct orl_thread *me, struct item *item, uint32_t n, bool may_copy)
{
  struct orl_window *w = me->pool->window;
  struct item *hidden[ORL_PINS];
  uint32_t frame[ORL_PINS];
  void *at[ORL_PINS];
  uint32_t m = 0;
  uint32_t chosen = 0;

  for (uint32_t i = 0; i < n; i++)
    if ((item[i].at = orl_window_find (w, item[i].hold.frame)) == NULL)
      hidden[m++] = &item[i];
  qsort (hidden, m, sizeof *hidden, by_frame);
  for (uint32_t i = 0, k; i < m; i += k)
    {
      uint32_t extent = hidden[i]->hold.frame >> w->extent_shift;

      k = 1;
      while (i + k < m && hidden[i + k]->hold.frame >> w->extent_shift == extent)
        k++;
      if (may_copy && k < w->copies_per_swap)
        continue;
      for (uint32_t j = i; j < i + k; j++)
        hidden[chosen++] = hidden[j];
    }
  for (uint32_t i = 0; i < chosen; i++)
    frame[i] = hidden[i]->hold.frame;
  if (chosen == 0)
    return;
  orl_window_show_many (w, me->ledger, frame, chosen, at);
  for (uint32_t i = 0; i < chosen; i++)
    hidden[i]->at = at[i];
}

int
orl_pin_many (struct orl_thread *me, struct oriel_file *file,
              const uint64_t *number, uint32_t n, unsigned flags,
              oriel_page *page)
{
  bool may_copy = !(flags & (ORIEL_WRITE | ORIEL_OPTIMISTIC))
                  && !me->pool->window->grants;
  struct item item[ORL_PINS];
  uint32_t held, done = 0;
  int r;

  for (uint32_t i = 0; i < n; i++)
    item[i] = (struct item){ .number = number[i], .index = i };
  qsort (item, n, sizeof *item, by_number);
  if (!(flags & (ORIEL_FRESH | ORIEL_NOWAIT)))
    read_missing (me, file, item, n);
  held = hold (me, file, item, n, flags, &r);
  if (r == 0)
    show (me, item, n, may_copy);
  while (r == 0 && done < n)
    {
      struct item *it = &item[done];

      r = orl_pin_reach (me, file, it->number, flags, &it->hold, it->at,
                         &page[it->index]);
      done++;
    }
  if (r == 0)
    return 0;
  /* The last one that was reached for is not held any more. */
  for (uint32_t i = done; i < held; i++)
    orl_hold_drop (me, &item[i].hold);
  for (uint32_t i = 0; i + 1 < done; i++)
    orl_unpin (me, &page[item[i].index]);
  return r;
}
