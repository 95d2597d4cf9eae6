/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that ends loses its pins, and so the private memory in which it saw
 * pages that no slot shows is for others: thread after thread may do so.  So is
 * that of a pin which ends after its thread was at work in another pool.
 */
#include "window.h"

#define PAGES 128
#define SLOTS 8
#define PINS 60
#define THREADS 40              /* with 60 pins each, far more than 512 places */

#define TURNS 600               /* likewise */

static oriel_file *file;

/* Slots that show what the dead had pinned are free anyway. */
static void *
leave_pinned (void *arg)
{
  oriel_page page;

  (void) arg;
  for (uint64_t i = 0; i < PINS; i++)
    must (oriel_pin (file, i, ORIEL_READ, &page), "oriel_pin");
  return NULL;
}

/* Has each a copy, as no slot is worth it? */
static void
end_elsewhere (oriel_pool *pool)
{
  oriel_options opt = test_options ();
  oriel_pool *other = must_open_pool ("other", &opt);
  oriel_file *same = must_open_file (other, scratch_file ("data"), 0);
  oriel_stats before, after;

  for (uint64_t i = PINS; i < PAGES; i++)
    page_is_stamped (pool, file, i, 1);
  before = get_stats (pool);
  for (int i = 0; i < TURNS; i++) {
    oriel_page page = must_pin (file, PINS + (uint64_t) i % 50, ORIEL_READ);

    page_is_stamped (other, same, 0, 1);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  after = get_stats (pool);
  is_int ((long long) (after.copies - before.copies), TURNS,
          "pins that end when their thread has been in another pool");
  must (oriel_file_close (same), "oriel_file_close");
  must (oriel_pool_close (other), "oriel_pool_close");
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_page page[PINS];
  oriel_pool *pool;
  int good = 0;

  opt.pool_size = 2 * PAGES * 4096;
  opt.slot_size = 4096;
  opt.window_size = SLOTS * 4096;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;

    must (-pthread_create (&thread, NULL, leave_pinned, NULL),
          "pthread_create");
    must (-pthread_join (thread, NULL), "pthread_join");
  }
  for (int i = 0; i < PINS; i++)
    good += oriel_pin (file, (uint64_t) i, ORIEL_READ, &page[i]) == 0
            && is_stamped (page[i].data, 4096, 1, (uint64_t) i);
  is_int (good, PINS, "pins in a window far smaller go on");
  for (int i = 0; i < good; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  end_elsewhere (pool);
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
