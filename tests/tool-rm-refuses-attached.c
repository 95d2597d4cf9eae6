/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel rm names who is attached and leaves the pool; with --force the name
 * goes, and they go on. */
#include "tool.h"

static int
is_there (const char *name)
{
  return access (pool_path (name), F_OK) == 0;
}

int
main (void)
{
  oriel_pool *pool;
  oriel_file *file;
  char pid[32];

  tool_program ();
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  snprintf (pid, sizeof pid, "pid %d", (int) getpid ());
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_exit (tool ("rm", "test", NULL), 1, "a pool in use is refused");
  says (tool_err, pid);
  says (tool_err, pool_path ("test"));
  ok (is_there ("test"), "and stays");
  is_exit (tool ("rm", "--force", "test", NULL), 0, "--force removes it");
  says (tool_out, pid);
  ok (!is_there ("test"), "its name is gone");
  ok (page_is_stamped (pool, file, 3, 1), "and it can be used on");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  must (oriel_pool_close (test_pool ()), "oriel_pool_close");
  is_exit (tool ("rm", pool_path ("test"), NULL), 0, "one that no one uses");
  is_str (tool_out, "", "goes without a word");
  ok (!is_there ("test"), "it is gone");
  is_exit (tool ("rm", "test", NULL), 2, "one that is missing");
  says (tool_err, pool_path ("test"));
  plain_write (pool_path ("text"), 0, "text", 4);
  is_exit (tool ("rm", "--force", "text", NULL), 2, "a file that is none");
  ok (is_there ("text"), "stays");
  return done_testing ();
}
