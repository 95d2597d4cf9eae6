/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thousands of faults of many threads at once, in a window that is lazy, swapped
 * and trimmed all the time: every page is right, and no thread waits for ever.
 */
#include "window.h"

#if defined __SANITIZE_THREAD__
/* To it a mapping that is made anew is a write. */
ORIEL_API const char *__tsan_default_options (void);

const char *
__tsan_default_options (void)
{
  return "ignore_interceptors_accesses=1";
}
#endif

#define THREADS 8
#define PAGES 600               /* of 4 KiB; the window has room for 256 */

static oriel_file *file;
static oriel_pool *pool;
static atomic_int stop, bad;

static void *
user (void *arg)
{
  uint64_t random = (uintptr_t) arg;

  while (!stop) {
    uint64_t r = next_random (&random);
    oriel_page page[4];

    for (int i = 0; i < 4; i++)
      page[i] = must_pin (file, (r >> 8 * i) % PAGES, ORIEL_OPTIMISTIC);
    for (int i = 0; i < 4; i++)
      if (!is_stamped (page[i].data, 4096, 1, page[i].number))
        bad = 1;
    for (int i = 0; i < 4; i++)
      must (oriel_unpin (&page[i]), "oriel_unpin");
  }
  return NULL;
}

static void
all (uint32_t backend, size_t window, uint32_t flags)
{
  unsigned long faults = getenv ("ORIEL_QUICK") ? 2000 : 10000;
  oriel_options opt = test_options ();
  pthread_t thread[THREADS];
  oriel_stats stats;
  double from;

  opt.flags = flags;
  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), 0);
  stop = bad = 0;
  from = seconds_now ();
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create (&thread[i], NULL, user, (void *) i);
  do {
    for (int i = 0; i < 20; i++)
      must (oriel_window_trim (pool), "oriel_window_trim");
    usleep (500);
    stats = get_stats (pool);
  } while (!bad && backend != ORIEL_BACKEND_LINEAR
           && stats.reinstalls < faults
           && (stats.reinstalls == 0 || seconds_now () - from < 20));
  stop = 1;
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  ok (!bad, "every page is right");
  ok (backend == ORIEL_BACKEND_LINEAR || stats.reinstalls > 0,
      "%s: faults were answered", oriel_backend_name (backend));
  diag ("%llu faults, %llu swaps, %.2f s", (unsigned long long) stats.reinstalls,
        (unsigned long long) stats.swaps, seconds_now () - from);
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t b = 0; b < COUNT (swapping_backends); b++) {
    all (swapping_backends[b], MiB, ORIEL_LAZY);
    all (swapping_backends[b], MiB, ORIEL_HOLES);
  }
  all (ORIEL_BACKEND_LINEAR, 4 * MiB, 0);
  return done_testing ();
}
