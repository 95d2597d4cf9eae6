/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_writeback() writes down to the low bound, in order, no faster than it
 * may, and trickles when nothing else happens; above the high bound who makes
 * pages dirty writes some.  One process does so at a time, and its death ends
 * its turn.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "sys.h"

#define FRAMES 1000u

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static uint64_t calls, backwards;
static off_t last;
static ino_t refused;           /* the file that takes no pages */
static int stuck[2];

static ssize_t
watch (int fd, const struct iovec *iov, int n, off_t at)
{
  struct stat st;

  if (refused && fstat (fd, &st) == 0 && st.st_ino == refused)
    return -EIO;
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

/* Whose turn it is, as the pool says: 0, no one's. */
static int
turn (oriel_pool *pool)
{
  return (int) (atomic_load (&pool->shm.super->writer) & 0xffff);
}

/* How many say in their ledgers that it is theirs. */
static int
claims (oriel_pool *pool)
{
  int n = 0;

  for (uint32_t i = 0; i < pool->shm.geo.nledgers; i++)
    n += (atomic_load (&pool->shm.ledgers[i].locks) & ORL_HAS_WRITER) != 0;
  return n;
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

/* Neither while pages are loaded nor while more become dirty. */
static void
idle (oriel_pool *pool, oriel_file *file)
{
  oriel_page page;

  make_dirty (pool, file, 0, 20);
  is_int ((long long) write_back (pool), 0, "more are dirty: none");
  page = must_pin (file, 900, ORIEL_READ);
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) write_back (pool), 0, "one was loaded: none");
  is_int ((long long) write_back (pool), 20, "neither: all");
}

/* The word names one who lives and knows nothing of it. */
static void
damaged_word (oriel_pool *pool, oriel_file *file)
{
  uint32_t process = pool->shm.geo.nthreads + pool->shm.proc + 1;

  make_dirty (pool, file, 0, 300);
  atomic_store (&pool->shm.super->writer, process);
  ok (write_back (pool) > 0, "a turn that no one says it has is anyone's");
}

/* All that is above the bound is written at once, in each file; what one of them
 * refuses is told, and the others' are written. */
static void
two_files (void)
{
  oriel_options opt = options ();
  oriel_pool *pool;
  oriel_file *file = attach (&opt, &pool);
  oriel_file *other = must_open_file (pool, scratch_file ("other"),
                                      ORIEL_CREATE);
  uint64_t pages;
  struct stat st;

  is_rc (oriel_sync (file), 0, "sync");
  for (uint64_t i = 0; i < 150; i++) {
    stamp_page (pool, file, i, 4);
    stamp_page (pool, other, i, 4);
  }
  is_int ((long long) write_back (pool), 200, "of two files: what is above");
  must (oriel_sync (file), "sync");
  must (oriel_sync (other), "sync");
  for (uint64_t i = 0; i < 150; i++) {
    stamp_page (pool, file, i, 5);
    stamp_page (pool, other, i, 5);
  }
  if (stat (scratch_file ("data"), &st) < 0)
    bail_out ("stat");
  refused = st.st_ino;
  is_rc (oriel_writeback (pool, &pages), -EIO, "one of them takes no pages");
  is_int ((long long) pages, 150, "the other's are written");
  refused = 0;
  must (oriel_sync (file), "sync");
  must (oriel_file_close (other), "close");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
}

/* A high bound that is below the default of the low one is both. */
static void
low_above_high (void)
{
  oriel_options opt = options ();
  oriel_pool *pool;
  oriel_file *file;

  opt.dirty_low = 0;
  opt.dirty_high = 50;
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 52);
  write_back (pool);
  ok (dirty (pool) <= 50, "the low bound is no higher than the high one");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
}

/* One turn is not all of a large pool. */
static void
large_pool (void)
{
  oriel_options opt = options ();
  oriel_pool *pool;
  oriel_file *file;

  opt.pool_size = 4090 * 4096;
  pool = must_open_pool ("large", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  make_dirty (pool, file, 0, 3000);
  is_int ((long long) write_back (pool), 2048, "so many of many");
  is_int ((long long) write_back (pool), 3000 - 2048 - 409, "then the rest");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
}

int
main (void)
{
  oriel_options opt = options ();
  uint64_t pages, most = 0;
  double from;
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
  is_int (turn (pool), 0, "it is no one's turn");
  is_int (claims (pool), 0, "and no one says so");
  idle (pool, file);
  damaged_word (pool, file);
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
  two_files ();
  low_above_high ();
  large_pool ();

  opt.writeback_rate = 10 * 4096;
  file = attach (&opt, &pool);
  make_dirty (pool, file, 0, 300);
  pages = write_back (pool) + write_back (pool);
  ok (pages <= 10 + 10, "by a rate of 10 pages a second: %d", (int) pages);
  must (oriel_sync (file), "sync");
  for (int i = 0; i < 3; i++) {
    usleep (800000);
    write_back (pool);
  }
  make_dirty (pool, file, 0, 300);
  from = seconds_now ();
  pages = 0;
  for (int i = 0; i < 5; i++)
    pages += write_back (pool);
  ok ((double) pages <= 11 + 10 * (seconds_now () - from),
      "what was not written then is not caught up on: %d", (int) pages);
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
  ok (turn (pool) != 0, "it is that one's turn");
  is_int (claims (pool), 1, "as it alone says");
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
