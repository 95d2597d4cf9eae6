/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that lie side by side in the pool and are wanted together are shown with
 * few system calls: by oriel_pin_many() and by oriel_prefetch().
 */
#include "window.h"

#define PAGES 512
#define SLOTS 128
#define TOGETHER 64

static oriel_pool *pool;
static oriel_file *file;

/* What pinning pages from first on adds to swaps and installs, and to calls. */
static void
pin_together (uint64_t first, uint64_t *shown, uint64_t *calls)
{
  oriel_stats before = get_stats (pool), after;
  oriel_page pages[TOGETHER];
  uint64_t numbers[TOGETHER];

  for (uint64_t i = 0; i < TOGETHER; i++)
    numbers[TOGETHER - 1 - i] = first + i; /* the order does not matter */
  must (oriel_pin_many (file, numbers, TOGETHER, ORIEL_OPTIMISTIC, pages),
        "oriel_pin_many");
  for (unsigned i = 0; i < TOGETHER; i++)
    must (oriel_unpin (&pages[i]), "oriel_unpin");
  after = get_stats (pool);
  *shown = after.swaps + after.installs - before.swaps - before.installs;
  *calls = after.remaps - before.remaps;
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_stats before, after;
  uint64_t shown = 0, calls = 0, s, c;

  opt.slot_size = 4096;
  opt.store = ORIEL_STORE_POSIX; /* else a prefetch shows nothing */
  opt.window_size = SLOTS * 4096;
  opt.pool_size = 2 * PAGES * 4096;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  before = get_stats (pool);
  is_rc (oriel_prefetch (file, 0, PAGES), 0, "the whole file is prefetched");
  after = get_stats (pool);
  ok (after.readahead - before.readahead == PAGES
          && after.reads - before.reads <= PAGES / 16,
      "by %d reads", (int) (after.reads - before.reads));
  shown = after.swaps + after.installs - before.swaps - before.installs;
  ok (after.remaps - before.remaps <= shown / 4, "%d slots by %d calls",
      (int) shown, (int) (after.remaps - before.remaps));
  shown = 0;
  for (uint64_t i = 0; i < PAGES; i += TOGETHER) {
    pin_together (i, &s, &c);
    shown += s;
    calls += c;
  }
  ok (shown >= PAGES / 2, "pins had %d slots swapped", (int) shown);
  ok (calls > 0 && calls <= shown / 4, "by %d calls", (int) calls);
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}
