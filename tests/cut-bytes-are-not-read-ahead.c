/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies when it has said that a file is shorter, and before the store is.
 * Until someone cuts that, what it has behind the new end is not seen: a page that
 * is read while no one waits for it has zeroes there, as one that is pinned has,
 * also if the file is longer again by then; and pages beside them stay.
 */
#include "util.h"

#include "attach.h"
#include "sys.h"

#define PAGES 120
#define END (50 * 4096 + 104)   /* of the file, when it is cut */
#define LONGER 100              /* the page that makes it longer again */

static oriel_pool *pool;
static oriel_file *file;

static void
attach (uint32_t store, size_t window)
{
  oriel_options opt = test_options ();

  opt.store = store;
  opt.pool_size = 768 * 4096;
  opt.window_size = window;
  opt.slot_size = window ? 16 * KiB : 0;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static int
die (int fd, off_t size)
{
  (void) fd, (void) size;
  raise (SIGKILL);
  return -EIO;
}

static int
cuts (void *unused)
{
  (void) unused;
  attach (ORIEL_STORE_POSIX, 0);
  orl_sys.ftruncate = die;
  oriel_file_truncate (file, END);
  return 1;
}

static oriel_file *other;
static oriel_page beside[ORIEL_THREAD_PINS];
static unsigned pinned;

/* Every second frame has a page of another file, which is pinned. */
static void
scatter (void)
{
  make_stamped_file (scratch_file ("other"), 4096, oriel_pool_frames (pool), 0,
                     3);
  other = must_open_file (pool, scratch_file ("other"), 0);
  for (uint64_t i = 0; i < oriel_pool_frames (pool); i++) {
    oriel_page page = must_pin (other, i, ORIEL_READ);

    if (page.frame % 2 && pinned < COUNT (beside) - 64)
      beside[pinned++] = page;
    else
      must (oriel_unpin (&page), "oriel_unpin");
  }
}

static void
gather (void)
{
  unsigned good = 0;

  for (unsigned i = 0; i < pinned; i++) {
    good += (unsigned) is_stamped (beside[i].data, 4096, 3, beside[i].number);
    must (oriel_unpin (&beside[i]), "oriel_unpin");
  }
  ok (good == pinned && pinned > 100, "%u pages beside them are as they were",
      good);
  pinned = 0;
  must (oriel_file_close (other), "oriel_file_close");
}

static int
is_right (uint64_t number, const char *bytes)
{
  char page[4096];

  stamp (page, 4096, number == LONGER ? 2 : 1, number);
  if (number != LONGER && number >= END / 4096)
    memset (page + (number == END / 4096 ? END % 4096 : 0), 0,
            4096 - (number == END / 4096 ? END % 4096 : 0));
  return memcmp (bytes, page, 4096) == 0;
}

static void
try (const char *what, uint32_t store, size_t window, int scattered)
{
  uint64_t before;
  int good = 0;

  diag ("%s", what);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  attach (store, window);
  is_int (in_child (cuts, NULL), 128 + SIGKILL, "a process dies as it cuts");
  stamp_page (pool, file, LONGER, 2); /* who comes, repairs */
  is_int ((long long) oriel_file_size (file), (LONGER + 1) * 4096,
          "the file is cut, and longer again");
  is_int ((long long) plain_size (scratch_file ("data")), PAGES * 4096,
          "its store is not");
  if (scattered)
    scatter ();
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  must (oriel_prefetch (file, 40, LONGER - 40), "oriel_prefetch");
  is_int ((long long) plain_size (scratch_file ("data")), PAGES * 4096,
          "still not, when pages are read ahead");
  before = get_stats (pool).misses;
  for (uint64_t i = 40; i <= LONGER; i++) {
    oriel_page page = must_pin (file, i, ORIEL_READ);

    good += is_right (i, page.data);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_int (good, LONGER + 1 - 40, "what was cut off is not in any of them");
  if (store == ORIEL_STORE_AUTO)
    is_int ((long long) (get_stats (pool).misses - before), 0,
            "and all were there");
  if (scattered)
    gather ();
  is_rc (oriel_sync (file), 0, "a sync");
  is_int ((long long) plain_size (scratch_file ("data")), (LONGER + 1) * 4096,
          "cuts the store");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  scratch ();
  pool_dir ();
  try ("by calls", ORIEL_STORE_POSIX, 0, 0);
  try ("into frames that are apart", ORIEL_STORE_POSIX, 0, 1);
  try ("by a ring, if there is one", ORIEL_STORE_AUTO, 0, 0);
  try ("and with slots", ORIEL_STORE_AUTO, 256 * KiB, 0);
  return done_testing ();
}
