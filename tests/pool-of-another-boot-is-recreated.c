/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool that names another boot is made anew by who opens it, with the
 * options then given; attach-only finds none, and who watches sees the old
 * one.
 */
#include "util.h"

static char image[64 * 1024];

/* Invert the boot id in the pool file's head, as text or as 16 bytes. */
static int
change_boot_id (void)
{
  const char *path = pool_path ("test");
  size_t size = plain_read (path, 0, image, sizeof image);
  char text[64] = "", bytes[16];
  size_t length = plain_read ("/proc/sys/kernel/random/boot_id", 0, text,
                              sizeof text - 1);
  const char *digit = text;
  char *at;

  if (length < 36)
    return -1;
  text[36] = '\0';
  for (int i = 0; i < 16; i++) {
    unsigned byte;

    digit += *digit == '-';
    if (sscanf (digit, "%2x", &byte) != 1)
      return -1;
    bytes[i] = (char) byte;
    digit += 2;
  }
  at = memmem (image, size, bytes, sizeof bytes);
  if (!at)
    at = memmem (image, size, text, 36);
  if (!at)
    return -1;
  for (int i = 0; i < 16; i++)
    at[i] ^= 1;
  plain_write (path, 0, image, size);
  return 0;
}

int
main (void)
{
  oriel_options opt = test_options ();
  const char *data = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, data, ORIEL_CREATE);

  stamp_page (pool, file, 0, 1);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  if (access ("/proc/sys/kernel/random/boot_id", R_OK) < 0)
    skip_all ("no boot id here");
  is_int (change_boot_id (), 0, "the pool file has this boot's id");
  opt.flags = ORIEL_WATCH;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "it can be watched");
  is_int ((long long) get_stats (pool).files, 1, "as it was left");
  is_int ((long long) get_stats (pool).other_boot, 1, "and says so");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.flags = ORIEL_ATTACH;
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOENT,
         "attach-only finds no pool");
  opt.flags = 0;
  opt.pool_size = 2 * MiB;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "open succeeds");
  is_int ((long long) oriel_pool_frames (pool), 2 * MiB / 4096,
          "with a pool of the new size");
  is_int ((long long) get_stats (pool).misses, 0, "and fresh counters");
  is_int ((long long) get_stats (pool).other_boot, 0, "of this boot");
  file = must_open_file (pool, data, 0);
  ok (page_is_stamped (pool, file, 0, 1), "the file is read from its store");
  is_int ((long long) get_stats (pool).misses, 1, "because it had to be");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
