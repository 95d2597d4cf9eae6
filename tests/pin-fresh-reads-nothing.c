/* SPDX-License-Identifier: BSD-2-Clause */
/* ORIEL_FRESH gives zeroes and reads no store, resident or not. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  uint64_t reads;

  make_stamped_file (path, 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  reads = get_stats (pool).reads;
  page = must_pin (file, 4, ORIEL_WRITE | ORIEL_FRESH);
  ok (is_zero (page.data, 4096), "a page that is not resident is zeroes");
  is_int ((long long) (get_stats (pool).reads - reads), 0,
          "and was not read");
  memset (page.data, 7, 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");

  ok (page_is_stamped (pool, file, 5, 1), "another page is resident");
  page = must_pin (file, 5, ORIEL_WRITE | ORIEL_FRESH);
  ok (is_zero (page.data, 4096), "fresh, it is zeroes, too");
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
