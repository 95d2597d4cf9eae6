/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-options.c - what oriel-tpcc's command line has beside sql-options.c
 */
#include "sql-options.h"
#include "tpcc.h"

static const char doc[] =
  "TPC-C on SQLite, through Oriel's VFS and others.\v"
  "Without --load-only, --run-only or --check-only it loads, runs and checks,"
  " and removes what it made.  Sizes take K, M and G.  Exit status: 0 all is"
  " well, 1 something failed or the data is inconsistent, 2 the command line"
  " is wrong.";

enum { OPT_COMPARE = 256, OPT_SCALE };

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "What to do:", 1 },
  { "warehouses", 'w', "N", 0, "Load N warehouses (default 1)", 0 },
  { "terminals", 't', "N", 0, "Run N terminal processes (default 1)", 0 },
  { "seconds", 's', "N", 0, "Run for N seconds (default 30)", 0 },
  { "transactions", 'n', "N", 0,
    "Let each terminal end after N transactions, if the time is not up before",
    0 },
  { "scale", OPT_SCALE, "NAME", 0,
    "full (default: the standard's), small (a tenth), tiny (for tests)", 0 },
  { "compare", OPT_COMPARE, 0, 0,
    "Run through Oriel, then from the same state on the stock VFS: the same as"
    " --sides oriel,stock", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

struct parsed {
  struct sql_parsed common;
  struct tpcc *tpcc;
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;
  struct options *opt = parsed->common.opt;

  switch (key)
    {
    case 'w':
      parsed->tpcc->warehouses = sql_options_number (state, "warehouses", arg,
                                                     1, MAX_WAREHOUSES);
      parsed->common.load_given = 1;
      return 0;
    case OPT_SCALE:
      parsed->tpcc->scale = tpcc_scale_find (arg);
      parsed->common.load_given = 1;
      if (parsed->tpcc->scale == NULL)
        argp_error (state, "--scale takes one of full, small, tiny, not \"%s\"",
                    arg);
      return 0;
    case 't':
      opt->processes = sql_options_number (state, "terminals", arg, 1,
                                           MAX_PROCESSES);
      return 0;
    case 's':
      opt->seconds = sql_options_number (state, "seconds", arg, 1, 86400);
      return 0;
    case 'n':
      opt->transactions = sql_options_number (state, "transactions", arg, 1,
                                              1000000000);
      return 0;
    case OPT_COMPARE:
      opt->compare = 1;
      return 0;
    default:
      return sql_options_rest (key, arg, state);
    }
}

void
tpcc_options_parse (struct sql *sql, int argc, char **argv)
{
  static const struct argp_child children[] = { SQL_OPTIONS_CHILDREN, { 0 } };
  static const struct argp argp = { .options = list, .parser = parse,
                                    .doc = doc, .children = children };
  static struct tpcc tpcc;
  struct parsed parsed = { .tpcc = &tpcc };

  sql->driver = &tpcc_driver;
  sql->own = &tpcc;
  tpcc.warehouses = 1;
  tpcc.scale = tpcc_scale_find ("full");
  parsed.common.opt = &sql->opt;
  parsed.common.driver = sql->driver;
  parsed.common.for_loading = "--warehouses, --scale";
  sql_options_parse (&argp, argc, argv, &parsed.common);
}
