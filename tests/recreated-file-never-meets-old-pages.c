/* SPDX-License-Identifier: BSD-2-Clause */
/* A file deleted and recreated a thousand times at one path, of one size and
 * often of one inode, is always read and written as the one it is. */
#include "util.h"

#define TIMES 1000

int
main (void)
{
  oriel_options opt = test_options ();
  const char *path = scratch_file ("data");
  int read_good = 0, written_good = 0, inodes = 0;
  ino_t last = 0;
  oriel_pool *pool;
  char page[4096];
  struct stat st;

  opt.max_files = 4;
  pool = must_open_pool ("test", &opt);
  for (uint64_t i = 0; i < TIMES; i++) {
    oriel_file *file;

    unlink (path);
    make_stamped_file (path, 4096, 3, 0, i);
    stat (path, &st);
    inodes += st.st_ino == last;
    last = st.st_ino;
    file = must_open_file (pool, path, i % 2 ? ORIEL_BUFFERED : 0);
    read_good += page_is_stamped (pool, file, 1, i)
                 && page_is_stamped (pool, file, 2, i);
    stamp_page (pool, file, 2, i + 7);
    if (i % 3 == 0) {
      /* Its dirty page must not go to the next file. */
      must (oriel_file_abandon (file), "oriel_file_abandon");
      written_good++;
      file = must_open_file (pool, path, ORIEL_DISCARD);
      must (oriel_file_close (file), "oriel_file_close");
      continue;
    }
    must (oriel_file_close (file), "oriel_file_close");
    plain_read (path, 2 * 4096, page, sizeof page);
    written_good += is_stamped (page, sizeof page, i + 7, 2);
  }
  diag ("%d times it got the inode that it had before", inodes);
  is_int (read_good, TIMES, "each was read as it was made");
  is_int (written_good, TIMES, "each got what was written to it");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
