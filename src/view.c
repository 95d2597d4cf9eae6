/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - runs of pages seen as one range of memory
 *
 *   1. take cells of the area (window-view.c), which also remember the view;
 *   2. read what is missing, neighbours together (load.c);
 *   3. pin all pages, without latches: so they stay while 4 begins anew;
 *   4. latch them.  Of the first any latch is waited for, since nothing else is
 *      latched then; if one of the others is not free, all are given back and
 *      that one is the first of the next try;
 *   5. where the window shows them one behind the other, that is the view; else
 *      the cells show them.
 *
 * Whoever dies has left nothing but pins and latches in its ledger, which are
 * repaired as any.  The end goes backwards: the cells show nothing any more when
 * the pins go.
 *
 * Locks: none on return but the pages' latches.
 */
#include <errno.h>

#include "cut.h"
#include "error.h"
#include "load.h"
#include "lost.h"
#include "pin.h"
#include "view.h"
#include "window-view.h"

/* The view that is being made. */
struct making {
  struct orl_thread *me;
  struct oriel_file *file;
  uint64_t first;
  uint32_t n;
  uint32_t held;                /* the first pages of it */
  unsigned flags;
  struct orl_hold hold[ORL_PINS];
};

static orl_a32 *
entry_of (const struct making *m, uint32_t i)
{
  return &m->me->ledger->pins[m->hold[i].entry];
}

/* Step 3 for one page. */
static int
pin (struct making *m, uint32_t i)
{
  return orl_hold (m->me, m->file, m->first + i,
                   (m->flags & ORIEL_NOWAIT) | ORIEL_OPTIMISTIC
                       | ORL_HOLD_COPY,
                   &m->hold[i]);
}

/* Step 4 for one page.  -EAGAIN: it is latched by another; -ESTALE: who had the
 * latch has died, or the page was dropped, so it is to be pinned anew. */
static int
latch (struct making *m, uint32_t i, unsigned flags)
{
  const struct orl_frame *f = &m->me->pool->shm.frames[m->hold[i].frame];
  int r = m->flags & ORIEL_WRITE
              ? orl_pin_exclusive (m->me, m->file, &m->hold[i], flags)
              : orl_pin_shared (m->me, m->file, &m->hold[i], flags);

  if (r == 0 && (atomic_load (&f->state) & (ORL_STALE | ORL_INDOUBT)))
    r = -ESTALE;
  if (r == 0 && (m->flags & ORIEL_WRITE)
      && orl_cut_covers (m->file, m->first + i))
    r = m->flags & ORIEL_NOWAIT
            ? orl_fail (-EAGAIN, "%s: page %llu is being cut off",
                        m->file->path, (unsigned long long) (m->first + i))
            : -ESTALE;
  return r;
}

static void
unlatch_all (struct making *m)
{
  for (uint32_t i = 0; i < m->n; i++)
    orl_hold_unlatch (&m->me->pool->shm, entry_of (m, i));
}

/* One try; *at is the page that it starts with, and which it failed at. */
static int
try_latches (struct making *m, uint32_t *at)
{
  uint32_t begin = *at;
  int r = latch (m, begin, m->flags);

  for (uint32_t i = 0; i < m->n && r == 0; i++)
    if (i != begin)
      {
        r = latch (m, i, m->flags | ORIEL_NOWAIT);
        *at = i;
      }
  return r;
}

static int
latch_all (struct making *m)
{
  uint32_t at = 0;
  int r;

  while ((r = try_latches (m, &at)) < 0)
    {
      unlatch_all (m);
      if (r == -ESTALE)
        {
          orl_hold_end (&m->me->pool->shm, entry_of (m, at));
          if ((m->flags & (ORIEL_WRITE | ORIEL_NOWAIT)) == ORIEL_WRITE)
            orl_cut_await (m->me, m->file, m->first + at);
          r = pin (m, at);
          if (r < 0) /* only those are held that come before, and behind */
            m->hold[at].entry = -1;
        }
      else if (r == -EAGAIN && !(m->flags & ORIEL_NOWAIT))
        r = 0;
      if (r < 0)
        return r;
    }
  return 0;
}

/* Steps 3 and 4.  After an error nothing is pinned. */
static int
pin_all (struct making *m)
{
  int r = 0;

  for (m->held = 0; m->held < m->n && r == 0; m->held += r == 0)
    r = pin (m, m->held);
  if (r == 0)
    r = latch_all (m);
  for (uint32_t i = 0; r < 0 && i < m->held; i++)
    if (m->hold[i].entry >= 0)
      orl_hold_end (&m->me->pool->shm, entry_of (m, i));
  return r;
}

/* Where the window shows all of it; NULL: it does not. */
static void *
in_order (const struct making *m)
{
  struct orl_window *w = m->me->pool->window;
  unsigned char *at = orl_window_find (w, m->hold[0].frame);

  for (uint32_t i = 1; at && i < m->n; i++)
    if (orl_window_find (w, m->hold[i].frame)
        != at + ((uint64_t) i << w->page_shift))
      at = NULL;
  return at;
}

