/* SPDX-License-Identifier: BSD-2-Clause */
/* A file opened with ORIEL_RDONLY can be read, and nothing else. */
#include "util.h"

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file, *other;
  oriel_page page;

  make_stamped_file (path, 4096, 10, 0, 1);
  chmod (path, 0444);
  file = must_open_file (pool, path, ORIEL_RDONLY);
  ok (page_is_stamped (pool, file, 3, 1), "it can be read");
  is_rc (oriel_pin (file, 3, ORIEL_WRITE, &page), -EACCES,
         "a pin for writing");
  is_rc (oriel_pin (file, 3, ORIEL_WRITE | ORIEL_FRESH, &page), -EACCES,
         "a fresh one");
  is_rc (oriel_write (file, 0, "x", 1), -EACCES, "a copying write");
  is_rc (oriel_file_truncate (file, 0), -EACCES, "truncate");
  ok (strstr (oriel_error (), "data") != NULL, "the text names it: %s",
      oriel_error ());
  is_int ((long long) plain_size (path), 10 * 4096, "the file is as it was");
  is_rc (oriel_flush (file), 0, "flush is fine");
  is_rc (oriel_sync (file), 0, "sync is fine");
  is_rc (oriel_file_open (pool, path, ORIEL_RDONLY, &other), 0,
         "opening it again for reading is fine");
  ok (other == file, "and the same object");
  is_rc (oriel_file_close (other), 0, "that wants its own close");
  is_rc (oriel_file_open (pool, path, 0, &other), -EACCES,
         "opening it for writing is not");
  is_rc (oriel_file_close (file), 0, "close");
  chmod (path, 0644);
  is_rc (oriel_file_open (pool, path, 0, &file), 0, "after which it can be");
  stamp_page (pool, file, 3, 2);
  is_rc (oriel_file_open (pool, path, ORIEL_RDONLY, &other), 0,
         "what is open for writing opens for reading");
  ok (page_is_stamped (pool, other, 3, 2), "and reads the same");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
