/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pin for reading of a resident page that no slot shows is served by a copy
 * until the page's extent is wanted often; what it shows is the page.
 */
#include "window.h"

#define PAGES 200
#define SLOTS 8

static oriel_pool *pool;
static oriel_file *file;

static void *
write_page (void *arg)
{
  stamp_page (pool, file, *(uint64_t *) arg, 2);
  return NULL;
}

/* With every slot pinned a pin that no copy will do for is refused, and leaves
 * nothing. */
static void
refuse (void)
{
  oriel_page held[SLOTS], page = { 0 };
  int n = 0;

  while (n < SLOTS
         && oriel_pin (file, 150 + (uint64_t) n, ORIEL_OPTIMISTIC, &held[n]) == 0)
    n++;
  is_int (n, SLOTS, "every slot shows a pinned page");
  for (int i = 0; i < 2; i++) {
    is_rc (oriel_pin (file, 100, ORIEL_OPTIMISTIC, &page), -ENOBUFS,
           "no slot for another");
    is_rc (oriel_unpin (&page), -EINVAL, "which is not pinned");
  }
  while (n-- > 0)
    must (oriel_unpin (&held[n]), "oriel_unpin");
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_page page, again, many[100];
  oriel_stats before, after;
  uint64_t cold = 3;
  pthread_t writer;
  int good = 0;

  opt.slot_size = 4096;
  opt.window_size = SLOTS * 4096;
  opt.store = ORIEL_STORE_POSIX; /* so that a prefetch fills the window */
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_prefetch (file, 0, PAGES), "oriel_prefetch");

  before = get_stats (pool);
  ok (before.copies_per_swap >= 1 && before.copies_per_swap <= 100,
      "a swap costs as much as %d copies", (int) before.copies_per_swap);
  page = must_pin (file, cold, ORIEL_READ);
  after = get_stats (pool);
  is_int ((long long) (after.copies - before.copies), 1, "it is copied");
  is_int ((long long) (after.swaps - before.swaps), 0, "and takes no slot");
  ok (is_stamped (page.data, 4096, 1, cold), "the copy is the page");
  writer = start_thread (write_page, &cold);
  again = must_pin (file, cold, ORIEL_OPTIMISTIC);
  ok (is_stamped (page.data, 4096, 1, cold)
          && is_stamped (again.data, 4096, 1, cold),
      "who would change it waits");
  must (oriel_unpin (&again), "oriel_unpin");
  must (oriel_unpin (&page), "oriel_unpin");
  pthread_join (writer, NULL);
  ok (page_is_stamped (pool, file, cold, 2), "until the unpin");

  before = get_stats (pool);
  for (int i = 0; i < 300; i++)
    good += page_is_stamped (pool, file, 50, 1);
  after = get_stats (pool);
  is_int (good, 300, "a page that is pinned often");
  ok (after.swaps - before.swaps == 1
          && after.copies - before.copies <= 16 * after.copies_per_swap,
      "gets a slot after %d copies", (int) (after.copies - before.copies));

  for (uint64_t i = 0; i < COUNT (many); i++)
    many[i] = must_pin (file, 60 + i, ORIEL_READ);
  good = 0;
  for (uint64_t i = 0; i < COUNT (many); i++)
    good += is_stamped (many[i].data, 4096, 1, 60 + i);
  is_int (good, (int) COUNT (many), "copies do not share their places");
  for (uint64_t i = 0; i < COUNT (many); i++)
    must (oriel_unpin (&many[i]), "oriel_unpin");
  refuse ();
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}
