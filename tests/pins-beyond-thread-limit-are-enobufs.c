/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread has ORIEL_THREAD_PINS pins and no more; others have their own.  With
 * none left it writes no dirty page, and says so.
 */
#include "util.h"

static oriel_file *file;
static oriel_page pages[ORIEL_THREAD_PINS + 1];

static void *
pins_one (void *rc)
{
  oriel_page page;

  *(int *) rc = oriel_pin (file, 900, ORIEL_READ, &page);
  if (*(int *) rc == 0)
    *(int *) rc = oriel_unpin (&page);
  return NULL;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  int rc = 1, pinned = 0, good = 0;

  make_stamped_file (scratch_file ("data"), 4096, 1000, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  stamp_page (pool, file, 995, 2);
  while (pinned <= ORIEL_THREAD_PINS
         && oriel_pin (file, (uint64_t) pinned, pinned % 2 ? ORIEL_READ
                       : ORIEL_OPTIMISTIC, &pages[pinned]) == 0)
    pinned++;
  is_int (pinned, ORIEL_THREAD_PINS, "ORIEL_THREAD_PINS pages are pinned");
  is_rc (oriel_pin (file, 990, ORIEL_READ, &pages[pinned]), -ENOBUFS,
         "one more is -ENOBUFS");
  ok (strstr (oriel_error (), "448") != NULL
      || strstr (oriel_error (), "thread") != NULL, "the text: %s",
      oriel_error ());
  is_int ((long long) get_stats (pool).pins, ORIEL_THREAD_PINS,
          "the statistics count them");
  is_rc (oriel_flush (file), -ENOBUFS, "nor can a dirty page be written");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "that stays dirty");
  in_thread (pins_one, &rc);
  is_int (rc, 0, "another thread can pin");
  for (int i = 0; i < pinned; i++)
    good += is_stamped (pages[i].data, 4096, 1, (uint64_t) i);
  is_int (good, ORIEL_THREAD_PINS, "all are right at once");
  must (oriel_unpin (&pages[100]), "oriel_unpin");
  is_rc (oriel_pin (file, 990, ORIEL_READ, &pages[100]), 0,
         "after an unpin there is room");
  for (int i = 0; i < pinned; i++)
    must (oriel_unpin (&pages[i]), "oriel_unpin");
  is_int ((long long) get_stats (pool).pins, 0, "all are unpinned");
  is_rc (oriel_flush (file), 0, "and the page is written");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "none is dirty");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
