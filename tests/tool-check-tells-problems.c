/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel check ends with 0 for a sound pool, with 1 and a line for each problem
 * of a damaged one, and with 2 for what it cannot open. */
#include "tool.h"

#include "attach.h"

int
main (void)
{
  oriel_pool *pool;
  oriel_file *file;
  orl_a64 *size;

  tool_program ();
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  ok (page_is_stamped (pool, file, 5, 1), "a page is loaded");
  is_exit (tool ("check", "test", NULL), 0, "a pool that is used is sound");
  says (tool_out, "test: no problem");
  is_exit (tool ("check", "-q", pool_path ("test"), NULL), 0, "also quietly");
  is_str (tool_out, "", "then it says nothing");

  size = &pool->shm.files[file->index].size;
  atomic_store (size, UINT64_C (1) << 63);
  atomic_store (&pool->shm.procs[7].backend, 99);
  is_exit (tool ("check", "-q", "test", NULL), 1, "with damage it is not");
  says (tool_out, "test: file 0: cannot have 9223372036854775808 bytes");
  says (tool_out, "test: process place 7: there is no backend 99");
  says (tool_err, "test: 2 problems");
  atomic_store (size, 40960);
  atomic_store (&pool->shm.procs[7].backend, 0);
  is_exit (tool ("check", "test", NULL), 0, "mended, it is sound again");

  is_exit (tool ("check", "none", NULL), 2, "a pool that is missing");
  says (tool_err, pool_path ("none"));
  plain_write (pool_path ("text"), 0, "text", 4);
  is_exit (tool ("check", "text", NULL), 2, "a file that is none");
  says (tool_err, pool_path ("text"));
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
