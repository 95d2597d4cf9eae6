/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies at a point of src/point.h, then the one that repairs after it at
 * each point that a repair passes, and a third finishes: nothing is lost, torn or
 * left behind.
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

#define PAIRS 3                 /* deaths at most at one point of a repair */

static unsigned pairs[MAX_POINTS];

/* Die at each point, then at each that the repair passes. */
static unsigned
die_in_repair (const char *only, unsigned *ndeaths)
{
  uint8_t passed[MAX_POINTS];
  unsigned lost = 0;

  for (unsigned i = 0; i < nnames && lost < 5; i++) {
    char what[200];

    if ((only && strcmp (only, names[i]) != 0) || send (live, names[i], 1) != 1)
      continue;
    if (!survive (names[i], false))
      lost++;
    for (unsigned k = 0; k < nnames; k++)
      passed[k] = board->passed[k];
    for (unsigned k = 0; k < nnames && lost < 5; k++) {
      if (!passed[k] || pairs[k] >= PAIRS || send (live, names[i], 1) != 1
          || send (attend, names[k], 1) != 1)
        continue;
      deaths[k]++;
      pairs[k]++;
      ++*ndeaths;
      snprintf (what, sizeof what, "%s, then %s", names[i], names[k]);
      lost += !survive (what, pairs[k] % 2);
    }
  }
  return lost;
}

int
main (void)
{
  const char *only = getenv ("POINT");
  unsigned n = 0;
  double from;

  want_room (16 * MiB);
  set_up ();
  from = seconds_now ();
  is_int (die_in_repair (only, &n), 0,
          "deaths at each point of a repair are survived");
  diag ("%u deaths of repairers, %.1f s", n, seconds_now () - from);
  is_int (only ? 0 : count_unreached (true), 0,
          "each point of a repair was died at");
  return finish ();
}

#endif
