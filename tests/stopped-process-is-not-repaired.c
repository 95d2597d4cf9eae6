/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is stopped in the middle of a change lives: others wait for it,
 * and its page is changed as it says when it goes on.
 */
#include "util.h"

static int
changes (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, 1, ORIEL_WRITE);

  stamp (page.data, 2048, 2, 1);
  go_to (arg, 1);
  await (arg, 2);
  stamp (page.data, 4096, 2, 1);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static int
looks (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  int good = page_is_stamped (pool, file, 1, 2);

  (void) arg;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

int
main (void)
{
  steps *step = shared_memory (sizeof *step);
  int status;
  pid_t stopped, waits;

  make_stamped_file (scratch_file ("data"), 4096, 4, 0, 1);
  pool_dir (); /* for both */
  stopped = spawn (changes, step);
  await (step, 1);
  stop_child (stopped);
  go_to (step, 2);
  waits = spawn (looks, NULL);
  usleep (500000);
  if (!is_int (waitpid (waits, &status, WNOHANG), 0, "another waits for it"))
    bail_out ("it ended with status %x", (unsigned) status);
  kill (stopped, SIGCONT);
  is_int (reap (waits), 0, "and then sees what it made of the page");
  is_int (reap (stopped), 0, "which it could end");
  return done_testing ();
}
