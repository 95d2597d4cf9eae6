/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Most of a pool is dirty, and the store takes no writes.  The other frames are
 * used again and again by who reads; who needs more than these is told why there
 * is none: what the store said.  When it takes writes all is well.
 */
#include "util.h"

#include "sys.h"

#define FRAMES 1200
#define DIRTY 1080
#define PINS 150                /* more than are not dirty */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);

static ssize_t
no_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  return -ENOSPC;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_page page[PINS];
  oriel_file *file, *other;
  oriel_pool *pool;
  uint64_t n = 0;
  int good = 0;
  int rc = 0;

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = FRAMES * 4096;
  pool = must_open_pool ("test", &opt);
  make_stamped_file (scratch_file ("other"), 4096, 4 * FRAMES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  other = must_open_file (pool, scratch_file ("other"), ORIEL_RDONLY);
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = no_pwritev;
  for (uint64_t i = 0; i < DIRTY; i++)
    stamp_page (pool, file, i, 2);
  for (uint64_t i = 0; i < 4 * FRAMES; i++)
    good += page_is_stamped (pool, other, i, 1);
  is_int (good, 4 * FRAMES, "others are read by turns");
  while (n < PINS && rc == 0)
    if ((rc = oriel_pin (other, n, ORIEL_READ, &page[n])) == 0)
      n++;
  is_rc (rc, -ENOSPC, "who needs more room is told what the store said");
  ok (strstr (oriel_error (), "/data: writing") != NULL, "in words: %s",
      oriel_error ());
  ok (n > PINS / 3, "there was room for %d", (int) n);
  orl_sys.pwritev = real_pwritev;
  rc = 0;
  while (n < PINS && rc == 0)
    if ((rc = oriel_pin (other, n, ORIEL_READ, &page[n])) == 0)
      n++;
  is_rc (rc, 0, "when it takes writes there is room");
  while (n > 0)
    must (oriel_unpin (&page[--n]), "oriel_unpin");
  is_rc (oriel_flush (file), 0, "and the rest is written");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_file_close (other), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
