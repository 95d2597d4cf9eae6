/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that calls exit() with pages pinned, latched and changed, from one
 * thread or several, costs the pool nothing: places, pins, latches and frames
 * come back, also when it has happened more often than there are places.
 */
#include "util.h"

#define EXITS 12                /* with room for four processes */
#define PAGES 40                /* in a pool of 64 */

static oriel_options
few_places (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  opt.max_processes = 4;
  opt.max_threads = 8;
  return opt;
}

static oriel_file *file;

/* Pin from first on, every third page for writing. */
static void
pin_some (uint64_t first)
{
  for (uint64_t i = first; i < first + PAGES / 2; i++) {
    unsigned flags = i % 3 == 0 ? ORIEL_WRITE : i % 3 == 1 ? ORIEL_READ
                     : ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD;
    oriel_page page = must_pin (file, i, flags);

    if (i % 3 == 0)
      memset (page.data, 0xee, 4096);
    if (i % 6 == 0)
      must (oriel_dirty (&page, 0), "oriel_dirty");
  }
}

static void *
pins_and_waits (void *arg)
{
  pin_some (0);
  go_to (arg, 1);
  pause ();
  return NULL;
}

/* exit() is called in one thread while another has its pages, too. */
static int
exits (void *arg)
{
  oriel_options opt = few_places ();
  steps at = 0;

  (void) arg;
  file = must_open_file (must_open_pool ("test", &opt), scratch_file ("data"),
                         0);
  start_thread (pins_and_waits, &at);
  await (&at, 1);
  pin_some (PAGES / 2);
  fflush (NULL);
  exit (0);
}

int
main (void)
{
  oriel_options opt = few_places ();
  int ended = 0, good = 0;
  oriel_stats stats;
  oriel_pool *pool;
  oriel_page page;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &opt);
  for (int i = 0; i < EXITS; i++)
    ended += in_child (exits, NULL) == 0;
  is_int (ended, EXITS, "processes exit with pages pinned, one after the other");

  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += oriel_pin (file, i, ORIEL_WRITE, &page) == 0
            && is_stamped (page.data, 4096, 1, i) && oriel_unpin (&page) == 0;
  is_int (good, PAGES, "each page can be latched, and is what it was before");
  good = 0;
  for (uint64_t i = 0; i < 64; i++) /* a page for every frame */
    good += oriel_pin (file, 100 + i, ORIEL_READ, &page) == 0;
  is_int (good, 64, "all frames can be pinned at once");
  stats = get_stats (pool);
  is_int ((long long) stats.pins, 64, "there are no other pins");
  is_int ((long long) stats.processes, 1, "nor other processes");
  return done_testing (); /* and exits with pages pinned */
}
