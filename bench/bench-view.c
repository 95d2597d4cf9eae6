/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-view.c - what oriel_view() costs, beside copies of the same pages
 *
 * All pages are in the pool.  A run of N is brought into one range of memory, and
 * read there, every word of it: by a view of pages whose frames have no neighbours
 * (scattered), by one of pages that were loaded in order (runs); by a pin and a
 * memcpy() for each page; by oriel_read(); by one pread(2) of the file, which is
 * in the kernel's page cache.  "read" is the reading alone, of a buffer that is
 * not copied to: what the others take more is their cost.
 *
 * Rounds are interleaved; the medians are printed, in ns for each page.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "oriel.h"

#define PAGE 4096
#define PAGES 8192              /* 32 MiB */
#define MOST 256
#define ROUNDS 41
#define BUDGET 2048             /* pages a round */

static oriel_pool *pool;
static oriel_file *scattered, *runs;
static unsigned char *buffer;
static int plain;
static volatile uint64_t sink;

static void
check (int r, const char *what)
{
  if (r >= 0)
    return;
  fprintf (stderr, "bench-view: %s: %s\n", what, oriel_error ());
  exit (1);
}

static void
use (const void *at, uint64_t n)
{
  const uint64_t *p = at;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n * PAGE / sizeof *p; i++)
    sum += p[i];
  sink += sum;
}

static void
by_view (oriel_file *file, uint64_t first, uint64_t n)
{
  struct oriel_view view;

  check (oriel_view (file, first, n, ORIEL_READ, &view), "oriel_view");
  use (view.data, n);
  check (oriel_view_end (&view), "oriel_view_end");
}

static void
by_scattered (uint64_t first, uint64_t n)
{
  by_view (scattered, first, n);
}

static void
by_runs (uint64_t first, uint64_t n)
{
  by_view (runs, first, n);
}

static void
by_pins (uint64_t first, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    {
      oriel_page page;

      check (oriel_pin (scattered, first + i, ORIEL_READ, &page), "oriel_pin");
      memcpy (buffer + i * PAGE, page.data, PAGE);
      check (oriel_unpin (&page), "oriel_unpin");
    }
  use (buffer, n);
}

static void
by_read (uint64_t first, uint64_t n)
{
  check (oriel_read (scattered, first * PAGE, buffer, n * PAGE, NULL),
         "oriel_read");
  use (buffer, n);
}

static void
by_pread (uint64_t first, uint64_t n)
{
  if (pread (plain, buffer, n * PAGE, (off_t) (first * PAGE))
      != (ssize_t) (n * PAGE))
    exit (1);
  use (buffer, n);
}

static void
by_nothing (uint64_t first, uint64_t n)
{
  (void) first;
  use (buffer, n);
}

static const struct {
  const char *name;
  void (*run) (uint64_t first, uint64_t n);
} ways[] = {
  { "scattered", by_scattered }, { "runs", by_runs }, { "pins", by_pins },
  { "oriel_read", by_read },     { "pread", by_pread }, { "read", by_nothing },
};
#define WAYS (sizeof ways / sizeof *ways)

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static int
ascending (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
measure (uint64_t n)
{
  static double took[WAYS][ROUNDS];
  uint64_t first = 0;

  for (int round = 0; round < ROUNDS; round++)
    for (size_t w = 0; w < WAYS; w++)
      {
        double from = now ();

        for (uint64_t done = 0; done < BUDGET; done += n)
          {
            ways[w].run (first, n);
            first = (first + n * 3) % (PAGES - MOST);
          }
        took[w][round] = (now () - from) / BUDGET;
      }
  printf ("%6llu", (unsigned long long) n);
  for (size_t w = 0; w < WAYS; w++)
    {
      qsort (took[w], ROUNDS, sizeof *took[w], ascending);
      printf (" %10.0f", took[w][ROUNDS / 2]);
    }
  putchar ('\n');
}

/* Its pages loaded in steps of step. */
static oriel_file *
load (const char *path, uint64_t step)
{
  oriel_file *file;

  check (oriel_file_open (pool, path, ORIEL_CREATE | ORIEL_BUFFERED, &file),
         path);
  check (oriel_file_truncate (file, (uint64_t) PAGES * PAGE), path);
  for (uint64_t i = 0; i < PAGES; i++)
    {
      oriel_page page;

      check (oriel_pin (file, i * step % PAGES, ORIEL_WRITE | ORIEL_FRESH,
                        &page),
             "oriel_pin");
      check (oriel_unpin (&page), "oriel_unpin");
    }
  check (oriel_sync (file), "oriel_sync");
  return file;
}

int
main (void)
{
  static const uint64_t sizes[] = { 1, 2, 4, 8, 16, 64, MOST };
  char a[] = "/var/tmp/bench-view-XXXXXX", b[] = "/var/tmp/bench-view-XXXXXX";
  oriel_options opt;

  close (mkstemp (a));
  close (mkstemp (b));
  buffer = aligned_alloc (PAGE, (size_t) MOST * PAGE);
  memset (buffer, 1, (size_t) MOST * PAGE);
  oriel_options_init (&opt);
  opt.pool_size = (uint64_t) 96 << 20;
  opt.flags = ORIEL_EXCL;
  check (oriel_pool_open ("bench-view", &opt, &pool), "oriel_pool_open");
  scattered = load (a, 4097);
  runs = load (b, 1);
  plain = open (a, O_RDONLY | O_CLOEXEC);
  printf ("ns a page\n%6s", "pages");
  for (size_t w = 0; w < WAYS; w++)
    printf (" %10s", ways[w].name);
  putchar ('\n');
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    measure (sizes[i]);
  check (oriel_file_close (scattered), a);
  check (oriel_file_close (runs), b);
  check (oriel_pool_close (pool), "oriel_pool_close");
  check (oriel_pool_destroy ("bench-view", NULL, 0), "oriel_pool_destroy");
  unlink (a);
  unlink (b);
  return 0;
}
