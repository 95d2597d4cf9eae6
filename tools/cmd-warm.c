/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-warm.c - oriel warm: read files into a pool
 *
 * Pages are read in order, into frames that no page has; when there are no more
 * of those, warming ends, so no page that is in use gives way.  The hand that
 * looks for frames (CLOCK) takes pages that were not used since it last passed
 * as it goes: where those make room, warming goes on for longer.  It passes
 * once at most: free frames get fewer with each that is taken, and if our own
 * pages go again it has come round.
 *
 * A database of SQLite is read through Oriel's VFS, under SQLite's locks, as
 * its users do: they believe no page that came otherwise.  Other files are read
 * by the library's own calls.
 *
 * The pool is watched meanwhile: what is resident is what it says, not what we
 * have read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define PIECE (1u << 20)        /* bytes that are read by one call */
/* Bytes of a database that are read under one lock: writers want their turn. */
#define LOCKED_MAX (16u << 20)

/* What the library may have taken besides, and give back: a stash of frames for
 * each thread, and pages that it reads ahead. */
#define STASH 32
#define AHEAD 64

#define KEY_CREATE TOOL_KEY_FIRST

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  { "pool", 'p', "POOL", 0,
    "Into this pool (default: $ORIEL_POOL, or that of the SQLite VFS)", 0 },
  { "create", KEY_CREATE, "SIZE", 0,
    "Make the pool, with room for SIZE, if there is none", 0 },
  { "quiet", 'q', 0, 0, "Show no progress", 0 },
  TOOL_WAIT,
  { 0, 0, 0, 0, 0, 0 }
};

struct warm {
  struct tool_options opt;
  const char *create;           /* NULL: don't */
  char **files;
  int nfiles;
  bool quiet;
  char *pool;
  oriel_pool *watch;
  oriel_pool *attached;         /* NULL until a file wants it */
  char *piece;
};

/* A file that is being warmed, by one of the two. */
struct source {
  const char *path;
  struct stat st;
  uint64_t bytes;
  uint64_t page_size;
  oriel_file *file;
  struct tool_database *db;
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct warm *w = state->input;
  oriel_options o;

  switch (key)
    {
    case 'p':
      if (*arg == 0)
        argp_error (state, "--pool takes the name or the path of a pool");
      w->opt.pool = arg;
      return 0;
    case 'q':
      w->quiet = true;
      return 0;
    case KEY_CREATE:
      oriel_options_init (&o);
      if (oriel_options_set (&o, "pool_size", arg) < 0 || o.pool_size == 0)
        argp_error (state, "--create takes a size such as 64M, not \"%s\"",
                    arg);
      w->create = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_error (state, "which FILE?");
      return EINVAL;
    case ARGP_KEY_ARGS:
      w->files = state->argv + state->next;
      w->nfiles = state->argc - state->next;
      return 0;
    default:
      return tool_option (key, arg, state, &w->opt);
    }
}

/* ------------------------------------------------------------------ */
/* Progress                                                           */

static void
show_progress (const struct warm *w, const struct source *s, uint64_t done)
{
  static double shown;
  double now = tool_now ();

  if (w->quiet || now - shown < 0.1)
    return;
  shown = now;
  fprintf (stderr, "\r%s: %3.0f%% of %s ", tool_text (s->path),
           100.0 * (double) done / (double) s->bytes, tool_size (s->bytes));
  fflush (stderr);
}

static void
clear_progress (const struct warm *w)
{
  if (!w->quiet)
    fprintf (stderr, "\r\033[K");
}

/* ------------------------------------------------------------------ */
/* Reading                                                            */

static int
read_native (struct warm *w, struct source *s, uint64_t offset,
             uint64_t bytes)
{
  for (uint64_t end = offset + bytes; offset < end; offset += PIECE)
    {
      size_t n = end - offset < PIECE ? (size_t) (end - offset) : PIECE;

      /* Just these: a file that is read in order is read ahead. */
      if (oriel_prefetch (s->file, offset / s->page_size,
                          (n + s->page_size - 1) / s->page_size)
              < 0
          || oriel_read (s->file, offset, w->piece, n, NULL) < 0)
        return tool_failed ();
      show_progress (w, s, offset + n);
    }
  return TOOL_DONE;
}

static int
read_some (struct warm *w, struct source *s, uint64_t offset, uint64_t bytes)
{
  int status;

  if (s->file)
    return read_native (w, s, offset, bytes);
  status = tool_database_read (s->db, offset, bytes);
  show_progress (w, s, offset + bytes);
  return status;
}

/* How many pages may be loaded now.  info: of the file, now. */
static int
look (struct warm *w, const struct source *s, oriel_file_info *info,
      uint64_t *room)
{
  struct tool_view view;
  const oriel_file_info *file;
  uint64_t taken, stash;
  int r = tool_view_read (w->watch, NULL, &view);

  if (r < 0)
    return tool_failed ();
  file = tool_view_file (&view, &s->st);
  memset (info, 0, sizeof *info);
  if (file)
    *info = *file;
  info->path = NULL;
  stash = view.stats.frames / 256 < STASH ? view.stats.frames / 256 + 1
                                          : STASH;
  taken = view.pages + stash * (view.stats.threads + 1);
  taken += view.stats.frames / 16 < AHEAD ? view.stats.frames / 16 : AHEAD;
  *room = taken < view.stats.frames ? view.stats.frames - taken : 0;
  /* A count costs a look at every frame: not too many of them. */
  if (*room > view.stats.frames / 64 + 256)
    *room = *room / 2 > view.stats.frames / 64 + 256
                ? view.stats.frames / 64 + 256
                : *room / 2;
  tool_view_free (&view);
  return TOOL_DONE;
}

