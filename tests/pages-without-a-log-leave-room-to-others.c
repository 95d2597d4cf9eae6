/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When room is wanted and nearly all pages are dirty, with a log that this process
 * cannot flush, those few are found and written that may be.
 */
#include "util.h"

#define FRAMES 8192
#define HELD 8000               /* a sweep lists 32 */
#define FREED 120
#define ROUNDS 50

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_file *held, *freed, *wanted;
  oriel_pool *pool;
  int good = 0, still = 0;

  opt.pool_size = FRAMES * 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  held = must_open_file (pool, scratch_file ("held"), ORIEL_CREATE);
  freed = must_open_file (pool, scratch_file ("freed"), ORIEL_CREATE);
  make_stamped_file (scratch_file ("wanted"), 4096, ROUNDS, 0, 3);
  wanted = must_open_file (pool, scratch_file ("wanted"), ORIEL_RDONLY);
  for (uint64_t i = 0; i < HELD; i++) {
    oriel_page page = must_pin (held, i, ORIEL_WRITE | ORIEL_FRESH);

    stamp (page.data, 4096, 1, i);
    must (oriel_dirty (&page, 10 + i), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  for (uint64_t round = 0; round < ROUNDS; round++) {
    oriel_page page;

    for (uint64_t i = 0; i < FREED; i++)
      stamp_page (pool, freed, (round * FREED + i) % 800, 2);
    if (oriel_pin (wanted, round * 7 % ROUNDS, ORIEL_READ, &page) == 0) {
      good += is_stamped (page.data, 4096, 3, round * 7 % ROUNDS);
      must (oriel_unpin (&page), "oriel_unpin");
    }
  }
  is_int (good, ROUNDS, "there was room for each page");
  is_int ((long long) plain_size (scratch_file ("held")), 0,
          "and none was written before its log");
  must (oriel_file_durable (held, 10 + HELD), "oriel_file_durable");
  for (uint64_t i = 0; i < HELD; i++)
    still += page_is_stamped (pool, held, i, 1);
  is_int (still, HELD, "nor lost");
  must (oriel_file_close (held), "oriel_file_close");
  must (oriel_file_close (freed), "oriel_file_close");
  must (oriel_file_close (wanted), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
