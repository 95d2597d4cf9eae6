/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pool_evict() frees every page that is clean and unpinned, of a file or
 * of all; the others stay as they are.
 */
#include "util.h"

#define PAGES 40

static uint64_t
resident (oriel_pool *pool)
{
  oriel_stats stats = get_stats (pool);

  return stats.frames - stats.frames_free;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *a, *b;
  oriel_page page;
  uint64_t misses;

  make_stamped_file (scratch_file ("a"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("b"), 4096, PAGES, 0, 2);
  a = must_open_file (pool, scratch_file ("a"), 0);
  b = must_open_file (pool, scratch_file ("b"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    if (!page_is_stamped (pool, a, i, 1) || !page_is_stamped (pool, b, i, 2))
      bail_out ("page %d is wrong", (int) i);
  stamp_page (pool, a, 5, 3);
  page = must_pin (a, 6, ORIEL_READ);

  is_rc (oriel_pool_evict (pool, b), 0, "evict one file");
  is_int ((long long) resident (pool), PAGES, "the other's pages are there");
  misses = get_stats (pool).misses;
  ok (page_is_stamped (pool, b, 7, 2), "the file is read again");
  is_int ((long long) (get_stats (pool).misses - misses), 1, "from its store");
  is_rc (oriel_pool_evict (pool, NULL), 0, "evict all files");
  is_int ((long long) resident (pool), 2,
          "what is dirty or pinned is there");
  ok (is_stamped (page.data, 4096, 1, 6), "the pinned page is as it was");
  must (oriel_unpin (&page), "oriel_unpin");
  ok (page_is_stamped (pool, a, 5, 3), "and so is the dirty one");
  must (oriel_flush (a), "oriel_flush");
  is_rc (oriel_pool_evict (pool, a), 0, "evict when both are clean");
  is_int ((long long) resident (pool), 0, "nothing is left");
  ok (page_is_stamped (pool, a, 5, 3), "what was written is read");
  must (oriel_file_close (a), "oriel_file_close");
  must (oriel_file_close (b), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
