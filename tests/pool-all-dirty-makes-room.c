/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool of which every page is dirty writes some to make room, however many
 * there are, and loses none. */
#include "util.h"

#define FRAMES 8192
#define PAGES (2 * FRAMES + 100)

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t right = 0;

  opt.pool_size = (uint64_t) FRAMES * 4096;
  opt.window_size = 0;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);

    *(uint64_t *) page.data = i;
    must (oriel_unpin (&page), "oriel_unpin");
  }
  ok (get_stats (pool).frames_dirty > FRAMES / 2, "most of the pool is dirty");
  for (uint64_t i = 0; i < PAGES; i++) {
    uint64_t value = 0;

    must (oriel_read (file, i * 4096, &value, sizeof value, NULL),
          "oriel_read");
    right += value == i;
  }
  is_int ((long long) right, PAGES, "every page is as it was written");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
