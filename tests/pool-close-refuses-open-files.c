/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_pool_close() with a file open or a page pinned is -EBUSY and does
 * nothing. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_page page = must_pin (file, 0, ORIEL_READ);

  is_rc (oriel_pool_close (pool), -EBUSY, "a file open and a page pinned");
  is_rc (oriel_file_close (file), -EBUSY, "the file can't close either");
  is_rc (oriel_file_abandon (file), -EBUSY, "nor be abandoned");
  ok (is_zero (page.data, 4096), "the pinned page is still there");
  is_rc (oriel_unpin (&page), 0, "unpin works as before");
  is_rc (oriel_pool_close (pool), -EBUSY, "a file open");
  stamp_page (pool, file, 1, 1);
  ok (page_is_stamped (pool, file, 1, 1), "the file works as before");
  is_rc (oriel_file_close (file), 0, "the file closes");
  is_rc (oriel_pool_close (pool), 0, "the pool closes");
  return done_testing ();
}
