/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_writeback() writes down to the low bound, in order, no faster than it
 * may, and trickles when nothing else happens; above the high bound who makes
 * pages dirty writes some.  One process does so at a time, and its death ends
 * its turn.
 */
#include "util.h"

#include <stdbool.h>

#include "sys.h"

#define FRAMES 1000u

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static uint64_t calls, backwards;
static off_t last;
static int stuck[2];

static ssize_t
watch (int fd, const struct iovec *iov, int n, off_t at)
{
  calls++;
  backwards += at < last;
  last = at;
  return real_pwritev (fd, iov, n, at);
}

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.dirty_low = 100;
  return opt;
}

static oriel_file *
attach (const oriel_options *opt, oriel_pool **pool)
{
  *pool = must_open_pool ("test", opt);
  return must_open_file (*pool, scratch_file ("data"), ORIEL_CREATE);
}

/* Pages from first on, in an order that is none. */
static void
make_dirty (oriel_pool *pool, oriel_file *file, uint64_t first, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    stamp_page (pool, file, first + i * 37 % n, 1);
}

static uint64_t
dirty (oriel_pool *pool)
{
  return get_stats (pool).frames_dirty;
}

static uint64_t
write_back (oriel_pool *pool)
{
  uint64_t pages = 0;

  must (oriel_writeback (pool, &pages), "oriel_writeback");
  return pages;
}

static ssize_t
get_stuck (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  if (write (stuck[1], "", 1) == 1)
    for (;;)
      pause ();
  return -EIO;
}

static int
write_and_stick (void *arg)
{
  oriel_options opt = options ();
  oriel_pool *pool;

  (void) arg;
  attach (&opt, &pool);
  orl_sys.pwritev = get_stuck;
  oriel_writeback (pool, NULL);
  return 1;
}

int
main (void)
{
  oriel_options opt = options ();
  uint64_t pages, most = 0;
  oriel_pool *pool;
  oriel_file *file;
  pid_t child;
  char byte;

  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = watch;
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 50);
  is_int ((long long) write_back (pool), 0, "below the low bound: none");
  is_int ((long long) write_back (pool), 32, "idle since: some");
  make_dirty (pool, file, 400, 50);
  is_int ((long long) write_back (pool), 0, "not idle: none");
  make_dirty (pool, file, 100, 300);
  calls = backwards = 0;
  last = 0;
  pages = dirty (pool);
  is_int ((long long) write_back (pool), (long long) pages - 100,
          "above it: what is above");
  is_int ((long long) dirty (pool), 100, "so the bound is dirty");
  ok (backwards <= 1, "in order, but for the list's end");
  ok (calls < 30, "neighbours together, in %d calls", (int) calls);
  while (write_back (pool) > 0)
    ;
  is_int ((long long) dirty (pool), 0, "in the end nothing is");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");

  opt.writeback_rate = 10 * 4096;
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 300);
  pages = write_back (pool) + write_back (pool);
  ok (pages <= 10 + 10, "by a rate of 10 pages a second: %d", (int) pages);
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");

  opt.writeback_rate = 4000;
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 300);
  pages = 0;
  for (int i = 0; i < 3000 && pages == 0; i++) {
    pages = write_back (pool);
    usleep (10000);
  }
  is_int ((long long) pages, 1, "by less than a page a second: one at a time");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");

  opt = options ();
  opt.dirty_high = 200;
  file = attach (&opt, &pool);
  for (uint64_t i = 0; i < 900; i++) {
    stamp_page (pool, file, i, 3);
    pages = dirty (pool);
    most = pages > most ? pages : most;
  }
  ok (most <= 200 + 16, "with a high bound at most about that is dirty: %d",
      (int) most);
  ok (most >= 200, "and as many");
  for (uint64_t i = 0; i < 900; i++)
    if (!page_is_stamped (pool, file, i, 3))
      bail_out ("page %d is lost", (int) i);
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");

  /* Another is at it, and stays there. */
  opt = options ();
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 300);
  if (pipe (stuck) < 0)
    bail_out ("pipe");
  child = spawn (write_and_stick, NULL);
  if (read (stuck[0], &byte, 1) != 1)
    bail_out ("no writer");
  is_int ((long long) write_back (pool), 0, "while another writes: none");
  kill (child, SIGKILL);
  is_int (reap (child), 128 + SIGKILL, "it is killed");
  /* Some have to wait for the repair. */
  for (unsigned i = 0; i < 60000 && dirty (pool) > 100; i++) {
    write_back (pool);
    usleep (1000);
  }
  ok (dirty (pool) <= 100, "then its turn is over");
  is_rc (oriel_sync (file), 0, "and nothing is left of it");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
  is_rc (oriel_writeback (NULL, NULL), -EINVAL, "no pool");
  return done_testing ();
}
