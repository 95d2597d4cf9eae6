/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool of 16 MiB through a window of 256 KiB: every page has its content, in
 * order and at random, alone and with as many pins as the window has slots.
 */
#include "window.h"

#define PAGES 4000u
#define PAGE 4096u

static oriel_pool *pool;
static oriel_file *file;

/* Pin batch pages at random at once, look at all, unpin. */
static unsigned
count_good_batches (uint64_t *seed, unsigned batch, unsigned rounds)
{
  oriel_page pages[64];
  unsigned good = 0;

  while (rounds-- > 0) {
    unsigned right = 0;

    for (unsigned i = 0; i < batch; i++)
      pages[i] = must_pin (file, next_random (seed) % PAGES, ORIEL_READ);
    for (unsigned i = 0; i < batch; i++)
      right += is_stamped (pages[i].data, PAGE, 2, pages[i].number);
    for (unsigned i = 0; i < batch; i++)
      must (oriel_unpin (&pages[i]), "oriel_unpin");
    good += right == batch;
  }
  return good;
}

static void
try (uint32_t backend, uint32_t slot_size, uint64_t seed)
{
  const char *name = oriel_backend_name (backend);
  oriel_options opt = test_options ();
  unsigned slots = 256 * KiB / slot_size, good = 0;
  oriel_stats stats;

  opt.pool_size = 16 * MiB;
  opt.window_size = 256 * KiB;
  opt.slot_size = slot_size;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  for (uint64_t i = 0; i < PAGES; i++)
    good += (unsigned) page_is_stamped (pool, file, i, 2);
  is_int (good, PAGES, "pages in order");
  good = 0;
  for (unsigned i = 0; i < PAGES; i++)
    good += (unsigned) page_is_stamped (pool, file,
                                        next_random (&seed) % PAGES, 2);
  is_int (good, PAGES, "pages at random");
  is_int (count_good_batches (&seed, slots, 50), 50,
          "as many pins as there are slots");

  stats = get_stats (pool);
  is_int (stats.backend, backend, name);
  is_int ((long long) stats.window_bytes, 256 * KiB, "window_bytes");
  is_int ((long long) stats.slots, slots, "slots");
  ok (stats.slots_used <= slots && stats.slots_used > 0, "slots used: %d",
      (int) stats.slots_used);
  ok (stats.installs <= slots, "no more installs than slots: %d",
      (int) stats.installs);
  ok (stats.swaps > slots, "slots were swapped: %d", (int) stats.swaps);
  ok (stats.swaps + stats.copies > PAGES, "or pages copied: %d",
      (int) stats.copies);
  ok (stats.vmas <= slots + 2, "VMAs are bounded by slots: %d",
      (int) stats.vmas);
  is_int ((long long) stats.evictions, 0, "the pool itself held all");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  static const uint32_t slot_sizes[] = { 4096, 16384 };
  uint64_t seed = test_seed ();

  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    for (size_t s = 0; s < COUNT (slot_sizes); s++)
      try (swapping_backends[b], slot_sizes[s], seed);
  return done_testing ();
}
