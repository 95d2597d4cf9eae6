/* SPDX-License-Identifier: BSD-2-Clause */
/* The first to open a file that others changed in the meantime finds the new
 * content; one that no one changed stays cached. */
#include "util.h"

static const char *path;

/* Open, look at page 3, close; the pages that had to be loaded. */
static int
loads (oriel_pool *pool, uint64_t tag)
{
  oriel_file *file = must_open_file (pool, path, 0);
  uint64_t misses = get_stats (pool).misses;

  ok (page_is_stamped (pool, file, 3, tag), "the content is right");
  misses = get_stats (pool).misses - misses;
  must (oriel_file_close (file), "oriel_file_close");
  return (int) misses;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file;
  char page[4096];

  path = scratch_file ("data");
  make_stamped_file (path, 4096, 10, 0, 1);
  is_int (loads (pool, 1), 1, "at first it is loaded");
  is_int (loads (pool, 1), 0, "then it is cached");
  file = must_open_file (pool, path, 0);
  stamp_page (pool, file, 4, 2);
  must (oriel_file_close (file), "oriel_file_close");
  is_int (loads (pool, 1), 0, "also after we wrote the file ourselves");

  usleep (30000);               /* the kernel's times have coarse steps */
  stamp (page, sizeof page, 5, 3);
  plain_write (path, 3 * 4096, page, sizeof page);
  is_int (loads (pool, 5), 1, "of the same size, with another time");
  is_int (loads (pool, 5), 0, "then it is cached");
  usleep (30000);
  make_stamped_file (path, 4096, 12, 0, 6);
  is_int (loads (pool, 6), 1, "longer");
  usleep (30000);
  make_stamped_file (path, 4096, 5, 10, 7);
  is_int (loads (pool, 7), 1, "shorter");
  file = must_open_file (pool, path, 0);
  is_int ((long long) oriel_file_size (file), 5 * 4096 + 10,
          "the size is the new one");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
