/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * common.c - options, names, messages, and how pools are opened
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

const char *tool_name = "oriel";

static const char *waited_for;  /* the pool, while there is patience */

/* ------------------------------------------------------------------ */
/* Options                                                            */

double
tool_number (struct argp_state *state, const char *option, const char *text,
             double low, double high)
{
  char *end;
  double value = strtod (text, &end);

  if (end == text || *end != 0 || !(value >= low && value <= high))
    argp_error (state, "--%s takes a number from %g to %g, not \"%s\"", option,
                low, high, text);
  return value;
}

error_t
tool_option (int key, char *arg, struct argp_state *state,
             struct tool_options *opt)
{
  switch (key)
    {
    case ARGP_KEY_INIT:
      opt->wait = 10;
      return 0;
    case 'd':
    case TOOL_KEY_DIRECTORY:
      if (*arg == 0)
        argp_error (state, "--directory takes a path");
      opt->directory = arg;
      return 0;
    case 'w':
      opt->wait = (int) tool_number (state, "wait", arg, 1, 86400);
      return 0;
    case TOOL_KEY_JSON:
#ifndef HAVE_JANSSON
      argp_error (state, "--json: this build has no JSON (configure did not"
                  " find Jansson)");
#endif
      opt->json = true;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
    }
}

error_t
tool_option_pool (int key, char *arg, struct argp_state *state,
                  struct tool_options *opt)
{
  if (key == ARGP_KEY_ARG && opt->pool)
    argp_error (state, "one POOL is enough: what is \"%s\"?", arg);
  if (key == ARGP_KEY_END && !opt->pool)
    argp_error (state, "which POOL?");
  if (key != ARGP_KEY_ARG)
    return tool_option (key, arg, state, opt);
  opt->pool = arg;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Names and words                                                    */

void
tool_error (const char *fmt, ...)
{
  va_list ap;

  fflush (stdout);
  fprintf (stderr, "%s: ", tool_name);
  va_start (ap, fmt);
  vfprintf (stderr, fmt, ap);
  va_end (ap);
  fputc ('\n', stderr);
}

int
tool_failed (void)
{
  tool_error ("%s", tool_text (oriel_error ()));
  return TOOL_TROUBLE;
}

/* Room for some texts that are printed at once. */
static char *
next_buffer (size_t size)
{
  static char buffers[16][640];
  static unsigned turn;

  return size <= sizeof buffers[0] ? buffers[turn++ % 16] : NULL;
}

const char *
tool_text (const char *text)
{
  char *to = next_buffer (640);
  size_t n = 0;

  /* A path may have any byte but 0: let none drive the terminal. */
  for (; text[n] && n < 639; n++)
    to[n] = (unsigned char) text[n] < 32 || text[n] == 127 ? '?' : text[n];
  to[n] = '\0';
  return to;
}

const char *
tool_size (uint64_t bytes)
{
  static const char units[] = " KMGTPE";
  char *to = next_buffer (32);
  double value = (double) bytes;
  int unit = 0;

  for (; value >= 1024; unit++)
    value /= 1024;
  if (unit == 0)
    snprintf (to, 32, "%.0f", value);
  else
    snprintf (to, 32,
              value < 9.95 && value != (double) (int) value ? "%.1f%c"
                                                            : "%.0f%c",
              value, units[unit]);
  return to;
}

const char *
tool_directory (const struct tool_options *opt)
{
  const char *directory = opt->directory ? opt->directory
                                         : getenv ("ORIEL_DIR");

  return directory && *directory ? directory : "/dev/shm";
}

char *
tool_pool_path (const char *name, const struct tool_options *opt)
{
  char *path;

  if (strchr (name, '/'))
    path = strdup (name);
  else if (asprintf (&path, "%s/oriel-%s", tool_directory (opt), name) < 0)
    path = NULL;
  if (!path)
    {
      tool_error ("%s: no memory", name);
      exit (TOOL_TROUBLE);
    }
  return path;
}

/* ------------------------------------------------------------------ */
/* Pools                                                              */

static int
open_pool (const char *name, const struct tool_options *opt, uint32_t flags,
           oriel_pool **pool)
{
  oriel_options o;

  oriel_options_init (&o);
  o.directory = opt->directory;
  o.flags = flags;
  return oriel_pool_open (name, &o, pool);
}

int
tool_watch (const char *name, const struct tool_options *opt,
            oriel_pool **pool)
{
  return open_pool (name, opt, ORIEL_WATCH, pool);
}

int
tool_attach (const char *name, const struct tool_options *opt,
             oriel_pool **pool)
{
  int r;

  tool_patience (name, opt);
  r = open_pool (name, opt, ORIEL_ATTACH, pool);
  tool_patience_ends ();
  return r;
}

/* What was begun is undone by others, as for a process that was killed. */
static void
on_alarm (int sig)
{
  char text[700];
  int n = snprintf (text, sizeof text,
                    "%s: %.500s: another process is attaching or removing, and "
                    "does not go on: is it stopped?\n",
                    tool_name, waited_for);
  ssize_t unused = write (STDERR_FILENO, text, (size_t) n);

  (void) sig;
  (void) unused;
  _exit (TOOL_TROUBLE);
}

void
tool_patience (const char *what, const struct tool_options *opt)
{
  waited_for = what;
  signal (SIGALRM, on_alarm);
  alarm ((unsigned) opt->wait);
}

void
tool_patience_ends (void)
{
  alarm (0);
}
