/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-pin.c - what pin and unpin of a resident page cost
 *
 * One thread, 16 hot pages, a linear window.  Each kind of access reads one
 * word of the page.  What a pin adds to finding the page, without which no
 * cache can do, is the difference to "lookup and read", which asks the page
 * table and protects nothing; for that row alone this looks inside the core.  Kinds take turns, round by round, so that whatever else the machine
 * does hits all of them; of the rounds the median counts.
 */
#include <oriel.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "table.h"

#define HOT 16
#define ROUNDS 51               /* odd, for the median */
#define TURNS 20000             /* of all hot pages: some ms a round */

static oriel_file *file;
static oriel_page hot[HOT];     /* stay pinned for the bare reads */
static volatile uint64_t sink;

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "bench-pin: %s\n", oriel_error ());
    exit (1);
  }
}

static double
now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static void
read_bare (unsigned flags)
{
  (void) flags;
  for (int i = 0; i < HOT; i++)
    sink += *(volatile uint64_t *) hot[i].data;
}

/* As a pin finds the page, and no more. */
static void
read_found (unsigned flags)
{
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_window *window = file->pool->window;

  (void) flags;
  for (uint64_t i = 0; i < HOT; i++) {
    uint64_t key = orl_file_key (file->index, file->rec->epoch);
    uint64_t state;
    uint32_t frame = orl_table_find (shm, key, i, &state);

    sink += *(volatile uint64_t *) (window->base
                                       + ((uint64_t) frame << window->page_shift));
  }
}

static void
read_pinned (unsigned flags)
{
  for (uint64_t i = 0; i < HOT; i++) {
    oriel_page page;

    check (oriel_pin (file, i, flags, &page));
    sink += *(volatile uint64_t *) page.data;
    oriel_unpin (&page);
  }
}

static void
read_validated (unsigned flags)
{
  for (uint64_t i = 0; i < HOT; i++) {
    oriel_page page;
    uint64_t version, value;

    check (oriel_pin (file, i, flags, &page));
    do {
      version = oriel_read_begin (&page);
      value = *(volatile uint64_t *) page.data;
    } while (!oriel_read_validate (&page, version));
    sink += value;
    oriel_unpin (&page);
  }
}

static void
read_copied (unsigned flags)
{
  (void) flags;
  for (uint64_t i = 0; i < HOT; i++) {
    uint64_t value;

    check (oriel_read (file, i * 4096, &value, sizeof value, NULL));
    sink += value;
  }
}

static const struct {
  const char *name;
  void (*run) (unsigned);
  unsigned flags;
} kinds[] = {
  { "bare read", read_bare, 0 },
  { "lookup and read", read_found, 0 },
  { "pin, optimistic", read_pinned, ORIEL_OPTIMISTIC },
  { "pin, optimistic, validated", read_validated, ORIEL_OPTIMISTIC },
  { "pin, shared latch", read_pinned, ORIEL_READ },
  { "pin, exclusive latch", read_pinned, ORIEL_WRITE },
  { "copying read of 8 bytes", read_copied, 0 },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static double ns[KINDS][ROUNDS];

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
measure (void)
{
  for (int round = -1; round < ROUNDS; round++)
    for (size_t k = 0; k < KINDS; k++) {
      double start = now_ns ();

      for (int turn = 0; turn < TURNS; turn++)
        kinds[k].run (kinds[k].flags);
      if (round >= 0)           /* the first one warms up */
        ns[k][round] = (now_ns () - start) / TURNS / HOT;
    }
}

static void
report (void)
{
  double found = 0;

  for (size_t k = 0; k < KINDS; k++)
    if (kinds[k].run == read_found) {
      qsort (ns[k], ROUNDS, sizeof ns[k][0], compare);
      found = ns[k][ROUNDS / 2];
    }
  printf ("%-28s %9s %9s %12s\n", "ns for a page", "median", "fastest",
          "over lookup");
  for (size_t k = 0; k < KINDS; k++) {
    qsort (ns[k], ROUNDS, sizeof ns[k][0], compare);
    printf ("%-28s %9.2f %9.2f %12.2f\n", kinds[k].name, ns[k][ROUNDS / 2],
            ns[k][0], ns[k][ROUNDS / 2] - found);
  }
}

int
main (void)
{
  char name[40], path[] = "/tmp/bench-pin-XXXXXX";
  oriel_options opt;
  oriel_pool *pool;
  int fd = mkstemp (path);

  if (fd < 0) {
    perror ("bench-pin: /tmp");
    return 1;
  }
  snprintf (name, sizeof name, "bench-pin-%d", (int) getpid ());
  oriel_options_init (&opt);
  opt.pool_size = 4 << 20;
  opt.backend = ORIEL_BACKEND_LINEAR;
  check (oriel_pool_open (name, &opt, &pool));
  check (oriel_file_open (pool, path, 0, &file));
  for (uint64_t i = 0; i < HOT; i++) {
    check (oriel_pin (file, i, ORIEL_WRITE, &hot[i]));
    *(uint64_t *) hot[i].data = i;
    check (oriel_dirty (&hot[i], 0));
    check (oriel_unpin (&hot[i]));
    check (oriel_pin (file, i, ORIEL_OPTIMISTIC, &hot[i]));
  }
  measure ();
  report ();
  for (int i = 0; i < HOT; i++)
    check (oriel_unpin (&hot[i]));
  check (oriel_file_abandon (file));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (name, NULL, 0));
  unlink (path);
  close (fd);
  return 0;
}
