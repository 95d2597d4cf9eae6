/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a swap costs is measured when a window is opened, on pages of the pool.
 * One that is a hole, punched while no one was attached, is not touched: that
 * would fill it with zeroes that no one could tell from a page.
 */
#include "cut.h"

#define PAGES 900

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t good = 0;
  off_t from, bytes;
  char page[4096];

  opt.window_size = 64 * KiB;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  from = place_of (pool, 0);
  bytes = (off_t) oriel_pool_frames (pool) * 4096;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  punch_file (pool_path ("test"), from, bytes);

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++) {
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
    good += (uint64_t) is_stamped (page, sizeof page, 1, i);
  }
  is_int ((long long) good, PAGES, "every page is read again from the store");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
