/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-stat.c - oriel stat: counters, files and processes of a pool
 */
#include <inttypes.h>
#include <stdlib.h>

#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY,
  TOOL_JSON,
  { 0, 0, 0, 0, 0, 0 }
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  return tool_option_pool (key, arg, state, state->input);
}

static void
print_pool (const char *name, const char *path, const struct tool_view *view)
{
  const oriel_stats *s = &view->stats;
  uint64_t asked = s->hits + s->misses;

  printf ("%s (%s)\n", tool_text (name), tool_text (path));
  printf ("  size       %s of pages, %s at most (%s with tables), pages of %s\n",
          tool_size (s->frames * s->page_size),
          tool_size (s->frames_max * s->page_size), tool_size (s->pool_bytes),
          tool_size (s->page_size));
  printf ("  frames     %" PRIu64 ": %" PRIu64 " free, %" PRIu64
          " with pages of files, %" PRIu64 " dirty\n",
          s->frames, s->frames_free, view->pages, s->frames_dirty);
  printf ("  processes  %" PRIu64 " attached, %" PRIu64
          " dead and not tidied up; %" PRIu64 " threads, %" PRIu64 " pins\n",
          s->processes, view->dead, s->threads, s->pins);
  printf ("  files      %" PRIu64 "\n", s->files);
  if (asked > 0)
    printf ("  hit ratio  %.2f%%\n", 100.0 * (double) s->hits / (double) asked);
}

static void
print_counters (const struct tool_view *view)
{
  printf ("\nCounted since the pool was made\n");
  for (int i = 0; i < TOOL_COUNTERS; i++)
    printf ("  %-12s %15" PRIu64 "%s", tool_counter[i].name,
            tool_of_stats (&view->stats, i),
            i % 3 == 2 || i == TOOL_COUNTERS - 1 ? "\n" : "");
}

static void
print_files (const struct tool_view *view)
{
  if (view->nfiles == 0)
    return;
  printf ("\n%7s %10s %8s %6s %5s %10s %10s %10s  %s\n", "SIZE", "PAGES",
          "DIRTY", "PINS", "PROCS", "MISSES", "READAHEAD", "WRITEBACKS",
          "FILE (* foreign)");
  for (size_t i = 0; i < view->nfiles; i++)
    {
      const oriel_file_info *f = &view->files[i];

      printf ("%7s %10" PRIu64 " %8" PRIu64 " %6" PRIu64 " %5" PRIu64
              " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "  %s%s\n",
              tool_size (f->size), f->pages, f->dirty, f->pinned, f->openers,
              f->misses, f->readahead, f->writebacks, tool_text (f->path),
              f->foreign ? " *" : "");
    }
}

static void
print_processes (const struct tool_view *view)
{
  if (view->nprocesses == 0)
    return;
  printf ("\n%8s %-5s %4s %6s %12s %10s %10s %10s %10s %10s %-8s %7s %7s %7s "
          "%7s %s\n",
          "PID", "STATE", "THR", "PINS", "HITS", "MISSES", "SWAPS", "EVICTED",
          "WRITTEN", "COPIES", "BACKEND", "WINDOW", "SLOT", "HUGE", "PTABLES",
          "LOCKED");
  for (size_t i = 0; i < view->nprocesses; i++)
    {
      const struct tool_process *p = &view->processes[i];
      const oriel_process_info *info = &p->info;

      printf ("%8u %-5s %4" PRIu64 " %6" PRIu64 " %12" PRIu64 " %10" PRIu64
              " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
              " %-8s %7s %7s %7s %7s %s\n",
              info->pid, info->alive ? "alive" : "dead", info->threads,
              info->pins, info->hits, info->misses, info->swaps,
              info->evictions, info->writebacks, info->copies,
              oriel_backend_name (info->backend),
              tool_size (info->window_bytes), tool_size (info->slot_size),
              info->huge_page ? tool_size (info->huge_page) : "-",
              p->page_tables < 0 ? "-"
                                 : tool_size ((uint64_t) p->page_tables),
              tool_residency (info));
    }
}

int
tool_stat (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL",
          .doc = "Show a pool's counters, files and processes." };
  struct tool_options opt = { .directory = NULL };
  struct tool_view view;
  int status = TOOL_DONE;
  oriel_pool *pool;
  char *path;

  argp_parse (&argp, argc, argv, 0, NULL, &opt);
  if (tool_watch (opt.pool, &opt, &pool) < 0)
    return tool_failed ();
  path = tool_pool_path (opt.pool, &opt);
  if (tool_view_read (pool, path, &view) < 0)
    status = tool_failed ();
  else
    {
      if (opt.json)
        status = tool_json_view (opt.pool, path, &view);
      else
        {
          print_pool (opt.pool, path, &view);
          print_counters (&view);
          print_files (&view);
          print_processes (&view);
        }
      tool_view_free (&view);
    }
  free (path);
  oriel_pool_close (pool);
  return status;
}
