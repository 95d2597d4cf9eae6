/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite.c - SQLite through Oriel's VFS, held against its own
 *
 * Stock runs in each of its settings: pread and mmap with SQLite's default
 * cache, and with as large a cache as memory allows; of these the best counts.
 * The floor is stock where it need not lock, for reads, to see what is left.
 * Each run has processes, a pool and a memory cgroup of its own, in which the
 * kernel counts page cache, pool and private memory alike.  Rounds of all
 * settings are interleaved, so that what else happens on the machine meets all.
 *
 *   bench-sqlite-tests.c    the cases and their processes
 *   bench-sqlite-tpcc.c     TPC-C, by the parts of oriel-tpcc
 *   bench-sqlite-run.c      children, databases, cgroups
 *   bench-sqlite-report.c   table, JSON, plot
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench-sqlite.h"

#define SKEW 0.99
#define RANKS (1u << 21)        /* as many rows as the largest table has */

static const char usage[]
    = "Usage: bench-sqlite [OPTION]...\n"
      "\n"
      "SQLite through Oriel's VFS against its own, with the same memory.\n"
      "\n"
      "  --cases LIST    only these, separated by commas (see below)\n"
      "  --settings LIST of oriel, pread, mmap, cache, floor (default: all)\n"
      "  --seconds S     that a measurement takes (default: 1)\n"
      "  --rounds N      of each case and setting, 1 to 25 (default: 3)\n"
      "  --json FILE     every round of everything, as JSON\n"
      "  --out DIR       where the plot is drawn (default: nowhere)\n"
      "  --quick         less of everything, in about a minute\n"
      "  --help\n"
      "\n"
      "Databases are made in $TMPDIR or /var/tmp (1 GiB), pools in $ORIEL_DIR\n"
      "or /dev/shm (128 MiB).  Exit status 1: something failed; 3: a target\n"
      "was missed (not with --quick).\n"
      "\n"
      "Cases:\n";

static int
show_usage (FILE *f)
{
  fputs (usage, f);
  for (int i = 0; i < ntests; i++)
    fprintf (f, "  %-10s %s\n", tests[i].name, tests[i].title);
  return f == stdout ? 0 : 2;
}

static void
on_signal (int sig)
{
  sql_interrupted = sig;
}

/* ------------------------------------------------------------------ */
/* What is asked for                                                  */

/* Ranks are scattered over the table by a hash, as keys of users are. */
static int
make_rows (struct bench *b)
{
  double *sum = malloc (RANKS * sizeof *sum), total = 0;
  struct rng rng;

  if (!sum)
    return sql_fail (b->sql.shared, "no memory");
  for (uint32_t r = 0; r < RANKS; r++)
    sum[r] = total += pow (r + 1, -SKEW);
  sql_rng_seed (&rng, 1, 1);
  for (uint32_t i = 0; i < SEQUENCE; i++)
    {
      uint32_t u = (uint32_t) sql_uniform (&rng, 0, UINT32_MAX);
      double wanted = u / 4294967296.0 * total;
      uint32_t from = 0, to = RANKS - 1;

      while (from < to)
        {
          uint32_t middle = (from + to) / 2;

          if (sum[middle] < wanted)
            from = middle + 1;
          else
            to = middle;
        }
      b->board->row[0][i] = (uint32_t) sql_uniform (&rng, 0, UINT32_MAX);
      b->board->row[1][i] = from * 2654435761u;
    }
  free (sum);
  return 0;
}

static const char *
test_name (int i)
{
  return i < ntests ? tests[i].name : NULL;
}

static const char *
name_of_setting (int i)
{
  return i < SETTINGS ? setting_name[i] : NULL;
}

/* A bit for each name of a list; 0: one is not known. */
static unsigned
choose (char *list, const char *what, const char *(*name) (int))
{
  unsigned chosen = 0;
  char *rest = NULL;

  for (char *word = strtok_r (list, ",", &rest); word;
       word = strtok_r (NULL, ",", &rest))
    {
      int i = 0;

      while (name (i) && strcmp (name (i), word) != 0)
        i++;
      if (!name (i))
        {
          fprintf (stderr, "bench-sqlite: there is no %s \"%s\"\n", what, word);
          return 0;
        }
      chosen |= 1u << i;
    }
  return chosen;
}

/* ------------------------------------------------------------------ */

static int
make_directory (struct bench *b)
{
  const char *tmp = getenv ("TMPDIR");

  snprintf (b->directory, sizeof b->directory, "%.3000s/bench-sqlite-XXXXXX",
            tmp && *tmp ? tmp : "/var/tmp");
  if (!mkdtemp (b->directory))
    {
      int err = errno;

      b->directory[0] = 0;
      return sql_fail (b->sql.shared, "a directory in %s: %s",
                        tmp && *tmp ? tmp : "/var/tmp", strerror (err));
    }
  return 0;
}

static void
remove_directory (struct bench *b)
{
  char path[PATH_MAX];

  if (!b->directory[0])
    return;
  for (int i = 0; i < ntests; i++)
    {
      snprintf (path, sizeof path, "%.3000s/base-%llu.db", b->directory,
                (unsigned long long) (tests[i].work.data / MiB));
      sql_file_remove (path);
    }
  snprintf (path, sizeof path, "%.3000s/run.db", b->directory);
  sql_file_remove (path);
  snprintf (path, sizeof path, "%.3000s/tpcc.db", b->directory);
  sql_file_remove (path);
  rmdir (b->directory);
}

