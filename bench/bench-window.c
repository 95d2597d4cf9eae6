/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window.c - what windows cost, and what they save
 *
 *   swaps   ns per swap by backend, slot size and kind of memory, beside the
 *           bare system call, memcpy and pread (bench-window-swap.c)
 *   zipf    pins and copying reads through windows smaller than the pool
 *           (bench-window-zipf.c)
 *   many    page tables and VMAs of 64 processes (bench-window-many.c)
 *
 * Google Benchmark runs it all, rounds of everything that is compared in random
 * order; of the rounds the median counts, and the spread is shown.  This file
 * has the options and what the parts share.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench-window.h"

/* ------------------------------------------------------------------ */
/* Errors                                                             */

void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "bench-window: %s\n", oriel_error ());
    exit (1);
  }
}

void
need (bool ok, const char *what)
{
  if (!ok) {
    fprintf (stderr, "bench-window: %s: %s\n", what, strerror (errno));
    exit (1);
  }
}

/* ------------------------------------------------------------------ */
/* The machine                                                        */

const char *
pool_name (const char *name)
{
  static char text[80];
  static pid_t pid;             /* also in children */

  if (!pid)
    pid = getpid ();
  snprintf (text, sizeof text, "bench-window-%d-%s", (int) pid, name);
  return text;
}

const char *
pool_directory (void)
{
  const char *directory = getenv ("ORIEL_DIR");

  return directory && *directory ? directory : "/dev/shm";
}

bool
has_room (uint64_t bytes)
{
  struct statvfs fs;

  return statvfs (pool_directory (), &fs) == 0
         && (uint64_t) fs.f_bavail * fs.f_frsize >= bytes;
}

uint64_t
status_bytes (const char *name)
{
  FILE *f = fopen ("/proc/self/status", "re");
  size_t n = strlen (name);
  unsigned long long kib = 0;
  char line[200];

  need (f != NULL, "/proc/self/status");
  while (fgets (line, sizeof line, f))
    if (strncmp (line, name, n) == 0 && line[n] == ':')
      sscanf (line + n + 1, "%llu", &kib);
  fclose (f);
  return kib * KiB;
}

unsigned
vmas_in (const void *from, const void *to)
{
  FILE *f = fopen ("/proc/self/maps", "re");
  unsigned long start, end;
  char line[400];
  unsigned n = 0;

  need (f != NULL, "/proc/self/maps");
  while (fgets (line, sizeof line, f))
    n += sscanf (line, "%lx-%lx", &start, &end) == 2
         && (!to || (start < (uintptr_t) to && end > (uintptr_t) from));
  fclose (f);
  return n;
}

/* ------------------------------------------------------------------ */
/* Numbers                                                            */

