/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins that need more slots than the window has are -ENOBUFS, never a wait,
 * and work again after an unpin. */
#include "window.h"

#define SLOTS 8

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_page pages[SLOTS], extra;
  oriel_pool *pool;
  oriel_file *file;
  char buffer[4096];
  int good = 0;

  opt.slot_size = 4096;
  opt.window_size = SLOTS * 4096;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  ok (page_is_stamped (pool, file, 20, 6), "a page is made resident");
  for (uint64_t i = 0; i < SLOTS; i++)
    pages[i] = must_pin (file, i, i % 2 ? ORIEL_WRITE : ORIEL_OPTIMISTIC);
  for (int i = 0; i < 3; i++)
    is_rc (oriel_pin (file, 20, i % 2 ? ORIEL_WRITE : ORIEL_OPTIMISTIC, &extra),
           -ENOBUFS, "one pin more than slots");
  ok (strstr (oriel_error (), "window") || strstr (oriel_error (), "slot"),
      "the text says what is short: %s", oriel_error ());
  is_rc (oriel_pin (file, 20, ORIEL_OPTIMISTIC | ORIEL_NOWAIT, &extra),
         -ENOBUFS, "also without waiting");
  for (int i = 0; i < 100; i++)
    good += page_is_stamped (pool, file, 20 + (uint64_t) i % 8, 6);
  is_int (good, 100, "a pin for reading needs no slot, however often");
  good = 0;
  for (uint64_t i = 0; i < SLOTS; i++)
    good += is_stamped (pages[i].data, 4096, 6, i);
  is_int (good, SLOTS, "the pinned pages are as they were");
  is_rc (oriel_read (file, 20 * 4096, buffer, sizeof buffer, NULL), 0,
         "a copying read of a resident page needs no slot");
  ok (is_stamped (buffer, sizeof buffer, 6, 20), "and is right");
  for (uint64_t i = 0; i < SLOTS; i++) {
    must (oriel_unpin (&pages[i]), "oriel_unpin");
    is_rc (oriel_pin (file, 20 + i, ORIEL_OPTIMISTIC, &pages[i]), 0,
           "after an unpin there is room for one");
    ok (is_stamped (pages[i].data, 4096, 6, 20 + i), "and it is right");
    is_rc (oriel_pin (file, 40, ORIEL_OPTIMISTIC, &extra), -ENOBUFS,
           "but for one only");
  }
  for (uint64_t i = 0; i < SLOTS; i++)
    must (oriel_unpin (&pages[i]), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, 64, 0, 6);
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}
