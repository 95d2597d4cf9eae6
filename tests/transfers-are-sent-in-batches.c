/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With io_uring pages that lie apart are read ahead, and written, many by one
 * system call, and not by one each.
 */
#include "util.h"

#include "sys.h"

#define PAGES 64

static __typeof__ (orl_sys.uring_submit) real_submit;
static int calls, sent;

static int
count_submit (struct io_uring *ring)
{
  int r = real_submit (ring);

  calls += r > 0;
  sent += r > 0 ? r : 0;
  return r;
}

static void
is_a_batch (const char *what)
{
  ok (sent >= PAGES && calls > 0 && calls * 8 <= sent,
      "%s: %d are sent by %d calls", what, sent, calls);
  calls = sent = 0;
}

int
main (void)
{
  oriel_options opt = test_options ();
  uint64_t list[PAGES];
  oriel_pool *pool;
  oriel_file *file;
  uint64_t pages;
  int good = 0;

  opt.pool_size = 4096 * 4096;
  opt.dirty_low = 1;
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  make_stamped_file (scratch_file ("data"), 4096, 8 * PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  real_submit = orl_sys.uring_submit;
  orl_sys.uring_submit = count_submit;
  for (int i = 0; i < PAGES; i++)
    list[i] = (uint64_t) (i * 37 % PAGES) * 8;
  must (oriel_prefetch_many (file, list, PAGES), "oriel_prefetch_many");
  is_a_batch ("a list of pages");
  for (int i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, list[i], 1);
  is_int (good, PAGES, "they are right");
  calls = sent = 0;
  for (int i = 0; i < PAGES; i++)
    stamp_page (pool, file, list[i], 2);
  must (oriel_sync (file), "oriel_sync");
  is_a_batch ("a sync");
  for (int i = 0; i < PAGES; i++)
    stamp_page (pool, file, list[i], 3);
  must (oriel_checkpoint (pool, file, NULL), "oriel_checkpoint");
  is_a_batch ("a checkpoint");
  for (int i = 0; i < PAGES; i++)
    stamp_page (pool, file, list[i], 4);
  for (int i = 0; i < 50 && sent < PAGES; i++)
    must (oriel_writeback (pool, &pages), "oriel_writeback");
  ok (sent >= PAGES / 2 && calls * 8 <= sent,
      "write-back: %d are sent by %d calls", sent, calls);
  orl_sys.uring_submit = real_submit;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
