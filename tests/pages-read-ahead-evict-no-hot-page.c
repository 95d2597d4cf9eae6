/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are pinned now and again stay, whatever is read ahead meanwhile: a
 * scan's windows, steps, a prefetch of more than the pool holds, lists.  A scan
 * that looks at each page a few times takes no more either.  No part reads what
 * another has read: pages that come back may be worth more than hot ones.
 */
#include "util.h"

#define FRAMES 1024
#define HOT 400
#define PAGES 4096              /* of each part */
#define PARTS 6

static oriel_pool *pool;
static oriel_file *file, *own;

static void
pin_once (oriel_file *f, uint64_t number)
{
  oriel_page page = must_pin (f, number, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
}

static void
use_hot (void)
{
  for (uint64_t i = 0; i < HOT; i++)
    pin_once (own, i);
}

static int
is_there (uint64_t number)
{
  oriel_page page;
  int rc = oriel_pin (own, number, ORIEL_READ | ORIEL_NOWAIT, &page);

  if (rc == 0)
    oriel_unpin (&page);
  return rc == 0;
}

static void
scan (uint64_t first, uint64_t step, int times)
{
  for (uint64_t i = first; i < first + PAGES; i += step) {
    for (int k = 0; k < times; k++)
      pin_once (file, i);
    pin_once (own, i % HOT);
  }
}

static void
scan_once (uint64_t first)
{
  scan (first, 1, 1);
}

static void
scan_thrice (uint64_t first)
{
  scan (first, 1, 3);
}

static void
step (uint64_t first)
{
  scan (first, 3, 1);
}

static void
prefetch (uint64_t first)
{
  must (oriel_prefetch (file, first, PAGES), "oriel_prefetch");
}

/* Of n pages each; 61 is no divisor: each page once. */
static void
prefetch_lists_of (uint64_t first, uint64_t n)
{
  uint64_t list[128];

  for (uint64_t i = 0; i < PAGES; i += n) {
    for (uint64_t k = 0; k < n; k++)
      list[k] = first + (i + k) * 61 % PAGES;
    must (oriel_prefetch_many (file, list, n), "oriel_prefetch_many");
    for (size_t k = 0; k < n; k++)
      pin_once (file, list[k]);
  }
}

static void
prefetch_lists (uint64_t first)
{
  prefetch_lists_of (first, 8);
}

/* Longer than there is room for: some go before they are wanted. */
static void
prefetch_long_lists (uint64_t first)
{
  prefetch_lists_of (first, 128);
}

/* After each, how many hot pages are gone? */
static void
costs (const char *what, void (*run) (uint64_t), int least, int most)
{
  static uint64_t first;
  oriel_stats before, after;
  int lost = 0;

  use_hot ();
  before = get_stats (pool);
  run (first);
  first += PAGES;
  after = get_stats (pool);
  for (uint64_t i = 0; i < HOT; i++)
    lost += !is_there (i);
  ok (after.readahead - before.readahead >= (uint64_t) least,
      "%s: %d pages were read ahead, at least %d", what,
      (int) (after.readahead - before.readahead), least);
  ok (after.readahead + after.misses - before.readahead - before.misses
          <= (uint64_t) most,
      "%s: and %d missed, at most %d of both", what,
      (int) (after.misses - before.misses), most);
  is_int (lost, 0, "no hot page is gone");
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool ("test", &opt);
  make_stamped_file (scratch_file ("own"), 4096, HOT, 0, 1);
  own = must_open_file (pool, scratch_file ("own"), 0);
  make_stamped_file (scratch_file ("data"), 4096, 1, 0, 1);
  if (truncate (scratch_file ("data"), (off_t) PARTS * PAGES * 4096) < 0)
    bail_out ("truncate: %s", strerror (errno));
  file = must_open_file (pool, scratch_file ("data"), 0);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  /* None goes before it is wanted, and is read again. */
  costs ("a scan", scan_once, PAGES / 2, PAGES + 50);
  costs ("a scan of three looks at each", scan_thrice, PAGES / 2, PAGES + 50);
  costs ("steps", step, PAGES / 6, PAGES / 3 + 100);
  costs ("a prefetch", prefetch, 0, PAGES); /* there may be no room */
  costs ("lists", prefetch_lists, PAGES / 2, PAGES + 500);
  costs ("long lists", prefetch_long_lists, PAGES / 2, 3 * PAGES / 2);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (own), "oriel_file_close");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
