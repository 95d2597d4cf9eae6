/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever slots were swapped before, and by whatever thread, a pinned page is
 * the page that was asked for, from its first byte to its last.
 *
 * SWAPS=10000000 makes so many on each backend (make check-swaps).
 */
#include "window.h"

#define PAGES 4096              /* 16 MiB; the window shows 1 */
#define THREADS 2

static oriel_pool *pool;
static oriel_file *file;
static uint64_t wanted, base_seed;
static atomic_ulong pins, wrong;

static unsigned long
swaps_wanted (void)
{
  const char *text = getenv ("SWAPS");

  if (text)
    return strtoul (text, NULL, 10);
  return getenv ("ORIEL_QUICK") ? 5000 : 100000;
}

static int
is_page (const oriel_page *page)
{
  const uint64_t *word = page->data;

  return word[0] == page->number && word[511] == page->number
         && word[page->number % 512] == page->number;
}

static void *
pin_pages (void *arg)
{
  uint64_t seed = base_seed + (uintptr_t) arg;
  uint64_t n[5];
  oriel_page page[5];

  while (atomic_load (&pins) < wanted) {
    unsigned count = 1 + (unsigned) (next_random (&seed) % 5);

    for (unsigned i = 0; i < count; i++)
      n[i] = next_random (&seed) % PAGES;
    if (count > 1)
      must (oriel_pin_many (file, n, count, ORIEL_OPTIMISTIC, page),
            "oriel_pin_many");
    else
      page[0] = must_pin (file, n[0], ORIEL_OPTIMISTIC);
    for (unsigned i = 0; i < count; i++)
      if (page[i].number != n[i] || !is_page (&page[i]))
        atomic_fetch_add (&wrong, 1);
    for (unsigned i = 0; i < count; i++)
      must (oriel_unpin (&page[i]), "oriel_unpin");
    atomic_fetch_add (&pins, count);
  }
  return NULL;
}

static void
fill (void)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);

    for (int w = 0; w < 512; w++)
      ((uint64_t *) page.data)[w] = i;
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  pthread_t thread[THREADS];
  uint64_t before, swaps = 0;
  double start = seconds_now ();

  opt.pool_size = 20 * MiB; /* so that it fits into a small /dev/shm */
  opt.window_size = backend == ORIEL_BACKEND_LINEAR ? 0 : MiB;
  opt.slot_size = 4096;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  fill ();
  before = get_stats (pool).swaps;
  atomic_store (&pins, 0);
  /* Some pins find their page shown, and make no swap. */
  for (wanted = 0; swaps < swaps_wanted ();
       swaps = backend == ORIEL_BACKEND_LINEAR ? wanted
                                               : get_stats (pool).swaps - before) {
    wanted += swaps_wanted () - swaps;
    for (uintptr_t i = 0; i < THREADS; i++)
      thread[i] = start_thread (pin_pages, (void *) (uintptr_t) (i + wanted));
    for (int i = 0; i < THREADS; i++)
      pthread_join (thread[i], NULL);
  }
  is_int ((long long) wrong, 0, oriel_backend_name (backend));
  diag ("%s: %lu pins, %lu swaps in %.1f s", oriel_backend_name (backend),
        (unsigned long) pins, (unsigned long) swaps, seconds_now () - start);
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  base_seed = test_seed ();
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  try (ORIEL_BACKEND_LINEAR);
  return done_testing ();
}
