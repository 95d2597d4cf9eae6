/* SPDX-License-Identifier: BSD-2-Clause */
/* Dirty pages of a file opened with ORIEL_FOREIGN are written by the process
 * that made them dirty, and by no other that needs room or writes back, even if
 * that one is dead: others may have changed the file since. */
#include "util.h"

struct shared {
  steps at;
  uint64_t pages;               /* almost as many as the pool has frames */
};

static int
writes (void *arg)
{
  struct shared *shared = arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_FOREIGN);

  for (uint64_t i = 0; i < shared->pages; i++)
    stamp_page (pool, file, i, 2);
  go_to (&shared->at, 1);
  await (&shared->at, 2);
  return 0;
}

/* Read a file larger than the pool, several times, and write what may be. */
static void
need_room (oriel_pool *pool, oriel_file *file)
{
  uint64_t pages = oriel_file_size (file) / 4096;

  for (int round = 0; round < 4; round++)
    for (uint64_t i = 0; i < pages; i++) {
      oriel_page page = must_pin (file, i, ORIEL_READ);

      oriel_unpin (&page);
    }
  must (oriel_writeback (pool, NULL), "oriel_writeback");
}

static int
file_is (const char *path, uint64_t pages, uint64_t tag)
{
  char page[4096];

  for (uint64_t i = 0; i < pages; i++)
    if (plain_read (path, (off_t) (i * 4096), page, sizeof page)
            != sizeof page
        || !is_stamped (page, sizeof page, tag, i))
      return 0;
  return 1;
}

int
main (void)
{
  struct shared *shared = shared_memory (sizeof *shared);
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file, *large;
  pid_t pid;

  shared->pages = oriel_pool_frames (pool) - 16;
  make_stamped_file (path, 4096, shared->pages, 0, 1);
  make_stamped_file (scratch_file ("large"), 4096,
                     2 * oriel_pool_frames (pool), 0, 3);
  file = must_open_file (pool, path, ORIEL_FOREIGN);
  large = must_open_file (pool, scratch_file ("large"), 0);

  pid = spawn (writes, shared);
  await (&shared->at, 1);
  need_room (pool, large);
  ok (file_is (path, shared->pages, 1), "pages that another process has dirty stay unwritten");
  ok (page_is_stamped (pool, file, 3, 2), "and in the pool");
  kill (pid, SIGKILL);
  is_int (reap (pid), 128 + SIGKILL, "their writer is killed");
  need_room (pool, large);
  ok (file_is (path, shared->pages, 1), "still no one writes them");
  must (oriel_file_drop (file), "oriel_file_drop");
  ok (page_is_stamped (pool, file, 3, 1), "dropped, they are as in the file");

  for (uint64_t i = 0; i < oriel_pool_frames (pool) + 16; i++)
    stamp_page (pool, file, i, 4);
  ok (get_stats (pool).writebacks > 0, "its own this process writes for room");
  must (oriel_file_close (large), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
