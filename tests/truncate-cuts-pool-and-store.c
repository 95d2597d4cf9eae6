/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_truncate() cuts or lengthens the file in pool and store at once;
 * pages behind the end are forgotten, pinned ones stay readable. */
#include "util.h"

/* The page at the end is in the pool, and no slot shows it. */
static void
behind_a_small_window (const char *path)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  char want[4096], bytes[4096];

  opt.pool_size = 128 * 4096;
  opt.window_size = 16 * 4096;
  opt.slot_size = 4096;
  make_stamped_file (path, 4096, 80, 0, 1);
  pool = must_open_pool ("small", &opt);
  file = must_open_file (pool, path, 0);
  for (uint64_t i = 5; i < 80; i++) {
    page = must_pin (file, i, ORIEL_OPTIMISTIC);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_rc (oriel_file_truncate (file, 5 * 4096 + 1000), 0, "cut in a small window");
  is_rc (oriel_file_truncate (file, 10 * 4096), 0, "and made longer again");
  stamp (want, sizeof want, 1, 5);
  memset (want + 1000, 0, sizeof want - 1000);
  must (oriel_read (file, 5 * 4096, bytes, sizeof bytes, NULL), "oriel_read");
  ok (memcmp (bytes, want, sizeof bytes) == 0,
      "the page keeps its part, then zeroes");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page, same;
  char bytes[8192];
  size_t got;

  make_stamped_file (path, 4096, 20, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  stamp_page (pool, file, 15, 2);
  stamp_page (pool, file, 3, 2);
  page = must_pin (file, 12, ORIEL_READ);

  is_rc (oriel_file_truncate (file, 5 * 4096 + 1000), 0, "cut to 5.2 pages");
  is_int ((long long) oriel_file_size (file), 5 * 4096 + 1000,
          "the size is so");
  is_int ((long long) plain_size (path), 5 * 4096 + 1000, "the store's, too");
  ok (is_stamped (page.data, 4096, 1, 12), "a pinned page is as it was");
  same = must_pin (file, 12, ORIEL_READ);
  ok (is_zero (same.data, 4096), "pinned anew it is zeroes");
  must (oriel_unpin (&same), "oriel_unpin");
  must (oriel_unpin (&page), "oriel_unpin");
  page = must_pin (file, 5, ORIEL_READ);
  stamp (bytes, 4096, 1, 5);
  ok (memcmp (page.data, bytes, 1000) == 0
      && is_zero ((char *) page.data + 1000, 3096),
      "the page at the end keeps its part, then zeroes");
  must (oriel_unpin (&page), "oriel_unpin");
  page = must_pin (file, 15, ORIEL_READ);
  ok (is_zero (page.data, 4096), "a dirty page behind the end is forgotten");
  must (oriel_unpin (&page), "oriel_unpin");
  ok (page_is_stamped (pool, file, 3, 2), "one before it is not");
  must (oriel_read (file, 5 * 4096, bytes, sizeof bytes, &got), "oriel_read");
  is_int ((long long) got, 1000, "a read ends there");

  is_rc (oriel_file_truncate (file, 10 * 4096), 0, "make it longer again");
  is_int ((long long) plain_size (path), 10 * 4096, "the store is so");
  must (oriel_read (file, 5 * 4096, bytes, sizeof bytes, &got), "oriel_read");
  is_int ((long long) got, sizeof bytes, "a read goes on");
  ok (is_zero (bytes + 1000, sizeof bytes - 1000), "and finds zeroes");
  is_rc (oriel_sync (file), 0, "sync");
  is_int ((long long) plain_size (path), 10 * 4096, "keeps the size");
  plain_read (path, 3 * 4096, bytes, 4096);
  ok (is_stamped (bytes, 4096, 2, 3), "and writes the dirty page");
  plain_read (path, 5 * 4096 + 1000, bytes, sizeof bytes);
  ok (is_zero (bytes, sizeof bytes), "the store has zeroes behind the cut");

  page = must_pin (file, 8, ORIEL_WRITE);
  memset (page.data, 'x', 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  is_rc (oriel_file_truncate (file, 4 * 4096), 0,
         "cut off a page that is being written");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), 4 * 4096,
          "it makes the file no longer");
  is_rc (oriel_sync (file), 0, "sync");
  is_int ((long long) plain_size (path), 4 * 4096, "nor the store's");
  stamp_page (pool, file, 8, 3);
  is_int ((long long) oriel_file_size (file), 9 * 4096,
          "written anew it does");
  is_rc (oriel_file_truncate (file, 8 * 4096 + 100), 0, "cut in that page");
  page = must_pin (file, 8, ORIEL_WRITE);
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), 8 * 4096 + 100,
          "which is pinned for writing, and not changed");
  is_rc (oriel_file_truncate (file, 0), 0, "cut to nothing");
  is_int ((long long) plain_size (path), 0, "the store is empty");
  is_rc (oriel_file_truncate (file, UINT64_MAX), -EFBIG, "cut to 16 EiB");
  is_int ((long long) oriel_file_size (file), 0, "changes nothing");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  behind_a_small_window (path);
  return done_testing ();
}
