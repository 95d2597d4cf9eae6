/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-rm.c - oriel rm: remove a pool
 *
 * The library decides whether anyone is attached, under the pool's gate.  Who
 * it is, is looked up before, for people; of a damaged pool it is not known.
 */
#include <errno.h>
#include <string.h>

#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  { "force", 'f', 0, 0,
    "Also while processes are attached: they keep it until they end", 0 },
  TOOL_WAIT,
  { 0, 0, 0, 0, 0, 0 }
};

struct parsed {
  struct tool_options opt;
  bool force;
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;

  if (key != 'f')
    return tool_option_pool (key, arg, state, &parsed->opt);
  parsed->force = true;
  return 0;
}

/* Who is attached, as text, "pid 12, pid 34"; how many. */
struct users {
  char text[500];
  unsigned n;
};

static void
see_process (void *arg, const oriel_process_info *info)
{
  struct users *u = arg;
  size_t n = strlen (u->text);

  if (info->alive)
    snprintf (u->text + n, sizeof u->text - n, "%spid %u",
              u->n++ ? ", " : "", info->pid);
}

static void
find_users (const struct tool_options *opt, struct users *u)
{
  oriel_pool *pool;

  u->n = 0;
  u->text[0] = '\0';
  if (tool_watch (opt->pool, opt, &pool) < 0)
    return;
  oriel_pool_processes (pool, see_process, u);
  oriel_pool_close (pool);
}

int
tool_rm (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL",
          .doc = "Remove a pool.  Pages that are not yet in their files are"
                 " lost." };
  struct parsed parsed = { .force = false };
  const char *name;
  struct users u;
  int r;

  argp_parse (&argp, argc, argv, 0, NULL, &parsed);
  name = parsed.opt.pool;
  find_users (&parsed.opt, &u);
  tool_patience (name, &parsed.opt);
  r = oriel_pool_destroy (name, parsed.opt.directory, parsed.force);
  tool_patience_ends ();
  if (r < 0)
    tool_failed ();
  if (r == -EBUSY && u.n > 0)
    tool_error ("%s: attached: %s", tool_text (name), u.text);
  if (r == 0 && parsed.force && u.n > 0)
    printf ("%s: removed; its pages stay with those who are attached until "
            "they end: %s\n",
            tool_text (name), u.text);
  return r == 0 ? TOOL_DONE : r == -EBUSY ? TOOL_PART : TOOL_TROUBLE;
}
