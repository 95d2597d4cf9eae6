/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that never were pools are -EPROTO, and left as they were. */
#include "corrupt.h"

static void
is_refused (const char *what, const void *bytes, size_t length)
{
  char *after = malloc (length + 1);

  replace_victim (bytes, length);
  is_int (in_child (try_victim, NULL), REFUSED, what);
  ok (plain_size (pool_path ("victim")) == length
      && plain_read (pool_path ("victim"), 0, after, length) == length
      && memcmp (after, bytes, length) == 0, "and is left as it was");
  free (after);
}

int
main (void)
{
  static const char text[] = "A text, and not a pool at all.\n";
  uint64_t seed = test_seed ();
  oriel_options opt;
  oriel_pool *pool;

  make_victim ();
  is_refused ("an empty file", "", 0);
  is_refused ("a text", text, sizeof text - 1);
  for (size_t i = 0; i + 8 <= image_size; i += 8) {
    uint64_t word = next_random (&seed);

    memcpy (image + i, &word, 8);
  }
  is_refused ("random bytes", image, image_size);
  memset (image, 0, image_size);
  is_refused ("zeroes", image, image_size);
  memset (image, 0xff, image_size);
  is_refused ("ones", image, image_size);

  unlink (pool_path ("victim"));
  if (mkdir (pool_path ("victim"), 0700) < 0)
    bail_out ("mkdir: %s", strerror (errno));
  opt = victim_options ();
  ok (oriel_pool_open ("victim", &opt, &pool) < 0, "a directory is refused: %s",
      oriel_error ());
  return done_testing ();
}
