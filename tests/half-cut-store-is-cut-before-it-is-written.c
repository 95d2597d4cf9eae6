/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies when it has said that a file is shorter, and before the store is.
 * The next sync cuts the store, though nothing is dirty; and so does whoever needs
 * room, before pages from behind the end are written there, or makes the file
 * longer.
 */
#include "util.h"

#include "sys.h"

#define FRAMES 256
#define PAGES 120
#define END (50 * 4096)

static int (*real_ftruncate) (int, off_t);
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static const char *data;
static oriel_pool *pool;
static oriel_file *file;
static int cuts, early;

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, data, 0);
}

static int
die (int fd, off_t size)
{
  (void) fd, (void) size;
  raise (SIGKILL);
  return -EIO;
}

static int
note_ftruncate (int fd, off_t size)
{
  cuts++;
  return real_ftruncate (fd, size);
}

static int
fail_ftruncate (int fd, off_t size)
{
  (void) fd, (void) size;
  return -EIO;
}

static ssize_t
note_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  early += at >= END && cuts == 0;
  return real_pwritev (fd, iov, n, at);
}

static int
cuts_half (void *unused)
{
  (void) unused;
  attach ();
  orl_sys.ftruncate = die;
  oriel_file_truncate (file, END);
  return 1;
}

static void
half_cut (void)
{
  oriel_page page;

  make_stamped_file (data, 4096, PAGES, 0, 1);
  attach ();
  is_int (in_child (cuts_half, NULL), 128 + SIGKILL,
          "a process dies as it cuts");
  page = must_pin (file, 100, ORIEL_READ); /* who comes, repairs */
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), END, "the file is cut");
  is_int ((long long) plain_size (data), PAGES * 4096, "its store is not");
  cuts = early = 0;
  orl_sys.ftruncate = note_ftruncate;
  orl_sys.pwritev = note_pwritev;
}

static void
leave (void)
{
  orl_sys.ftruncate = real_ftruncate;
  orl_sys.pwritev = real_pwritev;
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  uint64_t pages = END / 4096 + 3 * FRAMES;
  char bytes[4096];
  int good = 0;

  data = strdup (scratch_file ("data"));
  pool_dir ();
  real_ftruncate = orl_sys.ftruncate;
  real_pwritev = orl_sys.pwritev;

  half_cut ();
  is_rc (oriel_sync (file), 0, "a sync");
  is_int ((long long) plain_size (data), END, "cuts it");
  leave ();

  half_cut ();
  orl_sys.ftruncate = fail_ftruncate;
  stamp_page (pool, file, END / 4096 + 1, 2);
  is_rc (oriel_flush (file), -EIO, "where it cannot be cut a flush says so");
  is_int (early, 0, "and writes nothing there");
  orl_sys.ftruncate = note_ftruncate;
  is_rc (oriel_flush (file), 0, "the next one");
  is_int (cuts, 1, "cuts it");
  plain_read (data, END, bytes, sizeof bytes);
  ok (is_zero (bytes, sizeof bytes), "what it had there is gone");
  leave ();

  half_cut ();
  for (uint64_t i = END / 4096; i < pages; i++)
    stamp_page (pool, file, i, 2);
  ok (cuts > 0 && early == 0, "who needs room cuts it before it writes there");
  must (oriel_sync (file), "oriel_sync");
  for (uint64_t i = 0; i < pages; i++)
    good += page_is_stamped (pool, file, i, i < END / 4096 ? 1 : 2);
  is_int (good, (int) pages, "each page is there");
  leave ();

  half_cut ();
  is_rc (oriel_file_truncate (file, PAGES * 4096), 0, "it is made longer");
  must (oriel_sync (file), "oriel_sync");
  is_int ((long long) plain_size (data), PAGES * 4096, "so is its store");
  good = 0;
  for (uint64_t i = END / 4096; i < PAGES; i++) {
    plain_read (data, (off_t) (i * 4096), bytes, sizeof bytes);
    good += is_zero (bytes, sizeof bytes);
  }
  is_int (good, PAGES - END / 4096, "with zeroes behind the end that it had");
  leave ();
  return done_testing ();
}
