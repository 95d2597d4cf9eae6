/* SPDX-License-Identifier: BSD-2-Clause */
/* Unpinning what is not pinned is -EINVAL and harms no other pin. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_page page, other;

  is_rc (oriel_unpin (NULL), -EINVAL, "a null page");
  other = must_pin (file, 1, ORIEL_WRITE);
  page = must_pin (file, 2, ORIEL_READ);
  is_rc (oriel_unpin (&page), 0, "once");
  is_rc (oriel_unpin (&page), -EINVAL, "twice");
  is_rc (oriel_unpin (&page), -EINVAL, "three times");
  is_int ((long long) get_stats (pool).pins, 1, "the other pin holds");
  is_rc (oriel_dirty (&page, 0), -EINVAL, "dirtying it is refused");
  page = must_pin (file, 2, ORIEL_WRITE);
  is_rc (oriel_dirty (&page, 0), 0, "pinned again all is well");
  is_rc (oriel_unpin (&page), 0, "and unpinned");
  is_rc (oriel_unpin (&other), 0, "the other as well");
  memset (&page, 0, sizeof page);
  is_rc (oriel_unpin (&page), -EINVAL, "a page of zeroes");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
