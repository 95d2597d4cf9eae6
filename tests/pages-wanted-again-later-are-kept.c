/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction: where half of what is wanted was wanted once before, a tenth to a half of
 * the pool ago, and nothing more often, the share of cold pages grows until they are
 * kept so long.  LRU, with the whole pool for that, has one hit of two here.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util.h"

#define FRAMES 4000
#define USES 400000

static oriel_pool *pool;
static oriel_file *file;

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_stats s = { .struct_size = sizeof s };
  uint64_t next = 0;
  int hits;

  opt.page_size = 512;
  opt.pool_size = FRAMES * 512;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, USES * 512ull), "oriel_file_truncate");
  srandom (1);
  for (int i = 0; i < USES; i++) {
    uint64_t ago = FRAMES / 10 + (uint64_t) random () % (FRAMES * 4 / 10);
    bool again = random () % 2 == 0 && next > ago;
    uint64_t n = again ? next - 1 - ago : next++;
    /* Not in an order that would be read ahead. */
    oriel_page page = must_pin (file, n * 7919 % USES, ORIEL_OPTIMISTIC);

    must (oriel_unpin (&page), "oriel_unpin");
  }
  must (oriel_pool_stats (pool, &s), "oriel_pool_stats");
  hits = USES - (int) s.misses;
  ok (hits > USES * 35 / 100, "of %d uses %d find the page", USES, hits);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
