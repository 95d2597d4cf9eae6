/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction: of pages that are used in turn, five times as many as the pool has, it
 * keeps nearly as many as it has frames, and from the third turn on always the same.
 * So it must count those that it keeps right, also where the hand's steps do not
 * divide the pool.
 */
#include "util.h"

#define FRAMES 4000
#define LOOP (5 * FRAMES)
#define TURNS 8

static oriel_pool *pool;
static oriel_file *file;

static uint64_t
misses (void)
{
  oriel_stats s = { .struct_size = sizeof s };

  must (oriel_pool_stats (pool, &s), "oriel_pool_stats");
  return s.misses;
}

/* Not in an order that would be read ahead.  How many were in the pool. */
static int
turn (void)
{
  uint64_t before = misses ();

  for (uint64_t i = 0; i < LOOP; i++) {
    oriel_page page = must_pin (file, i * 7919 % LOOP, ORIEL_OPTIMISTIC);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  return LOOP - (int) (misses () - before);
}

int
main (void)
{
  oriel_options opt = test_options ();
  int least = LOOP;

  opt.page_size = 512;
  opt.pool_size = FRAMES * 512;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, LOOP * 512), "oriel_file_truncate");
  turn ();
  for (int i = 0; i < TURNS; i++) {
    int hits = turn ();

    diag ("turn %d: %d of %d", i + 2, hits, LOOP);
    if (i > 0 && hits < least)
      least = hits;
  }
  ok (least > FRAMES * 9 / 10, "of %d pages in turn %d are in the pool of %d",
      LOOP, least, FRAMES);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
