/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With populate all or resident a swap maps the whole slot, else what is
 * touched.
 */
#include "window.h"

#define SLOT (2 * MiB)
#define PAGES (2 * SLOT / 4096)

/* KiB that are mapped of the VMA at address. */
static long
mapped_kib (const void *address)
{
  FILE *f = fopen ("/proc/self/smaps", "r");
  unsigned long from, to;
  int inside = 0;
  char line[600];
  long kib = -1;

  while (f && kib < 0 && fgets (line, sizeof line, f))
    if (sscanf (line, "%lx-%lx ", &from, &to) == 2)
      inside = from <= (unsigned long) address && (unsigned long) address < to;
    else if (inside)
      sscanf (line, "Rss: %ld kB", &kib);
  if (f)
    fclose (f);
  return kib;
}

/* Linux 5.14; elsewhere "resident" is as "none". */
static int
can_populate (void)
{
  static char page[8192] __attribute__ ((aligned (4096)));

  return madvise (page, 4096, 22 /* MADV_POPULATE_READ */) == 0;
}

static void
try (uint32_t backend, const char *populate, int whole)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  long kib;

  opt.pool_size = 16 * MiB;
  opt.window_size = 4 * MiB;
  opt.slot_size = SLOT;
  must (oriel_options_set (&opt, "populate", populate), "oriel_options_set");
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  /* What was never written is not in memory. */
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_prefetch (file, 0, PAGES), "oriel_prefetch");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = open_window (&opt, backend);
  file = must_open_file (pool, scratch_file ("data"), 0);
  page = must_pin (file, 100, ORIEL_OPTIMISTIC);
  kib = mapped_kib (page.data);
  ok (whole ? kib >= (long) (SLOT / KiB)
            : kib >= 0 && kib < (long) (SLOT / KiB / 4),
      "%s, populate %s: %ld KiB of a slot are mapped",
      oriel_backend_name (backend), populate, kib);
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t b = 0; b < COUNT (swapping_backends); b++) {
    try (swapping_backends[b], "none", 0);
    try (swapping_backends[b], "all", 1);
    try (swapping_backends[b], "resident", can_populate ());
  }
  return done_testing ();
}
