/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's file is cut, and while that is mended it is cut once more, just
 * before it gets its length back: what the second cut took is lost, too, and read
 * again.
 */
#include "cut.h"

#include "frame.h"
#include "lost.h"
#include "sys.h"

#define PAGES 190
#define FIRST 150               /* frames from here on are cut, */
#define SECOND 100              /* then from here */

static int (*really_truncate) (int fd, off_t bytes);
static off_t second;

static int
cut_again (int fd, off_t bytes)
{
  if (second != 0) {
    off_t at = second;

    second = 0;
    really_truncate (fd, at);
  }
  return really_truncate (fd, bytes);
}

static int
no_userfaultfd (int flags)
{
  (void) flags;
  return -EPERM;
}

static void
cut_twice (const char *name)
{
  oriel_options opt = test_options ();
  unsigned before = 0, lost = 0, wrong = 0;
  char page[4096];
  oriel_pool *pool;
  oriel_file *file;

  opt.pool_size = 200 * 4096;
  opt.slot_size = 4096;
  opt.window_size = opt.pool_size;
  pool = must_open_pool (name, &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
  cut_file (pool_path (name), place_of (pool, FIRST));
  second = (off_t) place_of (pool, SECOND);
  orl_sys.ftruncate = cut_again;
  orl_lost_repair (&pool->shm, place_of (pool, FIRST + 10), 4096, false);
  orl_sys.ftruncate = really_truncate;
  is_int (second, 0, "it is cut twice");
  for (uint32_t i = 0; i < FIRST; i++) {
    bool gone = atomic_load (&pool->shm.frames[i].state) & ORL_LOST;

    if (i < SECOND)
      before += gone;
    else
      lost += gone;
  }
  is_int (lost, FIRST - SECOND, "what the second cut took is known");
  is_int (before, 0, "and nothing else is lost");
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page pin = must_pin (file, i, 0);

    wrong += !is_stamped (pin.data, 4096, 1, i);
    must (oriel_unpin (&pin), "oriel_unpin");
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
    wrong += !is_stamped (page, 4096, 1, i);
  }
  is_int (wrong, 0, "no page is wrong");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  really_truncate = orl_sys.ftruncate;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  cut_twice ("test");
  orl_sys.userfaultfd = no_userfaultfd;
  cut_twice ("without");
  return done_testing ();
}
