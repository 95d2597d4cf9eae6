/* SPDX-License-Identifier: BSD-2-Clause */
/* A process may have many pools at once, each with its own window and pages,
 * and errors about one do not touch the other. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *a, *b;
  oriel_file *fa, *fb;
  oriel_page pa, pb;
  char half[8192];

  opt.window_size = 64 * KiB;
  opt.slot_size = 16 * KiB;
  a = must_open_pool ("a", &opt);
  opt.page_size = 8192;
  opt.window_size = 0;
  b = must_open_pool ("b", &opt);
  make_stamped_file (scratch_file ("data"), 8192, 50, 0, 1);
  fa = must_open_file (a, scratch_file ("data"), 0);
  fb = must_open_file (b, scratch_file ("data"), 0);
  ok (fa != fb, "the file is another object in each pool");
  pa = must_pin (fa, 4, ORIEL_READ);
  pb = must_pin (fb, 2, ORIEL_READ);
  ok (pa.data != pb.data && memcmp (pa.data, pb.data, 4096) == 0
      && is_stamped (pb.data, 8192, 1, 2), "both show the same bytes");
  is_rc (oriel_pool_close (b), -EBUSY, "one is busy");
  must (oriel_unpin (&pb), "oriel_unpin");
  is_rc (oriel_file_close (fb), 0, "its file closes");
  is_rc (oriel_pool_close (b), 0, "and it");
  stamp (half, sizeof half, 1, 2);
  ok (memcmp (pa.data, half, 4096) == 0, "the other's page is as it was");
  must (oriel_unpin (&pa), "oriel_unpin");
  is_rc (oriel_file_close (fa), 0, "then the other");
  is_rc (oriel_pool_close (a), 0, "and all is closed");
  return done_testing ();
}
