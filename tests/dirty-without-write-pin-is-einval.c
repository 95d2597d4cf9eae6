/* SPDX-License-Identifier: BSD-2-Clause */
/* Only a page pinned with ORIEL_WRITE can be dirtied. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_page page;

  page = must_pin (file, 3, ORIEL_READ);
  is_rc (oriel_dirty (&page, 1), -EINVAL, "pinned for reading");
  must (oriel_unpin (&page), "oriel_unpin");
  page = must_pin (file, 3, ORIEL_OPTIMISTIC);
  is_rc (oriel_dirty (&page, 1), -EINVAL, "pinned without a latch");
  must (oriel_unpin (&page), "oriel_unpin");
  is_rc (oriel_dirty (NULL, 1), -EINVAL, "a null page");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "nothing is dirty");
  is_int ((long long) oriel_file_size (file), 0, "the file is still empty");
  page = must_pin (file, 3, ORIEL_WRITE);
  is_rc (oriel_dirty (&page, 5), 0, "pinned for writing");
  is_rc (oriel_dirty (&page, 3), 0, "again, with a smaller lsn");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "one page is dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "and stays so");
  must (oriel_file_durable (file, 5), "oriel_file_durable");
  must (oriel_file_close (file), "oriel_file_close");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "close writes it");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
