/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process may die at every point that src/point.h lists: those that are
 * attached go on without a wait, and nothing is lost, torn or left behind.  The
 * points that only a repair passes are those of
 * every-kill-point-of-a-repair-is-survived.
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

/* Die at the n-th passing of each point.  How many were not survived. */
static unsigned
die_at_each (unsigned n, const char *only)
{
  unsigned lost = 0;

  for (unsigned i = 0; i < nnames && lost < 5; i++) {
    char what[128];
    int died;

    if (only && strcmp (only, names[i]) != 0)
      continue;
    board->why[0] = '\0';
    /* What a child comes by depends on what others have left to it. */
    died = 0;
    for (unsigned tries = 0; died == 0 && tries < (n == 1 ? 3 : 1); tries++)
      died = send (live, names[i], n);
    snprintf (what, sizeof what, "%s (%u)", names[i], n);
    if (died < 0)
      diag ("%s: the child failed: %s", what, board->why);
    deaths[i] += died > 0;
    if (died != 0)
      lost += !survive (what, true) || died < 0;
  }
  return lost;
}

int
main (void)
{
  const char *only = getenv ("POINT");
  double from;

  want_room (16 * MiB);
  set_up ();
  if (!ok (send (live, NULL, 0) == 0 && survive ("no death", true),
           "no one dies: all is well"))
    diag ("%s", board->why);
  from = seconds_now ();
  is_int (die_at_each (1, only), 0, "a death at each point is survived");
  is_int (die_at_each (3, only), 0, "also when it is passed the third time");
  diag ("%.1f s", seconds_now () - from);
  is_int (only ? 0 : count_unreached (false), 0, "each point was died at");
  return finish ();
}

#endif
