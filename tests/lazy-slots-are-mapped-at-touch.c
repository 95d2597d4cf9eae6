/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With ORIEL_LAZY a pin maps nothing: the slot is mapped when the page is
 * touched.  Pages that are read and written with calls alone are right, too.
 * Without a fault handler the flag is refused.
 */
#include "window.h"

#define SLOT (16 * KiB)
#define PAGES 400               /* of 4 KiB; the window has room for 256 */

static void
lazy (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_page page[16];
  oriel_stats before;
  oriel_pool *pool;
  oriel_file *file;
  char buffer[4096];
  int good = 1;

  opt.flags = ORIEL_LAZY;
  opt.slot_size = SLOT;
  opt.window_size = 64 * SLOT;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_flush (file), "oriel_flush");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; i < 16; i++)
    must (oriel_read (file, i * 16 * 4096, buffer, 4096, NULL), "oriel_read");
  for (uint64_t i = 0; i < 16; i++)
    page[i] = must_pin (file, i * 16, ORIEL_OPTIMISTIC);
  before = get_stats (pool);
  for (int i = 0; i < 16; i++)
    good = good && is_stamped (page[i].data, 4096, 1, page[i].number);
  ok (good, "pages have their content");
  ok (get_stats (pool).reinstalls >= before.reinstalls + 4,
      "their slots were mapped when they were touched");
  for (int i = 0; i < 16; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  for (uint64_t i = 0; i < 5000; i++) {
    uint64_t n = i * 37 % PAGES;

    good = good && page_is_stamped (pool, file, n, 1);
  }
  ok (good, "also after many swaps");
  ok (get_stats (pool).swaps > 0, "of which there were some");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    lazy (swapping_backends[b]);
  opt.flags = ORIEL_LAZY | ORIEL_NO_FAULT_HANDLER;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "without a fault handler it is refused");
  opt.flags = ORIEL_LAZY | ORIEL_RETIRE;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "and in a strict window");
  return done_testing ();
}
