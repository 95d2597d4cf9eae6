/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each word of the head of a pool file is inverted in turn: attaching says
 * -EPROTO or gives a pool that works, and never crashes or hangs.
 */
#include "corrupt.h"

#define HEAD 4096

int
main (void)
{
  char *text = shared_memory (4096);
  int refused = 0, usable = 0, stale = 0, bad = 0, layout = 0;

  make_victim ();
  is_int (in_child (try_victim, NULL), USABLE, "undamaged it is usable");
  for (size_t at = 0; at < HEAD; at += 4) {
    int was;

    for (int i = 0; i < 4; i++)
      image[at + i] ^= (char) 0xff;
    replace_victim (image, image_size);
    for (int i = 0; i < 4; i++)
      image[at + i] ^= (char) 0xff;
    was = in_child (try_victim, text);
    refused += was == REFUSED;
    usable += was == USABLE;
    layout += was == REFUSED && (strstr (text, "version")
                                 || strstr (text, "layout"));
    stale += was == STALE;
    if (was < USABLE || was > STALE) {
      bad++;
      diag ("the word at %zu: exit %d", at, was);
    }
    if (at == 0)
      is_int (was, REFUSED, "the magic is refused");
  }
  diag ("%d refused, %d of another boot, %d without effect", refused, stale,
        usable);
  is_int (bad, 0, "every damage is refused or harmless");
  ok (refused >= 8, "8 words or more are refused (%d)", refused);
  ok (layout >= 1, "some because of the layout or version (%d)", layout);
  return done_testing ();
}
