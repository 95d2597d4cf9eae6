/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-checkpoint.c - what a checkpoint costs those who pin meanwhile
 *
 * Threads pin pages of a file that the pool holds whole, at random, nine of ten
 * for reading and one for writing; each pin is timed, from its call to its return.
 * In each round half of the pool is made dirty, and the threads run for a while;
 * then it is made so again, and they run while a checkpoint does.  The pages are
 * in $TMPDIR or /var/tmp, on a disk.
 *
 * The target: the 99th percentile of the pins' times with the checkpoint is at
 * most twice that without; medians of the rounds.  Exit status 3: it was missed.
 */
#include <fcntl.h>
#include <oriel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "figures.h"

#define THREADS 2
#define TARGET 2.0

/* Times in ns, in buckets of 1/16 of a power of two. */
#define SUB 16
#define BUCKETS (64 * SUB)

struct worker {
  pthread_t thread;
  uint64_t seed;
  uint64_t count[BUCKETS];
};

struct round {
  double p50, p99, p999, pins, seconds;
};

static oriel_pool *pool;
static oriel_file *file;
static uint64_t pages;
static char path[4096];
static _Atomic bool stop;

static uint64_t
now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

static unsigned
bucket_of (uint64_t ns)
{
  unsigned log = ns < SUB ? 4 : 63 - (unsigned) __builtin_clzll (ns);

  return ns < SUB ? (unsigned) ns
                  : (log - 3) * SUB + (unsigned) (ns >> (log - 4) & (SUB - 1));
}

/* The middle of the bucket. */
static double
ns_of (unsigned bucket)
{
  unsigned log = bucket / SUB + 3;

  if (bucket < SUB)
    return bucket;
  return (double) ((UINT64_C (1) << log)
                   + ((uint64_t) (bucket % SUB) << (log - 4)))
         + (double) (UINT64_C (1) << (log - 4)) / 2;
}

static void *
pin_at_random (void *arg)
{
  struct worker *w = arg;

  while (!atomic_load_explicit (&stop, memory_order_relaxed)) {
    uint64_t dice = next_random (&w->seed);
    bool write = (dice >> 40) % 10 == 0;
    uint64_t from = now_ns ();
    oriel_page page;

    check (oriel_pin (file, dice % pages, write ? ORIEL_WRITE : ORIEL_READ,
                      &page));
    w->count[bucket_of (now_ns () - from)]++;
    if (write) {
      memcpy (page.data, &dice, sizeof dice);
      check (oriel_dirty (&page, 0));
    }
    check (oriel_unpin (&page));
  }
  return NULL;
}

/* Every other page. */
static void
make_half_dirty (void)
{
  check (oriel_sync (file));
  for (uint64_t i = 0; i < pages; i += 2) {
    oriel_page page;

    check (oriel_pin (file, i, ORIEL_WRITE, &page));
    ((char *) page.data)[100]++;
    check (oriel_dirty (&page, 0));
    check (oriel_unpin (&page));
  }
}

static double
percentile (const uint64_t *count, uint64_t all, double part)
{
  double want = (double) all * part;
  uint64_t seen = 0;

  for (unsigned i = 0; i < BUCKETS; i++)
    if ((double) (seen += count[i]) >= want)
      return ns_of (i);
  return ns_of (BUCKETS - 1);
}

static struct round
run_round (bool checkpoint, double seconds, uint64_t seed)
{
  static struct worker workers[THREADS];
  static uint64_t sum[BUCKETS];
  struct round r = { 0 };
  uint64_t from, all = 0;

  make_half_dirty ();
  memset (workers, 0, sizeof workers);
  memset (sum, 0, sizeof sum);
  atomic_store (&stop, false);
  from = now_ns ();
  for (int i = 0; i < THREADS; i++) {
    workers[i].seed = seed * THREADS + (uint64_t) i;
    need (pthread_create (&workers[i].thread, NULL, pin_at_random, &workers[i])
              == 0,
          "a thread");
  }
  if (checkpoint)
    check (oriel_checkpoint (pool, file, NULL));
  else
    usleep ((useconds_t) (seconds * 1e6));
  r.seconds = (double) (now_ns () - from) / 1e9;
  atomic_store (&stop, true);
  for (int i = 0; i < THREADS; i++) {
    pthread_join (workers[i].thread, NULL);
    for (int k = 0; k < BUCKETS; k++) {
      sum[k] += workers[i].count[k];
      all += workers[i].count[k];
    }
  }
  r.p50 = percentile (sum, all, 0.5);
  r.p99 = percentile (sum, all, 0.99);
  r.p999 = percentile (sum, all, 0.999);
  r.pins = (double) all / r.seconds;
  return r;
}