/* Step 5. */
static int
show (const struct making *m, uint32_t cell, void **data)
{
  struct orl_window *w = m->me->pool->window;
  struct orl_cell *c = w->views->cell + cell;
  int r;

  for (uint32_t i = 0; i < m->n; i++)
    {
      c[i].frame = m->hold[i].frame;
      c[i].entry = entry_of (m, i);
    }
  *data = in_order (m);
  if (*data)
    return 0;
  r = orl_view_show (w, cell, m->n, (m->flags & ORIEL_WRITE) != 0);
  if (r < 0)
    return orl_fail (r,
                     "%s: a view of %u pages cannot be mapped: the process has "
                     "no VMA left (vm.max_map_count), or no memory; end a view "
                     "or unmap something",
                     m->file->path, m->n);
  orl_count (m->me->ledger, ORL_VIEW_MAPS, (uint64_t) r);
  *data = w->views->base + ((uint64_t) cell << w->page_shift);
  return 0;
}

static int
check_length (const struct oriel_file *file, uint64_t n)
{
  const struct orl_window *w = file->pool->window;

  if (w->views->n == 0)
    return orl_fail (-EOPNOTSUPP,
                     "%s: the pool's pages, of %u bytes, cannot be mapped one "
                     "by one: the kernel maps %u, or this process has too few "
                     "VMAs left (vm.max_map_count)",
                     file->path, w->shm->geo.page_size, w->shm->geo.block);
  if (n > ORL_PINS || n > w->views->n)
    return orl_fail (-E2BIG,
                     "%s: a view of %llu pages; it may have %u, so see the "
                     "object in parts",
                     file->path, (unsigned long long) n,
                     w->views->n < ORL_PINS ? w->views->n : ORL_PINS);
  return 0;
}

int
orl_view (struct orl_thread *me, struct oriel_file *file, uint64_t first,
          uint64_t n, unsigned flags, struct oriel_view *view)
{
  struct orl_window *w = me->pool->window;
  struct making m
      = { .me = me, .file = file, .first = first, .flags = flags };
  uint32_t cell;
  uint64_t id;
  void *data = NULL;
  int r = check_length (file, n);

  if (r < 0)
    return r;
  m.n = (uint32_t) n;
  r = orl_view_take (w, me->owner, m.n, &id, &cell);
  if (r < 0)
    return orl_fail (r,
                     "%s: no %u pages side by side are free in the area of "
                     "views, which has %u; end a view",
                     file->path, m.n, w->views->n);
  if (!(flags & ORIEL_NOWAIT) && m.n > 1)
    orl_load_ahead (me, file, first, m.n);
  r = pin_all (&m);
  if (r == 0 && (r = show (&m, cell, &data)) < 0)
    for (uint32_t i = 0; i < m.n; i++)
      orl_hold_end (&me->pool->shm, entry_of (&m, i));
  if (r < 0)
    {
      orl_view_give (w, cell, m.n);
      return r;
    }
  orl_count (me->ledger, ORL_VIEWS, 1);
  orl_count (me->ledger, ORL_VIEW_PAGES, m.n);
  *view = (struct oriel_view){ .data = data,
                               .first = first,
                               .count = m.n,
                               .file = file,
                               .id = id,
                               .cell = cell,
                               .flags = flags };
  return 0;
}

static int
check_view (const char *call, const struct oriel_view *view)
{
  struct orl_window *w = view->file->pool->window;
  int r = orl_pool_gone (view->file->pool);

  if (r == 0 && !(view->data && orl_view_is (w, view->id, view->cell)))
    r = orl_fail (-EINVAL, "%s: it is no view any more", call);
  return r;
}

int
orl_view_dirty (struct oriel_view *view, uint64_t first, uint64_t n,
                uint64_t lsn)
{
  struct oriel_file *file = view->file;
  struct orl_window *w = file->pool->window;
  int r = check_view ("oriel_view_dirty", view);

  if (r < 0)
    return r;
  if (!(view->flags & ORIEL_WRITE))
    return orl_fail (-EINVAL, "%s: the view has not ORIEL_WRITE", file->path);
  if (first < view->first || first - view->first > view->count
      || n > view->count - (first - view->first))
    return orl_fail (-EINVAL,
                     "%s: the view has no %llu pages from %llu on", file->path,
                     (unsigned long long) n, (unsigned long long) first);
  for (uint64_t i = 0; i < n; i++)
    orl_hold_dirty (file,
                    w->views->cell[view->cell + (first - view->first) + i]
                        .frame,
                    (first + i + 1) << w->page_shift, lsn);
  return 0;
}

int
orl_view_end (struct oriel_view *view)
{
  struct oriel_pool *pool = view->file->pool;
  struct orl_window *w = pool->window;
  uint32_t n = (uint32_t) view->count;
  struct orl_cell *c = w->views->cell + view->cell;
  bool lost = false;
  int r = check_view ("oriel_view_end", view);

  if (r < 0)
    return r;
  view->data = NULL;
  for (uint32_t i = 0; i < n; i++)
    lost = lost || orl_is_lost (&pool->shm, c[i].frame);
  orl_view_hide (w, view->cell, n);
  for (uint32_t i = 0; i < n; i++)
    orl_hold_end (&pool->shm, c[i].entry);
  orl_view_give (w, view->cell, n);
  if (lost)
    return orl_fail (-EIO,
                     "%s: of the view of %u pages from %llu on memory was taken "
                     "away, what was read from it may be zeroes and what was "
                     "written is lost; view them again",
                     view->file->path, n, (unsigned long long) view->first);
  return 0;
}
