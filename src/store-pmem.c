/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store-pmem.c - a file that is mapped, and on persistent memory written past
 * the page cache
 *
 * On a DAX file system the mapping is the memory (MAP_SYNC), and what is copied
 * there by non-temporal stores, and drained (libpmem), is durable.  On any
 * other the same copies go to the page cache, and a sync is an msync().
 *
 * The mapping is longer than the file, so that growing maps nothing anew until
 * it has doubled.  What lies behind the file's end is not touched; but the
 * file's length may change by others, and a hole may find no room: then the
 * touch is a SIGBUS, which ends the copy (guard.c), and the length is looked
 * at.
 *
 * Stores here are whole in eight bytes, no more: pages go through a
 * double-write area (torn.c) unless one says otherwise.  A slot for each page
 * and a table of which of two is the page would save one of the two copies, but
 * then the file has pages in another order than any other program expects.
 *
 * Locks: the mapping's, for reading while it is used; that of the sync of the
 * file's length.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "guard.h"
#include "store.h"
#include "sys.h"

#ifdef HAVE_LIBPMEM
# include <libpmem.h>
#endif

#ifndef MAP_SHARED_VALIDATE
# define MAP_SHARED_VALIDATE 3
#endif
#ifndef MAP_SYNC
# define MAP_SYNC 0x80000
#endif

#define MAP_MIN ((uint64_t) 64 << 20)
#define TRIES 4                 /* of a copy, while the file's length changes */

struct orl_map {
  pthread_rwlock_t lock;
  unsigned char *base;
  uint64_t bytes;
  bool persistent;
  bool read_only;
  _Atomic uint64_t size;        /* of the file, as it was last looked at */
  _Atomic uint64_t grown;       /* how often */
  pthread_mutex_t sync_lock;
  uint64_t synced;              /* under it: what of that is durable */
};

/* ------------------------------------------------------------------ */
/* libpmem                                                            */

#ifdef HAVE_LIBPMEM
static void *
copy_persistent (void *to, const void *from, size_t n)
{
  return pmem_memcpy (to, from, n, PMEM_F_MEM_NONTEMPORAL);
}

static bool
is_persistent (const void *at, size_t n)
{
  return pmem_is_pmem (at, n);
}
#else
static void *
copy_persistent (void *to, const void *from, size_t n)
{
  return memcpy (to, from, n);
}

static bool
is_persistent (const void *at, size_t n)
{
  (void) at, (void) n;
  return false;
}
#endif

bool
orl_store_pmem_works (void)
{
#ifdef HAVE_LIBPMEM
  return true;
#else
  return false;
#endif
}

/* ------------------------------------------------------------------ */
/* The mapping                                                        */

static int
look_at_size (struct orl_store *s)
{
  struct stat st;
  int r = orl_sys.fstat (s->fd, &st);
  uint64_t size;

  if (r < 0)
    return r;
  size = (uint64_t) st.st_size;
  if (atomic_exchange (&s->map->size, size) != size)
    atomic_fetch_add (&s->map->grown, 1);
  return 0;
}

/* Have it reach to end; with the lock, for writing. */
static int
map (struct orl_store *s, uint64_t end)
{
  struct orl_map *m = s->map;
  int prot = m->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
  uint64_t bytes = m->bytes ? m->bytes : MAP_MIN;
  bool persistent = true;
  void *at;

  while (bytes < end)
    bytes *= 2;
  if (m->base && bytes == m->bytes)
    return 0;
  if (bytes > SIZE_MAX / 2)
    return -ENOMEM;
  at = orl_sys.mmap (NULL, (size_t) bytes, prot,
                     MAP_SHARED_VALIDATE | MAP_SYNC, s->fd, 0);
  if (at == MAP_FAILED)
    {
      at = orl_sys.mmap (NULL, (size_t) bytes, prot, MAP_SHARED, s->fd, 0);
      if (at == MAP_FAILED)
        return -errno;
      persistent = is_persistent (at, (size_t) bytes);
    }
  orl_sys.madvise (at, (size_t) bytes, MADV_DONTFORK);
  if (m->base)
    orl_sys.munmap (m->base, (size_t) m->bytes);
  m->base = at;
  m->bytes = bytes;
  m->persistent = persistent && orl_store_pmem_works ();
  return 0;
}

/* Use the mapping up to end, until leave(). */
static int
enter (struct orl_store *s, uint64_t end)
{
  struct orl_map *m = s->map;
  int r = 0;

  pthread_rwlock_rdlock (&m->lock);
  if (end <= m->bytes)
    return 0;
  pthread_rwlock_unlock (&m->lock);
  pthread_rwlock_wrlock (&m->lock);
  if (end > m->bytes)
    r = map (s, end);
  pthread_rwlock_unlock (&m->lock);
  /* It only grows. */
  if (r == 0)
    pthread_rwlock_rdlock (&m->lock);
  return r;
}

static void
leave (struct orl_store *s)
{
  pthread_rwlock_unlock (&s->map->lock);
}

/* ------------------------------------------------------------------ */
/* Reads                                                              */

/* What there is of n bytes, or -EIO. */
static int64_t
read_part (struct orl_store *s, void *to, size_t n, uint64_t at)
{
  for (int i = 0; i < TRIES; i++)
    {
      uint64_t size = atomic_load (&s->map->size);
      const unsigned char *from = s->map->base + at;
      int r;

      if ((size < at + n || i > 0) && (r = look_at_size (s)) < 0)
        return r;
      size = atomic_load (&s->map->size);
      if (size <= at)
        return 0;
      if (size - at < n)
        n = (size_t) (size - at);
      if (orl_guard_copy (memcpy, to, from, n, from))
        return (int64_t) n;
    }
  return -EIO;
}

