/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-resize.c - oriel resize: give a pool more memory, or less
 *
 * Only a process that has a file open may write its dirty pages to make room.  So
 * before a pool shrinks the files that have some are opened, and written, as far
 * as they are anyone's to write, and stay open until it is done.
 */
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  TOOL_WAIT,
  { 0, 0, 0, 0, 0, 0 }
};

struct parsed {
  struct tool_options opt;
  oriel_options size;           /* its pool_size */
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *p = state->input;

  if (key == ARGP_KEY_ARG && p->opt.pool && p->size.pool_size == 0)
    {
      if (oriel_options_set (&p->size, "pool_size", arg) < 0
          || p->size.pool_size == 0)
        argp_error (state, "SIZE takes a number, and K, M or G, and not \"%s\"",
                    arg);
      return 0;
    }
  if (key == ARGP_KEY_ARG && p->opt.pool)
    argp_error (state, "one SIZE is enough: what is \"%s\"?", arg);
  if (key == ARGP_KEY_END && p->opt.pool && p->size.pool_size == 0)
    argp_error (state, "which SIZE?");
  return tool_option_pool (key, arg, state, &p->opt);
}

/* Does the path that the pool knows still lead to the file? */
static bool
is_there (const oriel_file_info *info)
{
  struct stat st;

  return stat (info->path, &st) == 0 && st.st_dev == info->dev
         && st.st_ino == info->ino;
}

/* What cannot be written here the pool waits for, and says. */
static void
open_dirty (oriel_pool *pool, const struct tool_view *view, oriel_file **file)
{
  for (size_t i = 0; i < view->nfiles; i++)
    {
      const oriel_file_info *info = &view->files[i];

      if (info->foreign || info->dirty == 0 || !is_there (info)
          || oriel_file_open (pool, info->path, 0, &file[i]) < 0)
        file[i] = NULL;
      else
        oriel_flush (file[i]);
    }
}

static int
resize (oriel_pool *pool, uint64_t bytes)
{
  struct tool_view view;
  oriel_file **file;
  int r = tool_view_read (pool, NULL, &view);

  if (r < 0)
    return r;
  file = calloc (view.nfiles + 1, sizeof *file);
  if (file && bytes < view.stats.frames * view.stats.page_size)
    open_dirty (pool, &view, file);
  r = oriel_pool_resize (pool, bytes);
  for (size_t i = 0; file && i < view.nfiles; i++)
    if (file[i])
      oriel_file_abandon (file[i]); /* it was flushed, or its pages stay */
  free (file);
  tool_view_free (&view);
  return r;
}

int
tool_resize (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL SIZE",
          .doc = "Have a pool hold SIZE bytes of pages (K, M and G are powers of"
                 " 1024), more than now or fewer, while processes use it."
                 "\voriel stat says how large it can get.  Pages that are"
                 " pinned, and dirty ones that only others may write, are waited"
                 " for; if they stay, so does the pool's size." };
  struct parsed p = { .opt = { 0 } };
  oriel_stats stats = { .struct_size = sizeof stats };
  oriel_pool *pool;
  int status = TOOL_DONE;

  oriel_options_init (&p.size);
  argp_parse (&argp, argc, argv, 0, NULL, &p);
  if (tool_attach (p.opt.pool, &p.opt, &pool) < 0)
    return tool_failed ();
  if (resize (pool, p.size.pool_size) < 0)
    {
      tool_failed ();
      status = TOOL_PART;
    }
  else if (oriel_pool_stats (pool, &stats) == 0)
    printf ("%s: %s of pages\n", tool_text (p.opt.pool),
            tool_size (stats.frames * stats.page_size));
  oriel_pool_close (pool);
  return status;
}
