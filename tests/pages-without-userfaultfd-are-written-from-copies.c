/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Old kernels clear what a write does not reach, in the source's own page, when
 * that is cut off under it.  These have no userfaultfd: so without it no page is
 * written from the window, whether a flush, a sync, write-back or an eviction
 * writes it, and the store has what was written.  With it pages are written from
 * where they lie.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "sys.h"

#define PAGES 300               /* more than a chunk, and than a thread copies */

static struct orl_sys real;
static oriel_pool *pool;
static oriel_file *file;
static unsigned from_window, from_copies;

static bool
is_shown (const void *p)
{
  const struct orl_window *w = pool ? pool->window : NULL;

  return w && (const unsigned char *) p >= w->base
         && (const unsigned char *) p < w->base + w->bytes;
}

static ssize_t
look_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  for (int i = 0; i < n; i++)
    if (is_shown (iov[i].iov_base))
      from_window++;
    else
      from_copies++;
  return real.pwritev (fd, iov, n, at);
}

static ssize_t
look_pwrite (int fd, const void *data, size_t n, off_t at)
{
  from_window += is_shown (data);
  return real.pwrite (fd, data, n, at);
}

static int
no_userfaultfd (int flags)
{
  (void) flags;
  return -ENOSYS;
}

static int
flush (void)
{
  return oriel_flush (file);
}

static int
sync_it (void)
{
  return oriel_sync (file);
}

static int
write_back (void)
{
  return oriel_writeback (pool, NULL);
}

/* Twice as many pages as the pool has frames. */
static int
evict (void)
{
  for (uint64_t i = 0; i < 2 * oriel_pool_frames (pool); i++)
    stamp_page (pool, file, PAGES + i, 1);
  return oriel_flush (file);
}

static const struct way {
  const char *what;
  int (*call) (void);
} ways[] = {
  { "a flush", flush },
  { "a sync", sync_it },
  { "write-back", write_back },
  { "evictions", evict },
};

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

/* A thread's room for copies, in place of the C library's. */
static _Thread_local bool refuse_memory;

void *
aligned_alloc (size_t alignment, size_t size)
{
  void *p;

  return refuse_memory || posix_memalign (&p, alignment, size) != 0 ? NULL : p;
}

static void *
flush_without_memory (void *rc)
{
  refuse_memory = true;
  *(int *) rc = oriel_flush (file);
  return NULL;
}

static void
open_both (size_t window)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  opt.pool_size = 2 * MiB;
  opt.window_size = window;
  opt.dirty_low = 1;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
}

static void
close_both (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = NULL;
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
try (const char *what, size_t window)
{
  uint64_t tag = 1;
  int rc;

  diag ("%s", what);
  open_both (window);
  for (size_t w = 0; w < COUNT (ways); w++) {
    tag++;
    for (uint64_t i = 0; i < PAGES; i++)
      stamp_page (pool, file, i, tag);
    from_window = from_copies = 0;
    is_rc (ways[w].call (), 0, ways[w].what);
    is_int (from_window, 0, "writes nothing from the window");
    ok (from_copies >= PAGES, "but copies: %u", from_copies);
    is_int (in_store (tag), PAGES, "which are what the pages were");
  }
  tag++;
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, tag);
  in_thread (flush_without_memory, &rc);
  is_rc (rc, 0, "where there is no memory for copies they are written");
  is_int (in_store (tag), PAGES, "all the same");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  close_both ();
}

int
main (void)
{
  real = orl_sys;
  orl_sys.pwritev = look_pwritev;
  orl_sys.pwrite = look_pwrite;
  open_both (0);
  if (pool->shm.uffd >= 0) {
    for (uint64_t i = 0; i < PAGES; i++)
      stamp_page (pool, file, i, 1);
    is_rc (evict (), 0, "evictions with userfaultfd");
    ok (from_window > 0, "write pages from where they lie: %u", from_window);
  }
  close_both ();
  orl_sys.userfaultfd = no_userfaultfd;
  try ("a window of the whole pool", 0);
  try ("slots", 256 * KiB);
  return done_testing ();
}
