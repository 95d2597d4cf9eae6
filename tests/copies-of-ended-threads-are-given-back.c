/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that ends loses its pins, and so the private memory in which it saw
 * pages that no slot shows is for others: thread after thread may do so.  So is
 * that of a pin which ends after its thread was at work in another pool, and what
 * threads that are idle have had leaves enough for others.
 */
#include "window.h"

#define PAGES 1024
#define SLOTS 8
#define PINS 60
#define THREADS 40              /* with 60 pins each, far more than 512 places */

#define TURNS 600               /* likewise */
#define IDLE 520
#define OTHERS 200

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

static pthread_barrier_t idle;

static void *
be_idle (void *number)
{
  oriel_page page = must_pin (file, *(uint64_t *) number, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
  pthread_barrier_wait (&idle);
  pthread_barrier_wait (&idle);
  return NULL;
}

/* All that the others want at once are copies. */
static void
have_idle_threads (oriel_pool *pool)
{
  static oriel_page page[OTHERS];
  pthread_t thread[IDLE];
  uint64_t number[IDLE];
  pthread_attr_t small;
  oriel_stats before, after;

  pthread_barrier_init (&idle, NULL, IDLE + 1);
  pthread_attr_init (&small);
  pthread_attr_setstacksize (&small, 128 * KiB);
  for (int i = 0; i < IDLE; i++) {
    number[i] = 2 * PINS + (uint64_t) i;
    must (-pthread_create (&thread[i], &small, be_idle, &number[i]),
          "pthread_create");
  }
  pthread_barrier_wait (&idle);
  before = get_stats (pool);
  for (int i = 0; i < OTHERS; i++)
    page[i] = must_pin (file, PAGES - 20 - (uint64_t) i, ORIEL_READ);
  after = get_stats (pool);
  is_int ((long long) (after.copies - before.copies), OTHERS,
          "copies beside idle threads");
  for (int i = 0; i < OTHERS; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  pthread_barrier_wait (&idle);
  for (int i = 0; i < IDLE; i++)
    must (-pthread_join (thread[i], NULL), "pthread_join");
  pthread_attr_destroy (&small);
  pthread_barrier_destroy (&idle);
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
  opt.max_threads = 2 * IDLE;
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
  for (uint64_t i = PINS; i < PAGES; i++)
    page_is_stamped (pool, file, i, 1);
  end_elsewhere (pool);
  have_idle_threads (pool);
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
