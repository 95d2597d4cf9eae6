/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random words of a pool's shared structures are overwritten: whatever calls
 * on it return, none crashes and none hangs.
 */
#include "corrupt.h"

#define ROUNDS 300

int
main (void)
{
  uint64_t seed = test_seed ();
  int refused = 0, usable = 0, bad = 0;
  char *damaged;

  make_victim ();
  damaged = malloc (image_size);
  if (!damaged)
    bail_out ("no memory");
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t was_seed = seed;
    int count = 1 << next_random (&seed) % 12;
    int was;

    memcpy (damaged, image, image_size);
    for (int i = 0; i < count; i++) {
      uint64_t value = next_random (&seed);
      size_t at = next_random (&seed) % (image_size / 8) * 8;

      /* Small numbers are the more dangerous: they pass for indexes. */
      if (value % 3 == 0)
        value = value >> 8 & 0xff;
      else if (value % 3 == 1)
        value = value >> 8 & 0xff000000ff;
      memcpy (damaged + at, &value, sizeof value);
    }
    replace_victim (damaged, image_size);
    was = in_child (try_victim, NULL);
    refused += was == REFUSED;
    usable += was == USABLE;
    if (was < USABLE || was > STALE) {
      bad++;
      diag ("round %d, %d words, state %llu: exit %d", round, count,
            (unsigned long long) was_seed, was);
    }
  }
  diag ("%d refused, %d usable", refused, usable);
  is_int (bad, 0, "no damage crashes or hangs");
  free (damaged);
  return done_testing ();
}
