/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that cannot be cut keeps its length, and so does the file in the pool:
 * no page is lost, neither clean nor dirty ones, wherever the end would have been.
 */
#include "util.h"

#include "sys.h"

#define PAGES 12

static int (*real_ftruncate) (int fd, off_t size);
static int store;               /* 1: it fails */

static int
fail (int fd, off_t size)
{
  return store ? -EIO : real_ftruncate (fd, size);
}

static void
truncates (oriel_pool *pool, oriel_file *file, uint64_t bytes)
{
  uint64_t good = 0;

  store = 1;
  diag ("to %llu bytes", (unsigned long long) bytes);
  is_rc (oriel_file_truncate (file, bytes), -EIO, "truncate");
  store = 0;
  is_int ((long long) oriel_file_size (file), PAGES * 4096,
          "the size is what it was");
  for (uint64_t i = 0; i < PAGES; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 1 + i % 2);
  is_int ((long long) good, PAGES, "and so is every page");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file
      = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  uint64_t good = 0;

  real_ftruncate = orl_sys.ftruncate;
  orl_sys.ftruncate = fail;
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_flush (file), "oriel_flush");
  for (uint64_t i = 1; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2); /* dirty */
  truncates (pool, file, 0);
  truncates (pool, file, 4 * 4096);
  truncates (pool, file, 5 * 4096 + 100);
  truncates (pool, file, 20 * 4096);

  diag ("and the store gets all of it");
  must (oriel_flush (file), "oriel_flush");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; i < PAGES; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 1 + i % 2);
  is_int ((long long) good, PAGES, "every page");
  is_rc (oriel_file_truncate (file, 5 * 4096 + 100), 0, "then it is cut");
  is_int ((long long) oriel_file_size (file), 5 * 4096 + 100, "the size");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
