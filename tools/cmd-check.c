/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-check.c - oriel check: is the shared state of a pool sound?
 */
#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  { "quiet", 'q', 0, 0, "Say nothing of a pool that is sound", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

struct parsed {
  struct tool_options opt;
  bool quiet;
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;

  if (key != 'q')
    return tool_option_pool (key, arg, state, &parsed->opt);
  parsed->quiet = true;
  return 0;
}

static void
print_problem (void *arg, const char *text)
{
  const char *const *name = arg;

  printf ("%s: %s\n", tool_text (*name), tool_text (text));
}

int
tool_check (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL",
          .doc = "Check every rule that a pool's shared state keeps, also while"
                 " it is used: a line for each that is broken." };
  struct parsed parsed = { .quiet = false };
  oriel_pool *pool;
  int found;

  argp_parse (&argp, argc, argv, 0, NULL, &parsed);
  if (tool_watch (parsed.opt.pool, &parsed.opt, &pool) < 0)
    return tool_failed ();
  found = oriel_pool_check (pool, print_problem, &parsed.opt.pool);
  oriel_pool_close (pool);
  if (found < 0)
    return tool_failed ();
  if (found > 0)
    tool_error ("%s: %d problems", tool_text (parsed.opt.pool), found);
  else if (!parsed.quiet)
    printf ("%s: no problem\n", tool_text (parsed.opt.pool));
  return found > 0 ? TOOL_PART : TOOL_DONE;
}
