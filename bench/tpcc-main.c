/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-main.c - oriel-tpcc: TPC-C on SQLite, through Oriel's VFS and others
 *
 * Load, run, check, report, clean up.  tpcc.h says which process does what.
 *
 * This is not a TPC Benchmark C result and cannot be compared with one: there
 * are no keying and think times, and no independent auditor.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tpcc.h"

static void
on_signal (int sig)
{
  tpcc_interrupted = sig;
}

static void
catch_signals (void)
{
  struct sigaction action = { .sa_handler = on_signal };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
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
make_scratch (struct tpcc *tpcc)
{
  const char *tmp = getenv ("TMPDIR");
  char template[PATH_MAX];
  int n;

  n = snprintf (template, sizeof template, "%s/oriel-tpcc-XXXXXX",
                tmp && *tmp ? tmp : "/var/tmp");
  if (n >= PATH_MAX - 64)
    return tpcc_fail (tpcc->shared, "TMPDIR is too long");
  if (mkdtemp (template) == NULL)
    return tpcc_fail (tpcc->shared, "making %s: %s", template,
                      strerror (errno));
  snprintf (tpcc->directory, sizeof tpcc->directory, "%s", template);
  snprintf (tpcc->base, sizeof tpcc->base, "%.*s/tpcc.db", n, template);
  return 0;
}

/* The database: given, and there or not as the actions want it; or scratch. */
static int
find_base (struct tpcc *tpcc)
{
  const struct options *opt = &tpcc->opt;
  struct stat st;
  int err, there;

  if (opt->db == NULL)
    return make_scratch (tpcc);
  err = absolute (opt->db, tpcc->base);
  if (err != 0)
    return tpcc_fail (tpcc->shared, "%s: %s", opt->db, strerror (-err));
  there = stat (tpcc->base, &st) == 0;
  if (there && (opt->actions & LOAD))
    return tpcc_fail (tpcc->shared, "%s exists already: --run-only runs on"
                      " it, or name another", tpcc->base);
  if (!there && !(opt->actions & LOAD))
    return tpcc_fail (tpcc->shared, "%s: %s", tpcc->base, strerror (errno));
  return 0;
}

static void
make_side (struct tpcc *tpcc, int i, const char *name, const char *vfs,
           const char *suffix)
{
  struct side *side = &tpcc->side[i];

  snprintf (side->name, sizeof side->name, "%s", name);
  snprintf (side->vfs, sizeof side->vfs, "%s", vfs);
  snprintf (side->path, sizeof side->path, "%.*s%s", PATH_MAX - 32,
            tpcc->base, suffix);
  side->oriel = strcmp (vfs, "oriel") == 0;
  if (!side->oriel)
    return;
  if (tpcc->opt.pool)
    snprintf (side->pool, sizeof side->pool, "%s", tpcc->opt.pool);
  else
    {
      snprintf (side->pool, sizeof side->pool, "tpcc-%ld", (long) getpid ());
      side->own_pool = 1;
    }
}

static void
make_sides (struct tpcc *tpcc)
{
  if (tpcc->opt.compare)
    {
      tpcc->sides = 2;
      make_side (tpcc, 0, "oriel", "oriel", "-oriel");
      make_side (tpcc, 1, "stock", "unix", "-stock");
    }
  else
    {
      tpcc->sides = 1;
      make_side (tpcc, 0, tpcc->opt.vfs, tpcc->opt.vfs, "");
    }
}

/* ------------------------------------------------------------------ */
/* The actions                                                        */

static int
remove_pool (struct tpcc *tpcc, const struct side *side)
{
  return side->own_pool ? tpcc_run_pool_remove (tpcc, side) : 0;
}

/* Through the VFS that will be measured; for a comparison through the stock
 * one, since both start from copies of the same file. */
static int
load (struct tpcc *tpcc)
{
  struct side side = tpcc->side[0];
  int failed;

  if (tpcc->opt.compare)
    {
      side = tpcc->side[1];
      snprintf (side.path, sizeof side.path, "%s", tpcc->base);
    }
  tpcc->base_made = 1;
  failed = tpcc_run_load (tpcc, &side);
  tpcc->base_loaded = !failed;
  /* The run shall make its own, in its cgroup. */
  return remove_pool (tpcc, &side) || failed;
}

static int
copy_base (struct tpcc *tpcc)
{
  int i, err;

  for (i = 0; i < tpcc->sides; i++)
    {
      err = tpcc_file_copy (tpcc->base, tpcc->side[i].path);
      if (err != 0)
        return tpcc_fail (tpcc->shared, "copying %s to %s: %s", tpcc->base,
                          tpcc->side[i].path, strerror (-err));
      tpcc->side[i].made = 1;
    }
  return 0;
}

/* Through its own VFS, and as everyone else sees the file. */
static int
check (struct tpcc *tpcc, int i)
{
  const struct side *side = &tpcc->side[i];
  struct side plain = *side;
  int failed;

  failed = tpcc_run_check (tpcc, side, &tpcc->result[i]);
  if (!failed && side->oriel)
    {
      plain.oriel = 0;
      snprintf (plain.vfs, sizeof plain.vfs, "unix");
      failed = tpcc_run_check (tpcc, &plain, &tpcc->result[i]);
    }
  return failed;
}

static int
do_side (struct tpcc *tpcc, int i)
{
  struct side *side = &tpcc->side[i];
  int failed = 0;

  if (tpcc->opt.actions & RUN)
    failed = tpcc_run_terminals (tpcc, side, &tpcc->result[i]);
  if (!failed && (tpcc->opt.actions & CHECK))
    failed = check (tpcc, i);
  return remove_pool (tpcc, side) || failed;
}

static int
do_all (struct tpcc *tpcc)
{
  int i;

  if (find_base (tpcc))
    return 1;
  make_sides (tpcc);
  tpcc_report_head (tpcc);
  if ((tpcc->opt.actions & LOAD) && load (tpcc))
    return 1;
  if (tpcc->opt.compare && copy_base (tpcc))
    return 1;
  if (!(tpcc->opt.actions & (RUN | CHECK)))
    return 0;
  for (i = 0; i < tpcc->sides; i++)
    if (do_side (tpcc, i))
      return 1;
  return 0;
}

static void
clean_up (struct tpcc *tpcc)
{
  int keep = tpcc->opt.keep;
  int i;

  for (i = 0; i < tpcc->sides; i++)
    if (tpcc->side[i].made && !keep)
      tpcc_file_remove (tpcc->side[i].path);
  if (tpcc->opt.actions == LOAD)
    keep = 1;
  if (tpcc->base_made && !(keep && tpcc->base_loaded))
    tpcc_file_remove (tpcc->base);
  if (tpcc->directory[0])
    rmdir (tpcc->directory); /* fails if something was kept */
}

static int
all_consistent (const struct tpcc *tpcc)
{
  int i, n;

  for (i = 0; i < tpcc->sides; i++)
    for (n = 0; n < tpcc->result[i].checks; n++)
      if (!tpcc->result[i].check[n].ok)
        return 0;
  return 1;
}

int
main (int argc, char **argv)
{
  static struct tpcc tpcc;
  int failed;

  tpcc_options_parse (argc, argv, &tpcc.opt);
  tpcc.shared = mmap (NULL, sizeof *tpcc.shared, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (tpcc.shared == MAP_FAILED)
    {
      perror ("oriel-tpcc: mmap");
      return 1;
    }
  catch_signals ();
  failed = do_all (&tpcc);
  clean_up (&tpcc);
  if (failed)
    fprintf (stderr, "oriel-tpcc: %s\n", tpcc.shared->error);
  else if (tpcc.opt.json)
    failed = tpcc_report_json (&tpcc);
  else
    tpcc_report (&tpcc);
  if (tpcc_interrupted)
    return 128 + tpcc_interrupted;
  return failed || !all_consistent (&tpcc);
}
