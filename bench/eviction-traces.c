/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eviction-traces.c - sequences of pages, made up and recorded
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eviction.h"

/* The format of oriel_pool_trace(3). */
#define MAGIC "ORLTRC1\n"
#define ORDER 0x01020304u
#define ROOM 4096

struct block {
  char magic[8];
  uint32_t order;
  uint32_t records;
  uint32_t pid, owner, page_size, zero;
};

struct record {
  uint64_t ns;
  uint64_t page;                /* and, above, the file */
};

#define ZIPF_PAGES 100000u
#define LOOP_PAGES 20000u
#define SCAN_HOT 50000u         /* under zipf(0.8), half of all accesses */
#define SCAN_PAGES 200000u      /* in order, over and over */

uint64_t
eviction_random (uint64_t *state)
{
  uint64_t z = *state += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C (0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* How much of the probability the first ranks have. */
static double *
cumulated (uint32_t n, double skew)
{
  double *sum = eviction_alloc (n, sizeof *sum), total = 0;

  for (uint32_t r = 0; r < n; r++)
    sum[r] = total += pow (r + 1, -skew);
  return sum;
}

static uint32_t
draw (const double *sum, uint32_t n, uint64_t *state)
{
  double u = (double) (eviction_random (state) >> 11) / 9007199254740992.0
             * sum[n - 1];
  uint32_t from = 0, to = n - 1;

  while (from < to) {
    uint32_t middle = (from + to) / 2;

    if (sum[middle] < u)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static void
make (struct trace *trace, uint32_t pages, size_t accesses)
{
  trace->pages = trace->space = pages;
  trace->n = accesses;
  trace->page = eviction_alloc (accesses, sizeof *trace->page);
}

void
trace_zipf (struct trace *trace, double skew, size_t accesses)
{
  double *sum = cumulated (ZIPF_PAGES, skew);
  uint64_t state = 1;

  snprintf (trace->name, sizeof trace->name, "zipf(%g)", skew);
  make (trace, ZIPF_PAGES, accesses);
  for (size_t i = 0; i < accesses; i++)
    trace->page[i] = draw (sum, ZIPF_PAGES, &state);
  free (sum);
}

void
trace_loop (struct trace *trace, size_t accesses)
{
  snprintf (trace->name, sizeof trace->name, "loop");
  make (trace, LOOP_PAGES, accesses);
  for (size_t i = 0; i < accesses; i++)
    trace->page[i] = (uint32_t) (i % LOOP_PAGES);
}

void
trace_scan (struct trace *trace, size_t accesses)
{
  double *sum = cumulated (SCAN_HOT, 0.8);
  uint64_t state = 1;
  uint32_t at = 0;

  snprintf (trace->name, sizeof trace->name, "scan+zipf(0.8)");
  make (trace, SCAN_HOT + SCAN_PAGES, accesses);
  trace->space = SCAN_HOT;
  trace->scan = true;
  for (size_t i = 0; i < accesses; i++)
    if (eviction_random (&state) % 2)
      trace->page[i] = draw (sum, SCAN_HOT, &state);
    else
      trace->page[i] = SCAN_HOT + at++ % SCAN_PAGES;
  free (sum);
}

static int
by_time (const void *a, const void *b)
{
  const struct record *x = a, *y = b;

  return (x->ns > y->ns) - (x->ns < y->ns);
}

static int
by_page (const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return (x > y) - (x < y);
}

static void
damaged (const char *path)
{
  fprintf (stderr, "bench-eviction: %s: not a trace, or cut short\n", path);
  exit (1);
}

static struct record *
read_records (const char *path, size_t *n)
{
  FILE *f = fopen (path, "r");
  struct record *all = NULL;
  struct block block;

  if (!f) {
    perror (path);
    exit (1);
  }
  for (*n = 0; fread (&block, sizeof block, 1, f) == 1; *n += block.records) {
    if (memcmp (block.magic, MAGIC, sizeof block.magic) != 0
        || block.order != ORDER || block.records > ROOM)
      damaged (path);
    all = realloc (all, (*n + block.records) * sizeof *all);
    if (!all || fread (all + *n, sizeof *all, block.records, f)
                    != block.records)
      damaged (path);
  }
  fclose (f);
  if (*n == 0)
    damaged (path);
  return all;
}

void
trace_recorded (struct trace *trace, const char *path, size_t accesses)
{
  const char *base = strrchr (path, '/') ? strrchr (path, '/') + 1 : path;
  size_t n, pages = 0;
  struct record *all = read_records (path, &n);
  uint64_t *known = eviction_alloc (n, sizeof *known);

  qsort (all, n, sizeof *all, by_time);
  if (n > accesses)
    n = accesses;
  for (size_t i = 0; i < n; i++)
    known[i] = all[i].page;
  qsort (known, n, sizeof *known, by_page);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || known[i] != known[pages - 1])
      known[pages++] = known[i];
  snprintf (trace->name, sizeof trace->name, "%.*s",
            (int) strcspn (base, "."), base);
  make (trace, (uint32_t) pages, n);
  for (size_t i = 0; i < n; i++)
    trace->page[i]
        = (uint32_t) ((uint64_t *) bsearch (&all[i].page, known, pages,
                                            sizeof *known, by_page)
                      - known);
  free (known);
  free (all);
}
