/* SPDX-License-Identifier: BSD-2-Clause */
/* ORIEL_NOWAIT pins what is resident and free, and else is -EAGAIN. */
#include "util.h"

static oriel_file *file;

static void *
tries (void *arg)
{
  oriel_page page;
  int *rc = arg;
  static const unsigned flags[] = { ORIEL_READ, ORIEL_WRITE,
                                    ORIEL_OPTIMISTIC };

  for (size_t i = 0; i < COUNT (flags); i++) {
    rc[i] = oriel_pin (file, 3, flags[i] | ORIEL_NOWAIT, &page);
    if (rc[i] == 0)
      oriel_unpin (&page);
  }
  return NULL;
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_page page;
  uint64_t reads;
  int rc[3];

  make_stamped_file (path, 4096, 100, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  reads = get_stats (pool).reads;
  is_rc (oriel_pin (file, 3, ORIEL_NOWAIT, &page), -EAGAIN,
         "a page that must be read");
  is_int ((long long) (get_stats (pool).reads - reads), 0, "is not read");
  ok (page_is_stamped (pool, file, 3, 1), "after it was read by another pin");
  is_rc (oriel_pin (file, 3, ORIEL_NOWAIT, &page), 0, "it is pinned");
  in_thread (tries, rc);
  is_int (rc[0], 0, "while it is latched shared, it can be for reading");
  is_int (rc[1], -EAGAIN, "not for writing");
  is_int (rc[2], 0, "and without a latch");
  must (oriel_unpin (&page), "oriel_unpin");
  is_rc (oriel_pin (file, 3, ORIEL_WRITE | ORIEL_NOWAIT, &page), 0,
         "free, it is pinned for writing");
  in_thread (tries, rc);
  is_int (rc[0], -EAGAIN, "while it is latched exclusively, not for reading");
  is_int (rc[1], -EAGAIN, "nor for writing");
  is_int (rc[2], 0, "but without a latch");
  must (oriel_unpin (&page), "oriel_unpin");
  in_thread (tries, rc);
  ok (!rc[0] && !rc[1] && !rc[2], "after the unpin, all work");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
