/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a hit writes no cache line that others use: two threads that pin
 * and unpin one page, all the time, are as fast as two with a page each.
 *
 * Rounds of the two kinds take turns, so that what else the machine does hits
 * both; the medians of the threads' CPU time are compared, generously, and
 * three times if need be: chance slows one of the kinds down once, a shared
 * cache line always.  The control says whether this machine would show one;
 * siblings of one core do not.  hits-write-only-the-ledger shows it everywhere.
 */
#include "util.h"

#include <sched.h>

#define ROUNDS 25
#define PINS 200000             /* some milliseconds of them */
#define LIMIT 1.5
#define ATTEMPTS 3

static oriel_file *file;
static unsigned flags;
static uint64_t page_of[2];
static int with_counter;        /* the control: write a line on top of it */
static struct {
  _Alignas (128) _Atomic uint64_t n;
} counters[2];
static cpu_set_t cpu_of[2];     /* one CPU each */
static pthread_barrier_t barrier;
static double seconds_of[2];
static _Atomic int ending;

/* This thread's, so that waiting for a CPU does not count. */
static double
cpu_seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}

static void *
pins (void *arg)
{
  int me = *(int *) arg;

  pthread_setaffinity_np (pthread_self (), sizeof cpu_of[me], &cpu_of[me]);
  /* Threads stay, for making one costs more than a round. */
  for (;;) {
    oriel_page page;
    double start;

    pthread_barrier_wait (&barrier);
    if (atomic_load (&ending))
      return NULL;
    start = cpu_seconds ();
    for (int i = 0; i < PINS; i++) {
      page = must_pin (file, page_of[me], flags);
      if (with_counter)
        atomic_fetch_add (&counters[page_of[me] == page_of[0] ? 0 : 1].n, 1);
      must (oriel_unpin (&page), "oriel_unpin");
    }
    seconds_of[me] = cpu_seconds () - start;
    pthread_barrier_wait (&barrier);
  }
}

/* Both threads at their pages; the slower one's ns of a pin and unpin. */
static double
one_round (uint64_t first, uint64_t second)
{
  page_of[0] = first;
  page_of[1] = second;
  pthread_barrier_wait (&barrier);
  pthread_barrier_wait (&barrier);
  return (seconds_of[0] > seconds_of[1] ? seconds_of[0] : seconds_of[1])
         / PINS * 1e9;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* How many times slower one page is than a page each. */
static double
slower (unsigned pin_flags, const char *what)
{
  double same[ROUNDS], different[ROUNDS];

  flags = pin_flags;
  one_round (1, 40);            /* warms up */
  for (int i = 0; i < ROUNDS; i++) {
    same[i] = one_round (1, 1);
    different[i] = one_round (1, 40);
  }
  qsort (same, ROUNDS, sizeof *same, compare);
  qsort (different, ROUNDS, sizeof *different, compare);
  diag ("%s: one page %.1f ns, a page each %.1f ns", what, same[ROUNDS / 2],
        different[ROUNDS / 2]);
  return same[ROUNDS / 2] / different[ROUNDS / 2];
}

static void
try (unsigned pin_flags, const char *what)
{
  double ratio = 99;

  for (int i = 0; i < ATTEMPTS && ratio >= LIMIT; i++)
    ratio = slower (pin_flags, what);
  ok (ratio < LIMIT, "%s: at most %.1f times slower", what, LIMIT);
}

/* The first and the last that we may use: the least likely to be siblings. */
static int
choose_cpus (void)
{
  int last = -1;
  cpu_set_t cpus;

  if (sched_getaffinity (0, sizeof cpus, &cpus) < 0 || CPU_COUNT (&cpus) < 2)
    return -1;
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &cpus)) {
      if (last < 0)
        CPU_SET (i, &cpu_of[0]);
      last = i;
    }
  CPU_SET (last, &cpu_of[1]);
  return 0;
}

int
main (void)
{
  static int numbers[2] = { 0, 1 };
  pthread_t threads[2];
  oriel_pool *pool;

  if (choose_cpus () < 0)
    skip_all ("it takes two CPUs");
  pool = test_pool ();
  make_stamped_file (scratch_file ("data"), 4096, 64, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  pthread_barrier_init (&barrier, NULL, 3);
  for (int i = 0; i < 2; i++)
    threads[i] = start_thread (pins, &numbers[i]);
  with_counter = 1;
  if (slower (ORIEL_OPTIMISTIC, "control, with a counter on top") < 1.2)
    diag ("a shared cache line costs next to nothing here");
  with_counter = 0;
  try (ORIEL_OPTIMISTIC, "without a latch");
  try (ORIEL_READ, "with a shared latch");
  atomic_store (&ending, 1);
  pthread_barrier_wait (&barrier);
  for (int i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
