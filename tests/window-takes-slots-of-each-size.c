/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots of every power of two from 4 KiB to 2 MiB show the right pages, in
 * pages of 512, 4096 and 65536 bytes. */
#include "window.h"

static void
try (uint32_t backend, uint32_t slot_size, uint32_t page_size)
{
  unsigned pages = 8 * MiB / page_size - 16, good = 0;
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t seed = 1;

  opt.pool_size = 8 * MiB;
  opt.window_size = slot_size < 65536 ? 4 * 65536 : 2 * slot_size;
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
  static const uint32_t page_sizes[] = { 512, 4096, 65536 };

  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    for (uint32_t slot = 4096; slot <= 2 * MiB; slot *= 2)
      for (size_t p = 0; p < COUNT (page_sizes); p++)
        if (page_sizes[p] <= slot)
          try (swapping_backends[b], slot, page_sizes[p]);
  return done_testing ();
}
