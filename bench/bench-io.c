/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-io.c - how fast pages come from the disk, beside fio and cat
 *
 *   depth   one thread reads pages at random, of a file four times the pool, and
 *           has told oriel_prefetch_many() of so many that 32
 *           are being read: fio with io_uring at
 *           depth 32
 *   pins    8 threads just pin: fio with psync and 8 jobs
 *   scan    one thread pins each page of the file in order, all of it cold:
 *           cat of the file to /dev/null, through the page cache
 *
 * Each part's rounds alternate between us and the other program, in one run; the
 * medians count.  What is compared is reads of the device in a second, without
 * those that the pool has spared, and CPU time for each; for fio what it says
 * of itself, so without its start.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "oriel.h"

#define PAGE 4096
/* Pages told of that have not been pinned.  A quarter of them is in the pool, and
 * reads that have ended wait for their turn: of 44 some 16 were in the kernel, of
 * 80 some 32. */
#define DEPTH 80
#define BATCH 4                 /* pages told at once; fio tells one */
#define THREADS 8
#define MiB (1024.0 * 1024.0)
#define MAX_ROUNDS 99

/* What one round of one program did. */
struct result {
  double rate;                  /* reads a second; scan: MiB a second */
  double cpu;                   /* us of CPU time for each; scan: for a page */
};

struct part {
  const char *name;
  const char *unit;
  const char *peer_name;
  struct result (*ours) (void);
  struct result (*peer) (void);
  double want;                  /* of the peer's rate */
  double want_cpu;              /* times the peer's, at most; 0: any */
  struct result our[MAX_ROUNDS], other[MAX_ROUNDS];
};

static struct {
  const char *file;
  const char *json;
  const char *store;
  uint64_t file_bytes;
  unsigned rounds;
  double seconds;
  unsigned batch;
} arg = { NULL, NULL, "auto", 1ull << 30, 5, 2, BATCH };

static void __attribute__ ((noreturn, format (printf, 1, 2)))
die (const char *format, ...)
{
  va_list ap;

  fputs ("bench-io: ", stderr);
  va_start (ap, format);
  vfprintf (stderr, format, ap);
  va_end (ap);
  fputc ('\n', stderr);
  exit (1);
}

static void
check (int rc)
{
  if (rc < 0)
    die ("%s", oriel_error ());
}

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static double
seconds_of (struct timeval tv)
{
  return (double) tv.tv_sec + (double) tv.tv_usec / 1e6;
}

static double
cpu_of (int who)
{
  struct rusage u;

  getrusage (who, &u);
  return seconds_of (u.ru_utime) + seconds_of (u.ru_stime);
}

