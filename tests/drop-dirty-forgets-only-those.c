/* SPDX-License-Identifier: BSD-2-Clause */
/* Of a file opened with ORIEL_FOREIGN, oriel_file_drop_dirty() forgets the dirty
 * pages and no other, whoever made them dirty; and who opens it when its writer
 * has died, and no one else has it open, finds it so.  Of other files, and of
 * those beside it, what is dirty stays. */
#include "util.h"

#define PAGES 50

static int
writes (void *arg)
{
  steps *at = arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_FOREIGN);

  for (uint64_t i = 10; i < 20; i++)
    stamp_page (pool, file, i, 2);
  go_to (at, 1);
  await (at, 2);
  return 0;
}

/* A process that makes pages 10 to 19 dirty and is killed. */
static void
let_one_die (steps *at)
{
  pid_t pid;

  go_to (at, 0);
  pid = spawn (writes, at);
  await (at, 1);
  kill (pid, SIGKILL);
  is_int (reap (pid), 128 + SIGKILL, "a writer is killed");
}

static int
loaded (oriel_pool *pool)
{
  oriel_stats stats = get_stats (pool);

  return (int) (stats.misses + stats.readahead);
}

/* Are pages 10 to 19 as in the store, all others there without a read? */
static void
expect (oriel_pool *pool, oriel_file *file, const char *what)
{
  int before = loaded (pool);
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, what);
  is_int (loaded (pool) - before, 10, "of which those ten are read anew");
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  oriel_pool *pool = test_pool ();
  oriel_file *file, *own;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("own"), 4096, PAGES, 0, 1);
  own = must_open_file (pool, scratch_file ("own"), 0);
  stamp_page (pool, own, 1, 2);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_FOREIGN);
  for (uint64_t i = 0; i < PAGES; i++)
    page_is_stamped (pool, file, i, 1);

  let_one_die (at);
  ok (page_is_stamped (pool, file, 12, 2), "its pages are there");
  is_rc (oriel_file_drop_dirty (file), 0, "they are dropped");
  expect (pool, file, "all is as in the store");
  is_rc (oriel_file_drop_dirty (file), 0, "with nothing dirty");
  ok (oriel_file_size (file) == PAGES * 4096, "the size stays");

  let_one_die (at);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  let_one_die (at);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_FOREIGN);
  expect (pool, file, "opened after its writer died: likewise");

  is_rc (oriel_file_drop_dirty (own), -EINVAL, "not of a file of our own");
  ok (page_is_stamped (pool, own, 1, 2), "whose dirty page is still there");
  must (oriel_file_close (own), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
