/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel top shows what a process does, each second: printed by --batch, and on
 * a terminal, whose size may change, until q. */
#include "tool.h"

#include <sys/ioctl.h>
#include <termios.h>

/* Hits pages without end; each round is noted. */
static int
works (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  while (page_is_stamped (pool, file, 0, 1)) {
    for (uint64_t i = 1; i < 20; i++)
      page_is_stamped (pool, file, i, 1);
    go_to (arg, 1);
  }
  return 1;
}

/* The rate before this word. */
static double
rate_before (const char *text, const char *word)
{
  const char *at = strstr (text, word);
  double rate = -1;
  char unit = 0;

  while (at && at > text && strchr ("0123456789.kM", at[-1]))
    at--;
  if (at)
    sscanf (at, "%lf%c", &rate, &unit);
  return unit == 'k' ? rate * 1e3 : unit == 'M' ? rate * 1e6 : rate;
}

/* Two pictures, in both of which the worker had the processor for a while: on a
 * busy machine that may take some attempts.  The exit code. */
static int
two_pictures (const char **second)
{
  int code = 0;

  for (int i = 0; i < 20 && code == 0; i++) {
    code = tool ("top", "-b", "-n", "2", "-d", "0.2", "test", NULL);
    *second = strstr (tool_out, "\n\noriel top - ");
    if (*second && rate_before (*second, " hits,") > 100
        && rate_before (tool_out, " hits,") > 100)
      break;
  }
  return code;
}

static void
in_batch (pid_t pid)
{
  const char *second = NULL;
  char text[32];

  is_exit (two_pictures (&second), 0, "oriel top --batch");
  snprintf (text, sizeof text, "\n%8d alive", (int) pid);
  says (tool_out, text);
  says (tool_out, scratch_file ("data"));
  ok (rate_before (tool_out, " hits,") > 100, "it shows hits");
  ok (second && rate_before (second, " hits,") > 100, "and again");
  ok (!second || !strstr (second + 14, "oriel top - "),
      "no more than was asked");
  ok (rate_before (tool_out, " misses") == 0, "and no misses");
  is_exit (tool ("top", "test", NULL), 2, "without a terminal");
  says (tool_err, "test: there is no terminal");
  is_exit (tool ("top", "-b", "none", NULL), 2, "of a pool that is missing");
  says (tool_err, pool_path ("none"));
}

/* ------------------------------------------------------------------ */
/* The terminal                                                       */

static int master;
static char screen[200000];
static size_t shown;

static void
set_size (unsigned short rows, unsigned short columns)
{
  struct winsize size = { .ws_row = rows, .ws_col = columns };

  if (ioctl (master, TIOCSWINSZ, &size) < 0)
    bail_out ("TIOCSWINSZ: %s", strerror (errno));
}

static pid_t
start_on_terminal (void)
{
  const char *program = tool_program ();
  pid_t pid;

  master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt (master) < 0 || unlockpt (master) < 0)
    skip_all ("there are no pseudo-terminals here");
  set_size (24, 80);
  fflush (NULL);
  pid = fork ();
  if (pid == 0) {
    int slave;

    setsid ();
    slave = open (ptsname (master), O_RDWR);
    ioctl (slave, TIOCSCTTY, 0);
    dup2 (slave, 0);
    dup2 (slave, 1);
    setenv ("ORIEL_DIR", pool_dir (), 1);
    setenv ("TERM", "xterm", 1);
    alarm (util_timeout ());
    execl (program, "oriel", "top", "-d", "0.1", "test", (char *) NULL);
    _exit (127);
  }
  return pid;
}

/* Read on until the terminal was sent this text; from: where to look. */
static int
await_text (size_t from, const char *text)
{
  for (;;) {
    ssize_t n = read (master, screen + shown, sizeof screen - 1 - shown);

    if (n <= 0)
      return 0;
    shown += (size_t) n;
    screen[shown] = '\0';
    if (strstr (screen + from, text))
      return 1;
    if (shown > sizeof screen / 2) {
      shown = 0;
      from = 0;
    }
  }
}

static void
on_terminal (void)
{
  pid_t pid = start_on_terminal ();
  size_t at;

  if (!await_text (0, "q quit")) {
    ok (strstr (screen, "built") != NULL, "built without ncurses, it says so");
    is_int (reap (pid), 2, "and ends with 2");
    return;
  }
  ok (strstr (screen, "oriel top - ") && strstr (screen, "HITS/s"),
      "the picture is there");
  at = shown;
  set_size (10, 40);
  ok (await_text (at, "q quit"), "drawn anew for another size");
  at = shown;
  set_size (1, 3);
  set_size (30, 100);
  ok (await_text (at, "MISS/s"), "and another, after a tiny one");
  if (write (master, "p", 1) != 1 || write (master, "x", 1) != 1)
    bail_out ("cannot type");
  ok (await_text (shown, "e"), "keys do no harm");
  if (write (master, "q", 1) != 1)
    bail_out ("cannot type");
  while (read (master, screen, sizeof screen - 1) > 0)
    ;
  is_int (reap (pid), 0, "q ends it");
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  pid_t pid;

  tool_program ();
  make_stamped_file (scratch_file ("data"), 4096, 20, 0, 1);
  pid = spawn (works, at);
  await (at, 1);
  in_batch (pid);
  on_terminal ();
  kill (pid, SIGKILL);
  reap (pid);
  return done_testing ();
}
