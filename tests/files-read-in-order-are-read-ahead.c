/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are pinned one after the other, or in equal steps, forwards and
 * backwards, by one thread or by several, are read before they are wanted; those
 * that are pinned at random are not.  Pages that are in use do not give way.
 */
#include "util.h"

#define PAGES 2048
#define HOT 64

static oriel_pool *pool;
static oriel_file *file;

struct count {
  long long misses;
  long long ahead;
  int good;
};

static struct count
count_from (const oriel_stats *before, int good)
{
  oriel_stats after = get_stats (pool);

  return (struct count){ (long long) (after.misses - before->misses),
                         (long long) (after.readahead - before->readahead),
                         good };
}

/* Nothing of the file is in the pool, nor on its way there: a close waits for
 * that. */
static void
forget (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
}

/* n pages from first on, step pages at a time. */
static struct count
walk (uint64_t first, int64_t step, int n)
{
  oriel_stats before;
  int good = 0;

  forget ();
  before = get_stats (pool);
  for (int i = 0; i < n; i++)
    good += page_is_stamped (pool, file, first + (uint64_t) (i * step), 1);
  return count_from (&before, good);
}

static void
is_read_ahead (const char *what, struct count c, int n, int most)
{
  ok (c.good == n, "%s: %d of %d pages are right", what, c.good, n);
  ok (c.misses <= most, "%s: %lld misses, at most %d", what, c.misses, most);
  /* The last window but one is wanted when the last is begun. */
  ok (c.ahead >= n - most && c.ahead <= n + 2 * 128,
      "%s: %lld pages were read ahead", what, c.ahead);
}

static void
two_at_once (void)
{
  oriel_stats before;
  int good = 0;

  forget ();
  before = get_stats (pool);
  for (uint64_t i = 0; i < 400; i++) {
    good += page_is_stamped (pool, file, i, 1);
    good += page_is_stamped (pool, file, 1000 + i, 1);
  }
  is_read_ahead ("two runs, by turns", count_from (&before, good), 800, 8);
}

static void
at_random (void)
{
  uint64_t random = test_seed ();
  oriel_stats before;
  struct count c;
  int good = 0;

  forget ();
  before = get_stats (pool);
  for (int i = 0; i < 100; i++)
    good += page_is_stamped (pool, file, next_random (&random) % PAGES, 1);
  c = count_from (&before, good);
  is_int (good, 100, "at random: the pages are right");
  ok (c.ahead <= 50, "at random: %lld pages were read ahead", c.ahead);
}

/* With a window of an eighth of the pool. */
static void
in_a_swapped_window (void)
{
  oriel_options opt = test_options ();
  struct count c;

  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.window_size = 128 * 4096;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_read_ahead ("slots are swapped, each third", walk (5, 3, 300), 300, 3);
  is_read_ahead ("slots are swapped, backwards", walk (900, -1, 800), 800, 3);
  c = walk (0, 1, 800);
  ok (c.good == 800 && c.misses <= 100, "slots are swapped, in order: %lld misses",
      c.misses);
}

/* What is pinned now and again stays, while a file that is larger than the pool
 * goes past. */
static void
hot_pages_stay (void)
{
  oriel_stats before;
  struct count c;
  int good = 0, lost = 0;

  forget ();
  for (int round = 0; round < 3; round++)
    for (uint64_t i = 0; i < HOT; i++)
      good += page_is_stamped (pool, file, 7 * i, 1);
  before = get_stats (pool);
  for (uint64_t i = 512; i < PAGES; i++) {
    oriel_page page;

    good += page_is_stamped (pool, file, i, 1);
    if (oriel_pin (file, 7 * (i % HOT), ORIEL_READ | ORIEL_NOWAIT, &page) < 0)
      lost++;
    else
      oriel_unpin (&page);
  }
  c = count_from (&before, good);
  is_int (good, 3 * HOT + PAGES - 512, "a scan beside hot pages");
  is_int (lost, 0, "no hot page was gone, of 1536 times");
  ok (c.misses <= 10, "%lld misses", c.misses);
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 1024 * 4096;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_read_ahead ("in order", walk (0, 1, 800), 800, 2);
  is_read_ahead ("from the middle", walk (1000, 1, 800), 800, 2);
  is_read_ahead ("each third", walk (5, 3, 300), 300, 3);
  is_read_ahead ("backwards", walk (900, -1, 800), 800, 3);
  two_at_once ();
  at_random ();
  hot_pages_stay ();
  in_a_swapped_window ();
  must (oriel_file_close (file), "oriel_file_close");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
