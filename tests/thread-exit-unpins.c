/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that exits loses its pins and latches. */
#include "util.h"

static oriel_file *file;

static void *
pins (void *arg)
{
  (void) arg;
  for (uint64_t i = 0; i < 10; i++)
    must_pin (file, i, i == 4 ? ORIEL_WRITE : ORIEL_READ);
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_page page, own;

  opt.max_threads = 4;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  own = must_pin (file, 20, ORIEL_READ);
  for (int i = 0; i < 20; i++)
    in_thread (pins, NULL);
  ok (1, "twenty threads pin, one after the other, with four places");
  is_int ((long long) get_stats (pool).pins, 1, "only our own pin is left");
  is_rc (oriel_pin (file, 4, ORIEL_WRITE, &page), 0,
         "the latch that one had is free");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_unpin (&own), "oriel_unpin");
  is_rc (oriel_file_close (file), 0, "the file closes");
  is_rc (oriel_pool_close (pool), 0, "and the pool");
  return done_testing ();
}
