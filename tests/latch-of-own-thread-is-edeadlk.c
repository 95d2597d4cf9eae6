/* SPDX-License-Identifier: BSD-2-Clause */
/* A latch that the thread's own latch excludes is -EDEADLK, not a wait. */
#include "util.h"

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file;
  oriel_page page, other;
  char byte = 1;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);

  page = must_pin (file, 1, ORIEL_READ);
  is_rc (oriel_pin (file, 1, ORIEL_WRITE, &other), -EDEADLK,
         "write after read");
  ok (strstr (oriel_error (), "1") != NULL, "the text: %s", oriel_error ());
  is_rc (oriel_write (file, 4096, &byte, 1), -EDEADLK,
         "a copying write after read");
  is_rc (oriel_pin (file, 1, ORIEL_READ, &other), 0, "read after read is fine");
  must (oriel_unpin (&other), "oriel_unpin");
  is_rc (oriel_pin (file, 1, ORIEL_WRITE, &other), -EDEADLK,
         "write while one of two reads is left");
  is_rc (oriel_pin (file, 2, ORIEL_WRITE, &other), 0, "another page is fine");
  must (oriel_unpin (&other), "oriel_unpin");
  must (oriel_unpin (&page), "oriel_unpin");

  page = must_pin (file, 1, ORIEL_WRITE);
  is_rc (oriel_pin (file, 1, ORIEL_READ, &other), -EDEADLK,
         "read after write");
  is_rc (oriel_pin (file, 1, ORIEL_WRITE, &other), -EDEADLK,
         "write after write");
  is_rc (oriel_pin (file, 1, ORIEL_OPTIMISTIC, &other), 0,
         "no latch after write is fine");
  must (oriel_unpin (&other), "oriel_unpin");
  must (oriel_dirty (&page, 0), "oriel_dirty");
  is_rc (oriel_flush (file), -EDEADLK, "flush with a dirty page latched");
  is_rc (oriel_sync (file), -EDEADLK, "and sync");
  must (oriel_unpin (&page), "oriel_unpin");
  is_rc (oriel_flush (file), 0, "after the unpin flush works");
  is_rc (oriel_pin (file, 1, ORIEL_WRITE, &page), 0, "and the latch is free");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
