/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store-posix.c - a file, read and written by preadv() and pwritev()
 *
 * Two descriptors: one with O_DIRECT, so that the kernel does not cache what
 * the pool caches, and a buffered one for what O_DIRECT refuses: a last page
 * that is no multiple of the block, a file system or device that wants larger
 * blocks than our pages.  The kernel keeps both coherent.
 *
 * Linux tells since 6.1 how direct transfers have to be aligned; elsewhere they
 * are tried, and what is refused goes by the buffered one.
 *
 * Short writes are buffered, too.  Direct ones go to the device one after the
 * other, and a checkpoint's are mostly single pages: the page cache sends them
 * all at once at the sync, which then drops them from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "store.h"
#include "sys.h"

#define DIRECT_BLOCK 512        /* the least that most devices accept */

/* From here on a direct write is as fast as the device. */
#define DIRECT_WRITE_MIN (128u << 10)

#define MAX_IOV 256             /* of one call; more are split by callers */

static uint64_t
total (const struct iovec *iov, int n)
{
  uint64_t bytes = 0;

  for (int i = 0; i < n; i++)
    bytes += iov[i].iov_len;
  return bytes;
}

/* Drop the first bytes of a copy of iov. */
static void
advance (struct iovec **iov, int *n, size_t bytes)
{
  while (*n > 0 && bytes >= (*iov)->iov_len)
    {
      bytes -= (*iov)->iov_len;
      ++*iov;
      --*n;
    }
  if (*n > 0)
    {
      (*iov)->iov_base = (char *) (*iov)->iov_base + bytes;
      (*iov)->iov_len -= bytes;
    }
}

bool
orl_store_fits_direct (const struct orl_store *s, const struct iovec *iov,
                       int n, uint64_t at)
{
  uint64_t place = at, memory = 0;

  for (int i = 0; i < n; i++)
    {
      place |= iov[i].iov_len;
      memory |= (uintptr_t) iov[i].iov_base;
    }
  return s->direct >= 0 && (place & s->place_mask) == 0
         && (memory & s->memory_mask) == 0;
}

typedef ssize_t transfer (int fd, const struct iovec *iov, int n, off_t at);

/* Move all of iov, or until the call moves nothing: bytes moved or -errno. */
static int64_t
move_all (const struct orl_store *s, const struct iovec *iov, int n,
          uint64_t at, bool direct, transfer *call)
{
  struct iovec copy[MAX_IOV];
  struct iovec *p = copy;
  int64_t done = 0;

  if (n > MAX_IOV)
    return -EINVAL;
  for (int i = 0; i < n; i++)
    copy[i] = iov[i];
  while (n > 0)
    {
      ssize_t r = call (direct ? s->direct : s->fd, p, n, (off_t) at + done);

      if (r == -EINVAL && direct)
        {
          direct = false;
          continue;
        }
      if (r < 0)
        return r;
      if (r == 0)
        break;
      done += r;
      advance (&p, &n, (size_t) r);
      /* The rest of a short transfer may be anywhere in a block. */
      direct = direct
               && orl_store_fits_direct (s, p, n, at + (uint64_t) done);
    }
  return done;
}

static int64_t
posix_read (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  return move_all (s, iov, n, at, orl_store_fits_direct (s, iov, n, at),
                   orl_sys.preadv);
}

static int
posix_write (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  uint64_t bytes = total (iov, n);
  bool direct = bytes >= DIRECT_WRITE_MIN
                && orl_store_fits_direct (s, iov, n, at);
  int64_t r = move_all (s, iov, n, at, direct, orl_sys.pwritev);

  if (r < 0)
    return (int) r;
  return (uint64_t) r == bytes ? 0 : -ENOSPC;
}

static int
posix_sync (struct orl_store *s)
{
  int r = orl_sys.fdatasync (s->fd);

  if (r == 0 && s->direct >= 0)
    orl_sys.forget (s->fd);
  return r;
}

static int
posix_truncate (struct orl_store *s, uint64_t bytes)
{
  return orl_sys.ftruncate (s->fd, (off_t) bytes);
}

