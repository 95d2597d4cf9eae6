/* SPDX-License-Identifier: BSD-2-Clause */
/* After oriel warm a file's pages are hits; a file that is larger than the pool
 * stops where the pool is full, and pages that are in use stay. */
#include "tool.h"

#define FRAMES 1024
#define HOT 200

static oriel_file *
open_data (oriel_pool **pool, const char *name)
{
  *pool = test_pool ();
  return must_open_file (*pool, scratch_file (name), 0);
}

static void
close_all (oriel_pool *pool, oriel_file *file)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* Use the file's first pages; how many of them had to be loaded. */
static long long
use_pages (oriel_pool *pool, oriel_file *file, uint64_t count)
{
  oriel_stats before = get_stats (pool), after;
  int bad = 0;

  for (uint64_t i = 0; i < count; i++)
    bad += !page_is_stamped (pool, file, i, 1);
  is_int (bad, 0, "the pages are right");
  after = get_stats (pool);
  return (long long) (after.misses + after.readahead - before.misses
                      - before.readahead);
}

/* "N of": how many pages it says are there. */
static long
resident (void)
{
  const char *at = strstr (tool_out, ": ");

  return at ? atol (at + 2) : -1;
}

static void
small_file (void)
{
  oriel_pool *pool;
  oriel_file *file;

  is_exit (tool ("warm", "-p", "test", scratch_file ("small"), NULL), 2,
           "without a pool");
  says (tool_err, pool_path ("test"));
  is_exit (tool ("warm", "-p", "test", "--create", "4M",
                 scratch_file ("small"), NULL),
           0, "with one that is made for it");
  is_int (resident (), 301, "it says that all pages are there");
  file = open_data (&pool, "small");
  is_int (use_pages (pool, file, 300), 0, "and none is loaded again");
  is_int (get_stats (pool).frames, FRAMES, "the pool has the size asked for");
  is_exit (tool ("warm", "-p", "test", scratch_file ("none"),
                 scratch_file ("small"), NULL),
           2, "a file that is missing");
  says (tool_err, scratch_file ("none"));
  is_int (resident (), 301, "does not keep it from the next");
  close_all (pool, file);
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
large_file (void)
{
  oriel_pool *pool;
  oriel_file *file, *large;
  oriel_stats before;
  long n;

  file = open_data (&pool, "hot");
  use_pages (pool, file, HOT);
  use_pages (pool, file, HOT); /* hits: now they are in use */
  is_exit (tool ("warm", "-p", "test", scratch_file ("large"), NULL), 1,
           "a file that is larger than the pool");
  n = resident ();
  says (tool_out, "did not fit: it is full");
  ok (n > FRAMES - HOT - 150 && n <= FRAMES - HOT,
      "it fills the free frames, %ld pages", n);
  is_int (use_pages (pool, file, HOT), 0, "what is in use is still there");
  large = must_open_file (pool, scratch_file ("large"), 0);
  before = get_stats (pool);
  is_int (use_pages (pool, large, (uint64_t) n), 0,
          "so is the beginning of the file");
  is_int ((long long) (get_stats (pool).hits - before.hits), n,
          "each is a hit");
  must (oriel_file_close (large), "oriel_file_close");

  is_exit (tool ("warm", "-p", "test", scratch_file ("small"), NULL), 1,
           "into a pool that is full");
  is_int (resident (), 0, "nothing goes");
  is_exit (tool ("warm", "-p", "test", scratch_file ("hot"), NULL), 0,
           "but a file that is there is there");
  close_all (pool, file);
}

int
main (void)
{
  tool_program ();
  make_stamped_file (scratch_file ("small"), 4096, 300, 77, 1);
  make_stamped_file (scratch_file ("hot"), 4096, HOT, 0, 1);
  make_stamped_file (scratch_file ("large"), 4096, 3 * FRAMES, 0, 1);
  small_file ();
  large_file ();
  return done_testing ();
}
