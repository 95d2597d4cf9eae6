/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread whose very first pin finds its page in the pool has it pinned as any
 * other: no one takes the frame away, and no one the slot.
 */
#include "util.h"

#define PAGES 200

static oriel_pool *pool;
static oriel_file *file;
static steps step;
static int good;

static void *
pins (void *arg)
{
  oriel_page page = must_pin (file, 3, ORIEL_READ);

  (void) arg;
  go_to (&step, 1);
  await (&step, 2);
  good = is_stamped (page.data, 4096, 1, 3);
  must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  pthread_t thread;
  int other = 0;

  opt.pool_size = 32 * 4096;
  opt.slot_size = 4096;
  opt.window_size = 8 * 4096;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int i = 0; i < 3; i++) /* with a latch that is biased to readers */
    page_is_stamped (pool, file, 3, 1);
  thread = start_thread (pins, NULL);
  await (&step, 1);
  for (int round = 0; round < 3; round++)
    for (uint64_t i = 0; i < PAGES; i++)
      other += !page_is_stamped (pool, file, i, 1);
  go_to (&step, 2);
  pthread_join (thread, NULL);
  is_int (other, 0, "other pages come and go");
  ok (good, "the page is still what it was");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