static uint64_t
next_random (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

/* ------------------------------------------------------------------ */
/* The file                                                           */

static void
make_file (void)
{
  static unsigned char block[1 << 20];
  struct stat st;
  uint64_t random = 1;
  int fd = open (arg.file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

  if (fd < 0 || fstat (fd, &st) < 0)
    die ("%s: %s", arg.file, strerror (errno));
  if ((uint64_t) st.st_size < arg.file_bytes)
    for (uint64_t at = 0; at < arg.file_bytes; at += sizeof block) {
      for (size_t i = 0; i < sizeof block; i += 4)
        *(uint32_t *) (void *) (block + i) = (uint32_t) next_random (&random);
      if (pwrite (fd, block, sizeof block, (off_t) at)
          != (ssize_t) sizeof block)
        die ("%s: %s", arg.file, strerror (errno));
    }
  fsync (fd);
  close (fd);
}

/* Out of the page cache. */
static void
forget_file (void)
{
  int fd = open (arg.file, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    die ("%s: %s", arg.file, strerror (errno));
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

/* ------------------------------------------------------------------ */
/* We                                                                 */

static oriel_pool *pool;
static oriel_file *file;
static uint64_t npages;
static double deadline;

static void
open_pool (void)
{
  char name[64];
  oriel_options opt;

  snprintf (name, sizeof name, "bench-io-%d", (int) getpid ());
  oriel_options_init (&opt);
  opt.pool_size = arg.file_bytes / 4;
  check (oriel_options_set (&opt, "store", arg.store));
  check (oriel_pool_open (name, &opt, &pool));
  check (oriel_pool_destroy (name, NULL, 1));
  check (oriel_file_open (pool, arg.file, ORIEL_RDONLY, &file));
  npages = arg.file_bytes / PAGE;
}

static void
close_pool (void)
{
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
}

static uint64_t
reads (void)
{
  oriel_stats s = { .struct_size = sizeof s };

  check (oriel_pool_stats (pool, &s));
  return s.reads;
}

static void
pin (uint64_t number)
{
  oriel_page page;

  check (oriel_pin (file, number, ORIEL_READ, &page));
  check (oriel_unpin (&page));
}

/* Random pages until the deadline, in one thread or many: run() is one. */
static struct result
random_reads (void *(*run) (void *), unsigned threads)
{
  pthread_t thread[THREADS];
  struct result r;
  uint64_t n;
  double from, cpu;

  open_pool ();
  /* Full first: what it costs to have pages given up belongs to it. */
  check (oriel_prefetch (file, 0, npages / 4));
  for (uint64_t i = 0; i < npages / 4; i++)
    pin (i);
  n = reads ();
  cpu = cpu_of (RUSAGE_SELF);
  from = now ();
  deadline = from + arg.seconds;
  for (unsigned t = 0; t < threads; t++)
    pthread_create (&thread[t], NULL, run, (void *) (uintptr_t) (t + 1));
  for (unsigned t = 0; t < threads; t++)
    pthread_join (thread[t], NULL);
  n = reads () - n;
  r.rate = (double) n / (now () - from);
  r.cpu = (cpu_of (RUSAGE_SELF) - cpu) / (double) n * 1e6;
  close_pool ();
  return r;
}

static void *
with_prefetch (void *seed)
{
  uint64_t random = (uint64_t) (uintptr_t) seed;
  uint64_t next[DEPTH];

  for (unsigned i = 0; i < DEPTH; i++)
    next[i] = next_random (&random) % npages;
  check (oriel_prefetch_many (file, next, DEPTH));
  for (unsigned i = 0; now () < deadline; i = (i + arg.batch) % DEPTH) {
    for (unsigned k = i; k < i + arg.batch; k++) {
      pin (next[k]);
      next[k] = next_random (&random) % npages;
    }
    check (oriel_prefetch_many (file, next + i, arg.batch));
  }
  return NULL;
}

static void *
without (void *seed)
{
  uint64_t random = (uint64_t) (uintptr_t) seed;

  while (now () < deadline)
    for (int i = 0; i < 16; i++)
      pin (next_random (&random) % npages);
  return NULL;
}

static struct result
our_depth (void)
{
  return random_reads (with_prefetch, 1);
}

static struct result
our_pins (void)
{
  return random_reads (without, THREADS);
}

static struct result
our_scan (void)
{
  struct result r;
  double from, cpu;

  forget_file ();
  open_pool ();
  cpu = cpu_of (RUSAGE_SELF);
  from = now ();
  for (uint64_t i = 0; i < npages; i++)
    pin (i);
  r.rate = (double) arg.file_bytes / MiB / (now () - from);
  r.cpu = (cpu_of (RUSAGE_SELF) - cpu) / (double) npages * 1e6;
  close_pool ();
  return r;
}

/* ------------------------------------------------------------------ */
/* The others                                                         */

static double
number_in (const json_t *job, const char *name)
{
  return json_number_value (json_object_get (job, name));
}

/* 1 or 0; -1: not known yet. */
static int has_fio = -1;

static struct result
fio (const char *how)
{
  char command[1024];
  struct result r = { NAN, NAN };
  json_t *all, *jobs, *job;
  double cpu = 0, n = 0;
  json_error_t error;
  size_t i;
  FILE *f;

  if (has_fio < 0)
    has_fio = system ("fio --version > /dev/null 2>&1") == 0;
  if (!has_fio)
    return r;
  r.rate = 0;
  snprintf (command, sizeof command,
            "fio --name=io --filename='%s' --rw=randread --bs=4k --direct=1 "
            "--norandommap --random_generator=tausworthe64 --thread "
            "--size=%llu --time_based --runtime=%.0fs %s "
            "--output-format=json 2>&1",
            arg.file, (unsigned long long) arg.file_bytes, arg.seconds, how);
  f = popen (command, "re");
  if (!f)
    die ("fio: %s", strerror (errno));
  all = json_loadf (f, 0, &error);
  if (pclose (f) != 0 || !all)
    die ("fio failed: %s", error.text);
  jobs = json_object_get (all, "jobs");
  json_array_foreach (jobs, i, job) {
    json_t *read = json_object_get (job, "read");

    r.rate += number_in (read, "iops");
    n += number_in (read, "total_ios");
    cpu += (number_in (job, "usr_cpu") + number_in (job, "sys_cpu")) / 100
           * number_in (job, "job_runtime") / 1000;
  }
  json_decref (all);
  r.cpu = cpu / n * 1e6;
  return r;
}

static struct result
fio_uring (void)
{
  return fio ("--ioengine=io_uring --iodepth=32");
}

static struct result
fio_psync (void)
{
  return fio ("--ioengine=psync --numjobs=8");
}

static struct result
cat (void)
{
  struct result r;
  double from, cpu;
  int status;
  pid_t pid;

  forget_file ();
  cpu = cpu_of (RUSAGE_CHILDREN);
  from = now ();
  pid = fork ();
  if (pid == 0) {
    int fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2 (fd, STDOUT_FILENO);
    execlp ("cat", "cat", arg.file, (char *) NULL);
    _exit (127);
  }
  if (pid < 0 || waitpid (pid, &status, 0) < 0 || status != 0)
    die ("cat failed");
  r.rate = (double) arg.file_bytes / MiB / (now () - from);
  r.cpu = (cpu_of (RUSAGE_CHILDREN) - cpu) / (double) arg.file_bytes * PAGE
          * 1e6;
  return r;
}

static struct part parts[] = {
  { .name = "depth", .unit = "reads/s", .peer_name = "fio io_uring, depth 32",
    .ours = our_depth, .peer = fio_uring, .want = 0.9, .want_cpu = 1.5 },
  { .name = "pins", .unit = "reads/s", .peer_name = "fio psync, 8 jobs",
    .ours = our_pins, .peer = fio_psync, .want = 0.9, .want_cpu = 1.5 },
  { .name = "scan", .unit = "MiB/s", .peer_name = "cat", .ours = our_scan,
    .peer = cat, .want = 0.95 },
};

#define PARTS (sizeof parts / sizeof *parts)

/* ------------------------------------------------------------------ */
/* The report                                                         */

static int
ascending (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (const struct result *r, bool cpu)
{
  double v[MAX_ROUNDS];

  for (unsigned i = 0; i < arg.rounds; i++)
    v[i] = cpu ? r[i].cpu : r[i].rate;
  qsort (v, arg.rounds, sizeof *v, ascending);
  return arg.rounds % 2 ? v[arg.rounds / 2]
                        : (v[arg.rounds / 2 - 1] + v[arg.rounds / 2]) / 2;
}

/* True: what is wanted was reached. */
static bool
print (const struct part *p)
{
  double rate = median (p->our, false), other = median (p->other, false);
  double cpu = median (p->our, true), other_cpu = median (p->other, true);
  bool good = isnan (other)
              || (rate >= p->want * other
                  && (p->want_cpu == 0 || cpu <= p->want_cpu * other_cpu));

  printf ("%-6s %9.0f %9.0f %-8s %5.2f (%.2f) %7.2f %7.2f us %5.2f  %s%s\n",
          p->name, rate, other, p->unit, rate / other, p->want, cpu, other_cpu,
          cpu / other_cpu, p->peer_name, good ? "" : "  MISSED");
  return good;
}

static void
write_series (const char *name, enum figures_role role,
              const struct result *r, bool cpu)
{
  double v[MAX_ROUNDS];

  for (unsigned i = 0; i < arg.rounds; i++)
    v[i] = cpu ? r[i].cpu : r[i].rate;
  figures_series (name, role, v, (int) arg.rounds);
}

static void
write_part (const struct part *p, bool good)
{
  char name[60];

  for (int cpu = 0; cpu < 2; cpu++) {
    snprintf (name, sizeof name, "%s/%s", p->name, cpu ? "CPU" : "rate");
    figures_case (name, cpu ? "us/page" : p->unit,
                  cpu ? FIGURES_LESS : FIGURES_MORE);
    write_series ("oriel", FIGURES_OURS, p->our, cpu);
    if (!isnan (median (p->other, false)))
      write_series (p->peer_name, FIGURES_PEER, p->other, cpu);
  }
  if (!isnan (median (p->other, false)))
    figures_target (good, "%s: %.2f of the rate of %s (at least %.2f), "
                    "%.2f of its CPU time%s",
                    p->name, median (p->our, false) / median (p->other, false),
                    p->peer_name, p->want,
                    median (p->our, true) / median (p->other, true),
                    p->want_cpu > 0 ? " (at most 1.5)" : "");
  else
    figures_left_out ("%s: no fio here", p->peer_name);
}

static void
begin_figures (int argc, char **argv)
{
  int rc = figures_open (arg.json, "io", "Pages from the disk");

  if (rc < 0)
    die ("%s: %s", arg.json, strerror (-rc));
  figures_command (argc, argv);
  figures_setup ("memory", "a pool of a quarter of the file; fio has none, "
                 "cat the page cache");
  figures_setup ("data", "a file of %.0f MiB, pages of %d bytes",
                 (double) arg.file_bytes / MiB, PAGE);
  figures_setup ("durability", "nothing is written");
  figures_setup ("warm-up", "reads at random: the pool is full before; scan: "
                 "all is cold");
}

static void
usage (FILE *to)
{
  fputs ("Usage: bench-io [OPTION]... [depth|pins|scan]...\n"
         "\n"
         "  --file PATH      on the disk to be measured; made if it is shorter\n"
         "                   (oriel-bench-io in $TMPDIR or /var/tmp, removed at the\n"
         "                   end)\n"
         "  --size MIB       of the file, four times the pool (1024)\n"
         "  --rounds N       (5)\n"
         "  --seconds S      of a round (2)\n"
         "  --batch N        pages told at once, of 80: 1, 2, 4, 5, ... (4)\n"
         "  --store NAME     auto, posix, uring (auto)\n"
         "  --json FILE      every round, as JSON\n"
         "\n"
         "Exit status 3: a target was missed.\n",
         to);
}

static void
parse (int argc, char **argv)
{
  static const struct option options[] = {
    { "file", required_argument, NULL, 'f' },
    { "size", required_argument, NULL, 'z' },
    { "rounds", required_argument, NULL, 'r' },
    { "seconds", required_argument, NULL, 's' },
    { "batch", required_argument, NULL, 'b' },
    { "store", required_argument, NULL, 't' },
    { "json", required_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
  };
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c) {
    case 'f': arg.file = optarg; break;
    case 'z': arg.file_bytes = strtoull (optarg, NULL, 10) << 20; break;
    case 'r': arg.rounds = (unsigned) atoi (optarg); break;
    case 's': arg.seconds = atof (optarg); break;
    case 'b': arg.batch = (unsigned) atoi (optarg); break;
    case 't': arg.store = optarg; break;
    case 'j': arg.json = optarg; break;
    case 'h': usage (stdout); exit (0);
    default: usage (stderr); exit (2);
    }
  if (!arg.file) {
    static char path[4096];
    const char *tmp = getenv ("TMPDIR");

    snprintf (path, sizeof path, "%.4000s/oriel-bench-io",
              tmp && *tmp ? tmp : "/var/tmp");
    arg.file = path;
  }
  if (arg.rounds < 1 || arg.rounds > MAX_ROUNDS || arg.seconds < 1
      || arg.batch < 1 || DEPTH % arg.batch != 0
      || arg.file_bytes < 16 << 20)
    die ("an option is out of range; see --help");
}

int
main (int argc, char **argv)
{
  bool chosen[PARTS] = { 0 };
  bool made, good = true;

  parse (argc, argv);
  for (int i = optind; i < argc; i++) {
    size_t k = 0;

    while (k < PARTS && strcmp (argv[i], parts[k].name) != 0)
      k++;
    if (k == PARTS)
      die ("%s: there is no such part; see --help", argv[i]);
    chosen[k] = true;
  }
  for (size_t i = 0; i < PARTS && optind == argc; i++)
    chosen[i] = true;
  begin_figures (argc, argv);
  made = access (arg.file, F_OK) < 0;
  make_file ();
  for (unsigned r = 0; r < arg.rounds; r++)
    for (size_t i = 0; i < PARTS; i++)
      if (chosen[i]) {
        parts[i].our[r] = parts[i].ours ();
        parts[i].other[r] = parts[i].peer ();
      }
  printf ("Medians of %u rounds; file of %.0f MiB, pool a quarter, store %s.\n"
          "%-6s %9s %9s %-8s %-12s %7s %7s    %5s\n",
          arg.rounds, (double) arg.file_bytes / MiB, arg.store, "part",
          "oriel", "other", "", "ratio (want)", "CPU", "other", "ratio");
  for (size_t i = 0; i < PARTS; i++)
    if (chosen[i]) {
      bool part_good = print (&parts[i]);

      write_part (&parts[i], part_good);
      good &= part_good;
    }
  if (figures_close () < 0)
    die ("%s: cannot be written", arg.json);
  if (made)
    unlink (arg.file);
  return good ? 0 : 3;
}
