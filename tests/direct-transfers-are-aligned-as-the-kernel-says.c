/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel says how direct transfers have to be aligned, none is tried
 * that it would refuse: pages that are smaller than a disk's sectors, and a file
 * that has no direct transfers at all, go through the page cache at once, with
 * reads that no one waits for, and writes of many runs.  Where it does not say,
 * they are tried.
 */
#include "util.h"

#include <stdbool.h>

#include "flush-ring.h"
#include "store.h"
#include "sys.h"

#define PAGES 600

static struct orl_sys real;
static uint32_t memory, place;  /* what the kernel says */
static int says;                /* or an error */
static unsigned direct, wrong;  /* transfers */

static int
planted_unit (int fd, uint32_t *m, uint32_t *p)
{
  (void) fd;
  if (says < 0)
    return says;
  *m = memory;
  *p = place;
  return 0;
}

static bool
fits (const struct iovec *iov, int n, off_t at)
{
  bool good = place > 0 && at % place == 0;

  for (int i = 0; good && i < n; i++)
    good = iov[i].iov_len % place == 0
           && (uintptr_t) iov[i].iov_base % memory == 0;
  return good;
}

/* As the kernel would: -EINVAL where it is not aligned. */
static int
look (int fd, const struct iovec *iov, int n, off_t at)
{
  if (!(fcntl (fd, F_GETFL) & O_DIRECT))
    return 0;
  direct++;
  if (fits (iov, n, at))
    return 0;
  wrong++;
  return -EINVAL;
}

static ssize_t
look_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  int r = look (fd, iov, n, at);

  return r < 0 ? r : real.preadv (fd, iov, n, at);
}

static ssize_t
look_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  int r = look (fd, iov, n, at);

  return r < 0 ? r : real.pwritev (fd, iov, n, at);
}

static void
say (int error, uint32_t m, uint32_t p)
{
  says = error;
  memory = m;
  place = p;
  direct = wrong = 0;
}

/* Write all pages but each fourth, together, and read all. */
static void
work (const char *what, uint32_t store, uint32_t page_size)
{
  const char *path = scratch_file ("data");
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  diag ("%s, pages of %u bytes, store %s", what, (unsigned) page_size,
        oriel_store_name (store));
  make_stamped_file (path, page_size, PAGES, 0, 1);
  opt.page_size = page_size;
  opt.store = store;
  opt.pool_size = 1024 * page_size;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, 0);
  for (uint64_t i = 0; i < PAGES; i++)
    if (i % 4)
      stamp_page (pool, file, i, 2);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  must (oriel_prefetch (file, 0, PAGES / 2), "oriel_prefetch");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, i % 4 ? 2 : 1);
  is_int (good, PAGES, "what was written is read");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* What goes to a ring: where a transfer of n bytes is sent, and whether a run is
 * written so. */
static void
rings (void)
{
  static unsigned char room[8192] __attribute__ ((aligned (4096)));
  const struct orl_store_options how = { .create = false };
  struct iovec iov = { room, 4096 };
  struct orl_ring_write w = { .iov = &iov, .n = 1, .bytes = 4096 };
  struct orl_io io = { .iov = &iov, .n = 1 };
  struct oriel_file file = { 0 };
  struct orl_store *s;

  must (orl_store_uring_open (scratch_file ("data"), &how, &s),
        "orl_store_uring_open");
  file.store = s;
  s->unit = 512; /* of the page cache: not what this is about */
  s->ring = (struct orl_uring *) s; /* as if it had been asked */
  s->place = 7;
  s->ops->aim (s, s->ring, &io);
  ok (io.fd == s->direct && io.place == 7, "a whole block is read directly");
  ok (orl_ring_takes (&file, 8192, &w), "and written");
  ok (!orl_ring_takes (&file, 4095, &w), "but not if it makes the file longer");
  s->unit = 8192;
  ok (!orl_ring_takes (&file, 8192, &w),
      "nor if the page cache has what is behind it in one piece with it");
  w.at = 4096;
  iov.iov_len = w.bytes = 8192;
  ok (!orl_ring_takes (&file, 65536, &w), "or what is before it");
  w.at = 8192;
  iov.iov_len = w.bytes = 8192;
  ok (orl_ring_takes (&file, 65536, &w), "else it is");
  s->unit = 512;
  w.at = 0;
  iov.iov_len = 512;
  w.bytes = 512;
  s->ops->aim (s, s->ring, &io);
  ok (io.fd == s->fd && io.place == -1, "a part of one is not");
  ok (!orl_ring_takes (&file, 8192, &w), "nor written");
  iov.iov_len = 4096;
  w.bytes = 4096;
  io.at = w.at = 512;
  s->ops->aim (s, s->ring, &io);
  ok (io.fd == s->fd && io.place == -1, "nor what begins in a block");
  ok (!orl_ring_takes (&file, 8192, &w), "nor written");
  io.at = w.at = 4096;
  iov.iov_base = room + 8;
  s->ops->aim (s, s->ring, &io);
  ok (io.fd == s->fd && io.place == -1, "nor to memory that lies otherwise");
  ok (!orl_ring_takes (&file, 8192, &w), "nor written from there");
  s->ring = NULL;
  s->ops->close (s);
}

int
main (void)
{
  static const uint32_t stores[] = { ORIEL_STORE_POSIX, ORIEL_STORE_AUTO };
  int fd;

  real = orl_sys;
  orl_sys.direct_unit = planted_unit;
  orl_sys.preadv = look_preadv;
  orl_sys.pwritev = look_pwritev;
  make_stamped_file (scratch_file ("data"), 4096, 2, 0, 1);
  fd = open (scratch_file ("data"), O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    skip_all ("this file system has no O_DIRECT");
  close (fd);

  say (0, 512, 4096);
  rings ();
  for (size_t i = 0; i < COUNT (stores); i++) {
    say (0, 512, 4096);
    work ("sectors of 4096", stores[i], 512);
    is_int (direct, 0, "no direct transfer is tried");
    say (0, 512, 4096);
    work ("sectors of 4096", stores[i], 4096);
    is_int (wrong, 0, "none is wrong");
    say (0, 8192, 512);
    work ("memory by 8192", stores[i], 4096);
    is_int (wrong, 0, "none is wrong");
    say (0, 0, 0);
    work ("no direct transfers", stores[i], 4096);
    is_int (direct, 0, "none is tried");
  }
  say (0, 512, 4096);
  work ("sectors of 4096", ORIEL_STORE_POSIX, 16384);
  ok (direct > 0 && wrong == 0, "%u direct transfers, %u wrong", direct, wrong);
  say (-EOPNOTSUPP, 512, 4096);
  work ("no one knows", ORIEL_STORE_POSIX, 512);
  ok (direct > 0, "they are tried: %u, of which %u were wrong", direct, wrong);
  return done_testing ();
}
