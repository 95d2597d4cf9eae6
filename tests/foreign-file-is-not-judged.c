/* SPDX-License-Identifier: BSD-2-Clause */
/* A file opened with ORIEL_FOREIGN keeps its pages whatever others do to it,
 * until the caller drops them; its dirty pages do not outlive the opener. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  make_stamped_file (path, 4096, 10, 0, 1);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  ok (page_is_stamped (pool, file, 3, 1), "the content is right");
  must (oriel_file_close (file), "oriel_file_close");

  usleep (30000);
  make_stamped_file (path, 4096, 12, 0, 2);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  ok (page_is_stamped (pool, file, 3, 1), "after a change it is still cached");
  ok (page_is_stamped (pool, file, 4, 2), "what was not cached is the new");
  is_rc (oriel_file_drop (file), 0, "drop");
  ok (page_is_stamped (pool, file, 3, 2), "then all is the new");
  is_rc (oriel_file_refresh (file), 0, "refresh");
  is_int ((long long) oriel_file_size (file), 12 * 4096,
          "and the size, too");

  stamp_page (pool, file, 5, 3);
  is_rc (oriel_file_abandon (file), 0, "abandon with a dirty page");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "drops it");
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  ok (page_is_stamped (pool, file, 5, 2), "the next finds the store's");
  stamp_page (pool, file, 5, 4);
  is_rc (oriel_file_close (file), 0, "close writes");
  file = must_open_file (pool, path, ORIEL_FOREIGN | ORIEL_DISCARD);
  ok (page_is_stamped (pool, file, 5, 4), "what was dirty then");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
