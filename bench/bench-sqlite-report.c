/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite-report.c - the table of ratios, the rounds as JSON, the plot
 *
 * A ratio is that of the medians; behind it, the least and the largest of the
 * rounds' own ratios.  The stock setting that is compared with is the one whose
 * median is best; the floor is none of them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-sqlite.h"
#include "figures.h"

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
quantile (const double *value, int n, double at)
{
  double sorted[ROUNDS];
  int m = 0;

  for (int i = 0; i < n; i++)
    if (!isnan (value[i]))
      sorted[m++] = value[i];
  if (m == 0)
    return NAN;
  qsort (sorted, (size_t) m, sizeof *sorted, compare);
  return sorted[(int) (at * (m - 1) + 0.5)];
}

/* The rounds of one value; their median. */
static double
rounds (const struct bench *b, int test, enum setting s, int v,
        double value[ROUNDS])
{
  for (int i = 0; i < b->rounds; i++)
    value[i] = b->outcome[test][s][i].value[v];
  return quantile (value, b->rounds, 0.5);
}

static enum setting
best_stock (const struct bench *b, int test, int v)
{
  double value[ROUNDS], best = NAN;
  enum setting found = PREAD;

  for (enum setting s = PREAD; s <= CACHE; s++)
    {
      double m = rounds (b, test, s, v, value);

      if (!isnan (m)
          && (isnan (best)
              || (tests[test].metric[v].less ? m < best : m > best)))
        {
          best = m;
          found = s;
        }
    }
  return found;
}

struct ratio {
  double median, least, largest;
  enum setting with;
  bool met;
};

/* Of one who is ORIEL, or FLOOR. */
static struct ratio
get_ratio (const struct bench *b, int test, int v, enum setting one,
           const struct target *target)
{
  double ours[ROUNDS], theirs[ROUNDS], ratio[ROUNDS];
  struct ratio r = { .median = rounds (b, test, one, v, ours) };

  if (target->against == ITSELF)
    memcpy (ratio, ours, sizeof ratio);
  else
    {
      r.with = target->against == BEST
                   ? best_stock (b, test, v)
                   : (enum setting) (target->against - ONLY);
      r.median /= rounds (b, test, r.with, v, theirs);
      for (int i = 0; i < b->rounds; i++)
        ratio[i] = ours[i] / theirs[i];
    }
  r.least = quantile (ratio, b->rounds, 0);
  r.largest = quantile (ratio, b->rounds, 1);
  r.met = tests[test].metric[v].less ? r.median <= target->ratio
                                     : r.median >= target->ratio;
  return r;
}

static int
metrics (const struct test *t)
{
  int n = 0;

  while (n < VALUES && t->metric[n].name)
    n++;
  return n;
}

static void
show_values (const struct bench *b, int test, int v)
{
  const struct metric *m = &tests[test].metric[v];
  double value[ROUNDS];

  printf ("  %-12s %-4s", m->name, m->unit);
  for (enum setting s = ORIEL; s < SETTINGS; s++)
    {
      double median = rounds (b, test, s, v, value) * m->scale;

      if (isnan (median))
        printf (" %9s", "-");
      else
        printf (" %9.*f", median < 10 ? 3 : median < 1000 ? 1 : 0, median);
    }
  printf ("\n");
}

static bool
show_target (const struct bench *b, int test, int v,
             const struct target *target)
{
  bool less = tests[test].metric[v].less;
  struct ratio r = get_ratio (b, test, v, ORIEL, target);

  if (isnan (r.median))
    {
      printf ("      not measured\n");
      return true;
    }
  printf ("      %-8s %6.2f (%.2f to %.2f)  ", target->against == ITSELF
          ? "ratio" : setting_name[r.with], r.median, r.least, r.largest);
  if (target->ratio > 0)
    printf ("wanted: %s %.2f  %s\n", less ? "at most" : "at least",
            target->ratio, r.met ? "met" : "MISSED");
  else
    printf ("\n");
  return r.met || !(target->ratio > 0);
}

/* How far a VFS that costs nothing would come: a target beyond that is out of
 * reach, but for what huge pages save. */
static void
show_floor (const struct bench *b, int test, int v)
{
  static const struct target best = { .against = BEST };
  struct ratio r = get_ratio (b, test, v, FLOOR, &best);

  if (!isnan (r.median))
    printf ("      %-8s %6.2f (%.2f to %.2f)  of %s: no locks, no log\n",
            setting_name[FLOOR], r.median, r.least, r.largest,
            setting_name[r.with]);
}

int
bench_report (struct bench *b)
{
  int missed = 0;

  printf ("\nMedians of %d rounds; ratios are Oriel's value by stock's.\n\n"
          "  %-17s", b->rounds, "");
  for (enum setting s = ORIEL; s < SETTINGS; s++)
    printf (" %9s", setting_name[s]);
  printf ("\n");
  for (int i = 0; i < ntests; i++)
    {
      if (!(b->chosen & 1u << i))
        continue;
      printf ("%s: %s\n", tests[i].name, tests[i].title);
      for (int v = 0; v < metrics (&tests[i]); v++)
        {
          show_values (b, i, v);
          for (int k = 0; k < 2; k++)
            {
              const struct target *t = &tests[i].metric[v].target[k];

              if (k == 0 || t->text)
                missed += !show_target (b, i, v, t);
            }
          show_floor (b, i, v);
        }
    }
  return missed;
}

/* ------------------------------------------------------------------ */
/* JSON                                                               */

