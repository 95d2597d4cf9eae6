/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_refresh() takes the size that the store's file has now. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  make_stamped_file (path, 4096, 4, 0, 1);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  make_stamped_file (path, 4096, 9, 50, 1);
  is_int ((long long) oriel_file_size (file), 4 * 4096,
          "others make the file longer unseen");
  is_rc (oriel_file_refresh (file), 0, "refresh");
  is_int ((long long) oriel_file_size (file), 9 * 4096 + 50, "sees it");
  ok (page_is_stamped (pool, file, 8, 1), "and the page");
  make_stamped_file (path, 4096, 2, 0, 1);
  is_rc (oriel_file_refresh (file), 0, "refresh");
  is_int ((long long) oriel_file_size (file), 2 * 4096,
          "sees that it is shorter");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
