/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-restart.c - what kill -9 of all its processes costs a pool
 *
 * Workers read pages of a file that is twice the pool, at random, the first
 * ones more often than the last, until the pool is full and its hit ratio has
 * settled.  Then all processes of the pool are killed at once.  A new one
 * attaches, which is timed, then new workers; their hit ratio in the first
 * second is held against the last one before the kill, and against the first of
 * all, when the pool was cold.
 *
 * A watcher, one of those killed, reads the pool's counters; the parent never
 * attaches.  The file is a hole in $TMPDIR or /var/tmp, so that it takes neither
 * disk nor time.  With rounds, the medians count.  Exit status 3: a target was
 * missed.
 */
#include <fcntl.h>
#include <getopt.h>
#include <oriel.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"

#define MiB (UINT64_C (1) << 20)
#define WORKERS 2
#define SETTLE_SECONDS 3

#define TARGET_MS 50
#define TARGET_RATIO 0.99
#define ROUNDS 9                /* at most */

/* What the watcher says; go starts the workers. */
struct shared {
  _Atomic int go;
  _Atomic int done;
  double attach_ms;             /* the pool */
  double open_ms;               /* the file */
  double first;                 /* hit ratio of the first second */
  double settled;               /* of the last */
};

static struct shared *shared;
static char path[4096], name[40];
static uint64_t pool_bytes;

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "bench-restart: %s\n", oriel_error ());
    exit (1);
  }
}

static double
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

static oriel_pool *
attach (unsigned flags, uint64_t window)
{
  oriel_options opt;
  oriel_pool *pool;

  oriel_options_init (&opt);
  opt.flags = flags;
  opt.pool_size = pool_bytes;
  opt.window_size = window;
  check (oriel_pool_open (name, &opt, &pool));
  return pool;
}

static oriel_stats
stats_of (oriel_pool *pool)
{
  oriel_stats stats = { .struct_size = sizeof stats };

  check (oriel_pool_stats (pool, &stats));
  return stats;
}

static double
ratio_of_a_second (oriel_pool *pool)
{
  oriel_stats from = stats_of (pool), to;
  double hits, misses;

  usleep (1000000);
  to = stats_of (pool);
  hits = (double) (to.hits - from.hits);
  misses = (double) (to.misses - from.misses);
  return hits + misses > 0 ? hits / (hits + misses) : 0;
}

/* ------------------------------------------------------------------ */
/* Children                                                           */

