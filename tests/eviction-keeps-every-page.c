/* SPDX-License-Identifier: BSD-2-Clause */
/* A file 16 times its pool is written and read in order and at random:
 * evicted pages come back as they were, and the store has all after sync. */
#include "util.h"

#define PAGES 4096u

static unsigned generation[PAGES];

static void
try (unsigned flags)
{
  oriel_options opt = test_options ();
  const char *path = scratch_file ("data");
  unsigned good = 0;
  uint64_t seed = test_seed ();
  char bytes[4096];
  oriel_pool *pool;
  oriel_file *file;
  oriel_stats stats;

  unlink (path);
  memset (generation, 0, sizeof generation);
  opt.pool_size = MiB;
  opt.window_size = 256 * KiB;
  opt.slot_size = 16384;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, flags | ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += (unsigned) page_is_stamped (pool, file, i, 0);
  is_int (good, PAGES, "all pages in order");
  good = 0;
  for (unsigned i = 0; i < PAGES; i++) {
    uint64_t number = next_random (&seed) % PAGES;

    good += (unsigned) page_is_stamped (pool, file, number,
                                        generation[number]);
    number = next_random (&seed) % PAGES;
    stamp_page (pool, file, number, ++generation[number]);
  }
  is_int (good, PAGES, "pages at random, between writes at random");
  stats = get_stats (pool);
  ok (stats.evictions > PAGES, "%d evictions", (int) stats.evictions);
  ok (stats.writebacks > PAGES - 256, "%d pages written back",
      (int) stats.writebacks);
  is_rc (oriel_sync (file), 0, "sync");
  good = 0;
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (path, (off_t) i * 4096, bytes, sizeof bytes);
    good += (unsigned) is_stamped (bytes, sizeof bytes, generation[i], i);
  }
  is_int (good, PAGES, "the store has them all");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "none is dirty");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  try (0);
  try (ORIEL_BUFFERED);
  return done_testing ();
}
