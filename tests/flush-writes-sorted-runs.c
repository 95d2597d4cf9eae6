/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_flush() writes neighbours in one call, in whatever order they were
 * dirtied, and clean pages not at all. */
#include "util.h"

#define PAGES 64

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  uint64_t order[PAGES], seed = test_seed ();
  oriel_stats before, after;
  char bytes[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    uint64_t j = next_random (&seed) % (i + 1);

    order[i] = order[j];
    order[j] = i;
  }
  before = get_stats (pool);
  for (int i = 0; i < PAGES; i++)
    stamp_page (pool, file, order[i], 1);
  is_int ((long long) (get_stats (pool).writes - before.writes), 0,
          "nothing is written before flush");
  is_int ((long long) get_stats (pool).frames_dirty, PAGES, "64 are dirty");
  is_rc (oriel_flush (file), 0, "flush");
  after = get_stats (pool);
  is_int ((long long) (after.writebacks - before.writebacks), PAGES,
          "all are written");
  is_int ((long long) (after.write_bytes - before.write_bytes), PAGES * 4096,
          "each once");
  ok (after.writes - before.writes <= 2, "in one call or two, and not %d",
      (int) (after.writes - before.writes));
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, bytes, 4096);
    good += is_stamped (bytes, 4096, 1, i);
  }
  is_int (good, PAGES, "the store has them in place");

  is_rc (oriel_flush (file), 0, "flush again");
  is_int ((long long) (get_stats (pool).writes - after.writes), 0,
          "writes nothing");
  for (uint64_t i = 0; i < 8; i++) {
    stamp_page (pool, file, 27 - i, 2);
    stamp_page (pool, file, 40 + i, 2);
  }
  is_rc (oriel_flush (file), 0, "flush two runs of eight");
  before = after;
  after = get_stats (pool);
  is_int ((long long) (after.writes - before.writes), 2, "takes two calls");
  is_int ((long long) (after.write_bytes - before.write_bytes), 16 * 4096,
          "and writes nothing between");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