/* Not posix_close(): musl has one. */
static void
posix_end (struct orl_store *s)
{
  if (s->direct >= 0)
    orl_sys.close (s->direct);
  if (s->fd >= 0)
    orl_sys.close (s->fd);
  free (s);
}

const struct orl_store_ops orl_store_posix_ops = {
  .name = "posix",
  .read = posix_read,
  .write = posix_write,
  .sync = posix_sync,
  .truncate = posix_truncate,
  .close = posix_end,
};

/* A page of the kernel's, or a block of the file system's, where that is larger
 * (XFS, ext4). */
static uint64_t
unit_of (const struct stat *st)
{
  uint64_t page = (uint64_t) sysconf (_SC_PAGESIZE);

  return st->st_blksize > 0 && (uint64_t) st->st_blksize > page
             ? (uint64_t) st->st_blksize
             : page;
}

/* What the kernel says of its alignment, if it does; else it is tried. */
static void
align_direct (struct orl_store *s)
{
  uint32_t memory, place;

  s->memory_mask = 0;
  s->place_mask = DIRECT_BLOCK - 1;
  if (s->direct < 0 || orl_sys.direct_unit (s->direct, &memory, &place) < 0)
    return;
  /* Powers of two.  Where there is none, all ones: then no transfer fits. */
  s->memory_mask = memory - 1;
  s->place_mask = place - 1;
}

/* The second descriptor, of the same file even if the path has another by now;
 * none is no error. */
static void
open_direct (struct orl_store *s, const char *path, int flags,
             const struct stat *st)
{
  struct stat now;

  s->direct = orl_sys.open (path, flags | O_DIRECT, 0);
  if (s->direct < 0)
    s->direct = -1;
  else if (orl_sys.fstat (s->direct, &now) < 0 || now.st_dev != st->st_dev
           || now.st_ino != st->st_ino)
    {
      orl_sys.close (s->direct);
      s->direct = -1;
    }
}

int
orl_store_posix_open (const char *path, const struct orl_store_options *opt,
                      struct orl_store **store)
{
  int flags = opt->read_only ? O_RDONLY : O_RDWR;
  int create = (opt->create ? O_CREAT : 0) | (opt->exclusive ? O_EXCL : 0);
  struct orl_store *s = calloc (1, sizeof *s);
  struct stat st;
  int r;

  if (!s)
    return orl_fail (-ENOMEM, "%s: no memory", path);
  s->ops = &orl_store_posix_ops;
  s->direct = -1;
  s->fd = r = orl_sys.open (path, flags | create | O_NOCTTY | O_NONBLOCK,
                            0666);
  if (r < 0)
    {
      orl_fail (r, "%s: cannot be opened", path);
      goto out;
    }
  r = orl_sys.fstat (s->fd, &st);
  if (r == 0 && !S_ISREG (st.st_mode))
    r = S_ISDIR (st.st_mode) ? -EISDIR : -EINVAL;
  if (r < 0)
    {
      orl_fail (r, "%s: not a regular file", path);
      goto out;
    }
  s->unit = unit_of (&st);
  if (!opt->buffered)
    open_direct (s, path, flags, &st);
  align_direct (s);
  *store = s;
out:
  if (r < 0)
    posix_end (s);
  return r < 0 ? r : 0;
}

static uint64_t
nanoseconds (const struct timespec *ts)
{
  return (uint64_t) ts->tv_sec * 1000000000u + (uint64_t) ts->tv_nsec;
}

int
orl_store_identify (const struct orl_store *s, struct orl_store_id *id)
{
  int r = orl_store_times (s, id);

  return r < 0 ? r : orl_sys.birth (s->fd, &id->birth);
}

int
orl_store_times (const struct orl_store *s, struct orl_store_id *id)
{
  struct stat st;
  int r = orl_sys.fstat (s->fd, &st);

  if (r < 0)
    return r;
  id->dev = st.st_dev;
  id->ino = st.st_ino;
  id->birth = 0;
  id->size = (uint64_t) st.st_size;
  id->mtime = nanoseconds (&st.st_mtim);
  id->ctime = nanoseconds (&st.st_ctim);
  return 0;
}
