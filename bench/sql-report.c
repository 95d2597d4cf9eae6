/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-report.c - the results as text, the sides beside each other
 */
#include <math.h>
#include <string.h>

#include "sql.h"

#define MIB (1024.0 * 1024.0)

/* ------------------------------------------------------------------ */
/* Figures                                                            */

static void
print_number (char text[16], double v)
{
  int decimals = fabs (v) >= 1000 ? 0 : fabs (v) >= 100 ? 1 : 2;

  if (isnan (v))
    snprintf (text, 16, "-");
  else
    snprintf (text, 16, "%.*f", v == floor (v) ? 0 : decimals, v);
}

/* The median; with rounds, between what. */
static void
print_value (const struct sql *sql, const struct figure *figure, int side,
             double scale)
{
  char least[16], median[16], most[16], all[60];
  double value[3];

  sql_figure_of (sql, figure, side, value);
  print_number (least, value[0] * scale);
  print_number (median, value[1] * scale);
  print_number (most, value[2] * scale);
  if (sql->opt.rounds == 1)
    printf ("%14s", median);
  else
    {
      snprintf (all, sizeof all, "%s (%s to %s)", median, least, most);
      printf ("%30s", isnan (value[1]) ? "-" : all);
    }
}

/* How many times each other side's value the first has. */
static void
print_ratios (const struct sql *sql, const struct figure *figure)
{
  double ours[3], theirs[3];
  int i;

  if (figure->better == FIGURES_NONE)
    return;
  sql_figure_of (sql, figure, 0, ours);
  for (i = 1; i < sql->sides; i++)
    {
      sql_figure_of (sql, figure, i, theirs);
      if (ours[1] >= 0 && theirs[1] > 0)
        printf ("   x %.2f", ours[1] / theirs[1]);
      else
        printf ("%9s", "-");
    }
}

static void
print_title (const struct sql *sql, const char *title)
{
  int i;

  printf ("\n%-38s", title);
  for (i = 0; i < sql->sides; i++)
    printf ("%*s", sql->opt.rounds == 1 ? 14 : 30, sql->side[i].name);
  for (i = 1; i < sql->sides; i++)
    printf ("   /%-5.5s", sql->side[i].name);
  putchar ('\n');
}

static void
print_figure (const struct sql *sql, const struct figure *figure)
{
  bool large = strcmp (figure->unit, "bytes") == 0;
  bool plain = strcmp (figure->unit, "count") == 0;
  char label[80];
  int i;

  snprintf (label, sizeof label, "%s%s%s", figure->name, plain ? "" : ", ",
            plain ? "" : large ? "MiB" : figure->unit);
  printf ("  %-36s", label);
  for (i = 0; i < sql->sides; i++)
    print_value (sql, figure, i, large ? 1 / MIB : 1);
  print_ratios (sql, figure);
  putchar ('\n');
}

static bool
is_known (const struct sql *sql, const struct figure *figure)
{
  double value[3];
  int i;

  for (i = 0; i < sql->sides; i++)
    {
      sql_figure_of (sql, figure, i, value);
      if (!isnan (value[1]))
        return true;
    }
  return false;
}

static void
print_section (const struct sql *sql, const char *section)
{
  bool titled = false;
  int i;

  for (i = 0; i < sql->figures; i++)
    {
      const struct figure *figure = &sql->figure[i];

      if (strcmp (figure->section, section) != 0 || !is_known (sql, figure))
        continue;
      if (!titled)
        print_title (sql, section);
      titled = true;
      print_figure (sql, figure);
    }
}

/* ------------------------------------------------------------------ */
/* The pool                                                           */

static void
print_count (const char *name, uint64_t n)
{
  printf ("  %-34s%13llu\n", name, (unsigned long long) n);
}

static void
print_io (const char *name, uint64_t calls, uint64_t bytes)
{
  printf ("  %-34s%13llu  (%.1f MiB)\n", name, (unsigned long long) calls,
          (double) bytes / MIB);
}

static void
print_pool (const struct sql *sql, const struct result *result)
{
  const oriel_stats *pool = &result->pool;
  uint64_t asked = pool->hits + pool->misses;

  printf ("\nThe pool during the %srun: %llu frames of %llu bytes, %llu free\n",
          sql->opt.rounds > 1 ? "last " : "", (unsigned long long) pool->frames,
          (unsigned long long) pool->page_size,
          (unsigned long long) pool->frames_free);
  printf ("  %-34s%12.2f%%  (of %llu pages)\n", "hit ratio",
          asked ? 100 * (double) pool->hits / (double) asked : 0.0,
          (unsigned long long) asked);
  print_count ("slot swaps", pool->swaps);
  print_count ("slots mapped for the first time", pool->installs);
  print_count ("copied past the window", pool->copies);
  print_count ("evictions", pool->evictions);
  print_io ("reads from the database", pool->reads, pool->read_bytes);
  print_io ("writes to the database", pool->writes, pool->write_bytes);
  print_count ("pages read ahead", pool->readahead);
  print_count ("dropped files (changed by others)", pool->drops);
  print_count ("barriers", pool->barriers);
  print_count ("waits for a latch", pool->latch_waits);
  if (result->kills)
    print_count ("repairs of what the dead left", pool->repairs);
}

