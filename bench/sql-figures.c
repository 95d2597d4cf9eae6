/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-figures.c - what a run comes to, as numbers with names
 *
 * Each run adds one value to each figure; a figure is made when it is named for
 * the first time, so the order of the report is the order of the calls below.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sql.h"

static struct figure *
find (struct sql *sql, const char *name)
{
  struct figure *figure;
  int i, side, round;

  for (i = 0; i < sql->figures; i++)
    if (strcmp (sql->figure[i].name, name) == 0)
      return &sql->figure[i];
  if (sql->figures == MAX_FIGURES)
    abort (); /* a driver with more than that was never run */
  figure = &sql->figure[sql->figures++];
  snprintf (figure->name, sizeof figure->name, "%s", name);
  for (side = 0; side < SIDES; side++)
    for (round = 0; round < ROUNDS; round++)
      figure->value[side][round] = NAN;
  return figure;
}

void
sql_figure (struct sql *sql, const char *section, const char *name,
            const char *unit, enum figures_better better, double value)
{
  struct figure *figure = find (sql, name);

  figure->section = section;
  figure->unit = unit;
  figure->better = better;
  figure->value[sql->at][sql->round] = value;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

void
sql_figure_of (const struct sql *sql, const struct figure *figure, int side,
               double value[3])
{
  double known[ROUNDS];
  int i, n = 0;

  for (i = 0; i < sql->opt.rounds; i++)
    if (!isnan (figure->value[side][i]))
      known[n++] = figure->value[side][i];
  value[0] = value[1] = value[2] = NAN;
  if (n == 0)
    return;
  qsort (known, (size_t) n, sizeof *known, compare);
  value[0] = known[0];
  value[1] = (known[(n - 1) / 2] + known[n / 2]) / 2;
  value[2] = known[n - 1];
}

void
sql_failure (struct sql *sql, const char *format, ...)
{
  size_t each = sizeof *sql->failure;
  void *more = realloc (sql->failure, (size_t) (sql->failures + 1) * each);
  va_list ap;

  if (more == NULL)
    abort ();
  sql->failure = more;
  va_start (ap, format);
  vsnprintf (sql->failure[sql->failures++], each, format, ap);
  va_end (ap);
}

/* ------------------------------------------------------------------ */
/* Of a run                                                           */

static const struct {
  const char *name;
  double at;
} percentile[] = {
  { "p50", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p99.9", 0.999 },
  { "max", 1 }
};

#define PERCENTILES (int) (sizeof percentile / sizeof *percentile)

/* For one pass, what its figures are called. */
struct prefix {
  struct sql *sql;
  const char *pass; /* "cold/", or "" */
};

static void
put (const struct prefix *p, const char *section, const char *name,
     const char *unit, enum figures_better better, double value)
{
  char full[sizeof ((struct figure *) 0)->name];

  snprintf (full, sizeof full, "%s%s", p->pass, name);
  sql_figure (p->sql, section, full, unit, better, value);
}

static double
known (long long value)
{
  return value < 0 ? NAN : (double) value;
}

static void
add_latencies (const struct prefix *p, const struct pass_result *pass,
               const struct hist *all)
{
  const struct driver *driver = p->sql->driver;
  char name[40];
  int i, kind;

  for (i = 0; i < PERCENTILES; i++)
    put (p, "Latency", percentile[i].name, "us", FIGURES_LESS,
         all->count ? (double) sql_hist_at (all, percentile[i].at) / 1e3
                    : NAN);
  if (driver->kinds == 1)
    return;
  for (kind = 0; kind < driver->kinds; kind++)
    for (i = 0; i < (driver->timed ? PERCENTILES : 1); i++)
      {
        const struct hist *hist = &pass->hist[kind];

        if (driver->timed)
          snprintf (name, sizeof name, "%s %s", driver->kind[kind],
                    percentile[i].name);
        else
          snprintf (name, sizeof name, "%s", driver->kind[kind]);
        put (p, "Latency", name, driver->timed ? "us" : "ms", FIGURES_LESS,
             hist->count ? (double) sql_hist_at (hist, percentile[i].at)
                             / (driver->timed ? 1e3 : 1e6)
                         : NAN);
      }
}

static void
add_costs (const struct prefix *p, const struct proc *proc, double n)
{
  const char *io = "CPU and I/O";

  put (p, io, "CPU", "us/op", FIGURES_LESS, known (proc->cpu_usec) / n);
  put (p, io, "read by calls", "bytes/op", FIGURES_LESS,
       known (proc->rchar) / n);
  put (p, io, "written by calls", "bytes/op", FIGURES_LESS,
       known (proc->wchar) / n);
  put (p, io, "read from disk", "bytes/op", FIGURES_LESS,
       known (proc->read_bytes) / n);
  put (p, io, "written to disk", "bytes/op", FIGURES_LESS,
       known (proc->write_bytes) / n);
  put (p, "Memory of all processes", "PSS", "bytes", FIGURES_LESS,
       known (proc->pss));
  put (p, "Memory of all processes", "anonymous", "bytes", FIGURES_LESS,
       known (proc->anonymous));
  put (p, "Memory of all processes", "page tables", "bytes", FIGURES_LESS,
       known (proc->page_tables));
}

static void
add_pass (struct sql *sql, const struct result *result, int n)
{
  static struct hist all;
  const struct pass_result *pass = &result->pass[n];
  char text[16] = "";
  struct prefix p = { sql, text };
  double done = 0, operations;
  int kind;

  if (sql->driver->passes > 1)
    snprintf (text, sizeof text, "%s/", sql->driver->pass[n]);
  memset (&all, 0, sizeof all);
  for (kind = 0; kind < sql->driver->kinds; kind++)
    {
      done += (double) pass->done[kind];
      sql_hist_merge (&all, &pass->hist[kind]);
    }
  operations = all.count ? (double) all.count : NAN;
  put (&p, "Throughput", "throughput", "1/s", FIGURES_MORE,
       pass->seconds > 0 ? done / pass->seconds : NAN);
  add_latencies (&p, pass, &all);
  add_costs (&p, &pass->proc, operations);
}

static void
add_memory (struct sql *sql, const struct result *result)
{
  const char *section = "Memory of all processes";
  long vmas = result->pass[sql->driver->passes - 1].proc.vmas;

  sql_figure (sql, section, "VMAs of one process", "count", FIGURES_LESS,
              known (vmas));
  sql_figure (sql, section, "with page cache and pool", "bytes", FIGURES_LESS,
              result->memory_used ? (double) result->memory_used : NAN);
  sql_figure (sql, section, "the most", "bytes", FIGURES_LESS,
              result->memory_peak ? (double) result->memory_peak : NAN);
  sql_figure (sql, section, "WAL", "bytes", FIGURES_LESS,
              known (result->wal_bytes));
}

static void
add_pool (struct sql *sql, const struct result *result)
{
  const oriel_stats *s = &result->pool;

#define PUT(field, unit) \
  sql_figure (sql, "Pool", "pool/" #field, unit, FIGURES_NONE, \
              result->observed ? (double) s->field : NAN)
  PUT (hits, "count");
  PUT (misses, "count");
  PUT (readahead, "count");
  PUT (reads, "count");
  PUT (read_bytes, "bytes");
  PUT (writes, "count");
  PUT (write_bytes, "bytes");
  PUT (syncs, "count");
  PUT (evictions, "count");
  PUT (writebacks, "count");
  PUT (swaps, "count");
  PUT (installs, "count");
  PUT (copies, "count");
  PUT (barriers, "count");
  PUT (latch_waits, "count");
  PUT (drops, "count");
  PUT (repairs, "count");
  PUT (frames, "count");
  PUT (frames_free, "count");
  PUT (frames_dirty, "count");
  PUT (pool_bytes, "bytes");
  PUT (pins, "count");
#undef PUT
}

static void
add_checks (struct sql *sql, const struct result *result)
{
  char name[48];
  int i, n;

  for (i = 0; i < result->checks; i++)
    {
      const struct check_report *check = &result->check[i];
      long long bad = !check->ok;

      for (n = 0; n < sql->driver->conditions; n++)
        bad += check->bad[n];
      snprintf (name, sizeof name, "violations through %s",
                result->check_vfs[i]);
      sql_figure (sql, "Consistency", name, "count", FIGURES_LESS,
                  (double) bad);
    }
}

void
sql_figures_add (struct sql *sql, const struct result *result)
{
  int n;

  for (n = 0; n < sql->driver->passes; n++)
    add_pass (sql, result, n);
  sql_figure (sql, "Throughput", "retries", "count", FIGURES_LESS,
              (double) result->retries);
  if (sql->opt.kill_every)
    sql_figure (sql, "Throughput", "killed", "count", FIGURES_NONE,
                (double) result->kills);
  if (sql->driver->figures)
    sql->driver->figures (sql, result);
  add_memory (sql, result);
  add_pool (sql, result);
  add_checks (sql, result);
}
