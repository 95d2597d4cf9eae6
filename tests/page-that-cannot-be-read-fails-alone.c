/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store cannot read one page.  Whoever wants that one is told, each time; who
 * wants a neighbour, which is read together with it, gets it.  So it is where a
 * neighbour finds no place in the pool.
 */
#include "util.h"

#include "sys.h"

#define PAGES 100
#define BAD 50

static ssize_t (*real_preadv) (int, const struct iovec *, int, off_t);
static unsigned failed;

/* A direct read of a bad sector has nothing of what is before it, either. */
static ssize_t
bad_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  off_t end = at;

  for (int i = 0; i < n; i++)
    end += (off_t) iov[i].iov_len;
  if (at < (BAD + 1) * 4096 && end > BAD * 4096) {
    failed++;
    return -EIO;
  }
  return real_preadv (fd, iov, n, at);
}

/* All in order, so that neighbours are read along; how many came. */
static int
read_all (oriel_file *file)
{
  oriel_page page;
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    int rc = oriel_pin (file, i, ORIEL_READ, &page);

    if (i == BAD) {
      is_rc (rc, -EIO, "the page itself");
      ok (strstr (oriel_error (), "reading page 50 failed") != NULL,
          "the text: %s", oriel_error ());
    }
    if (rc == 0) {
      good += is_stamped (page.data, 4096, 1, i);
      must (oriel_unpin (&page), "oriel_unpin");
    }
  }
  return good;
}

static void
try (const char *what, uint32_t store, uint64_t window)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;

  diag ("%s", what);
  opt.store = store;
  opt.window_size = window;
  opt.slot_size = window ? 16 * KiB : 0;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  failed = 0;
  is_int (read_all (file), PAGES - 1, "all pages but one are read");
  ok (failed > 1, "%u reads were refused, some of more pages", failed);
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  is_int (read_all (file), PAGES - 1, "and once more");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static ssize_t
no_pwrite (int fd, const void *data, size_t n, off_t at)
{
  (void) fd, (void) data, (void) n, (void) at;
  return -EIO;
}

/* Pages come into the pool by slots alone, of which one is left. */
static void
one_slot (void)
{
  ssize_t (*real_pwrite) (int, const void *, size_t, off_t) = orl_sys.pwrite;
  oriel_options opt = test_options ();
  oriel_page page[3];
  char data[4096];
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  opt.store = ORIEL_STORE_POSIX;
  opt.slot_size = 4 * KiB;
  opt.window_size = 4 * opt.slot_size;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < COUNT (page); i++)
    page[i] = must_pin (file, 60 + i * 10, ORIEL_WRITE);
  orl_sys.pwrite = no_pwrite;
  for (uint64_t i = 0; i < 20; i++)
    good += oriel_read (file, i * 4096, data, sizeof data, NULL) == 0
            && is_stamped (data, sizeof data, 1, i);
  orl_sys.pwrite = real_pwrite;
  is_int (good, 20, "pages whose neighbours find no slot are read");
  for (uint64_t i = 0; i < COUNT (page); i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* As before, but no slot at all is left when pages come that no one waited for. */
static void
no_slot (void)
{
  ssize_t (*real_pwrite) (int, const void *, size_t, off_t) = orl_sys.pwrite;
  oriel_options opt = test_options ();
  oriel_page page[4];
  char data[4096];
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  opt.store = ORIEL_STORE_AUTO;
  opt.slot_size = 4 * KiB;
  opt.window_size = COUNT (page) * opt.slot_size;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; i < COUNT (page); i++)
    page[i] = must_pin (file, 60 + i * 10, ORIEL_WRITE);
  orl_sys.pwrite = no_pwrite;
  oriel_prefetch (file, 0, 20);
  for (uint64_t i = 0; i < 20; i++)
    good += oriel_read (file, i * 4096, data, sizeof data, NULL) < 0
            || is_stamped (data, sizeof data, 1, i);
  orl_sys.pwrite = real_pwrite;
  is_int (good, 20, "pages that find no way into the pool are in no frame");
  good = 0;
  for (uint64_t i = 0; i < 20; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, 20, "but when there is one");
  for (uint64_t i = 0; i < COUNT (page); i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  real_preadv = orl_sys.preadv;
  orl_sys.preadv = bad_preadv;
  try ("a linear window", ORIEL_STORE_POSIX, 0);
  try ("slots", ORIEL_STORE_POSIX, 2 * MiB);
  one_slot ();
  no_slot ();
  return done_testing ();
}
