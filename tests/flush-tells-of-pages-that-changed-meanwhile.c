/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page whose log was durable when a flush began, and that is changed before it
 * is its turn, is not written; so the flush must not say that all is.
 */
#include "util.h"

#include "sys.h"

#define PAGES 300               /* several chunks */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static const char *path;
static oriel_pool *pool;
static oriel_file *file;
static uint64_t lsn;

static void
change (uint64_t number, uint64_t tag)
{
  oriel_page page = must_pin (file, number, ORIEL_WRITE);

  stamp (page.data, 4096, tag, number);
  must (oriel_dirty (&page, lsn), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

static void *
change_last (void *unused)
{
  change (PAGES - 1, ++lsn);
  return unused;
}

/* Of the first chunk. */
static ssize_t
change_and_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  pthread_t thread;

  orl_sys.pwritev = real_pwritev;
  pthread_create (&thread, NULL, change_last, NULL);
  pthread_join (thread, NULL);
  return real_pwritev (fd, iov, n, at);
}

static int
checkpoint (oriel_file *f)
{
  return oriel_checkpoint (pool, f, NULL);
}

static void
one (int (*call) (oriel_file *), const char *name)
{
  char page[4096];

  lsn += 10;
  for (uint64_t i = 0; i < PAGES; i++)
    change (i, lsn);
  must (oriel_file_durable (file, lsn), "oriel_file_durable");
  orl_sys.pwritev = change_and_pwritev;
  is_rc (call (file), -ENOTCONN, name);
  is_int ((long long) get_stats (pool).frames_dirty, 1,
          "the rest is written");
  must (oriel_file_durable (file, lsn), "oriel_file_durable");
  is_rc (call (file), 0, name);
  plain_read (path, (PAGES - 1) * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, lsn, PAGES - 1), "and then that page");
}

int
main (void)
{
  real_pwritev = orl_sys.pwritev;
  pool = test_pool ();
  path = scratch_file ("data");
  file = must_open_file (pool, path, ORIEL_CREATE);
  one (oriel_flush, "flush");
  one (oriel_sync, "sync");
  one (checkpoint, "checkpoint");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
