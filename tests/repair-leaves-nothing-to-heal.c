/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies at a point of src/point.h, and is repaired before anyone uses the
 * pool again: nothing of it is left then that a later user would have to heal.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "kill-points.h"

/* With ORIEL_QUICK=1 those of the table and some of the rest are looked at. */
static bool
is_wanted (unsigned i, const char *only)
{
  return only ? strcmp (only, names[i]) == 0
              : !getenv ("ORIEL_QUICK") || i % 12 == 0
                    || strncmp (names[i], "table.", 6) == 0;
}

/* Die at each point.  After how many deaths the repair left something. */
static unsigned
repair_each (const char *only, unsigned *ndeaths)
{
  unsigned left = 0;

  for (unsigned i = 0; i < nnames && left < 5; i++) {
    if (!is_wanted (i, only) || send (live, names[i], 1) != 1)
      continue;
    ++*ndeaths;
    let_in_newcomers ();
    bad[0] = '\0';
    check_whole_pool (pool, bad);
    if (bad[0])
      diag ("%s: %s", names[i], bad);
    left += bad[0] != '\0';
  }
  return left;
}

int
main (void)
{
  unsigned n = 0;

  want_room (16 * MiB);
  set_up ();
  is_int (repair_each (getenv ("POINT"), &n), 0, "each repair is whole");
  diag ("%u deaths", n);
  is_int (send (attend, NULL, 0), 0, "a newcomer finds each page");
  return finish ();
}

#endif
