/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.h - the Test Anything Protocol for one-file tests
 *
 * A test calls ok(), is_int() or is_str() for each thing it shows, each with a
 * description of what is expected, and ends with "return done_testing ();".
 * Not for threads or forked children: they report to the main thread.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_run, tap_bad;

static inline int __attribute__ ((format (printf, 2, 3), unused))
ok (int good, const char *fmt, ...)
{
  va_list ap;

  tap_run++;
  tap_bad += !good;
  printf ("%sok %d - ", good ? "" : "not ", tap_run);
  va_start (ap, fmt);
  vprintf (fmt, ap);
  va_end (ap);
  putchar ('\n');
  fflush (stdout);
  return good;
}

/* A line of explanation, shown in the log. */
static inline void __attribute__ ((format (printf, 1, 2), unused))
diag (const char *fmt, ...)
{
  va_list ap;

  printf ("# ");
  va_start (ap, fmt);
  vprintf (fmt, ap);
  va_end (ap);
  putchar ('\n');
  fflush (stdout);
}

static inline int __attribute__ ((unused))
is_int (long long got, long long want, const char *what)
{
  int good = ok (got == want, "%s", what);

  if (!good)
    diag ("got %lld, expected %lld", got, want);
  return good;
}

static inline int __attribute__ ((unused))
is_str (const char *got, const char *want, const char *what)
{
  int good = ok (got && strcmp (got, want) == 0, "%s", what);

  if (!good)
    diag ("got \"%s\", expected \"%s\"", got ? got : "(null)", want);
  return good;
}

/* One test that cannot be made here. */
static inline void __attribute__ ((unused))
skip (const char *why)
{
  tap_run++;
  printf ("ok %d # SKIP %s\n", tap_run, why);
  fflush (stdout);
}

/* Nothing of the file can be tested here; before any other test. */
static inline void __attribute__ ((noreturn, unused))
skip_all (const char *why)
{
  printf ("1..0 # SKIP %s\n", why);
  exit (0);
}

/* The setup failed, so no test means anything. */
static inline void __attribute__ ((noreturn, format (printf, 1, 2), unused))
bail_out (const char *fmt, ...)
{
  va_list ap;

  printf ("Bail out! ");
  va_start (ap, fmt);
  vprintf (fmt, ap);
  va_end (ap);
  putchar ('\n');
  exit (99);
}

static inline int __attribute__ ((unused))
done_testing (void)
{
  printf ("1..%d\n", tap_run);
  return tap_bad ? 1 : 0;
}

#endif /* TAP_H */
