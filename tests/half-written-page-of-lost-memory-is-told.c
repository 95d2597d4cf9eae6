/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a dirty page is taken away in the middle of its write: the store
 * has half of it.  Who reads the page then, before the write has failed even, may
 * get that half; but the flush that wrote it says -EIO, and so does each that
 * follows, until the file is closed by all and opened anew.
 */
#include "cut.h"

#include "sys.h"

static ssize_t (*really_write) (int fd, const struct iovec *iov, int n,
                                off_t at);
static oriel_pool *pool;
static oriel_file *file;
static off_t place;             /* of the page in the pool's file; 0: not now */
static pthread_t toucher;
static atomic_int touching;
static char seen[4096];

/* Comes upon the gap, and waits there until no one writes the page. */
static void *
touch (void *arg)
{
  oriel_page page = must_pin (file, 0, ORIEL_READ);

  touching = 1;
  (void) *(volatile char *) page.data;
  is_rc (oriel_unpin (&page), -EIO, "who had it pinned is told");
  return arg;
}

static void *
read_meanwhile (void *arg)
{
  double from = seconds_now ();
  oriel_page page;
  int lost = 0;

  /* In the lost memory until that is said. */
  while (!lost && seconds_now () - from < 20) {
    page = must_pin (file, 0, ORIEL_OPTIMISTIC);
    lost = oriel_unpin (&page) != 0 || page.frame != *(uint32_t *) arg;
  }
  must (oriel_read (file, 0, seen, sizeof seen, NULL), "oriel_read");
  return NULL;
}

static ssize_t
write_half (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec half = { iov->iov_base, 2048 };
  uint32_t frame;
  pthread_t reader;
  oriel_page page;
  off_t gone = place;

  if (gone == 0 || at != 0 || iov->iov_len < 4096)
    return really_write (fd, iov, n, at);
  place = 0;
  page = must_pin (file, 0, ORIEL_OPTIMISTIC);
  frame = page.frame;
  must (oriel_unpin (&page), "oriel_unpin");
  if (really_write (fd, &half, 1, at) != 2048)
    bail_out ("half a page: %s", strerror (errno));
  punch_file (pool_path ("test"), gone, 4096);
  pthread_create (&toucher, NULL, touch, NULL);
  pthread_create (&reader, NULL, read_meanwhile, &frame);
  pthread_join (reader, NULL);
  return 2048;
}

int
main (void)
{
  oriel_options opt = test_options ();
  char was[4096], is[4096];
  oriel_page page;

  if (!holes_fault ()) {
    skip ("this kernel has no userfaultfd");
    return done_testing ();
  }
  really_write = orl_sys.pwritev;
  make_stamped_file (scratch_file ("data"), 4096, 4, 0, 1);
  opt.backend = ORIEL_BACKEND_LINEAR;
  opt.window_size = opt.pool_size;
  opt.flags = ORIEL_HOLES;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_BUFFERED);
  must (oriel_read (file, 0, was, sizeof was, NULL), "oriel_read");
  page = must_pin (file, 0, ORIEL_WRITE);
  memset (page.data, 'n', 4096);
  place = place_of (pool, page.frame);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  orl_sys.pwritev = write_half;
  is_rc (oriel_flush (file), -EIO, "the flush whose write it was says so");
  orl_sys.pwritev = really_write;
  is_int ((long) place, 0, "half of the page was written");
  pthread_join (toucher, NULL);
  memset (is, 'n', 2048);
  memcpy (is + 2048, was + 2048, 2048);
  ok (memcmp (seen, is, 4096) == 0, "a reader got what the store has");
  is_rc (oriel_flush (file), -EIO, "the next flush says so, too");
  is_rc (oriel_sync (file), -EIO, "and a sync");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_BUFFERED);
  is_rc (oriel_sync (file), 0, "not when it has been opened anew");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
