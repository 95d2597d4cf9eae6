/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-main.c - what a benchmark on SQLite does: load, run, check, report, clean
 * up.  sql.h says which process does what.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

static void
on_signal (int sig)
{
  sql_interrupted = sig;
}

static void
catch_signals (void)
{
  struct sigaction action = { .sa_handler = on_signal };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
  /* Under ulimit -f a write that is too long would end the loader; so it is an
   * error of SQLite's, as any other.  Children have it from here. */
  signal (SIGXFSZ, SIG_IGN);
}

/* ------------------------------------------------------------------ */
/* Names                                                              */

/* A path that SQLite can take in a URI must be absolute. */
static int
absolute (const char *path, char out[PATH_MAX])
{
  char here[PATH_MAX];
  int n;

  if (*path == '/')
    n = snprintf (out, PATH_MAX, "%s", path);
  else if (getcwd (here, sizeof here) != NULL)
    n = snprintf (out, PATH_MAX, "%s/%s", here, path);
  else
    return -errno;
  /* Room for what is put behind it: "-stock-journal". */
  return n >= PATH_MAX - 32 ? -ENAMETOOLONG : 0;
}

static int
make_scratch (struct sql *sql)
{
  const char *tmp = getenv ("TMPDIR");
  char template[PATH_MAX];
  int n;

  n = snprintf (template, sizeof template, "%s/oriel-%s-XXXXXX",
                tmp && *tmp ? tmp : "/var/tmp", sql->driver->name);
  if (n >= PATH_MAX - 64)
    return sql_fail (sql->shared, "TMPDIR is too long");
  if (mkdtemp (template) == NULL)
    return sql_fail (sql->shared, "making %s: %s", template,
                     strerror (errno));
  snprintf (sql->directory, sizeof sql->directory, "%s", template);
  snprintf (sql->base, sizeof sql->base, "%.*s/%s.db", n, template,
            sql->driver->name);
  return 0;
}

/* The database: given, and there or not as the actions want it; or scratch. */
static int
find_base (struct sql *sql)
{
  const struct options *opt = &sql->opt;
  struct stat st;
  int err, there;

  if (opt->db == NULL)
    return make_scratch (sql);
  err = absolute (opt->db, sql->base);
  if (err != 0)
    return sql_fail (sql->shared, "%s: %s", opt->db, strerror (-err));
  there = stat (sql->base, &st) == 0;
  if (there && (opt->actions & LOAD))
    return sql_fail (sql->shared, "%s exists already: --run-only runs on"
                     " it, or name another", sql->base);
  if (!there && !(opt->actions & LOAD))
    return sql_fail (sql->shared, "%s: %s", sql->base, strerror (errno));
  return 0;
}

static void
make_side (struct sql *sql, int i, enum side_is is, const char *name,
           const char *vfs)
{
  struct side *side = &sql->side[i];
  bool copied = sql->opt.compare && !sql->driver->reads_only;

  side->is = is;
  snprintf (side->name, sizeof side->name, "%s", name);
  snprintf (side->vfs, sizeof side->vfs, "%s", vfs);
  snprintf (side->path, sizeof side->path, "%.*s%s%s", PATH_MAX - 48,
            sql->base, copied ? "-" : "", copied ? name : "");
  side->oriel = strcmp (vfs, "oriel") == 0;
  if (!side->oriel)
    return;
  if (sql->opt.pool)
    snprintf (side->pool, sizeof side->pool, "%s", sql->opt.pool);
  else
    {
      snprintf (side->pool, sizeof side->pool, "%s-%ld", sql->driver->name,
                (long) getpid ());
      side->own_pool = 1;
    }
}

static int
make_sides (struct sql *sql)
{
  static const char *const name[] = { "oriel", "stock", "mmap", "cache" };
  const struct options *opt = &sql->opt;
  int i;

  sql->sides = opt->compare ? opt->sides : 1;
  if (opt->compare)
    for (i = 0; i < opt->sides; i++)
      make_side (sql, i, opt->side[i], name[opt->side[i]],
                 opt->side[i] == SIDE_ORIEL ? "oriel" : "unix");
  else
    make_side (sql, 0, SIDE_OTHER, opt->vfs, opt->vfs);
  sql->result = calloc ((size_t) sql->sides, sizeof *sql->result);
  return sql->result ? 0 : sql_fail (sql->shared, "out of memory");
}

/* ------------------------------------------------------------------ */
/* The actions                                                        */

static int
remove_pool (struct sql *sql, const struct side *side)
{
  return side->own_pool ? sql_run_pool_remove (sql, side) : 0;
}

/* Through the VFS that will be measured; for a comparison through the stock
 * one, since all sides start from the same file. */
static int
load (struct sql *sql)
{
  struct side side = sql->side[0];
  int failed;

  if (sql->opt.compare)
    {
      side = (struct side) { .is = SIDE_STOCK, .name = "stock",
                             .vfs = "unix" };
      snprintf (side.path, sizeof side.path, "%s", sql->base);
    }
  sql->base_made = 1;
  failed = sql_run_load (sql, &side);
  sql->base_loaded = !failed;
  /* The run shall make its own, in its cgroup. */
  return remove_pool (sql, &side) || failed;
}

