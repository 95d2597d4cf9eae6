/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a hole in the pool's file is mended, a page is read into a block that only
 * looked like a part of it, and is taken away at once: who pins it is told, or
 * finds it read anew.
 */
#include "cut.h"

#include "frame.h"
#include "lost.h"
#include "sys.h"

#define FRAMES 200
#define PAGES 190
#define CUT 100                 /* frames from here on have no page, and blocks
                                   that were reserved, not written */

static int (*real_fallocate) (int fd, int mode, off_t at, off_t n);
static oriel_pool *pool;
static oriel_file *file;
static int armed;
static int64_t taken;           /* the page; -1: none */

/* The first time that the hole is to be filled. */
static int
take_away (int fd, int mode, off_t at, off_t n)
{
  for (uint64_t i = PAGES; armed && at > 0 && i-- > 0 && taken < 0;) {
    oriel_page page = must_pin (file, i, ORIEL_READ);
    uint32_t frame = page.frame;

    must (oriel_unpin (&page), "oriel_unpin");
    if (place_of (pool, frame) < at + 4096 || place_of (pool, frame) >= at + n)
      continue;
    taken = (int64_t) i;
    punch_file (pool_path ("test"), place_of (pool, frame), 4096);
  }
  return real_fallocate (fd, mode, at, n);
}

int
main (void)
{
  oriel_options opt = test_options ();
  int good, ok_pages = 0;
  oriel_page page;

  if (!holes_can_be ())
    skip_all ("no holes can be punched here, or none be found");
  opt.pool_size = FRAMES * 4096;
  opt.slot_size = 4096;
  opt.window_size = opt.pool_size;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    ok_pages += page_is_stamped (pool, file, i, 1);
  is_int (ok_pages, PAGES, "all pages are there");
  cut_file (pool_path ("test"), place_of (pool, CUT));
  is_int (orl_lost_repair (&pool->shm, (uint64_t) place_of (pool, CUT), 4096,
                           false),
          1, "a cut is mended");
  punch_file (pool_path ("test"), place_of (pool, CUT - 1), 4096);
  real_fallocate = orl_sys.fallocate;
  orl_sys.fallocate = take_away;
  armed = 1;
  taken = -1;
  is_int (orl_lost_repair (&pool->shm, (uint64_t) place_of (pool, CUT - 1), 4096,
                           false),
          1, "and a hole");
  armed = 0;
  ok (taken >= 0, "a page was read there, and taken away");
  page = must_pin (file, (uint64_t) taken, ORIEL_READ);
  good = is_stamped (page.data, 4096, 1, (uint64_t) taken);
  ok (oriel_unpin (&page) == -EIO || good, "it is right, or lost, and not wrong");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
