/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top-screen.c - oriel top on a terminal, by ncurses
 *
 * Waiting for a key is what takes the time between pictures; the terminal's new
 * size comes as a key, too.  Not everywhere: Debian's ncurses for i386 (6.4) sees
 * the signal and keeps the old size, so each picture asks for it.
 */
#include "tool.h"

#ifdef HAVE_NCURSES

#include <sys/ioctl.h>
#include <unistd.h>

#include <curses.h>

static void
take_size (void)
{
  struct winsize size;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0
      && size.ws_col > 0 && is_term_resized (size.ws_row, size.ws_col))
    resizeterm (size.ws_row, size.ws_col);
}

static void
show_line (void *arg, const char *text, bool head)
{
  int *y = arg;

  if (*y >= LINES - 1)
    return;
  if (head)
    attron (A_REVERSE);
  mvaddnstr (*y, 0, text, COLS);
  if (head)
    {
      hline (' ', COLS);
      attroff (A_REVERSE);
    }
  ++*y;
}

static void
show (const struct tool_top *top)
{
  int y = 0;

  take_size ();
  erase ();
  tool_top_draw (top, show_line, &y);
  mvaddnstr (LINES - 1, 0,
             "q quit  sort by: h hits  m misses  s swaps  e evictions  "
             "w written  p pins, pages",
             COLS);
  refresh ();
}

/* Wait for the next picture's time; what keys say is done meanwhile.
 * false: q. */
static bool
wait_for_keys (struct tool_top *top)
{
  double end = tool_now () + top->delay;

  for (;;)
    {
      double left = end - tool_now ();
      int key;

      if (left <= 0)
        return true;
      timeout ((int) (left * 1000) + 1);
      key = getch ();
      if (key == 'q' || key == 'Q')
        return false;
      if (key == ' ')
        return true;
      if (tool_top_is_sort (key))
        top->sort = key;
      if (key != ERR)
        show (top);
    }
}

int
tool_top_screen (struct tool_top *top)
{
  int status = TOOL_DONE;

  initscr ();
  cbreak ();
  noecho ();
  curs_set (0);
  keypad (stdscr, TRUE);
  for (long i = 0; top->count == 0 || i < top->count; i++)
    {
      show (top);
      if (!wait_for_keys (top))
        break;
      if (tool_top_step (top) < 0)
        {
          status = TOOL_TROUBLE;
          break;
        }
    }
  endwin ();
  if (status != TOOL_DONE)
    tool_failed ();
  return status;
}

#else

int
tool_top_screen (struct tool_top *top)
{
  tool_error ("%s: this build shows nothing on a terminal (configure did not "
              "find ncurses): use --batch",
              tool_text (top->name));
  return TOOL_TROUBLE;
}

#endif