uint64_t
next_random (uint64_t *state)
{
  *state = *state * UINT64_C (6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

void
touch (const void *at, size_t bytes)
{
  const volatile unsigned char *p = at;

  for (size_t i = 0; i < bytes; i += PAGE)
    (void) *(const volatile uint64_t *) (p + i);
}

const char *
size_name (uint64_t bytes, char name[16])
{
  snprintf (name, 16, bytes < MiB ? "%lluK" : bytes < GiB ? "%lluM" : "%lluG",
            (unsigned long long) (bytes / (bytes < MiB   ? KiB
                                           : bytes < GiB ? MiB
                                                         : GiB)));
  return name;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* A quantile of the rounds; NAN if there are none. */
static double
quantile (const struct measured *m, double at)
{
  struct measured sorted = *m;

  if (m->n == 0)
    return NAN;
  qsort (sorted.ns, (size_t) m->n, sizeof *sorted.ns, compare);
  return sorted.ns[(int) (at * (m->n - 1) + 0.5)];
}

double
median (const struct measured *m)
{
  return quantile (m, 0.5);
}

double
fastest (const struct measured *m)
{
  return quantile (m, 0);
}

double
slowest (const struct measured *m)
{
  return quantile (m, 1);
}

double
spread (const struct measured *m)
{
  return 50 * (quantile (m, 0.75) - quantile (m, 0.25)) / median (m);
}

/* ------------------------------------------------------------------ */
/* Running and saying                                                 */

static time_t started;
static unsigned runs;

static void
show_progress (const char *name)
{
  runs++;
  if (isatty (2) || runs % 200 == 1)
    fprintf (stderr, "%s[%3lld s, run %u] %.50s%s", isatty (2) ? "\r" : "",
             (long long) (time (NULL) - started), runs, name,
             isatty (2) ? "\033[K" : "\n");
}

static void
keep (void *arg, const struct gbench_result *result)
{
  struct measured *m = result->arg;

  (void) arg;
  if (result->skipped)
    printf ("skipped: %s: %s\n", result->name, result->skipped);
  else if (m->n < ROUNDS)
    m->ns[m->n++] = result->cpu_ns;
}

void
measure (void)
{
  gbench_run (keep, NULL);
  if (isatty (2))
    fprintf (stderr, "\r\033[K");
}

void
target (struct run *run, bool met, const char *format, ...)
{
  va_list ap;

  printf ("%s: ", met ? "met   " : "MISSED");
  va_start (ap, format);
  vprintf (format, ap);
  va_end (ap);
  putchar ('\n');
  run->missed |= !met && !run->quick;
}

FILE *
plot_begin (const struct run *run, const char *name)
{
  char path[4096];
  FILE *f;

  snprintf (path, sizeof path, "%s/%s.gp", run->out, name);
  f = fopen (path, "we");
  need (f != NULL, path);
  fprintf (f,
           "set terminal svg size 800,500 font 'sans,13' background 'white'\n"
           "set output '%s/%s.svg'\nset grid\nset key outside bottom "
           "center horizontal\n",
           run->out, name);
  return f;
}

void
plot_end (const struct run *run, const char *name, FILE *script)
{
  char path[4096];
  int status = 0;
  pid_t pid;

  need (fclose (script) == 0, name);
  snprintf (path, sizeof path, "%s/%s.gp", run->out, name);
  fflush (NULL);
  pid = fork ();
  need (pid >= 0, "fork");
  if (pid == 0) {
    execlp ("gnuplot", "gnuplot", path, (char *) NULL);
    _exit (127);
  }
  waitpid (pid, &status, 0);
  if (status == 0)
    printf ("drawn: %s/%s.svg\n", run->out, name);
  else
    printf ("not drawn, gnuplot %s: %s\n",
            WIFEXITED (status) && WEXITSTATUS (status) == 127 ? "is missing"
                                                              : "failed",
            path);
}

/* ------------------------------------------------------------------ */

static const char usage[]
    = "Usage: bench-window [OPTION]... [PART]...\n"
      "\n"
      "Measure windows: swaps, zipf, many; all of them if none is named.\n"
      "\n"
      "  --json FILE     every round of everything, as JSON\n"
      "  --out DIR       where plots are drawn (default: here)\n"
      "  --rounds N      of each measurement, 1 to 25 (default: 11)\n"
      "  --only REGEX    only measurements whose names match\n"
      "  --quick         little of everything, to see that it works\n"
      "  --help\n"
      "\n"
      "Pools are made in $ORIEL_DIR or /dev/shm: 5 GiB at most at a time.\n"
      "Exit status 1: something failed; 3: a target was missed.\n";

static const struct part {
  const char *name;
  void (*run) (struct run *run);
} parts[] = {
  { "many", bench_many },       /* forks: before the process has grown */
  { "swaps", bench_swaps },
  { "zipf", bench_zipf },
};

static bool
wants (int argc, char **argv, const char *part)
{
  for (int i = optind; i < argc; i++)
    if (strcmp (argv[i], part) == 0)
      return true;
  return optind == argc;
}

static void
describe (void)
{
  struct utsname u;
  char text[300], date[40];
  time_t now = time (NULL);

  uname (&u);
  strftime (date, sizeof date, "%Y-%m-%d", gmtime (&now));
  snprintf (text, sizeof text, "%s %s %s, %ld processors", u.sysname,
            u.release, u.machine, sysconf (_SC_NPROCESSORS_ONLN));
  printf ("%s, %s\n", date, text);
  gbench_context ("kernel", text);
  gbench_context ("oriel", oriel_version ());
}

int
main (int argc, char **argv)
{
  static const struct option options[] = {
    { "json", required_argument, NULL, 'j' },
    { "out", required_argument, NULL, 'o' },
    { "rounds", required_argument, NULL, 'r' },
    { "only", required_argument, NULL, 'f' },
    { "quick", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  struct run run = { .rounds = 11, .out = "." };
  const char *json = NULL, *only = NULL;
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c) {
    case 'j': json = optarg; break;
    case 'o': run.out = optarg; break;
    case 'r': run.rounds = atoi (optarg); break;
    case 'f': only = optarg; break;
    case 'q': run.quick = true; break;
    case 'h': fputs (usage, stdout); return 0;
    default: fputs (usage, stderr); return 2;
    }
  for (int i = optind; i < argc; i++) {
    bool known = false;

    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
      known |= strcmp (argv[i], parts[k].name) == 0;
    if (!known)
      run.rounds = 0;
  }
  if (run.rounds < 1 || run.rounds > ROUNDS) {
    fputs (usage, stderr);
    return 2;
  }
  started = time (NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
  gbench_init (run.rounds, only);
  gbench_progress (show_progress);
  need (!json || gbench_json (json), json);
  describe ();
  for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
    if (wants (argc, argv, parts[k].name))
      parts[k].run (&run);
  need (gbench_end (), json);
  printf ("\n%lld s in all\n", (long long) (time (NULL) - started));
  return run.missed ? 3 : 0;
}
