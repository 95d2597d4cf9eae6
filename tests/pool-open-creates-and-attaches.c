/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_pool_open() makes a pool where there is none, else attaches to it. */
#include "util.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  struct stat st;

  opt.page_size = 8192;
  pool = must_open_pool ("test", &opt);
  ok (stat (pool_path ("test"), &st) == 0, "the file is DIRECTORY/oriel-NAME");
  is_int (st.st_mode & 07777, 0600, "its mode is 0600");
  ok ((uint64_t) st.st_size >= opt.pool_size, "it holds the pages and more");
  ok ((uint64_t) st.st_blocks * 512 >= opt.pool_size,
      "it is allocated whole: %lld bytes", (long long) st.st_blocks * 512);
  is_int (oriel_pool_page_size (pool), 8192, "its page size is as asked");
  is_int ((long long) oriel_pool_frames (pool), 4 * MiB / 8192,
          "its frames are the pool's size");
  is_int ((long long) get_stats (pool).pool_bytes, st.st_size,
          "the statistics say the file's size");
  is_rc (oriel_pool_close (pool), 0, "it closes");
  is_int (access (pool_path ("test"), F_OK), 0, "and stays");

  opt.pool_size = 64 * MiB;
  opt.page_size = 0;
  opt.max_files = 3;
  pool = must_open_pool ("test", &opt);
  is_int ((long long) oriel_pool_frames (pool), 4 * MiB / 8192,
          "opened again it keeps its size");
  is_int (oriel_pool_page_size (pool), 8192, "and its page size");
  oriel_pool_close (pool);
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0, "it is destroyed");
  ok (access (pool_path ("test"), F_OK) < 0, "and gone");
  return done_testing ();
}
