/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read ahead of a run doubles from 8 pages to 128, or to a 128th of the
 * pool, each time when the last window is wanted; and when the run ends nothing
 * more is read.
 */
#include "util.h"

#define PAGES 8192
#define MOST 32

static oriel_pool *pool;
static oriel_file *file;
static int window[MOST];        /* pages read ahead, each time when there were some */
static int windows;

static void
pin_one (uint64_t number)
{
  uint64_t before = get_stats (pool).readahead, more;
  oriel_page page = must_pin (file, number, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
  more = get_stats (pool).readahead - before;
  if (more > 0 && windows < MOST)
    window[windows++] = (int) more;
}

static void
tell (void)
{
  for (int i = 0; i < windows; i++)
    diag ("window %d: %d pages", i, window[i]);
}

/* The first comes beside some that are read with the page that was missed. */
static void
grows_to (int limit)
{
  int good = windows >= 4 && window[0] <= 8 + 4, want = 8;

  for (int i = 1; i < windows; i++) {
    want = want * 2 < limit ? want * 2 : limit;
    good = good && window[i] == want;
  }
  if (!ok (good && want == limit, "windows double up to %d pages", limit))
    tell ();
}

static void
scan (uint64_t first, int n, int limit)
{
  windows = 0;
  for (int i = 0; i < n; i++)
    pin_one (first + (uint64_t) i);
  grows_to (limit);
  windows = 0;
  for (int i = 0; i < 12; i++)
    pin_one (first + 2000 + (uint64_t) (i * i) * 37);
  is_int (windows, 0, "a run that has ended reads no more");
}

static void
in_a_pool_of (uint64_t frames, int n, int limit)
{
  oriel_options opt = test_options ();

  opt.pool_size = frames * 4096;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, (uint64_t) PAGES * 4096),
        "oriel_file_truncate");
  scan (100, n, limit);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  in_a_pool_of (16384, 700, 128);
  in_a_pool_of (2048, 200, 16);
  return done_testing ();
}
