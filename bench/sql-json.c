/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-json.c - the results of all rounds as JSON, in the form that all
 * benchmarks have (figures.h)
 */
#include <math.h>
#include <string.h>

#include "sql.h"

static void
put_setup (const struct sql *sql)
{
  const struct options *opt = &sql->opt;
  unsigned long long pool = opt->pool_bytes >> 20, limit = 0;
  char text[ERROR_TEXT];

  if (sql->result)
    limit = sql->result[0].memory_limit >> 20;

  sql->driver->describe (sql, text);
  figures_setup ("data", "%s", text);
  figures_setup ("processes", "%d", opt->processes);
  figures_setup ("rounds", "%d", opt->rounds);
  if (sql->driver->timed)
    figures_setup ("seconds of a run", "%d", opt->seconds);
  if (limit)
    figures_setup ("memory", "a cgroup of %llu MiB for each side, pool of %llu"
                   " MiB", limit, pool);
  else
    figures_setup ("memory", "not bounded, pool of %llu MiB", pool);
  figures_setup ("durability", "journal %s, synchronous %s", opt->journal,
                 opt->synchronous);
  figures_setup ("warm-up", "%s", sql->driver->passes > 1
                 ? "none in the first pass, which is that of the second"
                 : opt->warm ? "each process reads all of the database"
                 : "none: the database is dropped from the page cache");
  figures_setup ("seed", "%llu", (unsigned long long) opt->seed);
  figures_setup ("sqlite", "%s", sqlite3_libversion ());
  figures_setup ("oriel", "%s", oriel_version ());
}

static bool
is_known (const double *value, int n)
{
  int i;

  for (i = 0; i < n; i++)
    if (!isnan (value[i]))
      return true;
  return false;
}

static void
put_figure (const struct sql *sql, const struct figure *figure)
{
  bool any = false;
  int i;

  for (i = 0; i < sql->sides; i++)
    any = any || is_known (figure->value[i], sql->opt.rounds);
  if (!any)
    return;
  figures_case (figure->name, figure->unit, figure->better);
  for (i = 0; i < sql->sides; i++)
    if (is_known (figure->value[i], sql->opt.rounds))
      figures_series (sql->side[i].name, sql->side[i].oriel ? FIGURES_OURS
                                                            : FIGURES_PEER,
                      figure->value[i], sql->opt.rounds);
}

int
sql_report_json (const struct sql *sql)
{
  int i;

  figures_command (sql->argc, sql->argv);
  put_setup (sql);
  if (sql->cgroup_why[0])
    figures_left_out ("the memory cgroup: %s", sql->cgroup_why);
  for (i = 0; i < sql->figures; i++)
    put_figure (sql, &sql->figure[i]);
  for (i = 0; i < sql->failures; i++)
    figures_failure ("%s", sql->failure[i]);
  return figures_close ();
}
