/* SPDX-License-Identifier: BSD-2-Clause */
/* Who opened a pool to watch it can do nothing else with it, and is told. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool (), *watch;
  oriel_file *file;

  opt.flags = ORIEL_WATCH;
  is_rc (oriel_pool_open ("none", &opt, &watch), -ENOENT,
         "no pool is created to be watched");
  opt.flags = ORIEL_WATCH | ORIEL_EXCL;
  is_rc (oriel_pool_open ("test", &opt, &watch), -EINVAL,
         "to watch and to create contradict each other");
  opt.flags = ORIEL_WATCH;
  watch = must_open_pool ("test", &opt);
  is_rc (oriel_file_open (watch, scratch_file ("data"), ORIEL_CREATE, &file),
         -EACCES, "oriel_file_open");
  ok (strstr (oriel_error (), "oriel-test")
      && strstr (oriel_error (), "ORIEL_WATCH"), "the text says why: %s",
      oriel_error ());
  ok (access (scratch_file ("data"), F_OK) < 0, "no file was made");
  is_rc (oriel_pool_evict (watch, NULL), -EACCES, "oriel_pool_evict");
  is_int ((long long) oriel_self (watch), 0, "oriel_self");
  is_int (oriel_alive (watch, oriel_self (pool)), 1, "oriel_alive works");
  is_int ((long long) oriel_pool_frames (watch), 4 * MiB / 4096,
          "oriel_pool_frames works");
  is_int (oriel_pool_page_size (watch), 4096, "oriel_pool_page_size works");
  is_int ((long long) get_stats (watch).window_bytes, 0, "it has no window");
  is_rc (oriel_pool_close (watch), 0, "close");
  is_rc (oriel_pool_close (pool), 0, "close");
  return done_testing ();
}
