/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_file_drop() forgets all pages of a file, dirty or not, for every process;
 * pinned ones stay readable, and other files are not touched.  Dirty pages that are
 * forgotten leave their frames to others.
 */
#include "util.h"

static int
drops (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  int rc = oriel_file_drop (file);

  (void) arg;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return -rc;
}

#define FRAMES 64

static int
drop_pages (oriel_file *file)
{
  return oriel_file_drop_pages (file, 0, FRAMES);
}

/* Every frame has a dirty page that is dropped. */
static void
leaves_room (int (*drop) (oriel_file *file), const char *what)
{
  oriel_options opt = test_options ();
  oriel_page page[FRAMES];
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  diag ("%s", what);
  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool ("small", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < FRAMES; i++)
    stamp_page (pool, file, i, 7);
  must (drop (file), what);
  for (uint64_t i = 0; i < FRAMES; i++)
    good += oriel_pin (file, FRAMES + i, ORIEL_READ, &page[i]) == 0;
  is_int (good, FRAMES, "as many others find room");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "none is dirty");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  for (int i = 0; i < good; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  for (uint64_t i = 0; i < FRAMES; i++)
    stamp_page (pool, file, i, 7);
  must (drop (file), what);
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  is_int ((long long) get_stats (pool).frames_free, FRAMES,
          "all are free when the pool is emptied");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "none is dirty");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("small", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file, *other;
  oriel_page page;
  uint64_t misses;

  make_stamped_file (path, 4096, 20, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  stamp_page (pool, other, 0, 9);
  ok (page_is_stamped (pool, file, 3, 1), "a page is read");
  stamp_page (pool, file, 5, 2);
  page = must_pin (file, 7, ORIEL_READ);
  misses = get_stats (pool).misses;
  is_rc (oriel_file_drop (file), 0, "drop");
  ok (page_is_stamped (pool, file, 3, 1), "the page is right");
  is_int ((long long) (get_stats (pool).misses - misses), 1,
          "but had to be loaded");
  ok (page_is_stamped (pool, file, 5, 1), "a dirty page is lost");
  ok (is_stamped (page.data, 4096, 1, 7), "a pinned page is readable");
  must (oriel_unpin (&page), "oriel_unpin");
  ok (page_is_stamped (pool, other, 0, 9), "another file's pages stay");

  stamp_page (pool, file, 6, 2);
  is_int (in_child (drops, NULL), 0, "another process drops");
  ok (page_is_stamped (pool, file, 6, 1), "our dirty page is lost");
  stamp_page (pool, file, 6, 3);
  ok (page_is_stamped (pool, file, 6, 3), "pages can be written anew");
  is_rc (oriel_sync (file), 0, "and synced");
  must (oriel_file_drop (file), "oriel_file_drop");
  ok (page_is_stamped (pool, file, 6, 3), "and read from the store");
  is_int ((long long) get_stats (pool).drops, 3, "three drops are counted");

  for (int i = 0; i < 5000; i++)
    if (oriel_file_drop (file))
      bail_out ("drop %d: %s", i, oriel_error ());
  ok (page_is_stamped (pool, file, 6, 3), "after 5000 drops all is well");
  is_rc (oriel_sync (other), 0, "the other file syncs");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  leaves_room (oriel_file_drop, "a file is dropped");
  leaves_room (drop_pages, "pages are dropped");
  return done_testing ();
}
