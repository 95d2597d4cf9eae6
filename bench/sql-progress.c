/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-progress.c - how far it is: a bar where standard error is a terminal,
 * else a line of text at each quarter
 */
#include <string.h>
#include <unistd.h>

#include "sql.h"

#define WIDTH 30

static int quarter;   /* the last that was said */
static int bar_shown; /* the cursor is behind a bar */

static void
draw_bar (const char *what, double fraction, const char *detail)
{
  int full = (int) (fraction * WIDTH + 0.5);
  char bar[WIDTH + 1];

  memset (bar, '.', WIDTH);
  memset (bar, '#', (size_t) full);
  bar[WIDTH] = 0;
  fprintf (stderr, "\r%-16s [%s] %3d%%  %s\033[K", what, bar,
           (int) (fraction * 100), detail);
  fflush (stderr);
  bar_shown = 1;
}

void
sql_progress (const struct options *opt, const char *what, double fraction,
               const char *detail)
{
  if (opt->quiet)
    return;
  if (fraction < 0)
    fraction = 0;
  if (fraction > 1)
    fraction = 1;
  if (isatty (STDERR_FILENO))
    draw_bar (what, fraction, detail);
  else if ((int) (fraction * 4) > quarter)
    {
      quarter = (int) (fraction * 4);
      fprintf (stderr, "%s: %d%%%s%s\n", what, quarter * 25,
               *detail ? "  " : "", detail);
    }
}

/* What was in progress is over: the next begins at zero. */
void
sql_progress_end (void)
{
  if (bar_shown)
    fputs ("\r\033[K", stderr);
  bar_shown = 0;
  quarter = 0;
}
