/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Eviction: pages that are used again and again stay while a scan of eight times
 * the pool goes by, and the scan's own pages go.  A page that was evicted, and is
 * wanted again, soon or after five times as many others as the pool has frames, is
 * taken for one of the former, as it is remembered.
 */
#include "util.h"

#define FRAMES 1024
#define HOT 400
#define SOON 100
#define FIRST_SOON 1000
#define FIRST_LATE 1500
#define FIRST_SCAN 2000
#define SCAN (8 * FRAMES)

static oriel_pool *pool;
static oriel_file *file;

/* Not in an order that would be read ahead. */
static uint64_t
nth (uint64_t i, uint64_t n)
{
  return i * 611 % n;
}

static void
use (uint64_t first, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++) {
    oriel_page page = must_pin (file, first + nth (i, n), ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static int
resident (uint64_t first, uint64_t n)
{
  int found = 0;
  oriel_page page;

  for (uint64_t i = 0; i < n; i++)
    if (oriel_pin (file, first + i, ORIEL_OPTIMISTIC | ORIEL_NOWAIT, &page)
        == 0) {
      found++;
      must (oriel_unpin (&page), "oriel_unpin");
    }
  return found;
}

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t next = FIRST_SCAN;
  int hot, soon, late, once;

  opt.pool_size = FRAMES * 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, (FIRST_SCAN + 9 * SCAN) * 4096),
        "oriel_file_truncate");
  /* With some others between, so that the hand goes round. */
  for (int i = 0; i < 20; i++) {
    use (0, HOT);
    use (next, 101);
    next += 101;
  }
  use (next, SCAN);
  next += SCAN;
  hot = resident (0, HOT);
  once = resident (next - SCAN, SCAN);
  ok (hot > HOT * 9 / 10, "of %d hot pages a scan leaves %d", HOT, hot);
  ok (once < FRAMES - hot + FRAMES / 8, "and %d of its own", once);

  /* Used once, gone, and back. */
  use (0, HOT);
  use (FIRST_SOON, SOON);
  for (int i = 0; i < 20 && resident (FIRST_SOON, SOON) > 0; i++) {
    use (next, 53);
    next += 53;
  }
  diag ("%d left", resident (FIRST_SOON, SOON));
  use (FIRST_SOON, SOON);
  use (next, SCAN);
  next += SCAN;
  soon = resident (FIRST_SOON, SOON);
  ok (soon > SOON / 2, "of %d pages that came back %d stay", SOON, soon);

  /* What is hot was not used for so long that these are hotter. */
  use (next, 3 * SCAN);
  next += 3 * SCAN;
  use (FIRST_LATE, SOON);
  use (next, 5 * FRAMES);
  next += 5 * FRAMES;
  is_int (resident (FIRST_LATE, SOON), 0, "after five times the pool none is there");
  use (FIRST_LATE, SOON);
  use (next, SCAN);
  next += SCAN;
  late = resident (FIRST_LATE, SOON);
  ok (late > SOON / 2, "of %d that came back late %d stay", SOON, late);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
