/* SPDX-License-Identifier: BSD-2-Clause */
/* A pin with ORIEL_ANYTHREAD belongs to the process; any thread unpins it. */
#include "util.h"

#define PAGES 2000              /* several times the pool */

static oriel_file *file;

static void *
pins (void *page)
{
  *(oriel_page *) page = must_pin (file, 3,
                                   ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD);
  return NULL;
}

static void *
unpins (void *page)
{
  must (oriel_unpin (page), "oriel_unpin");
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_page page;
  void *address;
  int good = 0;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt.pool_size = MiB;
  opt.window_size = 128 * KiB;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  in_thread (pins, &page);
  is_int ((long long) get_stats (pool).pins, 1,
          "the pin is there after its thread");
  address = page.data;
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "other pages come and go");
  ok (is_stamped (address, 4096, 1, 3), "the pinned one stays at its address");
  is_rc (oriel_file_close (file), -EBUSY, "the file can't be closed");
  in_thread (unpins, &page);
  is_int ((long long) get_stats (pool).pins, 0, "another thread unpins it");
  is_rc (oriel_unpin (&page), -EINVAL, "once");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
