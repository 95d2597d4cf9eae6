/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With io_uring oriel_prefetch() and oriel_prefetch_many() begin reads and do not
 * wait; who pins a page ends them, whoever began them.
 */
#include "util.h"

#define PAGES 900
#define FAR 700

static oriel_pool *pool;
static oriel_file *file;

static int
pin_now (uint64_t number)
{
  oriel_page page;
  int rc = oriel_pin (file, number, ORIEL_READ | ORIEL_NOWAIT, &page);

  if (rc == 0)
    oriel_unpin (&page);
  return rc;
}

static void *
pins_all (void *arg)
{
  long good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  *(long *) arg = good;
  return NULL;
}

/* The frames of many pages are LOADING: of these no thread's ledger knows, so
 * the process can close the file only when they have come. */
static void
closes_while_reading (void)
{
  oriel_pool_evict (pool, file);
  is_rc (oriel_prefetch (file, 0, 200), 0, "a prefetch");
  is_rc (oriel_file_close (file), 0, "and a close at once");
  file = must_open_file (pool, scratch_file ("data"), 0);
}

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t list[] = { FAR, 3, FAR + 1, 5, 6, 7, PAGES + 5, 3, UINT64_MAX };
  oriel_stats before, after;
  pthread_t thread;
  long good = 0;
  int rc;

  opt.store = ORIEL_STORE_URING;
  rc = open_with_room ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP)
    skip_all (oriel_error ());
  must (rc, "oriel_pool_open");
  is_int ((long long) get_stats (pool).store, ORIEL_STORE_URING,
          "statistics say that it is so");
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);

  before = get_stats (pool);
  is_rc (oriel_prefetch_many (file, list, COUNT (list)), 0, "a list");
  after = get_stats (pool);
  is_int ((long long) (after.readahead - before.readahead), 6,
          "each page that is missing is read once");
  is_int ((long long) (after.reads - before.reads), 0,
          "and no one has seen the end of any read");
  is_int ((long long) after.pins, 0, "nothing is pinned");
  for (int i = 0; i < 6; i++)
    good += page_is_stamped (pool, file, list[i], 1);
  before = after;
  after = get_stats (pool);
  is_int (good, 6, "pins find them");
  is_int ((long long) (after.misses - before.misses), 0, "without a miss");
  is_int ((long long) (after.reads - before.reads), 4,
          "neighbours in the list were read by one call");

  is_rc (oriel_prefetch (file, 100, 1), 0, "one page");
  while ((rc = pin_now (100)) == -EAGAIN)
    usleep (100);
  is_rc (rc, 0, "is found without waiting, some time");
  is_rc (pin_now (101), -EAGAIN, "what was not asked for is not");

  is_rc (oriel_prefetch (file, 0, PAGES), 0, "all, which is more than fly at "
                                             "once");
  thread = start_thread (pins_all, &good);
  pthread_join (thread, NULL);
  is_int (good, PAGES, "another thread sees them all");
  closes_while_reading ();
  pins_all (&good);
  is_int (good, PAGES, "opened again, all is right");
  is_rc (oriel_prefetch_many (file, NULL, 1), -EINVAL, "no list");
  is_rc (oriel_prefetch_many (NULL, list, 1), -EINVAL, "no file");
  is_rc (oriel_prefetch_many (file, NULL, 0), 0, "an empty one");
  ok (strcmp (oriel_store_name (ORIEL_STORE_URING), "uring") == 0
          && strcmp (oriel_store_name (9), "unknown") == 0,
      "stores have names");
  must (oriel_file_close (file), "oriel_file_close");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
