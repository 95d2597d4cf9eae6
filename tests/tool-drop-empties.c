/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel drop writes a pool's dirty pages, then gives up all its pages, or those
 * of a file; pinned pages, and dirty ones of a foreign file, stay and are
 * counted. */
#include "tool.h"

#define PAGES 50

static uint64_t
pages_of (oriel_pool *pool)
{
  oriel_stats stats = get_stats (pool);

  return stats.frames - stats.frames_free;
}

static void
load (oriel_pool *pool, oriel_file *file)
{
  for (uint64_t i = 0; i < PAGES; i++)
    if (!page_is_stamped (pool, file, i, 1))
      bail_out ("page %d is wrong", (int) i);
}

/* A file's times are as fine as the kernel's tick: 10 ms, before Linux 6.13. */
static void
let_times_move (void)
{
  usleep (20000);
}

static void
native_files (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *one = must_open_file (pool, scratch_file ("one"), 0);
  oriel_file *two = must_open_file (pool, scratch_file ("two"), 0);
  char page[4096];

  load (pool, one);
  load (pool, two);
  is_exit (tool ("drop", scratch_file ("one"), NULL), 0, "a file");
  says (tool_out, "in pool test: 50 pages dropped\n");
  says (tool_out, scratch_file ("one"));
  ok (pages_of (pool) >= PAGES && pages_of (pool) < 2 * PAGES,
      "the other's pages stay");
  is_exit (tool ("drop", "-p", "test", scratch_file ("one"), NULL), 0,
           "once more, in that pool");
  says (tool_out, ": 0 pages dropped\n");

  stamp_page (pool, two, 7, 2);
  is_exit (tool ("drop", "test", NULL), 0, "the pool");
  says (tool_out, "test: 50 pages dropped\n");
  plain_read (scratch_file ("two"), 7 * 4096, page, 4096);
  ok (is_stamped (page, 4096, 2, 7), "its dirty page was written before");
  ok (page_is_stamped (pool, two, 7, 2), "and is read again");
  must (oriel_file_close (one), "oriel_file_close");
  must (oriel_file_close (two), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

static void
what_stays (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *one = must_open_file (pool, scratch_file ("one"), 0);
  oriel_file *foreign
    = must_open_file (pool, scratch_file ("foreign"), ORIEL_FOREIGN);
  oriel_page page;

  load (pool, one);
  load (pool, foreign);
  page = must_pin (one, 3, ORIEL_READ);
  stamp_page (pool, foreign, 5, 2);
  is_exit (tool ("drop", "test", NULL), 1, "with pages that have to stay");
  says (tool_out, ", 2 stay (1 dirty, 1 pins)\n");
  is_exit (tool ("drop", scratch_file ("foreign"), NULL), 1,
           "a foreign file with a dirty page");
  says (tool_out, "0 pages dropped, 1 stay (1 dirty, 0 pins)\n");
  ok (page_is_stamped (pool, foreign, 5, 2), "the dirty page is its writer's");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_flush (foreign), "oriel_flush");
  is_exit (tool ("drop", "test", NULL), 0, "when that is over");
  must (oriel_file_close (one), "oriel_file_close");
  must (oriel_file_close (foreign), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* Dirty pages of one who went without writing; then their file is gone. */
static void
no_ones_pages (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *one = must_open_file (pool, scratch_file ("one"), 0);
  char page[4096];

  stamp_page (pool, one, 2, 9);
  must (oriel_file_abandon (one), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_exit (tool ("drop", scratch_file ("one"), NULL), 0, "no one's dirty page");
  plain_read (scratch_file ("one"), 2 * 4096, page, 4096);
  ok (is_stamped (page, 4096, 9, 2), "is written all the same");

  pool = test_pool ();
  one = must_open_file (pool, scratch_file ("one"), 0);
  stamp_page (pool, one, 2, 10);
  must (oriel_file_abandon (one), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  let_times_move ();
  if (rename (scratch_file ("one"), scratch_file ("moved")) < 0)
    bail_out ("rename: %s", strerror (errno));
  is_exit (tool ("drop", "test", NULL), 1, "one whose file has moved");
  says (tool_err, scratch_file ("one"));
  says (tool_out, "1 stay (1 dirty, 0 pins)\n");
  is_exit (tool ("drop", scratch_file ("moved"), NULL), 1,
           "which changed the file's times");
  says (tool_err, scratch_file ("moved"));
  says (tool_err, "changed by others");
}

/* A file that has the inode of one that was deleted is another. */
static void
reused_inode (void)
{
  const char *path = scratch_file ("again");
  oriel_pool *pool = test_pool ();
  oriel_file *file;
  struct stat old, new;

  make_stamped_file (path, 4096, PAGES, 0, 1);
  file = must_open_file (pool, path, 0);
  load (pool, file);
  must (oriel_file_close (file), "oriel_file_close");
  stat (path, &old);
  let_times_move ();
  unlink (path);
  make_stamped_file (path, 4096, PAGES, 0, 1);
  stat (path, &new);
  if (old.st_ino != new.st_ino)
    skip ("this file system did not give the inode again");
  else {
    is_exit (tool ("drop", path, NULL), 0, "one that the pool has nothing of");
    says (tool_out, ": 0 pages dropped\n");
    file = must_open_file (pool, path, 0);
    load (pool, file);
    must (oriel_file_close (file), "oriel_file_close");
    is_exit (tool ("drop", path, NULL), 0, "and when it has");
    says (tool_out, ": 50 pages dropped\n");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  tool_program ();
  make_stamped_file (scratch_file ("one"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("two"), 4096, PAGES, 0, 1);
  make_stamped_file (scratch_file ("foreign"), 4096, PAGES, 0, 1);
  native_files ();
  what_stays ();
  no_ones_pages ();
  is_exit (tool ("drop", "none", NULL), 2, "neither a pool nor a file");
  says (tool_err, "none: ");
  plain_write (scratch_file ("unknown"), 0, "text", 4);
  is_exit (tool ("drop", scratch_file ("unknown"), NULL), 0,
           "a file that no pool knows");
  says (tool_out, "no pool has pages of it");
  is_exit (tool ("drop", "-p", "none", scratch_file ("two"), NULL), 2,
           "in a pool that is missing");
  says (tool_err, pool_path ("none"));
  reused_inode ();
  return done_testing ();
}
