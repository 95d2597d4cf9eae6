/* SPDX-License-Identifier: BSD-2-Clause */
/* At least a 32nd of the pool can be pinned for writing at once, what is more
 * may be -ENOBUFS; with ORIEL_NO_IMAGES the other limits alone count. */
#include "util.h"

#define PINS 300

static oriel_page pages[PINS];

static int
pin_many (oriel_file *file)
{
  int n = 0, rc = 0;

  while (n < PINS
         && (rc = oriel_pin (file, (uint64_t) n, ORIEL_WRITE, &pages[n])) == 0)
    n++;
  if (n < PINS)
    is_rc (rc, -ENOBUFS, "one more is -ENOBUFS");
  return n;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  int least = (int) oriel_pool_frames (pool) / 32, n;
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_page page;

  n = pin_many (file);
  ok (n >= least, "%d pages are pinned for writing", n);
  is_rc (oriel_pin (file, 900, ORIEL_READ, &page), 0, "reading goes on");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_unpin (&pages[0]), "oriel_unpin");
  is_rc (oriel_pin (file, 0, ORIEL_WRITE, &pages[0]), 0,
         "after an unpin one can be pinned");
  while (n-- > 0)
    must (oriel_unpin (&pages[n]), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");

  file = must_open_file (pool, scratch_file ("data"), ORIEL_NO_IMAGES);
  n = pin_many (file);
  is_int (n, PINS, "with ORIEL_NO_IMAGES all are");
  while (n-- > 0)
    must (oriel_unpin (&pages[n]), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
