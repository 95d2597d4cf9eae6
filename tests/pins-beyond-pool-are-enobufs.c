/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When every frame of the pool is pinned the next pin is -ENOBUFS, in this process
 * and in others, and works again after an unpin, or when who has them is dead.
 */
#include "util.h"

#define FRAMES 16

static oriel_options
small_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  return opt;
}

static int
pins_one (void *arg)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;
  int rc = oriel_pin (file, 30, ORIEL_READ, &page);

  (void) arg;
  if (rc == 0)
    oriel_unpin (&page);
  oriel_file_close (file);
  oriel_pool_close (pool);
  return -rc;
}

static int
pins_all (void *arg)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  (void) arg;
  for (uint64_t i = 0; i < FRAMES; i++)
    must_pin (file, i, ORIEL_READ);
  raise (SIGKILL);
  return 1;
}

int
main (void)
{
  oriel_options opt = small_options ();
  oriel_page pages[FRAMES], extra;
  oriel_pool *pool;
  oriel_file *file;
  int pinned = 0;

  make_stamped_file (scratch_file ("data"), 4096, 64, 0, 6);
  pool = must_open_pool ("test", &opt);
  is_int ((long long) oriel_pool_frames (pool), FRAMES, "16 frames");
  file = must_open_file (pool, scratch_file ("data"), 0);
  while (pinned < FRAMES
         && oriel_pin (file, (uint64_t) pinned, ORIEL_READ,
                       &pages[pinned]) == 0)
    pinned++;
  is_int (pinned, FRAMES, "all frames can be pinned");
  is_rc (oriel_pin (file, 20, ORIEL_READ, &extra), -ENOBUFS, "but no more");
  is_int (in_child (pins_one, NULL), ENOBUFS, "nor by another process");
  is_rc (oriel_pin (file, 3, ORIEL_READ, &extra), 0,
         "a page that is pinned can be pinned again");
  must (oriel_unpin (&extra), "oriel_unpin");
  must (oriel_unpin (&pages[5]), "oriel_unpin");
  is_int (in_child (pins_one, NULL), 0, "after an unpin another process can");
  is_rc (oriel_pin (file, 21, ORIEL_READ, &pages[5]), 0, "and this one");
  ok (is_stamped (pages[5].data, 4096, 6, 21), "and the page is right");
  for (int i = 0; i < FRAMES; i++)
    must (oriel_unpin (&pages[i]), "oriel_unpin");
  is_int (in_child (pins_all, NULL), 128 + SIGKILL,
          "one who has pinned all is killed");
  is_rc (oriel_pin (file, 40, ORIEL_READ, &extra), 0, "another page is pinned");
  must (oriel_unpin (&extra), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
