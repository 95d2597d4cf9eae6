/* SPDX-License-Identifier: BSD-2-Clause */
/* A page that was flushed, and that no one has read with a latch, is written again
 * without a barrier; a reader that comes while it is flushed is waited for all
 * the same. */
#include "util.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "sys.h"

static oriel_file *file;
static oriel_page reader;
static _Atomic bool reads;      /* in the middle of a write */
static _Atomic bool has_pinned;

static ssize_t (*real_pwritev) (int fd, const struct iovec *iov, int n,
                                off_t at);
static ssize_t (*real_pwrite) (int fd, const void *buf, size_t n, off_t at);

static void *
pin (void *unused)
{
  (void) unused;
  reader = must_pin (file, 3, ORIEL_READ);
  has_pinned = true;
  while (reads)
    usleep (1000);
  must (oriel_unpin (&reader), "oriel_unpin");
  return NULL;
}

static pthread_t thread;

static void
come (void)
{
  if (!reads || thread)
    return;
  if (pthread_create (&thread, NULL, pin, NULL) != 0)
    bail_out ("pthread_create");
  while (!has_pinned)
    usleep (100);
}

static ssize_t
write_many (int fd, const struct iovec *iov, int n, off_t at)
{
  come ();
  return real_pwritev (fd, iov, n, at);
}

static ssize_t
write_one (int fd, const void *buf, size_t n, off_t at)
{
  come ();
  return real_pwrite (fd, buf, n, at);
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  unsigned long long before;
  char bytes[4096];
  oriel_page page;

  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  memset (bytes, 1, sizeof bytes);
  for (int i = 0; i < 8; i++)
    must (oriel_write (file, (uint64_t) i * 4096, bytes, sizeof bytes),
          "oriel_write");
  must (oriel_flush (file), "oriel_flush");
  before = get_stats (pool).barriers;
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 8; i++)
      must (oriel_write (file, (uint64_t) i * 4096, bytes, sizeof bytes),
            "oriel_write");
    must (oriel_flush (file), "oriel_flush");
  }
  is_int ((long long) (get_stats (pool).barriers - before), 0,
          "pages are written and flushed without a barrier");

  real_pwritev = orl_sys.pwritev;
  real_pwrite = orl_sys.pwrite;
  orl_sys.pwritev = write_many;
  orl_sys.pwrite = write_one;
  must (oriel_write (file, 3 * 4096, bytes, sizeof bytes), "oriel_write");
  reads = true;
  must (oriel_flush (file), "oriel_flush");
  ok (thread != 0, "a reader has come during the write");
  is_rc (oriel_pin (file, 3, ORIEL_WRITE | ORIEL_NOWAIT, &page), -EAGAIN,
         "a writer has to wait for it");
  reads = false;
  pthread_join (thread, NULL);
  is_rc (oriel_pin (file, 3, ORIEL_WRITE, &page), 0, "and gets the page then");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
