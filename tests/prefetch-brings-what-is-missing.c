/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_prefetch() makes pages hits, and passes over what needs no reading. */
#include "util.h"

#define PAGES 100

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_stats before, after;
  oriel_file *file;
  int good = 0;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  stamp_page (pool, file, 7, 2); /* dirty: not to be read again */
  before = get_stats (pool);
  is_rc (oriel_prefetch (file, 0, PAGES), 0, "prefetch of the file");
  after = get_stats (pool);
  is_int ((long long) (after.readahead - before.readahead), PAGES - 1,
          "what was missing was read");
  before = after;
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, i == 7 ? 2 : 1);
  after = get_stats (pool);
  is_int (good, PAGES, "the pages are right");
  is_int ((long long) (after.misses - before.misses), 0, "and all hits");
  before = after;
  is_rc (oriel_prefetch (file, 0, PAGES), 0, "again");
  is_rc (oriel_prefetch (file, PAGES, 1000), 0, "behind the end of the file");
  is_rc (oriel_prefetch (file, 3, 0), 0, "no pages");
  after = get_stats (pool);
  is_int ((long long) (after.reads - before.reads), 0, "nothing is read");
  is_rc (oriel_prefetch (file, UINT64_MAX - 1, 5), -EINVAL, "overflow");
  is_rc (oriel_prefetch (NULL, 0, 5), -EINVAL, "no file");
  is_int ((long long) after.pins, 0, "nothing stays pinned");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
