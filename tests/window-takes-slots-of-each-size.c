/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots of every power of two from 4 KiB to 2 MiB show the right pages; the
 * smallest and the largest also where pages are as small or large as can be. */
#include "window.h"

static void
try (uint32_t backend, uint32_t slot_size, uint32_t page_size)
{
  unsigned pages = 4 * MiB / page_size - 16, good = 0;
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t seed = 1;

  opt.pool_size = 4 * MiB;
  opt.window_size = slot_size < 65536 ? 4 * slot_size : slot_size;
  opt.slot_size = slot_size;
  opt.page_size = page_size;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < pages; i++)
    stamp_page (pool, file, i, slot_size);
  for (unsigned i = 0; i < pages; i++)
    good += (unsigned) page_is_stamped (pool, file,
                                        next_random (&seed) % pages,
                                        slot_size);
  if (!ok (good == pages, "%s, slots of %u, pages of %u",
           oriel_backend_name (backend), slot_size, page_size))
    diag ("%u of %u pages are right", good, pages);
  must (oriel_file_drop (file), "oriel_file_drop");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  for (size_t b = 0; b < COUNT (swapping_backends); b++) {
    for (uint32_t slot = 4096; slot <= 2 * MiB; slot *= 2)
      try (swapping_backends[b], slot, 4096);
    try (swapping_backends[b], 4096, 512);
    try (swapping_backends[b], 2 * MiB, 512);
    try (swapping_backends[b], 65536, 65536);
    try (swapping_backends[b], 2 * MiB, 65536);
  }
  return done_testing ();
}