static int
copy_base (struct sql *sql, struct side *side)
{
  int err = sql_file_copy (sql->base, side->path);

  if (err != 0)
    return sql_fail (sql->shared, "copying %s to %s: %s", sql->base,
                     side->path, strerror (-err));
  side->made = 1;
  return 0;
}

/* What conditions and answers say of a run. */
static void
note_failures (struct sql *sql, const struct side *side,
               const struct result *result)
{
  int i, n;

  if (result->wrong)
    sql_failure (sql, "%s: %llu wrong answers, such as %s", side->name,
                 (unsigned long long) result->wrong, result->example);
  for (i = 0; i < result->checks; i++)
    {
      const struct check_report *check = &result->check[i];
      const char *vfs = result->check_vfs[i];

      for (n = 0; n < sql->driver->conditions; n++)
        if (check->bad[n])
          sql_failure (sql, "%s through %s, condition %d: %lld of %lld in"
                       " violation: %s", side->name, vfs, n + 1,
                       check->bad[n], check->rows[n], check->example[n]);
      if (strcmp (check->integrity, "ok"))
        sql_failure (sql, "%s through %s, integrity_check: %s", side->name,
                     vfs, check->integrity);
      if (check->commits[0] && strcmp (check->commits, "ok"))
        sql_failure (sql, "%s through %s, commits: %s", side->name, vfs,
                     check->commits);
    }
}

/* Through its own VFS, and as everyone else sees the file. */
static int
check (struct sql *sql, int i)
{
  const struct side *side = &sql->side[i];
  struct side plain = *side;
  int failed;

  failed = sql_run_check (sql, side, &sql->result[i]);
  if (!failed && side->oriel)
    {
      plain.oriel = 0;
      snprintf (plain.vfs, sizeof plain.vfs, "unix");
      failed = sql_run_check (sql, &plain, &sql->result[i]);
    }
  return failed;
}

static int
do_side (struct sql *sql, int i)
{
  struct side *side = &sql->side[i];
  struct result *result = &sql->result[i];
  bool copied = strcmp (side->path, sql->base) != 0;
  int failed = 0;

  sql->at = i;
  memset (result, 0, sizeof *result);
  if (side->made)
    {
      sql_file_remove (side->path);
      side->made = 0;
    }
  if (copied && copy_base (sql, side))
    return 1;
  if (sql->opt.actions & RUN)
    failed = sql_run_workers (sql, side, result);
  if (!failed && (sql->opt.actions & CHECK) && sql->driver->conditions > 0)
    failed = check (sql, i);
  if (!failed && (sql->opt.actions & RUN))
    sql_figures_add (sql, result);
  note_failures (sql, side, result);
  return remove_pool (sql, side) || failed;
}

static int
do_all (struct sql *sql)
{
  int i;

  if (find_base (sql) || make_sides (sql))
    return 1;
  sql_report_head (sql);
  if ((sql->opt.actions & LOAD) && load (sql))
    return 1;
  if (!(sql->opt.actions & (RUN | CHECK)))
    return 0;
  if (sql->driver->before && sql->driver->before (sql))
    return 1;
  for (sql->round = 0; sql->round < sql->opt.rounds; sql->round++)
    for (i = 0; i < sql->sides; i++)
      if (do_side (sql, (i + sql->round) % sql->sides))
        return 1;
  return 0;
}

static void
clean_up (struct sql *sql)
{
  int keep = sql->opt.keep;
  int i;

  for (i = 0; i < sql->sides; i++)
    if (sql->side[i].made && !keep)
      sql_file_remove (sql->side[i].path);
  if (sql->opt.actions == LOAD)
    keep = 1;
  if (sql->base_made && !(keep && sql->base_loaded))
    sql_file_remove (sql->base);
  if (sql->directory[0])
    rmdir (sql->directory); /* fails if something was kept */
}

/* The JSON is complete where the run is not: what went wrong is in it. */
static int
report (struct sql *sql, int failed)
{
  int err;

  if (failed)
    {
      fprintf (stderr, "%s: %s\n", sql->driver->program, sql->shared->error);
      sql_failure (sql, "%s", sql->shared->error);
    }
  else if (sql->opt.json == NULL || strcmp (sql->opt.json, "-") != 0)
    sql_report (sql);
  if (sql->opt.json == NULL)
    return 0;
  err = sql_report_json (sql);
  if (err != 0)
    fprintf (stderr, "%s: the results could not be written: %s\n",
             sql->driver->program, strerror (-err));
  return err;
}

int
sql_main (struct sql *sql, int argc, char **argv)
{
  const char *json = sql->opt.json;
  int err, failed;

  sql->argc = argc;
  sql->argv = argv;
  err = figures_open (json && strcmp (json, "-") == 0 ? "/dev/stdout" : json,
                      sql->driver->name, sql->driver->title);
  if (err != 0)
    {
      fprintf (stderr, "%s: %s: %s\n", sql->driver->program, json,
               strerror (-err));
      return 1;
    }
  sql->shared = mmap (NULL, sizeof *sql->shared, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (sql->shared == MAP_FAILED)
    {
      fprintf (stderr, "%s: mmap: %s\n", sql->driver->program,
               strerror (errno));
      return 1;
    }
  catch_signals ();
  failed = do_all (sql);
  clean_up (sql);
  err = report (sql, failed);
  if (sql_interrupted)
    return 128 + sql_interrupted;
  return failed || err || sql->failures > 0;
}