static void
set_up (uint64_t bytes)
{
  const char *parent = getenv ("TMPDIR");
  oriel_options opt;
  int fd;

  snprintf (path, sizeof path, "%s/oriel-checkpoint-XXXXXX",
            parent && *parent ? parent : "/var/tmp");
  fd = mkstemp (path);
  need (fd >= 0 && ftruncate (fd, (off_t) bytes) == 0, "a file");
  close (fd);
  oriel_options_init (&opt);
  opt.directory = pool_directory ();
  opt.pool_size = bytes + bytes / 8;
  check (oriel_pool_open (pool_name ("checkpoint"), &opt, &pool));
  check (oriel_file_open (pool, path, 0, &file));
  pages = bytes / PAGE;
  for (uint64_t i = 0; i < pages; i++) {
    oriel_page page;

    check (oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &page));
    check (oriel_unpin (&page));
  }
}

static void
tear_down (void)
{
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (pool_name ("checkpoint"), pool_directory (), 0));
  unlink (path);
}

static void
print (const char *what, const struct round *r)
{
  printf ("  %-11s %7.0f %7.0f %8.0f %10.2f %9.2f\n", what, r->p50, r->p99,
          r->p999, r->pins / 1e6, r->seconds);
}

/* Of each round, alone and with a checkpoint. */
static struct round kept[2][ROUNDS];

static void
keep (const char *name, const char *unit, enum figures_better better,
      size_t offset, int n)
{
  static const char *const who[] = { "alone", "with a checkpoint" };
  double value[ROUNDS];

  figures_case (name, unit, better);
  for (int k = 1; k >= 0; k--) {
    for (int i = 0; i < n; i++)
      value[i] = *(const double *) ((const char *) &kept[k][i] + offset);
    figures_series (who[k], k ? FIGURES_OURS : FIGURES_FLOOR, value, n);
  }
}

static int
write_figures (const char *json, int n)
{
  keep ("p50", "ns", FIGURES_LESS, offsetof (struct round, p50), n);
  keep ("p99", "ns", FIGURES_LESS, offsetof (struct round, p99), n);
  keep ("p99.9", "ns", FIGURES_LESS, offsetof (struct round, p999), n);
  keep ("pins", "1/s", FIGURES_MORE, offsetof (struct round, pins), n);
  if (figures_close () == 0)
    return 0;
  fprintf (stderr, "bench-checkpoint: %s cannot be written\n", json);
  return 1;
}

static void
begin_figures (const struct run *run, int argc, char **argv)
{
  need (figures_open (run->json, "checkpoint", "Pins while a checkpoint writes")
            == 0,
        run->json);
  figures_command (argc, argv);
  figures_setup ("memory", "a pool that holds all of the file");
  figures_setup ("data", "%llu pages of %u bytes, half of them dirty",
                 (unsigned long long) pages, PAGE);
  figures_setup ("durability", "the checkpoint writes and syncs the file");
  figures_setup ("warm-up", "all pages are in the pool");
}

int
main (int argc, char **argv)
{
  struct measured without = { .n = 0 }, with = { .n = 0 };
  struct measured ratio = { .n = 0 };
  struct run run = RUN_DEFAULT;
  const char *json;
  double seconds;

  bench_options (argc, argv,
                 "usage: bench-checkpoint [--rounds N] [--json FILE] "
                 "[--quick]\n",
                 &run);
  json = run.json;
  run.json = NULL;              /* not Google Benchmark's: nothing runs by it */
  bench_begin (&run);
  seconds = run.quick ? 0.1 : 0.5;
  set_up (run.quick ? 16 * MiB : 128 * MiB);
  printf ("%d threads, %llu pages in the pool, half of them dirty\n"
          "  ns a pin:       p50     p99    p99.9     pins, M/s  seconds\n",
          THREADS, (unsigned long long) pages);
  run.json = json;
  begin_figures (&run, argc, argv);
  for (int i = 0; i < run.rounds; i++) {
    struct round a, b;

    a = run_round (false, seconds, (uint64_t) i + 1);
    b = run_round (true, seconds, (uint64_t) i + 1);
    print ("alone", &a);
    print ("checkpoint", &b);
    kept[0][i] = a;
    kept[1][i] = b;
    without.ns[without.n++] = a.p99;
    with.ns[with.n++] = b.p99;
    ratio.ns[ratio.n++] = b.p99 / a.p99;
  }
  target (&run, median (&ratio) <= TARGET,
          "p99 of a pin: %.0f ns alone, %.0f while a checkpoint runs: %.2f times "
          "(medians; at most %.0f)",
          median (&without), median (&with), median (&ratio), TARGET);
  figures_target (median (&ratio) <= TARGET,
                  "p99 of a pin %.2f times as long while a checkpoint writes "
                  "(at most %.0f)",
                  median (&ratio), TARGET);
  tear_down ();
  bench_end ();
  return write_figures (json, run.rounds) ? 1 : run.missed ? 3 : 0;
}
