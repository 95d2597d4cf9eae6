/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that has a page pinned for writing and copies from it, or reads it
 * optimistically, is told so: it does not wait for itself.
 */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file;
  oriel_page page, again;
  char buffer[100];

  make_stamped_file (scratch_file ("data"), 4096, 4, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  page = must_pin (file, 1, ORIEL_WRITE);
  is_rc (oriel_read (file, 4096 + 10, buffer, sizeof buffer, NULL), -EDEADLK,
         "oriel_read");
  again = must_pin (file, 1, ORIEL_OPTIMISTIC);
  is_int (oriel_read_validate (&again, oriel_read_begin (&again)), 0,
          "no version of it is valid");
  must (oriel_unpin (&again), "oriel_unpin");
  must (oriel_unpin (&page), "oriel_unpin");
  is_rc (oriel_read (file, 4096 + 10, buffer, sizeof buffer, NULL), 0,
         "after the unpin it is read");
  return done_testing ();
}
