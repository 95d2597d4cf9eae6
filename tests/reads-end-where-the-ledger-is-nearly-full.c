/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who ends reads that were under way holds their frames meanwhile.  Where its
 * ledger has room for few, it does so with a few at a time: no page that has come
 * is read again, and of the last, of which the file has a part, the rest is zeroes.
 */
#include "util.h"

#include "ledger.h"

#define ROOM 5                  /* entries that are left */
#define PINNED (ORL_PINS - ROOM)
#define AHEAD 90
#define FAR 2000
#define PAGES (FAR + AHEAD)     /* and a part of one more: */
#define PART 104                /* bytes */

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_options opt = test_options ();
  static oriel_page page[PINNED];
  uint64_t misses;
  oriel_pool *pool;
  oriel_file *file;
  oriel_page last;
  int good = 0;
  int rc;

  opt.pool_size = 8 * MiB;
  opt.store = ORIEL_STORE_URING;
  rc = open_with_room ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP)
    skip_all (oriel_error ());
  must (rc, "oriel_pool_open");
  make_stamped_file (path, 4096, PAGES, PART, 1);
  /* A direct read would have the end's block whole. */
  file = must_open_file (pool, path, ORIEL_BUFFERED);
  for (uint64_t i = 0; i < PAGES; i++) /* so that no frame is zeroes */
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "all pages were in the pool");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  good = 0;
  for (uint64_t i = 0; i < PINNED; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PINNED, "pages are in the pool");
  must (oriel_prefetch (file, FAR, AHEAD + 1), "oriel_prefetch");
  for (uint64_t i = 0; i < PINNED; i++) /* hits: they end no read */
    page[i] = must_pin (file, i, ORIEL_READ);
  misses = get_stats (pool).misses;
  good = 0;
  for (uint64_t i = FAR; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, AHEAD, "those that were read ahead are right");
  must (oriel_pin (file, PAGES, ORIEL_READ, &last), "oriel_pin");
  ok (is_stamped (last.data, PART, 1, PAGES)
          && is_zero ((char *) last.data + PART, 4096 - PART),
      "and the last, in part");
  must (oriel_unpin (&last), "oriel_unpin");
  is_int ((long long) (get_stats (pool).misses - misses), 0,
          "and none was read again");
  for (uint64_t i = 0; i < PINNED; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
