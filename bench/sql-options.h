/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-options.h - the command line that the benchmarks on SQLite share, for the
 * parsers of each
 */
#ifndef SQL_OPTIONS_H
#define SQL_OPTIONS_H

#include <argp.h>

#include "sql.h"

/* sql-options.c: the database, Oriel, how it is measured.  sql-actions.c: what
 * is done.  The input of both is a struct sql_parsed. */
extern const struct argp sql_options_argp, sql_actions_argp;
#define SQL_OPTIONS_CHILDREN \
  { &sql_actions_argp, 0, NULL, 0 }, { &sql_options_argp, 0, NULL, 0 }

/* What parsers are given; that of a driver may begin with it. */
struct sql_parsed {
  struct options *opt;
  const struct driver *driver;
  void *own;               /* the driver's */
  const char *for_loading; /* options that only loading heeds */
  bool compares;           /* sides, by default: oriel, stock and mmap */
  int memory_given;
  int rounds_given;
  int load_given;          /* of for_loading, or --page-size */
  int vfs_given;
  int only;                /* how many of --load-only and so on */
};

/* Defaults, then the command line by an argp whose children are those above;
 * ends the program with 0 for --help and --version, 2 if it is wrong. */
void sql_options_parse (const struct argp *argp, int argc, char **argv,
                        struct sql_parsed *parsed);

/* All of main() of a benchmark that compares sides.  own: what its parser sets, of
 * sql.own; argp: its options, its parser, whose input is a struct sql_parsed, and
 * its doc. */
int sql_options_main (const struct driver *driver, void *own,
                      const struct argp *argp, const char *for_loading,
                      int argc, char **argv);

/* A driver's parser for what its own options are not. */
error_t sql_options_rest (int key, char *arg, struct argp_state *state);

/* Values; a wrong one ends the program by argp_error(). */
int sql_options_number (struct argp_state *state, const char *option,
                        const char *text, int low, int high);
const char *sql_options_word (struct argp_state *state, const char *option,
                              const char *text, const char *const *words);

#endif /* SQL_OPTIONS_H */
