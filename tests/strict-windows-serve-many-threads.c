/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a strict window whose slots are swapped all the time threads pin and unpin
 * at once: a grant is made for the page that was pinned, wherever the sweeps of
 * others are.
 */
#include "window.h"

#define PAGES 64
#define SLOTS 8
#define THREADS 4
#define ROUNDS 20000

static oriel_pool *pool;
static oriel_file *file;
static uint64_t first_seed;

static void *
work (void *arg)
{
  uint64_t seed = first_seed + (uintptr_t) arg;
  uintptr_t good = 0;

  for (int i = 0; i < ROUNDS; i++) {
    uint64_t number = next_random (&seed) % PAGES;
    oriel_page page;

    must (oriel_pin (file, number, ORIEL_READ, &page), "oriel_pin");
    good += is_stamped (page.data, 4096, 1, number);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  return (void *) good;
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  pthread_t thread[THREADS];
  long long good = 0;

  opt.pool_size = 2 * PAGES * 4096;
  opt.slot_size = 4096;
  opt.window_size = SLOTS * 4096;
  opt.flags = ORIEL_RETIRE;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uintptr_t i = 0; i < THREADS; i++)
    must (-pthread_create (&thread[i], NULL, work, (void *) i),
          "pthread_create");
  for (int i = 0; i < THREADS; i++) {
    void *result;

    must (-pthread_join (thread[i], &result), "pthread_join");
    good += (long long) (uintptr_t) result;
  }
  is_int (good, (long long) THREADS * ROUNDS, "every pin shows its page");
  ok (get_stats (pool).swaps > ROUNDS, "in slots that are swapped");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  first_seed = test_seed ();
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  try (ORIEL_BACKEND_EMULATED);
  try (ORIEL_BACKEND_MMAP);
  return done_testing ();
}
