/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool.h - run the program oriel, and see what it says
 *
 * Pools are those of the test's own directory.
 */
#ifndef TOOL_TEST_H
#define TOOL_TEST_H

#include "util.h"

static char tool_out[200000];   /* of the last run */
static char tool_err[20000];
static double tool_seconds;

UTIL const char *
tool_path (void)
{
  static char path[512];
  const char *top = getenv ("top_builddir");

  snprintf (path, sizeof path, "%s/tools/oriel", top && *top ? top : ".");
  return path;
}

UTIL int
has_tool (void)
{
  return access (tool_path (), X_OK) == 0;
}

/* Call it first: children share the directories that are made here. */
UTIL const char *
tool_program (void)
{
  const char *path = tool_path ();

  if (!has_tool ())
    skip_all ("there is no tools/oriel: see what configure left out");
  scratch ();
  pool_dir ();
  return path;
}

UTIL void
tool_collect (int fd, char *text, size_t size)
{
  ssize_t n = pread (fd, text, size - 1, 0);

  text[n > 0 ? n : 0] = '\0';
  close (fd);
}

/* Run it with these arguments, up to NULL.  Its exit code, or 128 and a
 * signal. */
UTIL int
tool (const char *first, ...)
{
  int out = memfd_create ("out", MFD_CLOEXEC);
  int err = memfd_create ("err", MFD_CLOEXEC);
  const char *program = tool_path ();
  char *argv[20] = { (char *) program };
  double start = seconds_now ();
  int code, n = 1;
  va_list ap;
  pid_t pid;

  va_start (ap, first);
  for (const char *arg = first; arg; arg = va_arg (ap, const char *))
    argv[n++] = (char *) arg;
  va_end (ap);
  fflush (NULL);
  pid = fork ();
  if (pid == 0) {
    setenv ("ORIEL_DIR", pool_dir (), 1);
    dup2 (out, 1);
    dup2 (err, 2);
    alarm (util_timeout ());
    execv (program, argv);
    _exit (127);
  }
  code = reap (pid);
  tool_seconds = seconds_now () - start;
  tool_collect (out, tool_out, sizeof tool_out);
  tool_collect (err, tool_err, sizeof tool_err);
  return code;
}

/* As is_int(), with what it said. */
UTIL int
is_exit (int got, int want, const char *what)
{
  int good = ok (got == want, "%s", what);

  if (!good)
    diag ("exit %d, expected %d; stdout: %s; stderr: %s", got, want, tool_out,
          tool_err);
  return good;
}

UTIL int
says (const char *text, const char *part)
{
  int good = ok (strstr (text, part) != NULL, "it says \"%s\"", part);

  if (!good)
    diag ("it says: %s", text);
  return good;
}

/* The number behind "name": at or after from, which is JSON; -1 for null, -2 if
 * it is not there. */
UTIL long long
number_at (const char *from, const char *name)
{
  char key[64];
  const char *at;

  snprintf (key, sizeof key, "\"%s\": ", name);
  at = from ? strstr (from, key) : NULL;
  if (!at)
    return -2;
  at += strlen (key);
  return strncmp (at, "null", 4) == 0 ? -1 : atoll (at);
}

/* Can this build print JSON? */
UTIL int
has_json (void)
{
  return tool ("ls", "--json", NULL) != 2
         || !strstr (tool_err, "this build has no JSON");
}

/* Is the last output one JSON text, by Python's judgment? */
UTIL void
is_json (const char *what)
{
  const char *path = scratch_file ("json");
  char command[700];

  if (system ("command -v python3 > /dev/null 2>&1") != 0) {
    skip ("python3 is missing");
    return;
  }
  unlink (path);
  plain_write (path, 0, tool_out, strlen (tool_out));
  snprintf (command, sizeof command, "python3 -m json.tool %s > %s.out", path,
            path);
  ok (system (command) == 0, "%s", what);
}

#endif /* TOOL_TEST_H */
