/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.c - the text of a thread's last error
 *
 * One buffer a thread, so no lock.  Messages longer than the buffer are cut.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define TEXT_BYTES 512

static _Thread_local char text[TEXT_BYTES];
static _Thread_local const char *literal; /* in its place, if not NULL */

int
orl_fail (int error, const char *fmt, ...)
{
  char line[TEXT_BYTES];
  va_list ap;
  int n;

  va_start (ap, fmt);
  n = vsnprintf (line, sizeof line, fmt, ap);
  va_end (ap);
  if (n >= 0 && (size_t) n < sizeof line)
    snprintf (line + n, sizeof line - n, " (%s)", strerror (-error));
  memcpy (text, line, sizeof text);
  literal = NULL;
  return error;
}

int
orl_decline (int error, const char *why)
{
  literal = why;
  return error;
}

const char *
orl_error_text (void)
{
  return literal ? literal : text;
}

void
orl_fatal (const char *why)
{
  fprintf (stderr, "oriel: fatal: %s\n", why);
  abort ();
}
