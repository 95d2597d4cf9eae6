/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A write that fails once while a pool shrinks is tried again.  If the pool cannot
 * shrink after that, since a page is pinned, that is what is said, and not the
 * write's old error.
 */
#include "util.h"

#include "sys.h"

#define FRAMES 256

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static unsigned calls;
static const char *path;

static ssize_t
fail_once (int fd, const struct iovec *iov, int n, off_t at)
{
  return calls++ < 5 ? -EIO : real_pwritev (fd, iov, n, at);
}

static ssize_t
fail_always (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  calls++;
  return -EIO;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_page page[FRAMES];
  oriel_pool *pool;
  oriel_file *file;

  path = strdup (scratch_file ("data"));
  make_stamped_file (path, 4096, FRAMES, 0, 1);
  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, 0);
  real_pwritev = orl_sys.pwritev;
  for (uint64_t i = 0; i < FRAMES - 16; i++)
    stamp_page (pool, file, i, 2);

  orl_sys.pwritev = fail_always;
  is_rc (oriel_pool_resize (pool, 128 * 4096), -EIO,
         "a write that fails always is the resize's error");
  ok (calls > 1, "it was tried again: %u times", calls);

  for (uint64_t i = 0; i < FRAMES - 16; i++)
    page[i] = must_pin (file, i, ORIEL_READ);
  orl_sys.pwritev = fail_once;
  calls = 0;
  is_rc (oriel_pool_resize (pool, 128 * 4096), -EBUSY,
         "one that fails once is not, where pages are pinned");
  ok (strstr (oriel_error (), "pinned") != NULL, "the text: %s",
      oriel_error ());
  ok (calls > 1, "it was tried again: %u times", calls);
  is_int ((long long) oriel_pool_frames (pool), FRAMES,
          "the pool has the size that it had");
  for (uint64_t i = 0; i < FRAMES - 16; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");

  for (uint64_t i = 0; i < FRAMES - 16; i++)
    stamp_page (pool, file, i, 3);
  calls = 0;
  is_rc (oriel_pool_resize (pool, 128 * 4096), 0,
         "and not where none is: the pool shrinks");
  ok (calls > 1, "%u writes", calls);
  is_int ((long long) oriel_pool_frames (pool), 128, "it has half the frames");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "and is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
