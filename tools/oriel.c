/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel.c - look at pools, warm, empty and remove them: the command line
 *
 * The first argument that is no option is the command, and what follows is the
 * command's; each has a parser of its own (argp), so "oriel COMMAND --help"
 * says what it takes.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const struct {
  const char *name;
  int (*run) (int argc, char **argv);
} commands[] = {
  { "check", tool_check }, { "drop", tool_drop },     { "ls", tool_ls },
  { "rm", tool_rm },       { "resize", tool_resize }, { "stat", tool_stat },
  { "top", tool_top },     { "warm", tool_warm },
};

#define NCOMMANDS (sizeof commands / sizeof *commands)

static const char doc[] =
  "Look at Oriel's pools, warm, empty and remove them."
  "\vCommands:\n"
  "  ls          the pools of a directory\n"
  "  stat POOL   counters, files and processes of a pool\n"
  "  top POOL    the same, live\n"
  "  check POOL  is the shared state sound?\n"
  "  warm FILE   read files into a pool\n"
  "  drop POOL   give up the clean pages of a pool, or of a file\n"
  "  resize POOL SIZE  give a pool more memory, or less\n"
  "  rm POOL     remove a pool\n\n"
  "\"oriel COMMAND --help\" says more, oriel(1) all.  Exit status: 0 it is"
  " done, 1 refused, not all done or problems found, 2 something cannot be"
  " opened or the command line is wrong.";

struct parsed {
  int (*run) (int argc, char **argv);
  const char *name;
  int at;                       /* of the command in argv */
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;

  if (key == ARGP_KEY_NO_ARGS)
    argp_error (state, "which command?");
  if (key != ARGP_KEY_ARG)
    return ARGP_ERR_UNKNOWN;
  for (size_t i = 0; i < NCOMMANDS; i++)
    if (strcmp (arg, commands[i].name) == 0)
      {
        parsed->run = commands[i].run;
        parsed->name = commands[i].name;
        parsed->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
      }
  argp_error (state, "there is no command \"%s\"", arg);
  return EINVAL;
}

static void
print_version (FILE *f, struct argp_state *state)
{
  (void) state;
  fprintf (f, "oriel (Oriel) %s\n", oriel_version ());
}

int
main (int argc, char **argv)
{
  static const struct argp argp
      = { .parser = parse, .args_doc = "COMMAND [ARGUMENT...]", .doc = doc };
  struct parsed parsed = { .run = NULL };
  static char name[32];
  int status;

  setlocale (LC_CTYPE, "");
  argp_program_version_hook = print_version;
  argp_err_exit_status = TOOL_TROUBLE;
  argp_parse (&argp, argc, argv, ARGP_IN_ORDER, NULL, &parsed);
  snprintf (name, sizeof name, "oriel %s", parsed.name);
  tool_name = argv[parsed.at] = name;
  status = parsed.run (argc - parsed.at, argv + parsed.at);
  if (fflush (stdout) == 0 && !ferror (stdout))
    return status;
  tool_error ("standard output cannot be written");
  return TOOL_TROUBLE;
}
