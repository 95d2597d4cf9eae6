/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel ls, stat, check and top answer within a second whatever the pool's
 * processes do: stopped in their work with pages latched, all frames pinned,
 * all places taken. */
#include "tool.h"

#define FRAMES 64
#define PROCESSES 4

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.max_processes = PROCESSES;
  opt.max_threads = PROCESSES;
  return opt;
}

/* A second where the machine has nothing else to do; who waits for a process that
 * is stopped waits for ever. */
static void
answers (const char *what, int code, const char *a, const char *b,
         const char *c)
{
  double best = 1e9;
  int got = -1;

  for (int i = 0; i < 3 && best >= 1; i++) {
    got = tool (a, b, c, a[0] == 't' ? "-n1" : NULL, "-d0.2", NULL);
    best = tool_seconds < best ? tool_seconds : best;
  }
  is_exit (got, code, what);
  diag ("in %.2f s, the best of three", best);
  ok (best < 30, "soon");
}

static void
all_answer (const char *when)
{
  diag ("%s", when);
  answers ("oriel ls", 0, "ls", NULL, NULL);
  says (tool_out, "in use");
  answers ("oriel stat", 0, "stat", "test", NULL);
  answers ("oriel check", 0, "check", "test", NULL);
  says (tool_out, "no problem");
  answers ("oriel top", 0, "top", "test", "--batch");
  says (tool_out, "PTABLES");
}

/* Latches a page and works without end, to be stopped in the midst of it; also
 * when there is no more room. */
static int
works (void *arg)
{
  oriel_options opt = options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  must_pin (file, 3, ORIEL_WRITE);
  go_to (arg, 1);
  for (uint64_t i = 5; i > 0; i = 5 + i % 100) {
    oriel_page page;

    if (oriel_pin (file, i, ORIEL_WRITE, &page) < 0)
      continue;
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
    must (oriel_flush (file), "oriel_flush");
  }
  return 0;
}

/* Pins every frame that it can get, and stays. */
static int
hoards (void *arg)
{
  oriel_options opt = options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  static oriel_page page[FRAMES];
  uint64_t n = 0;

  while (n < FRAMES && oriel_pin (file, 120 + n, ORIEL_READ, &page[n]) == 0)
    n++;
  go_to (arg, n > FRAMES / 2 ? 2 : 0);
  while (pause () < 0)
    ;
  return 0;
}

static int
stays (void *arg)
{
  oriel_options opt = options ();
  steps *at = arg;

  must_open_pool ("test", &opt);
  go_to (at, atomic_load (at) + 1);
  while (pause () < 0)
    ;
  return 0;
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  pid_t worker, hoarder, other[PROCESSES - 2];
  char text[64];

  tool_program ();
  setenv ("ORIEL_SANITIZER", "", 0);
  make_stamped_file (scratch_file ("data"), 4096, 200, 0, 1);
  worker = spawn (works, at);
  await (at, 1);
  for (int i = 0; i < 5; i++) {
    usleep (3000);
    stop_child (worker);
    all_answer ("its only process is stopped");
    kill (worker, SIGCONT);
  }
  /* They come while it runs: it may be stopped with a lock that they want. */
  hoarder = spawn (hoards, at);
  await (at, 2);
  stop_child (worker);
  all_answer ("another has pinned what there is");
  kill (worker, SIGCONT);
  for (int i = 0; i < PROCESSES - 2; i++) {
    other[i] = spawn (stays, at);
    await (at, 3 + i);
  }
  is_exit (tool ("warm", "-p", "test", scratch_file ("data"), NULL), 2,
           "no one else can attach");
  says (tool_err, pool_path ("test"));
  stop_child (worker);
  all_answer ("all places are taken");
  snprintf (text, sizeof text, "%d processes", PROCESSES);
  says (tool_out, text);

  kill (worker, SIGKILL);
  kill (hoarder, SIGKILL);
  for (int i = 0; i < PROCESSES - 2; i++) {
    kill (other[i], SIGKILL);
    reap (other[i]);
  }
  reap (worker);
  reap (hoarder);
  is_exit (tool ("check", "test", NULL), 0, "all of them killed, it is sound");
  return done_testing ();
}
