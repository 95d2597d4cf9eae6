/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that stays pinned is asked whether a new pin would find what it shows:
 * not when the page was dropped, its file too, by this process or another, nor in
 * a pool that is traced or that shrinks; but when others write it, or evict what
 * they can.
 */
#include "util.h"

#include <pthread.h>
#include <sched.h>

#define PAGE ((size_t) 4096)
#define PAGES 64

static oriel_pool *pool;
static oriel_file *file;
static const char *path;

static uint64_t
hits (void)
{
  oriel_stats stats = { .struct_size = sizeof stats };

  oriel_pool_stats (pool, &stats);
  return stats.hits;
}

static oriel_page
pin (uint64_t number)
{
  oriel_page page;

  if (oriel_pin (file, number, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, &page))
    bail_out ("oriel_pin: %s", oriel_error ());
  return page;
}

/* Another process: write page 1, and drop page 2. */
static int
other (void *arg)
{
  oriel_pool *p = test_pool ();
  oriel_file *f = must_open_file (p, path, ORIEL_FOREIGN);

  (void) arg;
  if (oriel_write (f, PAGE, "new", 3) || oriel_flush (f)
      || oriel_file_drop_pages (f, 2, 1))
    return 1;
  return 0;
}

static int
forked (void *arg)
{
  return oriel_pin_holds (arg);
}

static void
drops (void)
{
  oriel_page page[4];
  uint64_t before;

  for (int i = 0; i < 4; i++)
    page[i] = pin ((uint64_t) i);
  before = hits ();
  is_int (oriel_pin_holds (&page[1]), 1, "a page that is pinned holds");
  is_int ((long long) (hits () - before), 1, "and counts as a hit");
  is_int (in_child (forked, &page[1]), 0, "not in a forked child");
  oriel_pool_evict (pool, NULL);
  is_int (oriel_pin_holds (&page[1]), 1, "it is not evicted");
  is_int (in_child (other, NULL), 0, "another process writes it");
  is_int (oriel_pin_holds (&page[1]), 1, "it holds");
  ok (memcmp (page[1].data, "new", 3) == 0, "and shows what was written");
  is_int (oriel_pin_holds (&page[2]), 0, "one that another dropped does not");
  is_rc (oriel_unpin (&page[2]), 0, "it is unpinned");
  is_int (oriel_pin_holds (&page[2]), 0, "and does not hold");
  page[2] = pin (2);
  is_int (oriel_pin_holds (&page[2]), 1, "pinned anew it does");
  oriel_file_drop (file);
  is_int (oriel_pin_holds (&page[3]), 0, "none of a file that was dropped");
  for (int i = 0; i < 4; i++)
    oriel_unpin (&page[i]);
  memset (page, 0, sizeof *page);
  is_int (oriel_pin_holds (page), 0, "a page of zeroes");
  is_int (oriel_pin_holds (NULL), 0, "no page");
}

static void
traces (void)
{
  oriel_page page = pin (5), next;

  if (oriel_pool_trace (pool, scratch_file ("trace")))
    bail_out ("oriel_pool_trace: %s", oriel_error ());
  is_int (oriel_pin_holds (&page), 0, "a trace wants each pin");
  oriel_pool_trace (pool, NULL);
  next = pin (6); /* the thread comes to its pool again */
  is_int (oriel_pin_holds (&page), 1, "then it holds");
  oriel_unpin (&next);
  oriel_unpin (&page);
}

static void *
shrink (void *arg)
{
  *(int *) arg = oriel_pool_resize (pool, 256 * PAGE);
  return NULL;
}

/* The last of a full pool's pages lie where it ends. */
static void
shrinks (void)
{
  uint64_t frames = oriel_pool_frames (pool);
  oriel_page page = { 0 };
  pthread_t thread;
  int r = 1;

  for (uint64_t i = 0; i < frames && page.frame < 256; i++) {
    if (page.ledger_entry)
      oriel_unpin (&page);
    page = pin (i);
  }
  if (page.frame < 256)
    bail_out ("no page lies behind frame 256");
  pthread_create (&thread, NULL, shrink, &r);
  while (oriel_pin_holds (&page))
    sched_yield ();
  ok (1, "a page whose frame is to go does not hold");
  oriel_unpin (&page);
  pthread_join (thread, NULL);
  is_rc (r, 0, "and the pool shrinks");
}

int
main (void)
{
  path = scratch_file ("a");
  make_stamped_file (path, PAGE, PAGES, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  drops ();
  traces ();
  shrinks ();
  return done_testing ();
}
