/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that ends while it has pages latched for writing leaves them as they
 * were, whether it had called oriel_dirty() or not. */
#include "util.h"

static oriel_file *file;

static void *
scribbles (void *arg)
{
  oriel_page page;

  (void) arg;
  for (uint64_t i = 2; i < 5; i++) { /* 3 is dirty in the pool already */
    page = must_pin (file, i, ORIEL_WRITE);
    memset (page.data, 0xee, 2000);
    if (i > 2)
      must (oriel_dirty (&page, 0), "oriel_dirty");
  }
  return NULL;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  stamp_page (pool, file, 3, 2);
  in_thread (scribbles, NULL);
  ok (page_is_stamped (pool, file, 2, 1), "one that was clean");
  ok (page_is_stamped (pool, file, 3, 2), "one that was dirty");
  ok (page_is_stamped (pool, file, 4, 1), "one that it made dirty");
  is_rc (oriel_sync (file), 0, "sync");
  is_int ((long long) get_stats (pool).pins, 0, "no pin is left");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
