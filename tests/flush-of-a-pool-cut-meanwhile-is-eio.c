/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone cuts the pool's tables away while it is flushed, at any write: what was
 * dirty is not there any more, and flush and sync say so.
 */
#include "cut.h"

#include "sys.h"

#define PAGES 200               /* more than one chunk; each a write of its own */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static unsigned left;           /* writes until then */

static ssize_t
cut_then (int fd, const struct iovec *iov, int n, off_t at)
{
  if (--left == 0)
    cut_file (pool_path ("test"), 0);
  return real_pwritev (fd, iov, n, at);
}

static void
try (size_t window, unsigned write, int (*call) (oriel_file *file),
     const char *what)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = 256 * 4096;
  opt.slot_size = 4096;
  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, 2 * i, 1);
  left = write;
  orl_sys.pwritev = cut_then;
  is_rc (call (file), -EIO, what);
  ok (strstr (oriel_error (), "tables were cut") != NULL, "and why: %s",
      oriel_error ());
  orl_sys.pwritev = real_pwritev;
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
  unlink (scratch_file ("data"));
}

int
main (void)
{
  static const unsigned writes[] = { 1, 64, 150, PAGES - 1, PAGES };

  real_pwritev = orl_sys.pwritev;
  for (size_t i = 0; i < COUNT (writes); i++) {
    diag ("at write %u", writes[i]);
    try (256 * 4096, writes[i], oriel_flush, "a flush");
    try (32 * 4096, writes[i], oriel_flush, "a flush from a small window");
    try (256 * 4096, writes[i], oriel_sync, "a sync");
  }
  return done_testing ();
}
