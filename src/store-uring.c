/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store-uring.c - a file that the process's io_uring reads
 *
 * One transfer that a thread waits for goes the POSIX store's way: one system
 * call does it in either.  What no one waits for goes to the ring.
 */
#include <stddef.h>

#include "store.h"
#include "uring.h"

static int64_t
uring_read (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  return orl_store_posix_ops.read (s, iov, n, at);
}

static int
uring_write (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  return orl_store_posix_ops.write (s, iov, n, at);
}

static int
uring_sync (struct orl_store *s)
{
  return orl_store_posix_ops.sync (s);
}

static int
uring_truncate (struct orl_store *s, uint64_t bytes)
{
  return orl_store_posix_ops.truncate (s, bytes);
}

static void
uring_aim (struct orl_store *s, struct orl_uring *ring, struct orl_io *io)
{
  if (!s->ring)
    {
      s->ring = ring;
      s->place = orl_uring_enlist (ring, s->direct >= 0 ? s->direct : s->fd);
    }
  /* What it keeps at hand is direct, if there is that. */
  if (s->direct >= 0 && !orl_store_fits_direct (s, io->iov, io->n, io->at))
    {
      io->fd = s->fd;
      io->place = -1;
    }
  else
    {
      io->fd = s->direct >= 0 ? s->direct : s->fd;
      io->place = s->place;
    }
}

static void
uring_close (struct orl_store *s)
{
  if (s->ring)
    {
      orl_uring_lock (s->ring);
      orl_uring_delist (s->ring, s->place);
      orl_uring_unlock (s->ring);
    }
  orl_store_posix_ops.close (s);
}

static const struct orl_store_ops uring_ops = {
  .name = "uring",
  .read = uring_read,
  .write = uring_write,
  .sync = uring_sync,
  .truncate = uring_truncate,
  .close = uring_close,
  .aim = uring_aim,
};

int
orl_store_uring_open (const char *path, const struct orl_store_options *opt,
                      struct orl_store **store)
{
  int r = orl_store_posix_open (path, opt, store);

  if (r == 0)
    (*store)->ops = &uring_ops;
  return r;
}