static void
describe (void)
{
  struct utsname u;
  char date[40];
  time_t now = time (NULL);

  uname (&u);
  strftime (date, sizeof date, "%Y-%m-%d", gmtime (&now));
  printf ("%s, %s %s %s, %ld processors, SQLite %s\n", date, u.sysname,
          u.release, u.machine, sysconf (_SC_NPROCESSORS_ONLN),
          sqlite3_libversion ());
}

static int
count_runs (const struct bench *b)
{
  int n = 0;

  for (int i = 0; i < ntests; i++)
    if (b->chosen & 1u << i)
      n += __builtin_popcount (tests[i].settings & b->settings) * b->rounds;
  return n;
}

static void
show_progress (const struct bench *b, const char *test, const char *setting,
               int run, int runs)
{
  bool terminal = isatty (STDERR_FILENO);

  if (terminal)
    fprintf (stderr, "\r[%d of %d, %lld s] %s %s\033[K", run + 1, runs,
             (long long) (sql_now () - b->started) / NSEC, test, setting);
  else if (run % 10 == 0)
    fprintf (stderr, "[%d of %d, %lld s] %s %s\n", run + 1, runs,
             (long long) (sql_now () - b->started) / NSEC, test, setting);
}

/* All rounds of a case, before the next: what is made for it stays warm on the
 * disk.  Each round begins with another setting. */
static int
run_test (struct bench *b, int i, int *run, int runs)
{
  const struct test *t = &tests[i];

  for (int round = 0; round < b->rounds; round++)
    for (int k = 0; k < SETTINGS; k++)
      {
        enum setting s = (enum setting) ((k + round) % SETTINGS);

        if (!(t->settings & b->settings & 1u << s))
          continue;
        show_progress (b, t->name, setting_name[s], *run, runs);
        if (t->run (b, t, s, &b->outcome[i][s][round]))
          return 1;
        ++*run;
      }
  return 0;
}

static int
run_all (struct bench *b)
{
  int run = 0, runs = count_runs (b);

  for (int i = 0; i < ntests; i++)
    for (int s = 0; s < SETTINGS; s++)
      for (int r = 0; r < ROUNDS; r++)
        for (int v = 0; v < VALUES; v++)
          b->outcome[i][s][r].value[v] = NAN;
  for (int i = 0; i < ntests; i++)
    if ((b->chosen & 1u << i) && run_test (b, i, &run, runs))
      return 1;
  if (isatty (STDERR_FILENO))
    fputs ("\r\033[K", stderr);
  return 0;
}

static void *
share (size_t bytes)
{
  void *at = mmap (NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (at == MAP_FAILED)
    {
      perror ("bench-sqlite: mmap");
      exit (1);
    }
  return at;
}

static int
parse (int argc, char **argv, struct bench *b)
{
  static const struct option options[] = {
    { "cases", required_argument, NULL, 'c' },
    { "rounds", required_argument, NULL, 'r' },
    { "settings", required_argument, NULL, 's' },
    { "seconds", required_argument, NULL, 't' },
    { "json", required_argument, NULL, 'j' },
    { "out", required_argument, NULL, 'o' },
    { "quick", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  int c;

  b->chosen = (1u << ntests) - 1;
  b->settings = (1u << SETTINGS) - 1;
  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c)
      {
      case 'c':
        b->chosen = choose (optarg, "case", test_name);
        break;
      case 's':
        b->settings = choose (optarg, "setting", name_of_setting);
        break;
      case 't': b->seconds = atof (optarg); break;
      case 'r': b->rounds = atoi (optarg); break;
      case 'j': b->json = optarg; break;
      case 'o': b->out = optarg; break;
      case 'q': b->quick = true; break;
      case 'h': exit (show_usage (stdout));
      default: return show_usage (stderr);
      }
  if (b->chosen == 0 || b->settings == 0)
    return 2;
  if (b->rounds == 0)
    b->rounds = b->quick ? 1 : 3;
  if (optind < argc || b->rounds < 1 || b->rounds > ROUNDS
      || !(b->seconds >= 0 && b->seconds <= 50))
    return show_usage (stderr);
  if (b->seconds == 0)
    b->seconds = b->quick ? 0.3 : 1;
  return 0;
}

int
main (int argc, char **argv)
{
  static struct bench b;
  struct sigaction action = { .sa_handler = on_signal };
  int failed, missed = 0;

  b.started = sql_now ();
  failed = parse (argc, argv, &b);
  if (failed)
    return failed;
  b.sql.shared = share (sizeof *b.sql.shared);
  b.board = share (sizeof *b.board);
  b.grouped = true;
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
  describe ();
  failed = make_directory (&b) || make_rows (&b) || run_all (&b);
  bench_end (&b);
  remove_directory (&b);
  if (!failed)
    {
      missed = bench_report (&b);
      failed = (b.json && bench_report_json (&b, argc, argv))
               || (b.out && bench_plot (&b));
      printf ("%lld s in all\n",
              (long long) (sql_now () - b.started) / NSEC);
    }
  if (failed)
    {
      fprintf (stderr, "%sbench-sqlite: %s\n",
               isatty (STDERR_FILENO) ? "\n" : "", b.sql.shared->error);
      return 1;
    }
  return missed && !b.quick ? 3 : 0;
}
