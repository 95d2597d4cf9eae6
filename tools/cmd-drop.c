/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-drop.c - oriel drop: give up the pages of a pool, or of a file
 *
 * Nothing is lost: dirty pages go to their files first, and only clean pages
 * that no one has pinned give up their frames (oriel_pool_evict()).  The dirty
 * pages of a foreign file (a database's) are for their writer alone, so they
 * stay.  oriel_file_drop() is never called: it would forget dirty pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  { "pool", 'p', "POOL", 0, "Drop FILE's pages in this pool only", 0 },
  TOOL_WAIT,
  { 0, 0, 0, 0, 0, 0 }
};

struct drop {
  struct tool_options opt;
  const char *what;
  const char *only;             /* --pool */
  unsigned found;               /* pools that know the file */
  int status;
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct drop *d = state->input;

  switch (key)
    {
    case 'p':
      d->only = arg;
      return 0;
    case ARGP_KEY_ARG:
      if (d->what)
        argp_error (state, "one POOL or FILE is enough: what is \"%s\"?", arg);
      d->what = arg;
      return 0;
    case ARGP_KEY_END:
      if (!d->what)
        argp_error (state, "which POOL or FILE?");
      return 0;
    default:
      return tool_option (key, arg, state, &d->opt);
    }
}

static void
worst (struct drop *d, int status)
{
  d->status = status > d->status ? status : d->status;
}

/* ------------------------------------------------------------------ */
/* Files                                                              */

/* Open a file as the pool knows it; its dirty pages are written on the way, if
 * they are anyone's to write.  NULL: it was told. */
static oriel_file *
open_flushed (struct drop *d, oriel_pool *pool, const char *path,
              const oriel_file_info *info)
{
  unsigned flags = info->foreign ? ORIEL_FOREIGN | ORIEL_RDONLY
                   : info->dirty ? 0
                                 : ORIEL_RDONLY;
  oriel_file *file;
  int r = oriel_file_open (pool, path, flags, &file);

  if (r == 0 && flags == 0)
    r = oriel_flush (file);
  else if (r < 0)
    file = NULL;
  if (r < 0)
    worst (d, tool_failed () - TOOL_TROUBLE + TOOL_PART);
  return file;
}

static void
close_file (oriel_file *file)
{
  /* It was flushed, or could not be: then its pages are to stay. */
  if (file)
    oriel_file_abandon (file);
}

static void
report (struct drop *d, const char *what, const char *pool, uint64_t before,
        uint64_t after, uint64_t dirty, uint64_t pins)
{
  printf ("%s", tool_text (what));
  if (pool)
    printf (" in pool %s", tool_text (pool));
  printf (": %" PRIu64 " pages dropped", before > after ? before - after : 0);
  if (after > 0)
    printf (", %" PRIu64 " stay (%" PRIu64 " dirty, %" PRIu64 " pins)", after,
            dirty, pins);
  putchar ('\n');
  if (dirty > 0 || pins > 0)
    worst (d, TOOL_PART);
}

static int
drop_file_in (struct drop *d, const char *name, oriel_pool *pool,
              const struct stat *st, const oriel_file_info *known_as)
{
  oriel_file *file = open_flushed (d, pool, d->what, known_as);
  oriel_file_info before, after;
  bool known;
  int r;

  if (!file)
    return 0;
  /* Now the pool knows it, and not only what had its inode before. */
  r = tool_look_up (pool, st, &before, &known);
  if (r == 0)
    r = oriel_pool_evict (pool, file);
  if (r == 0)
    r = tool_look_up (pool, st, &after, &known);
  close_file (file);
  if (r == 0)
    report (d, d->what, name, before.pages, after.pages, after.dirty,
            after.pinned);
  return r;
}

static void
drop_file (struct drop *d, const char *name, const struct stat *st)
{
  oriel_file_info info;
  bool known = false;
  oriel_pool *pool;
  int r = tool_watch (name, &d->opt, &pool);

  if (r == 0)
    {
      r = tool_look_up (pool, st, &info, &known);
      oriel_pool_close (pool);
    }
  if (r == 0 && known)
    {
      d->found++;
      r = tool_attach (name, &d->opt, &pool);
      if (r == 0)
        {
          r = drop_file_in (d, name, pool, st, &info);
          oriel_pool_close (pool);
        }
    }
  if (r < 0)
    worst (d, tool_failed ());
}

