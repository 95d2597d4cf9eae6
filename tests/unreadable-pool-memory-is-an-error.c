/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flush reads pages that no slot shows from the pool's file.  Where that fails it
 * says so and keeps them dirty; where it fails for good, as of memory that is
 * broken, the page is lost, and flush says that.  It never tries for ever.
 */
#include "util.h"

#include "layout.h"
#include "sys.h"

#define PAGES 200

static ssize_t (*real_pread) (int fd, void *buf, size_t n, off_t at);
static int (*real_fallocate) (int fd, int mode, off_t at, off_t n);
static ssize_t error;
static off_t broken;            /* -1: all of it */
static size_t page_size = 4096;

static ssize_t
fail (int fd, void *buf, size_t n, off_t at)
{
  return error && n == page_size && (broken == -1 || broken == at)
             ? error
             : real_pread (fd, buf, n, at);
}

/* What is punched out and filled up again is good memory. */
static int
mend (int fd, int mode, off_t at, off_t n)
{
  if ((mode & 2) && at <= broken && at + n > broken)
    error = 0;
  return real_fallocate (fd, mode, at, n);
}

/* The first page of the pool that no slot shows, by a read that finds it. */
static ssize_t
find (int fd, void *buf, size_t n, off_t at)
{
  if (n == page_size && broken == -1)
    broken = at;
  return real_pread (fd, buf, n, at);
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  uint64_t good = 0;
  oriel_stats stats;
  char page[4096];

  opt.window_size = 64 * KiB;
  opt.slot_size = 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  real_pread = orl_sys.pread;
  real_fallocate = orl_sys.fallocate;
  orl_sys.fallocate = mend;
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);

  error = -ENOMEM;
  broken = -1;
  orl_sys.pread = fail;
  is_rc (oriel_flush (file), -ENOMEM, "flush without memory");
  error = 0;
  is_rc (oriel_flush (file), 0, "flush with memory");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);

  orl_sys.pread = find;
  must (oriel_read (file, 0, page, sizeof page, NULL), "oriel_read");
  ok (broken != -1, "page 0 is read from the pool's file");
  orl_sys.pread = fail;
  error = -EIO;
  is_rc (oriel_flush (file), -EIO, "flush of broken memory");
  is_int ((long long) error, 0, "which was given back");
  stats = get_stats (pool);
  is_int ((long long) stats.frames_lost, 1, "frames_lost");
  for (uint64_t i = 1; i < PAGES; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 2);
  is_int ((long long) good, PAGES - 1, "the other pages are as they were");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
