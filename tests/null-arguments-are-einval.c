/* SPDX-License-Identifier: BSD-2-Clause */
/* A null pointer where an object is wanted is -EINVAL for every call. */
#include "util.h"

#define REFUSED(call) is_rc (call, -EINVAL, #call)

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  char byte = 1;
  oriel_page page;

  REFUSED (oriel_pool_open (NULL, &opt, &pool));
  REFUSED (oriel_pool_open ("test", &opt, NULL));
  REFUSED (oriel_pool_close (NULL));
  REFUSED (oriel_pool_destroy (NULL, pool_dir (), 0));
  REFUSED (oriel_file_open (NULL, "data", 0, &file));
  REFUSED (oriel_file_open (pool, NULL, 0, &file));
  REFUSED (oriel_file_open (pool, "data", 0, NULL));
  REFUSED (oriel_file_open_with (pool, "data", NULL, &file));
  REFUSED (oriel_file_close (NULL));
  REFUSED (oriel_file_abandon (NULL));
  REFUSED (oriel_file_truncate (NULL, 0));
  REFUSED (oriel_file_refresh (NULL));
  REFUSED (oriel_file_drop (NULL));
  REFUSED (oriel_file_drop_dirty (NULL));
  REFUSED (oriel_file_on_indoubt (NULL, NULL, NULL));
  REFUSED (oriel_file_drop_pages (NULL, 0, 1));
  REFUSED (oriel_file_hooks (NULL, NULL));
  REFUSED (oriel_pin (NULL, 0, ORIEL_READ, &page));
  REFUSED (oriel_pin (file, 0, ORIEL_READ, NULL));
  REFUSED (oriel_unpin (NULL));
  REFUSED (oriel_dirty (NULL, 0));
  REFUSED (oriel_read (NULL, 0, &byte, 1, NULL));
  REFUSED (oriel_read (file, 0, NULL, 1, NULL));
  REFUSED (oriel_write (NULL, 0, &byte, 1));
  REFUSED (oriel_write (file, 0, NULL, 1));
  REFUSED (oriel_flush (NULL));
  REFUSED (oriel_sync (NULL));
  REFUSED (oriel_window_trim (NULL));
  REFUSED (oriel_pool_stats (NULL, NULL));
  is_rc (oriel_read (file, 0, NULL, 0, NULL), 0,
         "nothing into nothing is fine");
  is_rc (oriel_write (file, 0, NULL, 0), 0, "also from nothing");
  is_int (oriel_pool_page_size (NULL), 0, "no page size of no pool");
  is_int ((long long) oriel_pool_frames (NULL), 0, "no frames of no pool");
  is_int ((long long) oriel_file_size (NULL), 0, "no size of no file");
  ok (oriel_file_fd (NULL) < 0, "no descriptor of no file");
  ok (oriel_file_words (NULL) == NULL, "no words of no file");
  is_int ((long long) oriel_self (NULL), 0, "no token of no pool");
  is_int (oriel_alive (NULL, 1), 0, "no one lives in no pool");
  is_int (oriel_read_validate (NULL, 0), 0, "nothing is valid of no page");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
