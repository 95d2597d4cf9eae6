/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 32-bit process sees every page of a pool of 6 GiB, which its address space
 * could not hold, through a window of 256 MiB.
 */
#include <sys/statvfs.h>

#include "window.h"

#define GiB ((uint64_t) 1 << 30)
#define PAGE_SIZE 65536u

/* Bytes of memory that are free for a pool. */
static uint64_t
room (void)
{
  unsigned long long kib = 0;
  struct statvfs fs;
  char line[200];
  FILE *f = fopen ("/proc/meminfo", "r");

  while (f && fgets (line, sizeof line, f))
    if (sscanf (line, "MemAvailable: %llu", &kib) == 1)
      break;
  if (f)
    fclose (f);
  if (statvfs (pool_dir (), &fs) < 0)
    return 0;
  return (uint64_t) fs.f_bavail * fs.f_frsize < kib * 1024
             ? (uint64_t) fs.f_bavail * fs.f_frsize
             : kib * 1024;
}

/* Some words at both ends, so that 6 GiB take seconds and not minutes. */
static void
mark (char *data, uint64_t number)
{
  for (uint32_t at = 0; at < PAGE_SIZE; at += PAGE_SIZE - 4096)
    stamp (data + at, 32, at, number);
}

static int
is_marked (const char *data, uint64_t number)
{
  for (uint32_t at = 0; at < PAGE_SIZE; at += PAGE_SIZE - 4096)
    if (!is_stamped (data + at, 32, at, number))
      return 0;
  return 1;
}

int
main (void)
{
  uint64_t pages = 6 * GiB / PAGE_SIZE, good = 0, seed = 1;
  oriel_options opt = test_options ();
  char *path, *buffer;
  oriel_stats stats;
  oriel_file *file;
  oriel_pool *pool;
  oriel_page page;

  if (sizeof (size_t) > 4)
    skip_all ("the address space holds any pool");
  if (room () < 8 * GiB)
    skip_all ("no 8 GiB of memory free for the pool's directory");
  path = strdup (scratch_file ("data"));
  buffer = malloc (PAGE_SIZE);
  alarm (600); /* clearing 6 GiB takes long where others want the memory */
  opt.pool_size = 6 * GiB;
  opt.window_size = 256 * MiB;
  opt.page_size = PAGE_SIZE;
  pool = must_open_pool ("test", &opt);
  is_int ((long long) oriel_pool_frames (pool), (long long) pages,
          "the pool has 6 GiB");
  file = must_open_file (pool, path, ORIEL_CREATE);
  for (uint64_t i = 0; i < pages - 16; i++) {
    page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);
    mark (page.data, i);
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  pages -= 16;
  stats = get_stats (pool);
  is_int ((long long) stats.evictions, 0, "and holds all pages");
  for (uint64_t i = 0; i < pages; i++) {
    page = must_pin (file, i, ORIEL_OPTIMISTIC);
    good += (uint64_t) is_marked (page.data, i);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_int ((long long) good, (long long) pages, "every page, in order");
  good = 0;
  for (int i = 0; i < 20000; i++) {
    uint64_t number = next_random (&seed) % pages;

    page = must_pin (file, number, ORIEL_OPTIMISTIC);
    good += (uint64_t) is_marked (page.data, number);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  is_int ((long long) good, 20000, "pages at random");
  good = 0;
  for (uint64_t i = 0; i < pages; i += 97) {
    must (oriel_read (file, i * PAGE_SIZE, buffer, PAGE_SIZE, NULL),
          "oriel_read");
    good += (uint64_t) is_marked (buffer, i);
  }
  is_int ((long long) good, (long long) ((pages + 96) / 97), "copies");
  stats = get_stats (pool);
  is_int ((long long) stats.window_bytes, 256 * MiB, "window_bytes");
  ok (stats.swaps > pages, "slots were swapped: %llu",
      (unsigned long long) stats.swaps);
  ok (stats.pool_bytes > UINT32_MAX, "pool_bytes: %llu",
      (unsigned long long) stats.pool_bytes);
  is_int ((long long) stats.reads, 0, "nothing came from the store");
  must (oriel_file_drop (file), "oriel_file_drop");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
  free (buffer);
  free (path);
  return done_testing ();
}
