/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evicting a page wants a barrier in all processes; a sweep takes a batch of pages
 * and has one for all of them.
 */
#include "util.h"

#define FRAMES 4096
#define PAGES (4 * FRAMES)

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t random = test_seed ();
  oriel_stats before, after;
  oriel_pool *pool;
  oriel_file *file;

  opt.pool_size = FRAMES * 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, (uint64_t) PAGES * 4096),
        "oriel_file_truncate");
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page = must_pin (file, i, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  before = get_stats (pool);
  for (int i = 0; i < PAGES; i++) {
    oriel_page page
        = must_pin (file, next_random (&random) % PAGES, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  after = get_stats (pool);
  after.evictions -= before.evictions;
  after.barriers -= before.barriers;
  ok (after.evictions >= FRAMES, "%d pages go", (int) after.evictions);
  ok (after.barriers > 0 && after.barriers * 10 <= after.evictions,
      "for %d barriers, one for at least 10", (int) after.barriers);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
