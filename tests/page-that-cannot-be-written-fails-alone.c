/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store cannot write one page, or its hook refuses it.  That one stays dirty,
 * and each flush says so; its neighbours, which are written together with it, are
 * written, whether flush, checkpoint or write-back does it.  Where nothing can be
 * written not every page is tried.  What the kernel could not read when it was to be
 * written is tried again by the same flush.
 */
#include "util.h"

#include "sys.h"

#define PAGES 100
#define BAD 50

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static unsigned calls;
static off_t from, to;          /* what cannot be written */
static unsigned misses;         /* writes that do not find their memory */

static ssize_t
bad_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  off_t end = at;

  calls++;
  for (int i = 0; i < n; i++)
    end += (off_t) iov[i].iov_len;
  if (misses > 0) {
    misses--;
    return -EFAULT;
  }
  return at < to && end > from ? -ENOSPC : real_pwritev (fd, iov, n, at);
}

static int
hook (void *arg, uint64_t number, void *data, size_t length)
{
  (void) data, (void) length;
  return number == *(uint64_t *) arg ? -EPERM : 0;
}

static int
in_store (uint64_t tag)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, page, sizeof page);
    good += is_stamped (page, sizeof page, tag, i);
  }
  return good;
}

static int
flush (oriel_pool *pool, oriel_file *file)
{
  (void) pool;
  return oriel_flush (file);
}

static int
checkpoint (oriel_pool *pool, oriel_file *file)
{
  return oriel_checkpoint (pool, file, NULL);
}

static int
write_back (oriel_pool *pool, oriel_file *file)
{
  (void) file;
  return oriel_writeback (pool, NULL);
}

static const struct way {
  const char *what;
  int (*call) (oriel_pool *pool, oriel_file *file);
} ways[] = {
  { "a flush", flush },
  { "a checkpoint", checkpoint },
  { "write-back", write_back },
};

static void
try (oriel_pool *pool, oriel_file *file, const struct way *way, uint64_t tag,
     int error)
{
  for (uint64_t k = 0; k < PAGES; k++)
    stamp_page (pool, file, k, tag);
  is_rc (way->call (pool, file), error, way->what);
  is_int (in_store (tag), PAGES - 1, "writes all pages but one");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "that is dirty");
  is_rc (oriel_flush (file), error, "and a flush says so");
}

int
main (void)
{
  uint64_t refused = UINT64_MAX;
  oriel_hooks hooks = { .struct_size = sizeof hooks, .id = 1, .arg = &refused,
                        .before_write = hook };
  oriel_options opt = test_options ();
  uint64_t tag = 1;
  oriel_pool *pool;
  oriel_file *file;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, tag);
  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = 2 * PAGES * 4096;
  opt.dirty_low = 1;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (oriel_file_hooks (file, &hooks), "oriel_file_hooks");
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = bad_pwritev;
  for (size_t i = 0; i < COUNT (ways); i++) {
    from = BAD * 4096;
    to = from + 4096;
    try (pool, file, &ways[i], ++tag, -ENOSPC);
    from = to = 0;
    is_rc (oriel_flush (file), 0, "until it can be written");
    is_int (in_store (tag), PAGES, "then all are");
    refused = BAD;
    try (pool, file, &ways[i], ++tag, -EPERM);
    refused = UINT64_MAX;
    is_rc (oriel_flush (file), 0, "until it is not refused");
    is_int (in_store (tag), PAGES, "then all are");
  }
  for (uint64_t k = 0; k < PAGES; k++)
    stamp_page (pool, file, k, 9);
  to = PAGES * 4096;
  calls = 0;
  is_rc (oriel_flush (file), -ENOSPC, "where nothing can be written");
  ok (calls < PAGES / 4, "%u calls were made", calls);
  is_int ((long long) get_stats (pool).frames_dirty, PAGES,
          "all pages stay dirty");
  from = to = 0;
  is_rc (oriel_flush (file), 0, "until something can");
  for (uint64_t k = 0; k < PAGES; k++)
    stamp_page (pool, file, k, 10);
  misses = 3;
  is_rc (oriel_flush (file), 0, "where memory was missing for a moment");
  is_int (misses, 0, "as it was");
  is_int (in_store (10), PAGES, "all is written");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
