/* SPDX-License-Identifier: BSD-2-Clause */
/* ORIEL_DISCARD starts with no page of the file in the pool. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  const char *path = scratch_file ("data");
  oriel_file *file;
  uint64_t misses;

  make_stamped_file (path, 4096, 10, 0, 1);
  file = must_open_file (pool, path, 0);
  ok (page_is_stamped (pool, file, 3, 1), "a page is cached");
  stamp_page (pool, file, 4, 2);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  misses = get_stats (pool).misses;
  is_rc (oriel_file_open (pool, path, ORIEL_DISCARD, &file), 0, "discard");
  ok (page_is_stamped (pool, file, 3, 1), "the page is right");
  ok (page_is_stamped (pool, file, 4, 1), "a dirty one is lost");
  is_int ((long long) (get_stats (pool).misses - misses), 2,
          "both had to be loaded");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "nothing is dirty");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
