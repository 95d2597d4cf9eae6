/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel ls, stat, check and top answer while a process is stopped in the middle
 * of a repair, at each of its steps; rm gives up when it has waited for it. */
#include "tool.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "point.h"

struct board {
  char name[300][40];           /* of points that a repair passes */
  _Atomic int n;
};

static struct board *board;
static const char *stop_at;

/* Dies with a page latched, dirty pages, and a before-image. */
static int
dies (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;

  (void) arg;
  stamp_page (pool, file, 1, 2);
  page = must_pin (file, 2, ORIEL_WRITE);
  memset (page.data, 1, 100);
  must_pin (file, 3, ORIEL_READ);
  orl_point_arm ("load.read.done", 1);
  return oriel_pin (file, 20, ORIEL_READ, &page);
}

static void
note (const struct orl_point *point)
{
  int n = atomic_load (&board->n);

  for (int i = 0; i < n; i++)
    if (strcmp (board->name[i], point->name) == 0)
      return;
  if (n == 300)
    return;
  snprintf (board->name[n], sizeof board->name[n], "%s", point->name);
  atomic_store (&board->n, n + 1);
}

static void
stop (const struct orl_point *point)
{
  if (strcmp (point->name, stop_at) == 0)
    raise (SIGSTOP);
}

/* Attaches, which repairs. */
static int
repairs (void *arg)
{
  orl_point_hook = arg ? stop : note;
  test_pool ();
  return 0;
}

static void
all_answer (const char *where)
{
  int bad = tool ("ls", NULL) != 0;

  bad += tool ("stat", "test", NULL) != 0;
  bad += tool ("top", "--batch", "-n1", "-d0.05", "test", NULL) != 0;
  bad += tool ("check", "test", NULL) != 0;
  ok (bad == 0, "they answer at %s", where);
  if (bad)
    diag ("%s%s", tool_out, tool_err);
}

int
main (void)
{
  int status, n;
  pid_t pid;

  tool_program ();
  board = shared_memory (sizeof *board);
  make_stamped_file (scratch_file ("data"), 4096, 50, 0, 1);
  in_child (dies, NULL);
  in_child (repairs, NULL);
  n = atomic_load (&board->n);
  ok (n > 20, "a repair passes %d points", n);
  for (int i = 0; i < n; i++) {
    if (getenv ("ORIEL_QUICK") && i % 8 != 0
        && strncmp (board->name[i], "recover", 7) != 0)
      continue;
    in_child (dies, NULL);
    stop_at = board->name[i];
    pid = spawn (repairs, (void *) 1);
    if (waitpid (pid, &status, WUNTRACED) != pid)
      bail_out ("waitpid: %s", strerror (errno));
    if (!WIFSTOPPED (status))
      continue; /* not every repair passes each */
    all_answer (stop_at);
    if (strcmp (stop_at, "attach.place.locked") == 0) {
      is_exit (tool ("rm", "--wait=1", "test", NULL), 2,
               "rm waits no longer than it is told");
      says (tool_err, "does not go on");
      is_exit (tool ("warm", "-w1", "-p", "test", scratch_file ("data"), NULL),
               2, "nor does warm");
      says (tool_err, "does not go on");
    }
    kill (pid, SIGKILL);
    reap (pid);
  }
  return done_testing ();
}

#endif