/* ------------------------------------------------------------------ */
/* Consistency                                                        */

static void
print_check (const struct sql *sql, const char *side, const char *vfs,
             const struct check_report *check)
{
  int n;

  printf ("  %-8.8s through %-14.14s", side, vfs);
  for (n = 0; n < sql->driver->conditions; n++)
    printf ("%6s", check->bad[n] ? "FAILS" : "ok");
  printf ("   %s\n", strcmp (check->integrity, "ok") ? "FAILS" : "ok");
}

static void
print_checks (const struct sql *sql)
{
  int i, n;

  printf ("\n%-33s", "Consistency conditions");
  for (n = 0; n < sql->driver->conditions; n++)
    printf ("%6d", n + 1);
  printf ("   %s\n", "integrity_check");
  for (i = 0; i < sql->sides; i++)
    for (n = 0; n < sql->result[i].checks; n++)
      print_check (sql, sql->side[i].name, sql->result[i].check_vfs[n],
                   &sql->result[i].check[n]);
}

/* ------------------------------------------------------------------ */

/* Before the work, so that the seed of a run that fails is known. */
void
sql_report_head (const struct sql *sql)
{
  const struct options *opt = &sql->opt;
  char text[ERROR_TEXT];

  if (opt->json && strcmp (opt->json, "-") == 0)
    return;
  printf ("%s, SQLite %s, database %s\n", sql->driver->title,
          sqlite3_libversion (), sql->base);
  if (opt->actions & LOAD)
    {
      sql->driver->describe (sql, text);
      printf ("%s\n", text);
    }
  if (opt->actions & RUN)
    {
      printf ("%d %s%s without think time, ", opt->processes,
              sql->driver->worker, opt->processes == 1 ? "" : "s");
      if (sql->driver->timed)
        printf ("%d s, ", opt->seconds);
      printf ("journal %s, synchronous %s\n", opt->journal, opt->synchronous);
    }
  if (opt->kill_every)
    printf ("every %d ms a %s is killed\n", opt->kill_every,
            sql->driver->worker);
  printf ("seed %llu\n", (unsigned long long) opt->seed);
  fflush (stdout);
}

static void
print_notes (const struct sql *sql)
{
  char text[ERROR_TEXT];

  if (!(sql->opt.actions & LOAD))
    {
      sql->driver->describe (sql, text);
      printf ("\n%s\n", text);
    }
  if (sql->opt.rounds > 1)
    printf ("\n%d rounds, the sides in turns: medians (least to most), and"
            " oriel's by the others'\n", sql->opt.rounds);
  if (!sql->opt.compare)
    return;
  if (sql->result[0].memory_limit)
    printf ("\nMemory of each side: %.0f MiB\n",
            (double) sql->result[0].memory_limit / MIB);
  else
    printf ("\n%s%s%s: stock had the whole page cache, oriel had its pool.\n",
            sql->cgroup_why[0] ? "No memory cgroup could be made ("
                               : "In no memory cgroup",
            sql->cgroup_why, sql->cgroup_why[0] ? ")" : "");
}

static void
print_kept (const struct sql *sql)
{
  int i;

  if (sql->opt.actions == LOAD)
    printf ("\nLoaded %s\n", sql->base);
  if (!sql->opt.keep)
    return;
  if (sql->base_made && sql->opt.actions != LOAD)
    printf ("\nKept %s\n", sql->base);
  for (i = 0; i < sql->sides; i++)
    if (sql->side[i].made)
      printf ("Kept %s\n", sql->side[i].path);
}

void
sql_report (const struct sql *sql)
{
  /* Others have tables of their own. */
  static const char *const section[] = {
    "Throughput", "Latency", "CPU and I/O", "Memory of all processes",
    "Answers", NULL
  };
  int i;

  if (sql->opt.actions & RUN)
    {
      print_notes (sql);
      for (i = 0; section[i]; i++)
        print_section (sql, section[i]);
      for (i = 0; i < sql->sides; i++)
        if (sql->result[i].observed)
          print_pool (sql, &sql->result[i]);
    }
  if ((sql->opt.actions & CHECK) && sql->driver->conditions > 0)
    print_checks (sql);
  for (i = 0; i < sql->failures; i++)
    printf ("%sFAILED: %s\n", i ? "" : "\n", sql->failure[i]);
  print_kept (sql);
}
