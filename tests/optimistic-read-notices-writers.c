/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_read_validate() is 1 if no writer had the page since
 * oriel_read_begin(), which waits while one has it. */
#include "util.h"

static oriel_file *file;
static steps at;

static void *
writes (void *arg)
{
  oriel_page page = must_pin (file, 2, ORIEL_WRITE);

  (void) arg;
  go_to (&at, 1);
  await (&at, 2);
  usleep (50000);
  __atomic_store_n ((uint64_t *) page.data, 77, __ATOMIC_RELAXED);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  go_to (&at, 3);
  must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_page page;
  pthread_t thread;
  uint64_t version, value;

  make_stamped_file (path, 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  page = must_pin (file, 2, ORIEL_OPTIMISTIC);
  version = oriel_read_begin (&page);
  ok (is_stamped (page.data, 4096, 1, 2), "the content is there");
  is_int (oriel_read_validate (&page, version), 1, "and valid");
  is_int (oriel_read_validate (&page, version), 1, "as often as one asks");
  ok (page_is_stamped (pool, file, 2, 1), "a reader with a latch");
  is_int (oriel_read_validate (&page, version), 1, "does not change that");

  thread = start_thread (writes, NULL);
  await (&at, 1);
  is_int (oriel_read_validate (&page, version), 0,
          "a writer that has the page does");
  go_to (&at, 2);
  version = oriel_read_begin (&page);
  is_int (atomic_load (&at), 3, "begin waits for the writer");
  value = __atomic_load_n ((uint64_t *) page.data, __ATOMIC_RELAXED);
  is_int (oriel_read_validate (&page, version), 1, "then it is valid again");
  is_int ((long long) value, 77, "with the new content");
  pthread_join (thread, NULL);
  stamp_page (pool, file, 2, 3);
  is_int (oriel_read_validate (&page, version), 0,
          "a writer that is gone is noticed");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
