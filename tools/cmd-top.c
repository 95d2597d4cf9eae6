/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-top.c - oriel top: a pool's rates, live
 *
 * Rates are the differences of two views, by the time between them.  The
 * picture is lines of text: top-screen.c shows them on a terminal, --batch
 * prints them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

static const struct argp_option list[] = {
  TOOL_DIRECTORY_AS (TOOL_KEY_DIRECTORY),
  { "batch", 'b', 0, 0, "Print, and use no terminal", 0 },
  { "count", 'n', "N", 0, "End after N pictures", 0 },
  { "delay", 'd', "SECONDS", 0, "Time between pictures (default 1)", 0 },
  { "sort", 's', "KEY", 0,
    "By what to sort, as the key on the terminal: h hits (default), m misses,"
    " s swaps, e evictions, w written, p pins or pages", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

struct parsed {
  struct tool_options opt;
  struct tool_top top;
  bool batch;
};

bool
tool_top_is_sort (int key)
{
  return key > 0 && key < 128 && strchr ("hmsewp", key) != NULL;
}

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;

  switch (key)
    {
    case 'b':
      parsed->batch = true;
      return 0;
    case 'n':
      parsed->top.count = (long) tool_number (state, "count", arg, 1, 1e9);
      return 0;
    case 'd':
      parsed->top.delay = tool_number (state, "delay", arg, 0.05, 3600);
      return 0;
    case 's':
      if (!tool_top_is_sort (arg[0]) || arg[1] != 0)
        argp_error (state, "--sort takes one of h, m, s, e, w, p, not \"%s\"",
                    arg);
      parsed->top.sort = arg[0];
      return 0;
    default:
      return tool_option_pool (key, arg, state, &parsed->opt);
    }
}

/* ------------------------------------------------------------------ */
/* Rates                                                              */

static double
rate (const struct tool_top *top, uint64_t now, uint64_t before)
{
  double seconds = top->now.when - top->before.when;

  return seconds > 0 && now > before ? (double) (now - before) / seconds : 0;
}

/* In at most 7 characters. */
static const char *
rate_text (double value)
{
  static char buffers[16][16];
  static unsigned turn;
  char *to = buffers[turn++ % 16];

  if (value >= 999999.5)
    snprintf (to, 16, value < 999.95e6 ? "%.1fM" : "%.0fM", value / 1e6);
  else if (value >= 9999.5)
    snprintf (to, 16, "%.1fk", value / 1e3);
  else
    snprintf (to, 16, value >= 99.95 || value == 0 ? "%.0f" : "%.1f", value);
  return to;
}

int
tool_top_step (struct tool_top *top)
{
  struct tool_view next;

  if (tool_view_read (top->pool, top->path, &next) < 0)
    return -1;
  tool_view_free (&top->before);
  top->before = top->now;
  top->now = next;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Rows                                                               */

struct process_row {
  const struct tool_process *p;
  double hits, misses, swaps, evictions, written;
  double key;
};

struct file_row {
  const oriel_file_info *f;
  double misses, readahead, written;
  double key;
};

static int
by_key (double a, double b)
{
  return (a < b) - (a > b);
}

static int
compare_processes (const void *a, const void *b)
{
  const struct process_row *x = a, *y = b;
  int order = by_key (x->key, y->key);

  return order ? order
               : (x->p->info.token > y->p->info.token)
                     - (x->p->info.token < y->p->info.token);
}

static int
compare_files (const void *a, const void *b)
{
  const struct file_row *x = a, *y = b;
  int order = by_key (x->key, y->key);

  return order ? order : strcmp (x->f->path, y->f->path);
}

static struct process_row
process_row (const struct tool_top *top, const struct tool_process *p)
{
  static const oriel_process_info none;
  const oriel_process_info *was = &none, *is = &p->info;
  struct process_row row = { .p = p };

  for (size_t i = 0; i < top->before.nprocesses; i++)
    if (top->before.processes[i].info.token == is->token)
      was = &top->before.processes[i].info;
  row.hits = rate (top, is->hits, was->hits);
  row.misses = rate (top, is->misses, was->misses);
  row.swaps = rate (top, is->swaps, was->swaps);
  row.evictions = rate (top, is->evictions, was->evictions);
  row.written = rate (top, is->writebacks, was->writebacks);
  row.key = top->sort == 'h'   ? row.hits
            : top->sort == 'm' ? row.misses
            : top->sort == 's' ? row.swaps
            : top->sort == 'e' ? row.evictions
            : top->sort == 'w' ? row.written
                               : (double) is->pins;
  return row;
}

static const oriel_file_info *
file_before (const struct tool_top *top, const oriel_file_info *f)
{
  const struct tool_view *v = &top->before;

  for (size_t i = 0; i < v->nfiles; i++)
    if (v->files[i].dev == f->dev && v->files[i].ino == f->ino
        && v->files[i].birth == f->birth)
      return &v->files[i];
  return NULL;
}

static struct file_row
file_row (const struct tool_top *top, const oriel_file_info *f)
{
  const oriel_file_info *was = file_before (top, f);
  struct file_row row = { .f = f };

  row.misses = rate (top, f->misses, was ? was->misses : 0);
  row.readahead = rate (top, f->readahead, was ? was->readahead : 0);
  row.written = rate (top, f->writebacks, was ? was->writebacks : 0);
  row.key = top->sort == 'w'   ? row.written
            : top->sort == 'p' ? (double) f->pages
                               : row.misses;
  return row;
}

/* ------------------------------------------------------------------ */
/* The picture                                                        */

struct pen {
  void (*line) (void *arg, const char *text, bool head);
  void *arg;
};

static void __attribute__ ((format (printf, 3, 4)))
draw (const struct pen *pen, bool head, const char *fmt, ...)
{
  char text[TOOL_TOP_WIDTH];
  va_list ap;

  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  pen->line (pen->arg, text, head);
}

static void
draw_pool (const struct tool_top *top, const struct pen *pen)
{
  const oriel_stats *s = &top->now.stats, *was = &top->before.stats;
  double hits = rate (top, s->hits, was->hits);
  double misses = rate (top, s->misses, was->misses);
  char clock[16] = "";
  time_t now = time (NULL);
  struct tm tm;

  if (localtime_r (&now, &tm))
    strftime (clock, sizeof clock, "%H:%M:%S", &tm);
  draw (pen, false, "oriel top - %s  %s  %s of pages of %s; %" PRIu64
                    " processes, %" PRIu64 " threads%s",
        clock, tool_text (top->name), tool_size (s->frames * s->page_size),
        tool_size (s->page_size), s->processes, s->threads,
        top->now.dead ? ", some dead" : "");
  draw (pen, false, "frames  %" PRIu64 ", %" PRIu64 " free, %" PRIu64
                    " dirty; %" PRIu64 " pins",
        s->frames, s->frames_free, s->frames_dirty, s->pins);
  draw (pen, false, "pages/s %s hits, %s misses (%.1f%% hits), %s read ahead, "
                    "%s evicted, %s written",
        rate_text (hits), rate_text (misses),
        hits + misses > 0 ? 100 * hits / (hits + misses) : 0.0,
        rate_text (rate (top, s->readahead, was->readahead)),
        rate_text (rate (top, s->evictions, was->evictions)),
        rate_text (rate (top, s->writebacks, was->writebacks)));
  draw (pen, false, "per s   %s swaps, %s copies, %sB read, %sB written, "
                    "%s latch waits, %s repairs",
        rate_text (rate (top, s->swaps, was->swaps)),
        rate_text (rate (top, s->copies, was->copies)),
        tool_size ((uint64_t) rate (top, s->read_bytes, was->read_bytes)),
        tool_size ((uint64_t) rate (top, s->write_bytes, was->write_bytes)),
        rate_text (rate (top, s->latch_waits, was->latch_waits)),
        rate_text (rate (top, s->repairs, was->repairs)));
  draw (pen, false, "        %s remaps, %s slots mapped anew by faults; %" PRIu64
                    " pages lost",
        rate_text (rate (top, s->remaps, was->remaps)),
        rate_text (rate (top, s->reinstalls, was->reinstalls)),
        s->frames_lost);
  draw (pen, false, "%s", "");
}

static void
draw_processes (const struct tool_top *top, const struct pen *pen)
{
  size_t n = top->now.nprocesses;
  struct process_row *rows = calloc (n + 1, sizeof *rows);

  draw (pen, true, "%8s %-5s %4s %5s %8s %8s %8s %8s %8s %7s %7s", "PID",
        "STATE", "THR", "PINS", "HITS/s", "MISS/s", "SWAP/s", "EVICT/s",
        "WRITE/s", "WINDOW", "PTABLES");
  for (size_t i = 0; rows && i < n; i++)
    rows[i] = process_row (top, &top->now.processes[i]);
  if (rows)
    qsort (rows, n, sizeof *rows, compare_processes);
  for (size_t i = 0; rows && i < n; i++)
    {
      const struct process_row *r = &rows[i];
      const oriel_process_info *info = &r->p->info;

      draw (pen, false,
            "%8u %-5s %4" PRIu64 " %5" PRIu64 " %8s %8s %8s %8s %8s %7s %7s",
            info->pid, info->alive ? "alive" : "dead", info->threads,
            info->pins, rate_text (r->hits), rate_text (r->misses),
            rate_text (r->swaps), rate_text (r->evictions),
            rate_text (r->written), tool_size (info->window_bytes),
            r->p->page_tables < 0
                ? "-"
                : tool_size ((uint64_t) r->p->page_tables));
    }
  free (rows);
  draw (pen, false, "%s", "");
}

static void
draw_files (const struct tool_top *top, const struct pen *pen)
{
  size_t n = top->now.nfiles;
  struct file_row *rows = calloc (n + 1, sizeof *rows);

  draw (pen, true, "%8s %9s %8s %5s %5s %8s %8s %8s  %s", "SIZE", "PAGES",
        "DIRTY", "PINS", "PROCS", "MISS/s", "AHEAD/s", "WRITE/s", "FILE");
  for (size_t i = 0; rows && i < n; i++)
    rows[i] = file_row (top, &top->now.files[i]);
  if (rows)
    qsort (rows, n, sizeof *rows, compare_files);
  for (size_t i = 0; rows && i < n; i++)
    {
      const struct file_row *r = &rows[i];

      draw (pen, false,
            "%8s %9" PRIu64 " %8" PRIu64 " %5" PRIu64 " %5" PRIu64
            " %8s %8s %8s  %s",
            tool_size (r->f->size), r->f->pages, r->f->dirty, r->f->pinned,
            r->f->openers, rate_text (r->misses), rate_text (r->readahead),
            rate_text (r->written), tool_text (r->f->path));
    }
  free (rows);
}

void
tool_top_draw (const struct tool_top *top,
               void (*line) (void *arg, const char *text, bool head),
               void *arg)
{
  const struct pen pen = { line, arg };

  draw_pool (top, &pen);
  draw_processes (top, &pen);
  draw_files (top, &pen);
}

/* ------------------------------------------------------------------ */
/* Batch                                                              */

static void
print_line (void *arg, const char *text, bool head)
{
  (void) arg, (void) head;
  puts (text);
}

static int
run_batch (struct tool_top *top)
{
  struct timespec pause = { (time_t) top->delay, 0 };

  pause.tv_nsec = (long) ((top->delay - (double) pause.tv_sec) * 1e9);
  for (long i = 0; top->count == 0 || i < top->count; i++)
    {
      nanosleep (&pause, NULL);
      if (tool_top_step (top) < 0)
        return tool_failed ();
      if (i > 0)
        putchar ('\n');
      tool_top_draw (top, print_line, NULL);
      if (fflush (stdout) != 0)
        return TOOL_TROUBLE;
    }
  return TOOL_DONE;
}

int
tool_top (int argc, char **argv)
{
  static const struct argp argp
      = { .options = list, .parser = parse, .args_doc = "POOL",
          .doc = "Show what goes on in a pool, again and again: rates are per"
                 " second.  On the terminal q ends it." };
  struct parsed parsed = { .top = { .delay = 1, .sort = 'h' } };
  struct tool_top *top = &parsed.top;
  int status;
  char *path;

  argp_parse (&argp, argc, argv, 0, NULL, &parsed);
  if (!parsed.batch && !(isatty (STDOUT_FILENO) && isatty (STDIN_FILENO)))
    {
      tool_error ("%s: there is no terminal to show it on: use --batch",
                  tool_text (parsed.opt.pool));
      return TOOL_TROUBLE;
    }
  if (tool_watch (parsed.opt.pool, &parsed.opt, &top->pool) < 0)
    return tool_failed ();
  top->name = parsed.opt.pool;
  top->path = path = tool_pool_path (parsed.opt.pool, &parsed.opt);
  if (tool_top_step (top) < 0)
    status = tool_failed ();
  else
    status = parsed.batch ? run_batch (top) : tool_top_screen (top);
  tool_view_free (&top->before);
  tool_view_free (&top->now);
  oriel_pool_close (top->pool);
  free (path);
  return status;
}
