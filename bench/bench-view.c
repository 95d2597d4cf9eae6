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
 * Rounds are interleaved; the medians are printed, in ns for each page.  --json
 * FILE has every round.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "oriel.h"

#define PAGE 4096
#define PAGES 8192              /* 32 MiB */
#define MOST 256
#define ROUNDS 41               /* at most, and if nothing is said */
#define BUDGET 2048             /* pages a round */

static oriel_pool *pool;
static oriel_file *scattered, *runs;
static unsigned char *buffer;
static int plain;
static volatile uint64_t sink;
static int rounds = ROUNDS;

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
  const char *title;
  enum figures_role role;
} ways[] = {
  { "scattered", by_scattered, "view, scattered", FIGURES_OURS },
  { "runs", by_runs, "view, runs", FIGURES_OURS },
  { "pins", by_pins, "pins and memcpy", FIGURES_OURS },
  { "oriel_read", by_read, "oriel_read", FIGURES_OURS },
  { "pread", by_pread, "pread", FIGURES_PEER },
  { "read", by_nothing, "the reading alone", FIGURES_FLOOR },
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
  char name[40];

  for (int round = 0; round < rounds; round++)
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
  snprintf (name, sizeof name, "%llu pages", (unsigned long long) n);
  figures_case (name, "ns", FIGURES_LESS);
  for (size_t w = 0; w < WAYS; w++)
    {
      figures_series (ways[w].title, ways[w].role, took[w], rounds);
      qsort (took[w], (size_t) rounds, sizeof *took[w], ascending);
      printf (" %10.0f", took[w][rounds / 2]);
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

static void
parse (int argc, char **argv)
{
  static const struct option options[] = {
    { "json", required_argument, NULL, 'j' },
    { "rounds", required_argument, NULL, 'r' },
    { NULL, 0, NULL, 0 },
  };
  const char *json = NULL;
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    if (c == 'j')
      json = optarg;
    else if (c == 'r')
      rounds = atoi (optarg);
    else
      rounds = 0;
  if (optind < argc || rounds < 1 || rounds > ROUNDS)
    {
      fprintf (stderr, "usage: bench-view [--rounds N] [--json FILE]\n");
      exit (2);
    }
  c = figures_open (json, "view", "A run of pages as one range of memory");
  if (c < 0)
    {
      fprintf (stderr, "bench-view: %s: %s\n", json, strerror (-c));
      exit (1);
    }
  figures_command (argc, argv);
  figures_setup ("memory", "a pool of 96 MiB; pread has the page cache");
  figures_setup ("data", "%d pages of %d bytes, all in the pool", PAGES, PAGE);
  figures_setup ("durability", "nothing is written");
  figures_setup ("warm-up", "all pages are in memory before the first round");
}

int
main (int argc, char **argv)
{
  static const uint64_t sizes[] = { 1, 2, 4, 8, 16, 64, MOST };
  char a[] = "/var/tmp/bench-view-XXXXXX", b[] = "/var/tmp/bench-view-XXXXXX";
  oriel_options opt;

  parse (argc, argv);
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
  if (figures_close () < 0)
    {
      perror ("bench-view: the file of --json");
      return 1;
    }
  return 0;
}
