/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of a file that others change without Oriel nothing is being read when a call
 * returns, but from oriel_file_stable (file, 1) to its end: there windows are read
 * ahead, and the end of the last who said so waits until they have come.
 */
#include "util.h"

#include "attach.h"

#define PAGES 4096

static oriel_pool *pool;
static oriel_file *file;

/* How many of n pages from first on are right. */
static int
walk (uint64_t first, int n)
{
  int good = 0;

  for (int i = 0; i < n; i++)
    good += page_is_stamped (pool, file, first + (uint64_t) i, 1);
  return good;
}

/*
 * Reads that no one has seen the end of.  None are for sure only where none may be:
 * a reader that waits for one read takes note of all that have ended by then.
 */
static int
flying (void)
{
  return (int) atomic_load (&file->flying);
}

static void
refuses (void)
{
  oriel_file *own = must_open_file (pool, scratch_file ("own"), ORIEL_CREATE);

  is_rc (oriel_file_stable (own, 1), -EINVAL, "a file of ours");
  is_rc (oriel_file_stable (NULL, 1), -EINVAL, "no file");
  is_rc (oriel_file_stable (file, 0), -EINVAL, "an end without a begin");
  must (oriel_file_close (own), "oriel_file_close");
}

/* n pages from first on are right, and windows ahead have met all but few. */
static void
is_read_ahead (uint64_t first, int n, const char *what)
{
  uint64_t before = get_stats (pool).misses, misses;

  is_int (walk (first, n), n, what);
  misses = get_stats (pool).misses - before;
  ok (misses <= 2, "%s: %llu misses", what, (unsigned long long) misses);
}

static void
stable_file (void)
{
  is_rc (oriel_file_stable (file, 1), 0, "it is said to be stable");
  is_read_ahead (1000, 300, "300 pages in order");
  is_rc (oriel_file_stable (file, 0), 0, "the end");
  is_int (flying (), 0, "reads under way after it");
}

static void
two_who_say_so (void)
{
  must (oriel_file_stable (file, 1), "oriel_file_stable");
  must (oriel_file_stable (file, 1), "oriel_file_stable");
  is_int (walk (2000, 150), 150, "two say that it is stable");
  must (oriel_file_stable (file, 0), "oriel_file_stable");
  is_read_ahead (2150, 150, "after one's end");
  must (oriel_file_stable (file, 0), "oriel_file_stable");
  is_int (flying (), 0, "after the other's end");
}

static void
prefetched (void)
{
  must (oriel_file_stable (file, 1), "oriel_file_stable");
  is_int (walk (2500, 300), 300, "read ahead again");
  must (oriel_prefetch (file, 3100, 8), "oriel_prefetch");
  is_int (flying (), 0, "a prefetch waits in any case");
  must (oriel_file_stable (file, 0), "oriel_file_stable");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_stats before, after;

  opt.pool_size = 2048 * 4096;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_FOREIGN);
  before = get_stats (pool);
  is_int (walk (0, 300), 300, "300 pages in order are right");
  after = get_stats (pool);
  is_int (flying (), 0, "reads under way where no one says it is stable");
  ok (after.misses - before.misses > 2, "%llu misses, as it is read by runs",
      (unsigned long long) (after.misses - before.misses));
  refuses ();
  stable_file ();
  two_who_say_so ();
  prefetched ();
  is_int (walk (0, 600), 600, "pages");
  is_int (flying (), 0, "as in the beginning");
  must (oriel_file_close (file), "oriel_file_close");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
