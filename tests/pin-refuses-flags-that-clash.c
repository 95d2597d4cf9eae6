/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags of oriel_pin() that make no sense together are -EINVAL. */
#include "util.h"

int
main (void)
{
  static const struct { unsigned flags; const char *what; } tries[] = {
    { ORIEL_FRESH, "ORIEL_FRESH without ORIEL_WRITE" },
    { ORIEL_FRESH | ORIEL_OPTIMISTIC, "ORIEL_FRESH with ORIEL_OPTIMISTIC" },
    { ORIEL_WRITE | ORIEL_OPTIMISTIC, "ORIEL_WRITE with ORIEL_OPTIMISTIC" },
    { ORIEL_ANYTHREAD, "ORIEL_ANYTHREAD with a shared latch" },
    { ORIEL_ANYTHREAD | ORIEL_WRITE, "ORIEL_ANYTHREAD with ORIEL_WRITE" },
    { ORIEL_SHOWN | ORIEL_WRITE, "ORIEL_SHOWN with ORIEL_WRITE" },
    { 0x40, "an unknown flag" },
    { 0x80000000, "another" },
  };
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  oriel_page page, before;

  memset (&page, 0x5a, sizeof page);
  before = page;
  for (size_t i = 0; i < COUNT (tries); i++)
    is_rc (oriel_pin (file, 0, tries[i].flags, &page), -EINVAL,
           tries[i].what);
  ok (memcmp (&page, &before, sizeof page) == 0, "the output is left alone");
  is_int ((long long) get_stats (pool).pins, 0, "nothing is pinned");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