struct search {
  struct drop *d;
  const struct stat *st;
};

static void
see_pool (void *arg, const char *name, const char *path)
{
  struct search *s = arg;

  (void) path;
  drop_file (s->d, name, s->st);
}

/* ------------------------------------------------------------------ */
/* Pools                                                              */

/* Does the path that the pool knows still lead to the file? */
static bool
is_there (const oriel_file_info *info)
{
  struct stat st;

  return stat (info->path, &st) == 0 && st.st_dev == info->dev
         && st.st_ino == info->ino;
}

static void
flush_all (struct drop *d, oriel_pool *pool, const struct tool_view *view)
{
  for (size_t i = 0; i < view->nfiles; i++)
    {
      const oriel_file_info *info = &view->files[i];

      if (info->foreign || info->dirty == 0)
        continue;
      if (is_there (info))
        close_file (open_flushed (d, pool, info->path, info));
      else
        tool_error ("%s: is not there any more: %" PRIu64
                    " dirty pages of it stay",
                    tool_text (info->path), info->dirty);
    }
}

static uint64_t
count_dirty (const struct tool_view *view)
{
  uint64_t n = 0;

  for (size_t i = 0; i < view->nfiles; i++)
    n += view->files[i].dirty;
  return n;
}

static void
drop_pool (struct drop *d)
{
  struct tool_view before, after;
  oriel_pool *pool;

  if (tool_attach (d->what, &d->opt, &pool) < 0)
    {
      worst (d, tool_failed ());
      return;
    }
  if (tool_view_read (pool, NULL, &before) < 0)
    worst (d, tool_failed ());
  else
    {
      flush_all (d, pool, &before);
      if (oriel_pool_evict (pool, NULL) < 0
          || tool_view_read (pool, NULL, &after) < 0)
        worst (d, tool_failed ());
      else
        {
          report (d, d->what, NULL, before.pages, after.pages,
                  count_dirty (&after), after.stats.pins);
          tool_view_free (&after);
        }
      tool_view_free (&before);
    }
  oriel_pool_close (pool);
}

/* Is there a pool of this name?  With a slash it may be any file. */
static bool
is_pool (const struct drop *d)
{
  char *path = tool_pool_path (d->what, &d->opt);
  oriel_pool *pool;
  bool is;

  if (!strchr (d->what, '/'))
    is = faccessat (AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  else if ((is = tool_watch (path, &d->opt, &pool) == 0))
    oriel_pool_close (pool);
  free (path);
  return is;
}

int
tool_drop (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL|FILE",
          .doc = "Write dirty pages to their files, then give up the pages of"
                 " a pool, or those of a file in all pools.  Nothing is lost:"
                 " what is pinned, and a database's dirty pages, stay."
                 "\vA name that is a pool's and a file's is the pool's: write"
                 " ./NAME for the file." };
  struct drop d = { .status = TOOL_DONE };
  struct search search = { .d = &d };
  struct stat st;

  argp_parse (&argp, argc, argv, 0, NULL, &d);
  search.st = &st;
  if (!d.only && is_pool (&d))
    drop_pool (&d);
  else if (stat (d.what, &st) < 0)
    {
      tool_error ("%s: is neither a pool in %s nor a file (%s)",
                  tool_text (d.what), tool_text (tool_directory (&d.opt)),
                  strerror (errno));
      return TOOL_TROUBLE;
    }
  else if (d.only)
    drop_file (&d, d.only, &st);
  else if (oriel_pool_list (d.opt.directory, see_pool, &search) < 0)
    return tool_failed ();
  if (search.st->st_ino && d.found == 0 && (d.only || !is_pool (&d))
      && d.status == TOOL_DONE)
    printf ("%s: no pool has pages of it\n", tool_text (d.what));
  return d.status;
}