/* Read the file until it ends or the pool is full.  resident: pages then. */
static int
read_file (struct warm *w, struct source *s, uint64_t pages,
           uint64_t *resident, bool *full)
{
  oriel_file_info info, last;
  uint64_t page = 0, room, n;
  int status = look (w, s, &info, &room);

  while (status == TOOL_DONE && page < pages && info.pages < pages && room > 0)
    {
      n = pages - page < room ? pages - page : room;
      if (s->db && n > LOCKED_MAX / s->page_size)
        n = LOCKED_MAX / s->page_size;
      status = read_some (w, s, page * s->page_size, n * s->page_size);
      page += n;
      last = info;
      if (status == TOOL_DONE)
        status = look (w, s, &info, &room);
      /* What came pushed out what we had before? */
      if (status == TOOL_DONE
          && info.misses + info.readahead - last.misses - last.readahead
                 > 2 * (info.pages > last.pages ? info.pages - last.pages : 0)
                       + AHEAD)
        break;
    }
  *resident = info.pages < pages ? info.pages : pages;
  *full = page < pages && info.pages < pages;
  return status;
}

static int
warm_file (struct warm *w, struct source *s)
{
  uint64_t pages = (s->bytes + s->page_size - 1) / s->page_size;
  uint64_t resident;
  bool full;
  int status = read_file (w, s, pages, &resident, &full);

  clear_progress (w);
  if (status != TOOL_DONE)
    return status;
  printf ("%s: %" PRIu64 " of %" PRIu64 " pages are in pool %s",
          tool_text (s->path), resident, pages, tool_text (w->pool));
  if (resident < pages)
    printf (", %" PRIu64 " %s", pages - resident,
            full ? "did not fit: it is full"
                 : "are not: others have taken the room");
  putchar ('\n');
  return resident < pages ? TOOL_PART : TOOL_DONE;
}

/* ------------------------------------------------------------------ */
/* Opening                                                            */

static int
open_native (struct warm *w, struct source *s)
{
  oriel_file_info info;
  unsigned flags = ORIEL_RDONLY;
  bool known;

  if (!w->attached && tool_attach (w->pool, &w->opt, &w->attached) < 0)
    return tool_failed ();
  if (tool_look_up (w->watch, &s->st, &info, &known) < 0)
    return tool_failed ();
  /* Its users drop pages by rules of their own, and the library is not to judge
   * by size and time. */
  if (info.foreign)
    flags |= ORIEL_FOREIGN;
  if (oriel_file_open (w->attached, s->path, flags, &s->file) < 0)
    return tool_failed ();
  s->bytes = oriel_file_size (s->file);
  return TOOL_DONE;
}

static int
warm_path (struct warm *w, const char *path)
{
  struct source s = { .path = path };
  int status;

  if (stat (path, &s.st) < 0)
    {
      tool_error ("%s: cannot be looked at (%s)", tool_text (path),
                  strerror (errno));
      return TOOL_TROUBLE;
    }
  s.page_size = oriel_pool_page_size (w->watch);
  s.bytes = (uint64_t) s.st.st_size;
  if (tool_is_database (path))
    status = tool_database_open (path, w->pool, &w->opt, &s.db);
  else
    status = open_native (w, &s);
  if (status == TOOL_DONE)
    status = warm_file (w, &s);
  if (s.db)
    tool_database_close (s.db);
  if (s.file)
    oriel_file_abandon (s.file);
  return status;
}

/* That of the VFS: see oriel_vfs(7). */
static char *
default_pool (void)
{
  const char *pool = getenv ("ORIEL_POOL");
  char *name;

  if (pool && *pool)
    return strdup (pool);
  return asprintf (&name, "sqlite-%lu", (unsigned long) geteuid ()) < 0 ? NULL
                                                                        : name;
}

static int
create_pool (const struct warm *w)
{
  oriel_options o;
  oriel_pool *pool;
  int r;

  oriel_options_init (&o);
  o.directory = w->opt.directory;
  oriel_options_set (&o, "pool_size", w->create);
  tool_patience (w->pool, &w->opt);
  r = oriel_pool_open (w->pool, &o, &pool);
  tool_patience_ends ();
  if (r == 0)
    oriel_pool_close (pool);
  return r;
}

static int
open_watch (struct warm *w)
{
  int r = tool_watch (w->pool, &w->opt, &w->watch);

  if (r == -ENOENT && w->create && (r = create_pool (w)) == 0)
    r = tool_watch (w->pool, &w->opt, &w->watch);
  return r;
}

int
tool_warm (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "FILE...",
          .doc = "Read files into a pool, until it is full.  Pages that are in"
                 " use do not give way." };
  struct warm w = { .create = NULL };
  int status = TOOL_DONE;

  argp_parse (&argp, argc, argv, 0, NULL, &w);
  w.quiet = w.quiet || !isatty (STDERR_FILENO);
  w.pool = w.opt.pool ? strdup (w.opt.pool) : default_pool ();
  w.piece = malloc (PIECE);
  if (!w.pool || !w.piece)
    {
      tool_error ("no memory");
      status = TOOL_TROUBLE;
    }
  else if (open_watch (&w) < 0)
    status = tool_failed ();
  for (int i = 0; w.watch && i < w.nfiles; i++)
    {
      int one = warm_path (&w, w.files[i]);

      status = one > status ? one : status;
    }
  if (w.attached)
    oriel_pool_close (w.attached);
  if (w.watch)
    oriel_pool_close (w.watch);
  free (w.piece);
  free (w.pool);
  return status;
}
