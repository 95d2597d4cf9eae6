/* SPDX-License-Identifier: BSD-2-Clause */
/* All paths to a file share its pages; opened twice by a process it is one
 * object, which wants as many closes. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file, *hard, *soft, *relative;
  oriel_page page;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  if (link (scratch_file ("data"), scratch_file ("hard")) < 0
      || symlink ("data", scratch_file ("soft")) < 0
      || chdir (scratch ()) < 0)
    bail_out ("link: %s", strerror (errno));
  file = must_open_file (pool, scratch_file ("data"), 0);
  hard = must_open_file (pool, scratch_file ("hard"), 0);
  soft = must_open_file (pool, scratch_file ("soft"), 0);
  relative = must_open_file (pool, "./data", 0);
  ok (hard == file && soft == file && relative == file,
      "four paths, one object");
  is_int ((long long) get_stats (pool).files, 1, "one file of the pool");
  stamp_page (pool, hard, 2, 2);
  ok (page_is_stamped (pool, soft, 2, 2), "written by one, seen by another");
  page = must_pin (file, 2, ORIEL_READ);
  is_rc (oriel_file_close (file), 0, "one close, with a page pinned");
  is_rc (oriel_file_close (hard), 0, "two");
  is_rc (oriel_file_close (soft), 0, "three");
  is_rc (oriel_file_close (relative), -EBUSY, "the last is refused");
  must (oriel_unpin (&page), "oriel_unpin");
  ok (page_is_stamped (pool, relative, 2, 2), "it is still open");
  is_rc (oriel_file_close (relative), 0, "four");
  is_rc (oriel_pool_close (pool), 0, "no file is open now");
  return done_testing ();
}