static uint64_t
next_random (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

/* The cube of a uniform number: of the reads, 79% go to half of the pages. */
static uint64_t
choose (uint64_t *state, uint64_t pages)
{
  double u = (double) next_random (state) / (double) (UINT64_C (1) << 31);

  return (uint64_t) (u * u * u * (double) pages);
}

static void
work (int seed)
{
  uint64_t state = (uint64_t) seed, pages = 2 * pool_bytes / 4096;
  volatile unsigned char sink;
  oriel_file *file;
  oriel_page page;
  oriel_pool *pool;

  while (!shared->go)
    usleep (100);
  pool = attach (0, 0);
  check (oriel_file_open (pool, path, ORIEL_RDONLY, &file));
  for (;;) {
    check (oriel_pin (file, choose (&state, pages), ORIEL_READ, &page));
    sink = *(unsigned char *) page.data;
    (void) sink;
    check (oriel_unpin (&page));
  }
}

static void
watch (int warm)
{
  double start = now_ms ();
  oriel_pool *pool = attach (warm ? ORIEL_ATTACH : 0, warm ? 0 : 64 << 10);
  oriel_file *file;

  shared->attach_ms = now_ms () - start;
  start = now_ms ();
  check (oriel_file_open (pool, path, ORIEL_RDONLY, &file));
  shared->open_ms = now_ms () - start;
  shared->go = 1;
  shared->first = ratio_of_a_second (pool);
  if (!warm) {
    while (stats_of (pool).frames_free > pool_bytes / 4096 / 100)
      usleep (10000);
    usleep (SETTLE_SECONDS * 1000000);
    shared->settled = ratio_of_a_second (pool);
  }
  shared->done = 1;
  for (;;)
    pause ();
}

static pid_t
start (void (*run) (int), int arg)
{
  pid_t pid = fork ();

  if (pid < 0) {
    perror ("bench-restart: fork");
    exit (1);
  }
  if (pid > 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  run (arg);
  _exit (0);
}

/* A watcher and its workers, until the watcher is done; then kill them all. */
static int
live_and_die (int warm)
{
  pid_t pid[WORKERS + 1];
  int i, failed = 0;

  shared->go = shared->done = 0;
  for (i = 0; i < WORKERS; i++)
    pid[i] = start (work, 10 * warm + i + 1);
  pid[WORKERS] = start (watch, warm);
  while (!shared->done && !failed) {
    usleep (10000);
    for (i = 0; i <= WORKERS && !failed; i++)
      if (waitpid (pid[i], NULL, WNOHANG) != 0) {
        pid[i] = 0; /* it has said why */
        failed = 1;
      }
  }
  for (i = 0; i <= WORKERS; i++)
    if (pid[i] > 0)
      kill (pid[i], SIGKILL);
  for (i = 0; i <= WORKERS; i++)
    if (pid[i] > 0)
      waitpid (pid[i], NULL, 0);
  return failed;
}

/* ------------------------------------------------------------------ */

/* Is there room for the pool, with its tables? */
static int
has_room (uint64_t bytes)
{
  const char *directory = getenv ("ORIEL_DIR");
  struct statvfs fs;

  if (!directory || !*directory)
    directory = "/dev/shm";
  if (statvfs (directory, &fs) < 0)
    return 0;
  return (uint64_t) fs.f_bavail * fs.f_frsize >= bytes + bytes / 5;
}

static int rounds = 1;

/* Of all rounds of one size. */
struct row {
  double ms[ROUNDS];            /* to attach and to open the file */
  double cold[ROUNDS], settled[ROUNDS], after[ROUNDS], kept[ROUNDS]; /* % */
};

static int
ascending (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (const double *value)
{
  double sorted[ROUNDS];

  memcpy (sorted, value, sizeof sorted);
  qsort (sorted, (size_t) rounds, sizeof *sorted, ascending);
  return (sorted[rounds / 2] + sorted[(rounds - 1) / 2]) / 2;
}

/* 0, or -1 if it failed. */
static int
measure_once (struct row *row, int round)
{
  int failed;

  failed = live_and_die (0);
  row->cold[round] = 100 * shared->first;
  row->settled[round] = 100 * shared->settled;
  if (!failed)
    failed = live_and_die (1);
  oriel_pool_destroy (name, NULL, 1);
  if (failed)
    return -1;
  row->after[round] = 100 * shared->first;
  row->kept[round] = 100 * row->after[round] / row->settled[round];
  row->ms[round] = shared->attach_ms + shared->open_ms;
  printf ("%5llu MiB %10.2f %10.2f %11.2f%% %10.2f%% %10.2f%% %10.2f%%\n",
          (unsigned long long) (pool_bytes / MiB), shared->attach_ms,
          shared->open_ms, row->cold[round], row->settled[round],
          row->after[round], row->kept[round]);
  fflush (stdout);
  return 0;
}

static void
write_row (const struct row *row, uint64_t mib)
{
  char text[60];

  snprintf (text, sizeof text, "attach/%llu MiB", (unsigned long long) mib);
  figures_case (text, "ms", FIGURES_LESS);
  figures_series ("after kill -9", FIGURES_OURS, row->ms, rounds);
  snprintf (text, sizeof text, "hits/%llu MiB", (unsigned long long) mib);
  figures_case (text, "%", FIGURES_MORE);
  figures_series ("first second after kill -9", FIGURES_OURS, row->after,
                  rounds);
  figures_series ("before it", FIGURES_FLOOR, row->settled, rounds);
  figures_series ("first second, cold", FIGURES_FLOOR, row->cold, rounds);
  figures_target (median (row->ms) < TARGET_MS,
                  "%llu MiB: attached in %.1f ms (less than %d)",
                  (unsigned long long) mib, median (row->ms), TARGET_MS);
  figures_target (median (row->kept) >= 100 * TARGET_RATIO,
                  "%llu MiB: %.1f%% of the hit ratio kept (at least %.0f)",
                  (unsigned long long) mib, median (row->kept),
                  100 * TARGET_RATIO);
}

/* All rounds of a size: 0 if it meets the targets, 3 if not, -1 if it failed. */
static int
measure (uint64_t mib)
{
  static struct row row;

  pool_bytes = mib * MiB;
  if (!has_room (pool_bytes)) {
    printf ("%5llu MiB  skipped: too little room for the pool\n",
            (unsigned long long) mib);
    figures_left_out ("%llu MiB: too little room for the pool",
                      (unsigned long long) mib);
    return 0;
  }
  if (truncate (path, 2 * (off_t) pool_bytes) < 0) {
    perror ("bench-restart: the file");
    return -1;
  }
  for (int i = 0; i < rounds; i++)
    if (measure_once (&row, i) < 0)
      return -1;
  write_row (&row, mib);
  return median (row.ms) < TARGET_MS
                 && median (row.kept) >= 100 * TARGET_RATIO
             ? 0
             : 3;
}

static void
usage (void)
{
  fputs ("usage: bench-restart [--rounds N] [--json FILE] [MIB]...\n", stderr);
  exit (2);
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
      usage ();
  if (rounds < 1 || rounds > ROUNDS)
    usage ();
  for (int i = optind; i < argc; i++)
    if (strtoull (argv[i], NULL, 10) == 0)
      usage ();
  c = figures_open (json, "restart", "A pool whose processes were all killed");
  if (c < 0) {
    fprintf (stderr, "bench-restart: %s: %s\n", json, strerror (-c));
    exit (1);
  }
  figures_command (argc, argv);
  figures_setup ("memory", "the pool, half of the file");
  figures_setup ("data", "a file of holes, read by %d processes, the first "
                 "pages more often", WORKERS);
  figures_setup ("durability", "nothing is written");
  figures_setup ("warm-up", "until the pool is full, and %d s", SETTLE_SECONDS);
}

static void
print_head (void)
{
  printf ("%9s %10s %10s %12s %11s %11s %11s\n", "", "attach", "open file",
          "hits, cold", "before", "after", "after /");
  printf ("%9s %10s %10s %12s %11s %11s %11s\n", "pool", "ms", "ms",
          "1st second", "kill -9", "1st second", "before");
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  static const uint64_t sizes[] = { 64, 256, 1024 };
  int nsizes = (int) (sizeof sizes / sizeof *sizes);
  const char *tmp = getenv ("TMPDIR");
  bool missed = false;
  int fd, r = 0;

  parse (argc, argv);
  snprintf (path, sizeof path, "%.4000s/bench-restart-XXXXXX",
            tmp && *tmp ? tmp : "/var/tmp");
  fd = mkstemp (path);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (fd < 0 || shared == MAP_FAILED) {
    perror ("bench-restart");
    return 1;
  }
  close (fd);
  snprintf (name, sizeof name, "bench-restart-%d", (int) getpid ());
  print_head ();
  for (int i = 0; r >= 0 && i < (optind < argc ? argc - optind : nsizes); i++) {
    r = measure (optind < argc ? strtoull (argv[optind + i], NULL, 10)
                               : sizes[i]);
    missed |= r > 0;
  }
  if (r >= 0)
    printf ("targets: less than %d ms together, at least %.0f%%: %s\n",
            TARGET_MS, 100 * TARGET_RATIO, missed ? "MISSED" : "met");
  unlink (path);
  if (r >= 0 && figures_close () < 0) {
    perror ("bench-restart: the file of --json");
    r = -1;
  }
  return r < 0 ? 1 : missed ? 3 : 0;
}
