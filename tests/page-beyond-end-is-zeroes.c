/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages behind the end are zeroes; dirtying one, and nothing else, makes the
 * file longer. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  char gap[4096 * 4];

  make_stamped_file (path, 4096, 2, 100, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  page = must_pin (file, 9, ORIEL_READ);
  ok (is_zero (page.data, 4096), "a page far behind the end is zeroes");
  must (oriel_unpin (&page), "oriel_unpin");
  page = must_pin (file, 9, ORIEL_WRITE);
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), 2 * 4096 + 100,
          "looking at it does not make the file longer");

  page = must_pin (file, 6, ORIEL_WRITE);
  stamp (page.data, 4096, 2, 6);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  is_int ((long long) oriel_file_size (file), 2 * 4096 + 100,
          "nor does dirtying it");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), 7 * 4096,
          "until it is given back, by whole pages");
  is_rc (oriel_sync (file), 0, "sync");
  is_int ((long long) plain_size (path), 7 * 4096, "the store is as long");
  plain_read (path, 2 * 4096 + 100, gap, sizeof gap);
  ok (is_zero (gap, 4 * 4096 - 100), "the gap is zeroes");
  plain_read (path, 6 * 4096, gap, 4096);
  ok (is_stamped (gap, 4096, 2, 6), "then comes the page");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
