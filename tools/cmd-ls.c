/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-ls.c - oriel ls: the pools of a directory
 *
 * Every regular file that has a pool's name is a line, also one that cannot be
 * looked at: what is wrong with it goes to standard error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define PREFIX "oriel-"
#define BUILDING ".building"    /* a pool that is being made */

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  TOOL_JSON,
  { 0, 0, 0, 0, 0, 0 }
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  if (key == ARGP_KEY_ARG)
    argp_error (state, "what is \"%s\"?  It takes options only", arg);
  return tool_option (key, arg, state, state->input);
}

static int
has_name (const struct dirent *entry)
{
  size_t n = strlen (entry->d_name);
  size_t tail = sizeof BUILDING - 1;

  return n >= sizeof PREFIX
         && strncmp (entry->d_name, PREFIX, sizeof PREFIX - 1) == 0
         && !(n > tail && strcmp (entry->d_name + n - tail, BUILDING) == 0);
}

static void
look (struct tool_pool *p, const struct tool_options *opt)
{
  struct tool_view view;
  oriel_pool *pool = NULL;

  if (tool_watch (p->path, opt, &pool) < 0
      || tool_view_read (pool, NULL, &view) < 0)
    {
      p->state = "unusable";
      p->error = strdup (oriel_error ());
    }
  else
    {
      p->state = view.stats.processes > 0 ? "in use"
                 : view.stats.other_boot  ? "old boot"
                                          : "idle";
      p->stats = view.stats;
      tool_view_free (&view);
    }
  if (pool)
    oriel_pool_close (pool);
}

static const char *
owner (uid_t uid)
{
  static char number[16];
  struct passwd *pw = getpwuid (uid);

  if (pw)
    return pw->pw_name;
  snprintf (number, sizeof number, "%u", (unsigned) uid);
  return number;
}

static void
print (const struct tool_pool *p)
{
  if (p->error)
    printf ("%-20s %7s %10s %10s %5s  %-10s %s\n", tool_text (p->name),
            tool_size ((uint64_t) p->st.st_size), "-", "-", "-",
            owner (p->st.st_uid), p->state);
  else
    printf ("%-20s %7s %10llu %10llu %5llu  %-10s %s\n", tool_text (p->name),
            tool_size (p->stats.pool_bytes),
            (unsigned long long) p->stats.frames,
            (unsigned long long) p->stats.frames_free,
            (unsigned long long) p->stats.processes, owner (p->st.st_uid),
            p->state);
}

static void
print_all (const struct tool_pool *pools, size_t n)
{
  if (n > 0)
    printf ("%-20s %7s %10s %10s %5s  %-10s %s\n", "POOL", "SIZE", "FRAMES",
            "FREE", "PROCS", "OWNER", "STATE");
  for (size_t i = 0; i < n; i++)
    print (&pools[i]);
  for (size_t i = 0; i < n; i++)
    if (pools[i].error)
      tool_error ("%s", tool_text (pools[i].error));
}

int
tool_ls (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse,
          .doc = "List the pools of a directory." };
  struct tool_options opt = { .directory = NULL };
  struct tool_pool *pools;
  struct dirent **entries;
  int found, status = TOOL_DONE;
  size_t n = 0;

  argp_parse (&argp, argc, argv, 0, NULL, &opt);
  found = scandir (tool_directory (&opt), &entries, has_name, alphasort);
  if (found < 0)
    {
      tool_error ("%s: cannot be read (%s)", tool_text (tool_directory (&opt)),
                  strerror (errno));
      return TOOL_TROUBLE;
    }
  pools = calloc ((size_t) found + 1, sizeof *pools);
  for (int i = 0; pools && i < found; i++)
    {
      struct tool_pool *p = &pools[n];

      p->name = entries[i]->d_name + sizeof PREFIX - 1;
      if (asprintf (&p->path, "%s/%s", tool_directory (&opt),
                    entries[i]->d_name) < 0)
        abort ();
      if (lstat (p->path, &p->st) == 0 && !S_ISDIR (p->st.st_mode))
        {
          look (p, &opt);
          n++;
        }
      else
        free (p->path);
    }
  if (opt.json)
    status = tool_json_list (pools, n);
  else
    print_all (pools, n);
  for (size_t i = 0; i < n; i++)
    {
      free (pools[i].path);
      free (pools[i].error);
    }
  for (int i = 0; i < found; i++)
    free (entries[i]);
  free (entries);
  free (pools);
  return status;
}
