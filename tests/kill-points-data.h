/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill-points-data.h - what the children and the parent of kill-points.h share:
 * the board, the names of the points, and pages whose content tells its state
 */
#ifndef KILL_POINTS_DATA_H
#define KILL_POINTS_DATA_H

#include <stddef.h>

#include "counted.h"
#include "whole-pool.h"

#include "attach.h"
#include "double-write.h"
#include "flush-chunk.h"
#include "holes.h"
#include "lost.h"
#include "point.h"
#include "sys.h"
#include "thread.h"

#define FRAMES 512
#define PAGES 600
#define SLOTS 16
#define MAX_POINTS 512
#define WAIT_MAX 0.1            /* what a waiter may wait after a death */
#define WAIT_CI 60              /* that, on a machine that is busy */

/* What the children and the parent know of each other. */
struct board {
  _Atomic uint64_t lsn;
  _Atomic uint64_t begun[PAGES];
  _Atomic uint64_t done[PAGES];
  _Atomic uint8_t passed[MAX_POINTS]; /* by the last child */
  char why[512];
};

static struct board *board;
static const char *names[MAX_POINTS];
static unsigned nnames;
static unsigned deaths[MAX_POINTS];
static uint16_t *name_of;       /* by a point's place in memory */
static uintptr_t lowest;
static bool verbose;

static oriel_pool *pool;        /* the parent's */
static oriel_file *data;
static double longest;
static unsigned long waits, too_long;

/* ------------------------------------------------------------------ */
/* Points                                                              */

static int
by_name (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static unsigned
find_name (const char *name)
{
  for (unsigned i = 0; i < nnames; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  bail_out ("there is no point %s", name);
}

static void
list_points (void)
{
  const char *all[MAX_POINTS];
  unsigned n = orl_point_count ();
  uintptr_t highest = 0;

  if (n > MAX_POINTS)
    bail_out ("more than %d points", MAX_POINTS);
  lowest = UINTPTR_MAX;
  for (unsigned i = 0; i < n; i++) {
    uintptr_t at = (uintptr_t) orl_point_at (i);

    lowest = at < lowest ? at : lowest;
    highest = at > highest ? at : highest;
    all[i] = orl_point_at (i)->name;
  }
  qsort (all, n, sizeof *all, by_name);
  for (unsigned i = 0; i < n; i++)
    if (nnames == 0 || strcmp (names[nnames - 1], all[i]) != 0)
      names[nnames++] = all[i];
  name_of = calloc ((highest - lowest) / sizeof (struct orl_point) + 1,
                    sizeof *name_of);
  for (unsigned i = 0; i < n; i++)
    name_of[((uintptr_t) orl_point_at (i) - lowest) / sizeof (struct orl_point)]
      = (uint16_t) find_name (orl_point_at (i)->name);
}

static void
note (const struct orl_point *point)
{
  unsigned i = name_of[((uintptr_t) point - lowest) / sizeof *point];

  atomic_store_explicit (&board->passed[i], 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------ */
/* Pages                                                               */

static void
complain (const char *what, uint64_t page, const struct content *c)
{
  tell_content (board->why, sizeof board->why, what, page, c,
                board->done[page], board->begun[page]);
}

static bool
is_whole (const char *what, uint64_t page, const struct content *c)
{
  bool good = content_is_whole (c, page, board->done[page],
                                board->begun[page]);

  if (!good)
    complain (what, page, c);
  return good;
}

static void
fill (struct content *c, uint64_t page, uint64_t count)
{
  c->number = page;
  c->count = count;
  for (int i = 0; i < 250; i++)
    c->fill[i] = page * count + (uint64_t) i;
  ORL_POINT ("test.half-a-page");
  for (int i = 250; i < 509; i++)
    c->fill[i] = page * count + (uint64_t) i;
  c->sum = sum_of (c);
}

/* Change a page, begun by no one else; flags beside ORIEL_WRITE. */
static bool
change (oriel_file *file, uint64_t page, unsigned flags)
{
  uint64_t count;
  oriel_page p;

  if (oriel_pin (file, page, ORIEL_WRITE | flags, &p) < 0)
    return complain ("pin", page, &(struct content) { 0 }), false;
  if (!flags && !is_whole ("change", page, p.data)) {
    oriel_unpin (&p);
    return false;
  }
  count = board->begun[page] + 1;
  atomic_store (&board->begun[page], count);
  fill (p.data, page, count);
  oriel_dirty (&p, atomic_fetch_add (&board->lsn, 1) + 1);
  oriel_unpin (&p);
  atomic_store (&board->done[page], count);
  return true;
}

static bool
look (oriel_file *file, uint64_t page)
{
  bool good;
  oriel_page p;

  if (oriel_pin (file, page, ORIEL_READ, &p) < 0)
    return complain ("pin", page, &(struct content) { 0 }), false;
  good = is_whole ("look", page, p.data);
  oriel_unpin (&p);
  return good;
}

static bool
copy (oriel_file *file, uint64_t page)
{
  struct content c = { 0 };

  if (oriel_read (file, page * sizeof c, &c, sizeof c, NULL) < 0)
    return complain ("oriel_read", page, &c), false;
  return is_whole ("copy", page, &c);
}

static bool
overwrite (oriel_file *file, uint64_t page)
{
  uint64_t count = board->begun[page] + 1;
  struct content c;

  atomic_store (&board->begun[page], count);
  fill (&c, page, count);
  if (oriel_write (file, page * sizeof c, &c, sizeof c) < 0)
    return complain ("oriel_write", page, &c), false;
  atomic_store (&board->done[page], count);
  return true;
}

#endif /* KILL_POINTS_DATA_H */
