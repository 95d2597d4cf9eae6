/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool without a free process place or thread place can be watched, and who
 * watches takes none. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool, *second, *watch[3];
  oriel_file *file;

  opt.max_processes = opt.max_threads = 1;
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  ok (page_is_stamped (pool, file, 1, 1), "one process and thread are there");
  is_rc (oriel_pool_open ("test", &opt, &second), -EUSERS,
         "there is no place for another");
  opt.flags = ORIEL_WATCH;
  for (size_t i = 0; i < COUNT (watch); i++) {
    is_rc (oriel_pool_open ("test", &opt, &watch[i]), 0, "watch");
    is_int ((long long) get_stats (watch[i]).processes, 1,
            "one process is attached");
  }
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_int ((long long) get_stats (watch[0]).processes, 0,
          "it is gone, and who watches does not count");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0,
         "the pool can be destroyed");
  is_int ((long long) get_stats (watch[0]).files, 1,
          "and watched nevertheless");
  for (size_t i = 0; i < COUNT (watch); i++)
    is_rc (oriel_pool_close (watch[i]), 0, "close");
  return done_testing ();
}
