/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool file that lost its end, at many lengths, is -EPROTO. */
#include "corrupt.h"

int
main (void)
{
  static const size_t lengths[] = {
    0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1000, 1024, 2048,
    4095, 4096, 4097, 8191, 8192, 8193, 12288, 16384, 32768, 65536, 65537
  };
  uint64_t seed = test_seed ();
  int bad = 0;

  make_victim ();
  for (size_t i = 0; i < COUNT (lengths) + 60; i++) {
    size_t length;
    int was;

    if (i < COUNT (lengths))
      length = lengths[i];
    else if (i == COUNT (lengths))
      length = image_size - 1;
    else if (i == COUNT (lengths) + 1)
      length = image_size - 4096;
    else
      length = next_random (&seed) % image_size;
    if (length >= image_size)
      continue;
    replace_victim (image, length);
    was = in_child (try_victim, NULL);
    if (was != REFUSED) {
      bad++;
      diag ("%zu of %zu bytes: exit %d", length, image_size, was);
    }
  }
  is_int (bad, 0, "every length is refused");
  replace_victim (image, image_size);
  is_int (in_child (try_victim, NULL), USABLE, "the whole is usable");
  return done_testing ();
}
