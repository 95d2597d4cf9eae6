/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - all that a pool says of itself, read in one go
 *
 * How much of page tables another process has is not the pool's to know.  The
 * kernel says it in /proc/PID/status, to those who may look; a pid may be of
 * another namespace or used again, so it counts only if that process has the
 * pool's file open.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

#define BOTH(field)                                                           \
  { #field, offsetof (oriel_stats, field),                                    \
    offsetof (oriel_process_info, field) }

const struct tool_counter tool_counter[TOOL_COUNTERS] = {
  BOTH (hits),      BOTH (misses),      BOTH (readahead), BOTH (reads),
  BOTH (read_bytes), BOTH (writes),     BOTH (write_bytes), BOTH (syncs),
  BOTH (evictions), BOTH (writebacks),  BOTH (swaps),     BOTH (installs),
  BOTH (copies),    BOTH (barriers),    BOTH (latch_waits), BOTH (drops),
  BOTH (repairs),   BOTH (remaps),      BOTH (frames_lost), BOTH (reinstalls),
  BOTH (pages_damaged),
  BOTH (views),     BOTH (view_pages),  BOTH (view_maps),
};

static uint64_t
number_at (const void *base, size_t offset)
{
  uint64_t value;

  memcpy (&value, (const char *) base + offset, sizeof value);
  return value;
}

uint64_t
tool_of_stats (const oriel_stats *stats, int counter)
{
  return number_at (stats, tool_counter[counter].in_stats);
}

uint64_t
tool_of_process (const oriel_process_info *info, int counter)
{
  return number_at (info, tool_counter[counter].in_process);
}

const char *
tool_residency (const oriel_process_info *info)
{
  return info->residency == ORIEL_RESIDENCY_LOCKED    ? "locked"
         : info->residency == ORIEL_RESIDENCY_ONFAULT ? "onfault"
                                                      : "none";
}

double
tool_now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------ */
/* Page tables                                                        */

static bool
has_open (uint32_t pid, const struct stat *pool)
{
  char path[300];
  struct dirent *entry;
  bool found = false;
  struct stat st;
  DIR *dir;

  snprintf (path, sizeof path, "/proc/%u/fd", pid);
  dir = opendir (path);
  if (!dir)
    return false;
  while (!found && (entry = readdir (dir)))
    {
      snprintf (path, sizeof path, "/proc/%u/fd/%s", pid, entry->d_name);
      found = stat (path, &st) == 0 && st.st_dev == pool->st_dev
              && st.st_ino == pool->st_ino;
    }
  closedir (dir);
  return found;
}

static int64_t
page_tables (uint32_t pid, const struct stat *pool)
{
  char line[256];
  long long kib = -1;
  FILE *f;

  if (pid == 0 || !has_open (pid, pool))
    return -1;
  snprintf (line, sizeof line, "/proc/%u/status", pid);
  f = fopen (line, "re");
  if (!f)
    return -1;
  while (fgets (line, sizeof line, f))
    if (sscanf (line, "VmPTE: %lld kB", &kib) == 1)
      break;
  fclose (f);
  return kib < 0 ? -1 : kib * 1024;
}

/* ------------------------------------------------------------------ */
/* The view                                                           */

/* Room for one more in an array of n; it grows by doubling. */
static void *
grow (void *array, size_t n, size_t size)
{
  if (n & (n - 1) || (n == 0 && array))
    return array;
  return realloc (array, (n ? 2 * n : 1) * size);
}

static void
see_file (void *arg, const oriel_file_info *info)
{
  struct tool_view *view = arg;
  oriel_file_info *files = grow (view->files, view->nfiles, sizeof *files);
  char *path = strdup (info->path);

  if (files)
    view->files = files;
  if (!files || !path)
    {
      free (path);
      view->no_memory = true;
      return;
    }
  files[view->nfiles] = *info;
  files[view->nfiles++].path = path;
  view->pages += info->pages;
}

static void
see_process (void *arg, const oriel_process_info *info)
{
  struct tool_view *view = arg;
  struct tool_process *processes
      = grow (view->processes, view->nprocesses, sizeof *processes);

  if (!processes)
    {
      view->no_memory = true;
      return;
    }
  view->processes = processes;
  processes[view->nprocesses].info = *info;
  processes[view->nprocesses++].page_tables = -1;
  view->dead += !info->alive;
}

int
tool_view_read (oriel_pool *pool, const char *path, struct tool_view *view)
{
  struct stat st;
  int r;

  memset (view, 0, sizeof *view);
  view->stats.struct_size = sizeof view->stats;
  view->when = tool_now ();
  if ((r = oriel_pool_stats (pool, &view->stats)) < 0
      || (r = oriel_pool_files (pool, see_file, view)) < 0
      || (r = oriel_pool_processes (pool, see_process, view)) < 0)
    goto out;
  if (view->no_memory)
    {
      tool_error ("no memory");
      exit (TOOL_TROUBLE);
    }
  for (size_t i = 0; path && stat (path, &st) == 0 && i < view->nprocesses;
       i++)
    if (view->processes[i].info.alive)
      view->processes[i].page_tables
          = page_tables (view->processes[i].info.pid, &st);
out:
  if (r < 0)
    tool_view_free (view);
  return r;
}

void
tool_view_free (struct tool_view *view)
{
  for (size_t i = 0; i < view->nfiles; i++)
    free ((char *) (uintptr_t) view->files[i].path);
  free (view->files);
  free (view->processes);
  memset (view, 0, sizeof *view);
}

const oriel_file_info *
tool_view_file (const struct tool_view *view, const struct stat *st)
{
  const oriel_file_info *best = NULL;

  /* Of deleted ones that had its inode there may be pages, too.  What is open is
   * it more likely; and birth need not be a time. */
  for (size_t i = 0; i < view->nfiles; i++)
    {
      const oriel_file_info *f = &view->files[i];

      if (f->dev == st->st_dev && f->ino == st->st_ino
          && (!best
              || (f->openers > 0 && best->openers == 0)
              || ((f->openers > 0) == (best->openers > 0)
                  && f->birth > best->birth)))
        best = f;
    }
  return best;
}

int
tool_look_up (oriel_pool *pool, const struct stat *st, oriel_file_info *info,
              bool *known)
{
  struct tool_view view;
  const oriel_file_info *file;
  int r = tool_view_read (pool, NULL, &view);

  if (r < 0)
    return r;
  file = tool_view_file (&view, st);
  *known = file != NULL;
  memset (info, 0, sizeof *info);
  if (file)
    *info = *file;
  info->path = NULL;
  tool_view_free (&view);
  return 0;
}
