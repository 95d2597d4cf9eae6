/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's file is cut while a page is being written, and the writer dies: its
 * before-image makes the file no longer than it is, so that who has another page
 * pinned there is told.
 */
#include "cut.h"

static oriel_pool *
small_pool (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = MiB;
  return must_open_pool ("test", &opt);
}

/* Leaves the page half-written. */
static int
dies (void *arg)
{
  oriel_pool *pool = small_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, *(uint64_t *) arg, ORIEL_WRITE);

  memset (page.data, 'x', 1000);
  raise (SIGKILL);
  return 0;
}

int
main (void)
{
  oriel_pool *pool = small_pool ();
  unsigned low = 0, high = 0;
  oriel_page pinned[20], page;
  oriel_file *file;
  uint64_t written;

  make_stamped_file (scratch_file ("data"), 4096, COUNT (pinned), 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (unsigned i = 0; i < COUNT (pinned); i++) {
    pinned[i] = must_pin (file, i, ORIEL_OPTIMISTIC);
    low = pinned[i].frame < pinned[low].frame ? i : low;
    high = pinned[i].frame > pinned[high].frame ? i : high;
  }
  written = pinned[high].number;
  is_int (in_child (dies, &written), 128 + SIGKILL, "a writer is killed");
  cut_file (pool_path ("test"), place_of (pool, pinned[low].frame));
  page = must_pin (file, written, ORIEL_READ);
  ok (is_stamped (page.data, 4096, 1, written), "its page is what it was");
  oriel_unpin (&page);
  is_rc (oriel_unpin (&pinned[low]), -EIO, "who has a page before it is told");
  for (unsigned i = 0; i < COUNT (pinned); i++)
    if (i != low)
      oriel_unpin (&pinned[i]);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
