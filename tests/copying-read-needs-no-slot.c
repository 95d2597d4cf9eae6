/* SPDX-License-Identifier: BSD-2-Clause */
/* A copying read of a page that is resident and not shown takes no slot, and does
 * not have the kernel note the time of each. */
#include "util.h"

#include <sys/stat.h>

#define PAGES 200

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_stats before, after;
  const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1000000000 } };
  struct stat st;
  char bytes[4096];
  int good = 0;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt.window_size = 8 * 4096;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "all pages are resident, the last 8 shown");
  must (-utimensat (AT_FDCWD, pool_path ("test"), old, 0), "utimensat");
  before = get_stats (pool);
  good = 0;
  for (uint64_t i = 0; i < PAGES - 20; i++) {
    must (oriel_read (file, i * 4096, bytes, sizeof bytes, NULL),
          "oriel_read");
    good += is_stamped (bytes, sizeof bytes, 1, i);
  }
  after = get_stats (pool);
  is_int (good, PAGES - 20, "copying reads are right");
  is_int ((long long) (after.swaps - before.swaps), 0, "no slot was swapped");
  is_int ((long long) (after.copies - before.copies), PAGES - 20,
          "each was a copy from the pool file");
  must (-stat (pool_path ("test"), &st), "stat");
  is_int ((long long) st.st_atim.tv_sec, 1, "its access time stays");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
