/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-actions.c - the command line: what to do, and on what database
 */
#include <string.h>

#include "sql-options.h"

enum {
  OPT_VFS = 768, OPT_LOAD_ONLY, OPT_RUN_ONLY, OPT_CHECK_ONLY, OPT_KILL_EVERY,
  OPT_KEEP, OPT_DB
};

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "Parts of it:", 2 },
  { "load-only", OPT_LOAD_ONLY, 0, 0, "Load a database and keep it", 0 },
  { "run-only", OPT_RUN_ONLY, 0, 0,
    "Run on a database that is loaded, then check it", 0 },
  { "check-only", OPT_CHECK_ONLY, 0, 0, "Check a database", 0 },
  { "kill-every", OPT_KILL_EVERY, "MS", 0,
    "Every MS milliseconds kill a process at random and start another", 0 },
  { "db", OPT_DB, "PATH", 0, "The database (default: a scratch file)", 0 },
  { "keep", OPT_KEEP, 0, 0, "Keep what was made", 0 },
  { "vfs", OPT_VFS, "NAME", 0, "Go through this VFS, and no other", 0 },
  { "quiet", 'q', 0, 0, "Show no progress", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

static error_t
parse_action (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  struct options *opt = parsed->opt;

  switch (key)
    {
    case OPT_LOAD_ONLY:
      opt->actions = LOAD;
      parsed->only++;
      break;
    case OPT_RUN_ONLY:
      opt->actions = RUN | CHECK;
      parsed->only++;
      break;
    case OPT_CHECK_ONLY:
      opt->actions = CHECK;
      parsed->only++;
      break;
    case OPT_KILL_EVERY:
      opt->kill_every = sql_options_number (state, "kill-every", arg, 1,
                                            86400000);
      break;
    case OPT_DB:
      if (*arg == 0)
        argp_error (state, "--db takes a path");
      opt->db = arg;
      break;
    case OPT_KEEP:
      opt->keep = 1;
      break;
    case OPT_VFS:
      if (*arg == 0 || strlen (arg) > 31)
        argp_error (state, "--vfs takes the name of a VFS");
      opt->vfs = arg;
      parsed->vfs_given = 1;
      break;
    case 'q':
      opt->quiet = 1;
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

/* ------------------------------------------------------------------ */
/* What does not go together                                          */

static void
check_parts (struct argp_state *state, const struct sql_parsed *parsed)
{
  const struct options *opt = parsed->opt;

  if (parsed->only > 1)
    argp_error (state, "--load-only, --run-only and --check-only exclude"
                " each other");
  if (parsed->only && opt->db == NULL)
    argp_error (state, "--load-only, --run-only and --check-only need --db");
  if (opt->actions == CHECK && parsed->driver->conditions == 0)
    argp_error (state, "--check-only: there is nothing to check but what a run"
                " finds");
  if (!(opt->actions & LOAD) && parsed->load_given)
    argp_error (state, "%s and --page-size are for loading",
                parsed->for_loading);
  if (opt->warm && !(opt->actions & RUN))
    argp_error (state, "--warm is for a run: no --load-only, no --check-only");
}

static void
check_sides (struct argp_state *state, const struct sql_parsed *parsed)
{
  const struct options *opt = parsed->opt;

  if (opt->compare && parsed->vfs_given)
    argp_error (state, "--compare chooses the VFS by itself: no --vfs");
  if (opt->compare && !(opt->actions & RUN))
    argp_error (state, "--compare runs: no --load-only, no --check-only");
  if (parsed->rounds_given && !opt->compare)
    argp_error (state, "--rounds needs --compare or --sides");
  if (!opt->compare && strcmp (opt->vfs, "oriel") != 0
      && (opt->pool || opt->pool_size || opt->window || opt->slot
          || opt->backend))
    argp_error (state, "--pool, --pool-size, --window, --slot and --backend"
                " need Oriel's VFS, not %s", opt->vfs);
}

static void
check_kills (struct argp_state *state, const struct sql_parsed *parsed)
{
  const struct options *opt = parsed->opt;

  if (opt->kill_every == 0)
    return;
  if (!parsed->driver->timed)
    argp_error (state, "--kill-every: a run ends when its work is done, and"
                " the dead do none");
  if (!(opt->actions & RUN))
    argp_error (state, "--kill-every is for a run: no --load-only, no"
                " --check-only");
  if (strcmp (opt->journal, "memory") == 0)
    argp_error (state, "--kill-every: a journal in memory dies with its"
                " transaction; choose another --journal");
}

/* Beside the pool there is as much for the log, which the page cache holds for
 * all sides: two writers let it grow to 200 MiB, as there is always someone who
 * reads while the other copies it.  With less, Oriel, whose pool is memory from
 * the start, read its log back from the disk. */
#define COMPARED_POOL "64M"
#define COMPARED_BYTES (64ull << 20)

/* Sides are compared unless something else is wanted, where the driver is for
 * that. */
static void
finish (struct argp_state *state, struct sql_parsed *parsed)
{
  struct options *opt = parsed->opt;

  if (parsed->compares && !parsed->vfs_given && (opt->actions & RUN))
    opt->compare = 1;
  if (!parsed->rounds_given && parsed->compares && opt->compare)
    opt->rounds = 3;
  check_parts (state, parsed);
  check_sides (state, parsed);
  check_kills (state, parsed);
  if (!parsed->compares)
    return;
  opt->log_bytes = COMPARED_BYTES;
  if (opt->pool_size == NULL)
    {
      opt->pool_size = COMPARED_POOL;
      opt->pool_bytes = COMPARED_BYTES;
    }
}

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  if (key == ARGP_KEY_END)
    {
      finish (state, state->input);
      return 0;
    }
  return parse_action (key, arg, state);
}

const struct argp sql_actions_argp = { .options = list, .parser = parse };
