/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hand passes a hot page by a short way of its own, without a division.  It is
 * asked of seeded pages whether that agrees with the gap that the page is listed
 * by, and whether the gap is the mean while the page is in use, and as long as it
 * is idle in the end.
 */
#include "heat.h"
#include "util.h"

#define PAGES 200000

static bool
agrees (uint64_t *seed)
{
  uint32_t uses = (uint32_t) (next_random (seed) % 16);
  uint32_t mean = 1000 + (uint32_t) (next_random (seed) % 1000000);
  uint32_t age = mean * (uses + 1);
  uint32_t idle = (uint32_t) (next_random (seed) % (age + 1u));
  uint64_t gap = orl_heat_gap (age, idle, uses);
  uint64_t than = gap / 2 + next_random (seed) % (gap + 1);

  /* Next to each other they may be rounded apart. */
  if (than + than / 100 + 2 < gap
      && !orl_heat_gap_exceeds (age, idle, uses, than))
    return false;
  return than <= gap + gap / 100 + 2
         || !orl_heat_gap_exceeds (age, idle, uses, than);
}

int
main (void)
{
  uint64_t seed = 1;
  int wrong = 0;

  for (int i = 0; i < PAGES; i++)
    wrong += !agrees (&seed);
  ok (wrong == 0, "the hand passes what is not listed: %d of %d do not agree",
      wrong, PAGES);
  ok (orl_heat_gap (16000, 3000, 15) == 1000
          && !orl_heat_gap_exceeds (16000, 3000, 15, 1000),
      "a page idle for three times the mean has the mean");
  ok (orl_heat_gap (16000, 6000, 15) > 2500
          && orl_heat_gap_exceeds (16000, 6000, 15, 2500),
      "a page idle for six times the mean has more");
  ok (orl_heat_gap (16000, 15900, 15) == 15900
          && orl_heat_gap_exceeds (16000, 15900, 15, 15899)
          && !orl_heat_gap_exceeds (16000, 15900, 15, 15900),
      "a page that was not used for long has as long as it is idle");
  return done_testing ();
}
