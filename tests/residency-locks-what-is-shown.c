/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With residency locked what the window's slots show is locked in memory, with
 * onfault what of it was touched; never more than the window shows, and nothing
 * after the pool is closed.
 */
#include "window.h"

#define SLOT (256 * KiB)
#define SLOTS 16
#define PAGES 4096              /* 16 MiB, four times the window */

/* KiB that lines of the pool's mappings in smaps add up to. */
static unsigned long
kib_of (const char *field)
{
  FILE *maps = fopen ("/proc/self/smaps", "r");
  unsigned long from, to, kib, sum = 0;
  char line[512], format[64];
  int mine = 0;

  snprintf (format, sizeof format, "%s: %%lu kB", field);
  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%lx-%lx ", &from, &to) == 2)
      mine = strstr (line, "/oriel-test") != NULL;
    else if (mine && sscanf (line, format, &kib) == 1)
      sum += kib;
  if (maps)
    fclose (maps);
  return sum;
}

static oriel_options
options (const char *residency)
{
  oriel_options opt = test_options ();

  opt.pool_size = PAGES * 4 * KiB;
  opt.window_size = SLOTS * SLOT;
  opt.slot_size = SLOT;
  must (oriel_options_set (&opt, "residency", residency), "residency");
  return opt;
}

/* Pin a page of each of n extents, in a pool whose pages lie in order. */
static void
touch_slots (oriel_file *file, int n, uint64_t from)
{
  for (int i = 0; i < n; i++) {
    oriel_page page
        = must_pin (file, from + (uint64_t) i * (SLOT / 4096), ORIEL_WRITE);

    *(volatile char *) page.data = 1;
    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static void
swapped (uint32_t backend, const char *residency)
{
  oriel_options opt = options (residency);
  oriel_pool *pool = open_window (&opt, backend);
  int whole = strcmp (residency, "locked") == 0;
  uint64_t locked = 0, beside = 0, state = 1;
  const char *name = oriel_backend_name (backend);
  unsigned long kib, tables;
  oriel_stats stats;
  oriel_file *file;

  if (!pool)
    return;
  stats = get_stats (pool);
  is_int ((long long) stats.residency, (long long) opt.residency,
          "the statistics name it");
  beside = stats.locked_bytes;
  tables = kib_of ("Locked");
  if (backend != ORIEL_BACKEND_NATIVE)
    ok (beside >= 512 * 4096 + stats.pool_bytes - PAGES * 4096 - 4 * MiB,
        "%s, %s: tables and copies are locked: %llu bytes", name, residency,
        (unsigned long long) beside);
  ok (tables > 0, "the tables: %lu KiB of the file", tables);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);

  /* Everything was shown once: the window is full.  A native one was locked as a
   * whole. */
  if (backend == ORIEL_BACKEND_NATIVE)
    beside -= SLOTS * SLOT;
  locked = get_stats (pool).locked_bytes;
  ok (locked <= beside + SLOTS * SLOT && locked >= beside + SLOTS / 2 * SLOT,
      "a full window: %llu bytes", (unsigned long long) locked);
  for (int i = 0; i < 500; i++)
    touch_slots (file, 4, next_random (&state) % (PAGES - 4 * SLOT / 4096));
  stats = get_stats (pool);
  ok (stats.swaps > 500, "many swaps: %d", (int) stats.swaps);
  ok (stats.locked_bytes <= beside + SLOTS * SLOT
          && stats.locked_bytes >= beside + SLOTS / 2 * SLOT,
      "later: %llu bytes", (unsigned long long) stats.locked_bytes);
  kib = kib_of ("Locked") - tables;
  diag ("%lu KiB in memory and locked, tables apart", kib);
  if (whole)
    ok (kib >= SLOTS / 2 * SLOT / KiB, "all that is shown is in memory");
  else
    ok (kib > 0 && kib < SLOTS * SLOT / KiB, "what was touched is locked");
  is_int ((long long) stats.residency, (long long) opt.residency,
          "and it still holds");

  if (backend != ORIEL_BACKEND_NATIVE) {
    oriel_page page = must_pin (file, 0, ORIEL_WRITE);

    must (oriel_window_trim (pool), "oriel_window_trim");
    ok (get_stats (pool).locked_bytes == beside, "a trim unlocks: %llu",
        (unsigned long long) get_stats (pool).locked_bytes);
    *(volatile char *) page.data = 1;
    ok (get_stats (pool).locked_bytes == beside + SLOT,
        "what comes back is locked: %llu",
        (unsigned long long) get_stats (pool).locked_bytes);
    is_int ((long long) get_stats (pool).residency,
            (long long) opt.residency, "as it was");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

static void
linear (const char *residency)
{
  oriel_options opt = options (residency);
  oriel_pool *pool;
  oriel_stats stats;

  opt.window_size = 0;
  opt.backend = ORIEL_BACKEND_LINEAR;
  pool = must_open_pool ("test", &opt);
  stats = get_stats (pool);
  is_int ((long long) stats.residency, (long long) opt.residency,
          "linear: the statistics name it");
  ok (stats.locked_bytes >= PAGES * 4096, "%s: %llu bytes", residency,
      (unsigned long long) stats.locked_bytes);
  ok ((kib_of ("Locked") >= PAGES * 4) == (strcmp (residency, "locked") == 0),
      "%lu KiB are in memory and locked", kib_of ("Locked"));
  end_window (pool);
}

static int
is_allowed (void *arg)
{
  oriel_options opt = options ("locked");
  oriel_pool *pool;

  (void) arg;
  return oriel_pool_open ("may", &opt, &pool) == 0;
}

int
main (void)
{
  oriel_options opt;
  oriel_pool *pool;

  if (sanitized ())
    skip_all ("sanitizers lock nothing");
  pool_dir ();
  if (in_child (is_allowed, NULL) != 1)
    skip_all ("RLIMIT_MEMLOCK is too small");
  must (oriel_pool_destroy ("may", pool_dir (), 0), "oriel_pool_destroy");

  opt = options ("none");
  pool = must_open_pool ("test", &opt);
  is_int ((long long) get_stats (pool).locked_bytes, 0,
          "without, nothing is locked");
  is_int ((long long) get_stats (pool).residency, ORIEL_RESIDENCY_NONE,
          "and the statistics say so");
  end_window (pool);

  for (size_t i = 0; i < COUNT (swapping_backends); i++) {
    swapped (swapping_backends[i], "locked");
    if (locks_on_fault ())
      swapped (swapping_backends[i], "onfault");
  }
  linear ("locked");
  if (locks_on_fault ())
    linear ("onfault");

  opt = test_options ();
  pool = must_open_pool ("test", &opt);
  is_int ((long long) get_stats (pool).locked_bytes, 0,
          "closed pools leave nothing locked");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
