/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_file_drop_pages() forgets the pages it names and no other, nor any of
 * another file.
 */
#include "util.h"

/* More than are looked for one by one, of one of two files. */
static void
many (oriel_pool *pool, oriel_file *file)
{
  uint64_t n = oriel_pool_frames (pool) / 8, end = 10 + n;
  oriel_file *other = must_open_file (pool, scratch_file ("other"),
                                      ORIEL_CREATE);
  int good = 0;

  for (uint64_t i = 0; i <= end; i++) {
    stamp_page (pool, file, i, 4);
    stamp_page (pool, other, i, 5);
  }
  is_rc (oriel_file_drop_pages (file, 10, n), 0, "drop very many");
  ok (page_is_stamped (pool, file, 9, 4) && page_is_stamped (pool, file, end, 4),
      "those around them are as written");
  ok (!page_is_stamped (pool, file, 10, 4)
          && !page_is_stamped (pool, file, end - 1, 4),
      "the first and the last are forgotten");
  must (oriel_file_truncate (file, 4096), "oriel_file_truncate");
  for (uint64_t i = 0; i <= end; i++)
    good += page_is_stamped (pool, other, i, 5);
  is_int (good, (long long) end + 1, "another file has all of its pages");
  must (oriel_file_close (other), "oriel_file_close");
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_page page;
  oriel_file *file;
  int good = 0;

  make_stamped_file (scratch_file ("data"), 4096, 50, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < 50; i++)
    stamp_page (pool, file, i, 2);
  page = must_pin (file, 12, ORIEL_READ);
  is_rc (oriel_file_drop_pages (file, 10, 5), 0, "drop pages 10 to 14");
  ok (is_stamped (page.data, 4096, 2, 12), "the pinned one stays readable");
  must (oriel_unpin (&page), "oriel_unpin");
  for (uint64_t i = 0; i < 50; i++)
    good += page_is_stamped (pool, file, i, i >= 10 && i < 15 ? 1 : 2);
  is_int (good, 50, "those five are the store's, the others as written");
  is_rc (oriel_file_drop_pages (file, 20, 0), 0, "no page at all");
  ok (page_is_stamped (pool, file, 20, 2), "is no page");
  is_rc (oriel_file_drop_pages (file, 1000, 1000), 0, "pages behind the end");
  is_rc (oriel_file_drop_pages (file, UINT64_MAX, 2), -EINVAL, "overflow");
  is_rc (oriel_file_drop_pages (file, 2, UINT64_MAX), -EINVAL, "overflow");
  is_rc (oriel_file_drop_pages (file, 40, UINT64_MAX - 40), 0,
         "all pages from 40 on, in little time");
  ok (page_is_stamped (pool, file, 45, 1), "are forgotten");
  ok (page_is_stamped (pool, file, 39, 2), "not that before");
  many (pool, file);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
