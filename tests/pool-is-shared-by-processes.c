/* SPDX-License-Identifier: BSD-2-Clause */
/* What one process writes, another that is attached sees, without the store. */
#include "util.h"

#define PAGES 20

struct shared {
  steps at;
};

static int
reader (void *arg)
{
  struct shared *shared = arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  int good = 0;

  go_to (&shared->at, 1);
  await (&shared->at, 2);
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 7);
  stamp_page (pool, file, PAGES, 8);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good;
}

int
main (void)
{
  struct shared *shared = shared_memory (sizeof *shared);
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;
  pid_t pid;

  plain_write (path, 0, "", 1);
  pool_dir ();
  pid = spawn (reader, shared);
  await (&shared->at, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  is_int ((long long) get_stats (pool).processes, 2, "two are attached");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 7);
  go_to (&shared->at, 2);
  is_int (reap (pid), PAGES, "the other sees all pages written here");
  ok (page_is_stamped (pool, file, PAGES, 8), "and we what it wrote");
  is_int ((long long) plain_size (path), 1, "the store has none of it yet");
  is_int ((long long) oriel_file_size (file), (PAGES + 1) * 4096,
          "the size counts the pages of both");
  is_rc (oriel_sync (file), 0, "sync writes the pages of both");
  is_int ((long long) plain_size (path), (PAGES + 1) * 4096,
          "the store has them now");
  is_int ((long long) get_stats (pool).processes, 1, "one is attached");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
