/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool whose only process was stopped with a page latched, in the midst of
 * work, can be watched: nothing waits for it.
 */
#include "util.h"

static int
holds (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  must_pin (file, 3, ORIEL_WRITE);
  must_pin (file, 4, ORIEL_READ);
  for (;;) {
    oriel_page page;

    if (oriel_pin (file, 5, ORIEL_WRITE, &page) < 0)
      return 3;
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
    must (oriel_flush (file), "oriel_flush");
    go_to (arg, 1);
  }
}

static void
see_file (void *arg, const oriel_file_info *info)
{
  *(oriel_file_info *) arg = *info;
}

static void
see_process (void *arg, const oriel_process_info *info)
{
  *(oriel_process_info *) arg = *info;
}

static void
show (void *arg, const char *text)
{
  (void) arg;
  diag ("%s", text);
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  oriel_options opt = test_options ();
  oriel_file_info file = { 0 };
  oriel_process_info process = { 0 };
  oriel_stats stats;
  oriel_pool *watch;
  pid_t pid;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pid = spawn (holds, at);
  await (at, 1);
  stop_child (pid);

  /* Who waited for it would do so for ever: the test's timeout. */
  opt.flags = ORIEL_WATCH;
  is_rc (oriel_pool_open ("test", &opt, &watch), 0, "it can be opened");
  stats = get_stats (watch);
  is_int ((long long) stats.processes, 1, "one process is attached");
  ok (stats.pins >= 2, "it has pins");
  is_rc (oriel_pool_files (watch, see_file, &file), 0, "files are listed");
  is_int ((long long) file.openers, 1, "the file is open in one process");
  ok (file.pages >= 3, "its pages are in the pool");
  ok (file.pinned >= 2, "some are pinned");
  is_rc (oriel_pool_processes (watch, see_process, &process), 0,
         "processes are listed");
  is_int (process.pid, pid, "it is that process");
  is_int (process.alive, 1, "it is alive");
  is_int (oriel_pool_check (watch, show, NULL), 0,
          "the check finds nothing wrong");

  kill (pid, SIGCONT);
  kill (pid, SIGKILL);
  reap (pid);
  must (oriel_pool_processes (watch, see_process, &process),
        "oriel_pool_processes");
  is_int (process.alive, 0, "killed, it is listed as dead");
  is_rc (oriel_pool_close (watch), 0, "close");
  return done_testing ();
}
