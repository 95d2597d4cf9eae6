/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that others changed while the pool holds dirty pages of it is
 * -ESTALE at open, until the caller decides with ORIEL_DISCARD. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  make_stamped_file (path, 4096, 10, 0, 1);
  file = must_open_file (pool, path, 0);
  stamp_page (pool, file, 3, 2);
  is_rc (oriel_file_abandon (file), 0, "abandon");
  is_int ((long long) get_stats (pool).frames_dirty, 1,
          "leaves the dirty page in the pool");
  file = must_open_file (pool, path, 0);
  ok (page_is_stamped (pool, file, 3, 2), "the next to open finds it");
  must (oriel_file_abandon (file), "oriel_file_abandon");

  usleep (30000);
  make_stamped_file (path, 4096, 11, 0, 4);
  is_rc (oriel_file_open (pool, path, 0, &file), -ESTALE,
         "after a change by others it is -ESTALE");
  ok (strstr (oriel_error (), "data") != NULL
      && strstr (oriel_error (), "ORIEL_DISCARD") != NULL,
      "the text names the file and the way out: %s", oriel_error ());
  is_rc (oriel_file_open (pool, path, 0, &file), -ESTALE, "again");
  is_int ((long long) get_stats (pool).frames_dirty, 1,
          "nothing was done to the page");
  is_rc (oriel_file_open (pool, path, ORIEL_DISCARD, &file), 0,
         "with ORIEL_DISCARD it opens");
  ok (page_is_stamped (pool, file, 3, 4), "with the store's content");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "nothing is dirty");
  is_rc (oriel_file_close (file), 0, "close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
