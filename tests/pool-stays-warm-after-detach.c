/* SPDX-License-Identifier: BSD-2-Clause */
/* After all have detached, the next to attach finds the pages cached. */
#include "util.h"

#define PAGES 50

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;
  uint64_t misses;
  int good = 0;

  make_stamped_file (path, 4096, PAGES, 0, 5);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 5);
  is_int (good, PAGES, "all pages are read");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  pool = test_pool ();
  is_int ((long long) get_stats (pool).processes, 1, "one process attached");
  file = must_open_file (pool, path, 0);
  misses = get_stats (pool).misses;
  good = 0;
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 5);
  is_int (good, PAGES, "all pages are right in the second attachment");
  is_int ((long long) (get_stats (pool).misses - misses), 0,
          "and none of them had to be loaded");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
