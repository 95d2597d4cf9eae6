/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.c - what the benchmarks share
 *
 * Rounds of what is compared are made in random order (gbench.h); of the rounds
 * the median counts, and the spread is shown.
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

#include "bench.h"
#include "oriel.h"

/* ------------------------------------------------------------------ */
/* Errors                                                             */

void
bench_failed (void)
{
  fprintf (stderr, "%s: %s\n", program_invocation_short_name,
           oriel_error ());
  exit (1);
}

void
bench_lacks (const char *what)
{
  fprintf (stderr, "%s: %s: %s\n", program_invocation_short_name, what,
           strerror (errno));
  exit (1);
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
  snprintf (text, sizeof text, "%s-%d-%s", program_invocation_short_name,
            (int) pid, name);
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

uint32_t *
zipf_ranks (uint32_t n, double skew, uint32_t count, uint64_t *state)
{
  double *sum = malloc (n * sizeof *sum); /* of the first ranks' probability */
  uint32_t *ranks = malloc (count * sizeof *ranks);
  double total = 0;

  need (sum && ranks, "memory");
  for (uint32_t r = 0; r < n; r++)
    sum[r] = total += pow (r + 1, -skew);
  for (uint32_t i = 0; i < count; i++) {
    double u = total * (double) next_random (state)
               / (double) (UINT64_C (1) << 31);
    uint32_t from = 0, to = n - 1;

    while (from < to) {
      uint32_t middle = (from + to) / 2;

      if (sum[middle] < u)
        from = middle + 1;
      else
        to = middle;
    }
    ranks[i] = from;
  }
  free (sum);
  return ranks;
}

uint32_t *
shuffled (uint32_t n, uint64_t *state)
{
  uint32_t *number = malloc (n * sizeof *number);

  need (number != NULL, "memory");
  for (uint32_t i = 0; i < n; i++)
    number[i] = i;
  for (uint32_t i = n; i > 1; i--) {
    uint32_t k = (uint32_t) (next_random (state) % i);
    uint32_t t = number[k];

    number[k] = number[i - 1];
    number[i - 1] = t;
  }
  return number;
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

static time_t started;          /* of bench_begin() */
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
    m->ns[m->n++] = m->clock ? result->ns : result->cpu_ns;
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
/* All of it                                                          */

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
bench_options (int argc, char **argv, const char *usage, struct run *run)
{
  const struct option options[] = {
    { "json", required_argument, NULL, 'j' },
    { "out", required_argument, NULL, 'o' },
    { "rounds", required_argument, NULL, 'r' },
    { "only", required_argument, NULL, 'f' },
    { "quick", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { run->takes_vmcache ? "vmcache" : NULL, required_argument, NULL, 'v' },
    { NULL, 0, NULL, 0 },
  };
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c) {
    case 'j': run->json = optarg; break;
    case 'o': run->out = optarg; break;
    case 'r': run->rounds = atoi (optarg); break;
    case 'f': run->only = optarg; break;
    case 'q': run->quick = true; break;
    case 'v': run->vmcache = optarg; break;
    case 'h': fputs (usage, stdout); exit (0);
    default: fputs (usage, stderr); exit (2);
    }
  if (run->rounds < 1 || run->rounds > ROUNDS) {
    fputs (usage, stderr);
    exit (2);
  }
  return optind;
}

void
bench_begin (const struct run *run)
{
  started = time (NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
  gbench_init (run->rounds, run->only);
  gbench_progress (show_progress);
  need (!run->json || gbench_json (run->json), run->json);
  describe ();
}

void
bench_end (void)
{
  need (gbench_end (), "the file of --json");
  printf ("\n%lld s in all\n", (long long) (time (NULL) - started));
}