static uint64_t
total (const struct iovec *iov, int n)
{
  uint64_t bytes = 0;

  for (int i = 0; i < n; i++)
    bytes += iov[i].iov_len;
  return bytes;
}

/* The memory to read to is the pool's, which may be missing, too: its faults
 * are answered in place (fault-handle.c). */
static int64_t
pmem_read (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  int64_t done = 0;
  int r = enter (s, at + total (iov, n));

  if (r < 0)
    return r;
  for (int i = 0; i < n; i++)
    {
      int64_t got = read_part (s, iov[i].iov_base, iov[i].iov_len,
                               at + (uint64_t) done);

      if (got < 0)
        {
          done = got;
          break;
        }
      done += got;
      if ((size_t) got < iov[i].iov_len)
        break;
    }
  leave (s);
  return done;
}

/* ------------------------------------------------------------------ */
/* Writes                                                             */

/* Have the file reach to end, with room for it. */
static int
grow (struct orl_store *s, uint64_t end)
{
  uint64_t size;
  int r = look_at_size (s);

  size = atomic_load (&s->map->size);
  if (r < 0 || size >= end)
    return r;
  r = orl_sys.fallocate (s->fd, 0, (off_t) size, (off_t) (end - size));
  if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM)
    r = orl_sys.ftruncate (s->fd, (off_t) end);
  atomic_fetch_add (&s->map->grown, 1);
  return r < 0 ? r : look_at_size (s);
}

static int
write_part (struct orl_store *s, const void *from, size_t n, uint64_t at)
{
  struct orl_map *m = s->map;

  for (int i = 0; i < TRIES; i++)
    {
      int r = 0;

      if (i > 0 || atomic_load (&m->size) < at + n)
        r = grow (s, at + n);
      if (r < 0)
        return r;
      if (orl_guard_copy (m->persistent ? copy_persistent : memcpy,
                          m->base + at, from, n, m->base + at))
        return 0;
    }
  /* It is long enough, and yet there is no memory: a hole without room. */
  return -ENOSPC;
}

static int
pmem_write (struct orl_store *s, const struct iovec *iov, int n, uint64_t at)
{
  int r = enter (s, at + total (iov, n));

  if (r < 0)
    return r;
  for (int i = 0; r == 0 && i < n; at += iov[i++].iov_len)
    r = write_part (s, iov[i].iov_base, iov[i].iov_len, at);
  leave (s);
  return r;
}

/* Its length is the file system's.  Who finds another at this waits, as it may
 * be for what it has written itself. */
static int
sync_length (struct orl_store *s)
{
  struct orl_map *m = s->map;
  uint64_t grown;
  int r = 0;

  pthread_mutex_lock (&m->sync_lock);
  grown = atomic_load (&m->grown);
  if (grown != m->synced && (r = orl_sys.fdatasync (s->fd)) == 0)
    m->synced = grown;
  pthread_mutex_unlock (&m->sync_lock);
  return r;
}

static int
pmem_sync (struct orl_store *s)
{
  struct orl_map *m = s->map;
  uint64_t size;
  int r = look_at_size (s); /* others may have made it longer, and written that */

  size = atomic_load (&m->size);
  if (r == 0)
    r = enter (s, size);
  if (r < 0)
    return r;
  if (!m->persistent && size > 0)
    r = orl_sys.msync (m->base, (size_t) size);
  leave (s);
  return r < 0 ? r : sync_length (s);
}

static int
pmem_truncate (struct orl_store *s, uint64_t bytes)
{
  int r = orl_sys.ftruncate (s->fd, (off_t) bytes);

  /* What was done is done, so nothing may fail from here on. */
  if (r == 0)
    atomic_store (&s->map->size, bytes);
  atomic_fetch_add (&s->map->grown, 1);
  return r;
}

static void
pmem_close (struct orl_store *s)
{
  if (s->map->base)
    orl_sys.munmap (s->map->base, (size_t) s->map->bytes);
  pthread_rwlock_destroy (&s->map->lock);
  pthread_mutex_destroy (&s->map->sync_lock);
  free (s->map);
  orl_store_posix_ops.close (s);
}

static const struct orl_store_ops pmem_ops = {
  .name = "pmem",
  .read = pmem_read,
  .write = pmem_write,
  .sync = pmem_sync,
  .truncate = pmem_truncate,
  .close = pmem_close,
};

bool
orl_store_is_persistent (const struct orl_store *s)
{
  return s->map && s->map->persistent;
}

int
orl_store_pmem_open (const char *path, const struct orl_store_options *opt,
                     struct orl_store **store)
{
  struct orl_store_options how = *opt;
  struct orl_store *s;
  int r;

  how.buffered = true;
  r = orl_store_posix_open (path, &how, &s);
  if (r < 0)
    return r;
  s->map = calloc (1, sizeof *s->map);
  if (!s->map)
    {
      s->ops->close (s);
      return orl_fail (-ENOMEM, "%s: no memory", path);
    }
  s->ops = &pmem_ops;
  s->map->read_only = opt->read_only;
  pthread_rwlock_init (&s->map->lock, NULL);
  pthread_mutex_init (&s->map->sync_lock, NULL);
  r = look_at_size (s);
  if (r == 0)
    r = map (s, atomic_load (&s->map->size));
  if (r < 0)
    {
      s->ops->close (s);
      return orl_fail (r, "%s: cannot be mapped", path);
    }
  *store = s;
  return 0;
}