static void
metric_figures (const struct bench *b, int test, int v)
{
  const struct metric *m = &tests[test].metric[v];
  double value[ROUNDS];
  char name[80];

  snprintf (name, sizeof name, "%s/%s", tests[test].name, m->name);
  figures_case (name, m->unit, m->less ? FIGURES_LESS : FIGURES_MORE);
  for (enum setting s = ORIEL; s < SETTINGS; s++)
    {
      if (isnan (rounds (b, test, s, v, value)))
        continue;
      for (int i = 0; i < b->rounds; i++)
        value[i] *= m->scale;
      figures_series (setting_name[s],
                      s == ORIEL   ? FIGURES_OURS
                      : s == FLOOR ? FIGURES_FLOOR : FIGURES_PEER,
                      value, b->rounds);
    }
  for (int k = 0; k < 2; k++)
    {
      const struct target *t = &m->target[k];
      struct ratio r;

      if (!t->text || !(t->ratio > 0))
        continue;
      r = get_ratio (b, test, v, ORIEL, t);
      if (!isnan (r.median))
        figures_target (r.met, "%s: %.2f of %s's (%s %.2f)", name, r.median,
                        t->against == ITSELF ? "itself" : setting_name[r.with],
                        m->less ? "at most" : "at least", t->ratio);
    }
}

int
bench_report_json (struct bench *b, int argc, char **argv)
{
  int rc = figures_open (b->json, "sqlite", "SQLite on the VFS and on stock");

  if (rc < 0)
    return sql_fail (b->sql.shared, "%s: %s", b->json, strerror (-rc));
  figures_command (argc, argv);
  figures_setup ("memory", "a memory cgroup for each run, the same for all; "
                 "it counts page cache, pool and private memory");
  figures_setup ("durability", "the same journal and synchronous for all: see "
                 "the cases");
  figures_setup ("data", "the same database, made once for a case");
  figures_setup ("warm-up", "all is read before, but for larger, killed and "
                 "load");
  figures_setup ("settings", "oriel, pread and mmap: SQLite's default cache; "
                 "cache: as large as the memory allows; floor: stock's VFS, "
                 "read only, immutable=1, mapped");
  figures_setup ("SQLite", "%s", sqlite3_libversion ());
  if (!b->grouped)
    figures_left_out ("memory cgroups: memory was not bounded");
  for (int i = 0; i < ntests; i++)
    for (int v = 0; (b->chosen & 1u << i) && v < metrics (&tests[i]); v++)
      metric_figures (b, i, v);
  if (figures_close () < 0)
    return sql_fail (b->sql.shared, "writing %s failed", b->json);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The plot                                                           */

/* How many times better than what it is compared with: so one line at 1. */
static double
better (double ratio, bool less)
{
  return less ? 1 / ratio : ratio;
}

static void
put_bars (const struct bench *b, FILE *f)
{
  fprintf (f, "$data << EOD\n");
  for (int i = 0; i < ntests; i++)
    for (int v = 0; (b->chosen & 1u << i) && v < metrics (&tests[i]); v++)
      for (int k = 0; k < 2; k++)
        {
          const struct metric *m = &tests[i].metric[v];
          const struct target *t = &m->target[k];
          struct ratio r;

          if (!t->text)
            continue;
          r = get_ratio (b, i, v, ORIEL, t);
          if (isnan (r.median))
            continue;
          fprintf (f, "\"%s %s (%s)\" %g %g %g %g\n", tests[i].name, m->name,
                   t->against == ITSELF ? "itself" : setting_name[r.with],
                   better (r.median, m->less),
                   better (m->less ? r.largest : r.least, m->less),
                   better (m->less ? r.least : r.largest, m->less),
                   better (t->ratio, m->less));
        }
  fprintf (f, "EOD\n");
}

int
bench_plot (struct bench *b)
{
  char path[PATH_MAX];
  int status = 0;
  pid_t pid;
  FILE *f;

  snprintf (path, sizeof path, "%.3000s/sqlite.gp", b->out);
  f = fopen (path, "we");
  if (!f)
    return sql_fail (b->sql.shared, "%s: %s", path, strerror (errno));
  fprintf (f,
           "set terminal svg size 900,560 font 'sans,13' background 'white'\n"
           "set output '%s/sqlite.svg'\nset grid ytics\n"
           "set key outside bottom center horizontal\n"
           "set ylabel 'times better than stock'\nset logscale y 2\n"
           "set xtics rotate by -40 nomirror\nset boxwidth 0.6\n"
           "set style fill solid 0.5\n", b->out);
  put_bars (b, f);
  fprintf (f,
           "plot $data using 0:2:xtic(1) with boxes title 'Oriel',"
           " $data using 0:2:3:4 with yerrorbars lc 'black' pt 0 notitle,"
           " $data using 0:5 with points pt 9 ps 1 lc 'red' title 'wanted',"
           " 1 lc 'black' title 'stock'\n");
  if (fclose (f) != 0)
    return sql_fail (b->sql.shared, "%s: %s", path, strerror (errno));
  fflush (NULL);
  pid = fork ();
  if (pid == 0)
    {
      execlp ("gnuplot", "gnuplot", path, (char *) NULL);
      _exit (127);
    }
  if (pid > 0)
    waitpid (pid, &status, 0);
  if (pid > 0 && status == 0)
    printf ("drawn: %s/sqlite.svg\n", b->out);
  else
    printf ("not drawn, gnuplot %s: %s\n",
            WIFEXITED (status) && WEXITSTATUS (status) == 127 ? "is missing"
                                                              : "failed",
            path);
  return 0;
}
