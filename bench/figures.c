/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * figures.c - what a benchmark found, as JSON for bench/report.py
 *
 * Calls may come in any order, but the document has its members one after the
 * other: each grows as a text of its own until figures_close().  Plain stdio,
 * so that benchmarks need no JSON library for this.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "figures.h"

enum member { SETUP, CASES, TARGETS, LEFT_OUT, FAILURES, MEMBERS };

static const struct {
  const char *name, *open, *close;
} members[MEMBERS] = {
  { "setup", "{", "}" },    { "cases", "[", "]" },    { "targets", "[", "]" },
  { "left_out", "[", "]" }, { "failures", "[", "]" },
};

static struct text {
  FILE *f;
  char *at;
  size_t size;
  bool begun;
} texts[MEMBERS];

static FILE *file;
static int error;               /* the first, negative */
static time_t begun;
static bool in_case;
static bool has_series;

static void
fail (void)
{
  if (!error)
    error = errno ? -errno : -EIO;
}

static void
put_string (FILE *f, const char *s)
{
  fputc ('"', f);
  for (; *s; s++)
    if (*s == '"' || *s == '\\')
      fprintf (f, "\\%c", *s);
    else if ((unsigned char) *s < ' ')
      fprintf (f, "\\u%04x", (unsigned char) *s);
    else
      fputc (*s, f);
  fputc ('"', f);
}

static void
put_formatted (FILE *f, const char *format, va_list ap)
{
  char *text;

  if (vasprintf (&text, format, ap) < 0) {
    fail ();
    fputs ("null", f);
    return;
  }
  put_string (f, text);
  free (text);
}

static void
put_number (FILE *f, double value)
{
  if (isfinite (value))
    fprintf (f, "%.9g", value);
  else
    fputs ("null", f);
}

/* Where the next element of a member goes; NULL: nothing is kept. */
static FILE *
next_of (enum member m)
{
  struct text *t = &texts[m];

  if (!file)
    return NULL;
  if (!t->f) {
    t->f = open_memstream (&t->at, &t->size);
    if (!t->f) {
      fail ();
      return NULL;
    }
  }
  fputs (t->begun ? ",\n  " : "\n  ", t->f);
  t->begun = true;
  return t->f;
}

int
figures_open (const char *path, const char *name, const char *title)
{
  file = NULL;
  error = 0;
  in_case = false;
  if (!path)
    return 0;
  file = fopen (path, "we");
  if (!file)
    return -errno;
  begun = time (NULL);
  fputs ("{\"name\": ", file);
  put_string (file, name);
  fputs (",\n\"title\": ", file);
  put_string (file, title);
  return 0;
}

void
figures_command (int argc, char **argv)
{
  char *text = NULL;
  size_t size;
  FILE *f;

  if (!file)
    return;
  f = open_memstream (&text, &size);
  if (!f) {
    fail ();
    return;
  }
  /* As it stands in a build directory, and not libtool's own of it. */
  fprintf (f, "bench/%s", program_invocation_short_name);
  for (int i = 1; i < argc; i++) {
    size_t n = strcspn (argv[i], " '\"\\$|&;()<>*?[]");
    bool plain = n > 0 && !argv[i][n];

    fprintf (f, " %s%s%s", plain ? "" : "'", argv[i], plain ? "" : "'");
  }
  fclose (f);
  fputs (",\n\"command\": ", file);
  put_string (file, text);
  free (text);
}

void
figures_setup (const char *name, const char *format, ...)
{
  FILE *f = next_of (SETUP);
  va_list ap;

  if (!f)
    return;
  put_string (f, name);
  fputs (": ", f);
  va_start (ap, format);
  put_formatted (f, format, ap);
  va_end (ap);
}

static void
end_case (void)
{
  if (in_case && texts[CASES].f)
    fputs ("]}", texts[CASES].f);
  in_case = false;
}

void
figures_case (const char *name, const char *unit, enum figures_better better)
{
  static const char *const words[] = { "none", "less", "more" };
  FILE *f;

  end_case ();
  f = next_of (CASES);
  if (!f)
    return;
  fputs ("{\"name\": ", f);
  put_string (f, name);
  fputs (", \"unit\": ", f);
  put_string (f, unit);
  fprintf (f, ", \"better\": \"%s\", \"series\": [", words[better]);
  in_case = true;
  has_series = false;
}

static int
ascending (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Of an even number the mean of the two in the middle. */
static void
put_summary (FILE *f, const double *rounds, int n)
{
  double *sorted = malloc ((size_t) (n > 0 ? n : 1) * sizeof *sorted);
  int m = 0;

  if (!sorted) {
    fail ();
    return;
  }
  for (int i = 0; i < n; i++)
    if (isfinite (rounds[i]))
      sorted[m++] = rounds[i];
  qsort (sorted, (size_t) m, sizeof *sorted, ascending);
  fputs (", \"median\": ", f);
  put_number (f, m ? (sorted[m / 2] + sorted[(m - 1) / 2]) / 2 : NAN);
  fputs (", \"min\": ", f);
  put_number (f, m ? sorted[0] : NAN);
  fputs (", \"max\": ", f);
  put_number (f, m ? sorted[m - 1] : NAN);
  free (sorted);
}

void
figures_series (const char *name, enum figures_role role,
                const double *rounds, int n)
{
  static const char *const words[] = { "ours", "peer", "floor" };
  FILE *f = texts[CASES].f;

  if (!in_case || !f)
    return;
  fprintf (f, "%s\n    {\"name\": ", has_series ? "," : "");
  has_series = true;
  put_string (f, name);
  fprintf (f, ", \"role\": \"%s\", \"rounds\": [", words[role]);
  for (int i = 0; i < n; i++) {
    fputs (i ? ", " : "", f);
    put_number (f, rounds[i]);
  }
  fputc (']', f);
  put_summary (f, rounds, n);
  fputc ('}', f);
}

void
figures_target (bool met, const char *format, ...)
{
  FILE *f = next_of (TARGETS);
  va_list ap;

  if (!f)
    return;
  fputs ("{\"text\": ", f);
  va_start (ap, format);
  put_formatted (f, format, ap);
  va_end (ap);
  fprintf (f, ", \"met\": %s}", met ? "true" : "false");
}

void
figures_left_out (const char *format, ...)
{
  FILE *f = next_of (LEFT_OUT);
  va_list ap;

  if (!f)
    return;
  va_start (ap, format);
  put_formatted (f, format, ap);
  va_end (ap);
}

void
figures_failure (const char *format, ...)
{
  FILE *f = next_of (FAILURES);
  va_list ap;

  if (!f)
    return;
  va_start (ap, format);
  put_formatted (f, format, ap);
  va_end (ap);
}

int
figures_close (void)
{
  if (!file)
    return 0;
  end_case ();
  for (int m = 0; m < MEMBERS; m++) {
    struct text *t = &texts[m];

    if (t->f && fclose (t->f) != 0)
      fail ();
    fprintf (file, ",\n\"%s\": %s%s%s", members[m].name, members[m].open,
             t->f && t->at ? t->at : "", members[m].close);
    free (t->at);
    *t = (struct text){ 0 };
  }
  fprintf (file, ",\n\"seconds\": %lld}\n", (long long) (time (NULL) - begun));
  if (ferror (file) || fclose (file) != 0)
    fail ();
  file = NULL;
  return error;
}
