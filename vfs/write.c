/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c - writes to a database through the pool
 *
 * What SQLite writes becomes dirty in the pool and goes to the file, sorted and
 * in long runs, when SQLite syncs or says that it is done, before the lock goes
 * that protects it, or when there is much of it.  vfs_write_end() sees to it
 * that nothing is left dirty.
 *
 * An error must be told while SQLite still listens:
 * - rollback mode: it says SQLITE_FCNTL_SYNC before it deletes the journal,
 *   also with synchronous=OFF, and heeds the answer;
 * - a checkpoint: after its last page it advances nBackfill and heeds no answer
 *   any more, unless it has copied the whole log.  So the last page, which
 *   walindex.c knows, is flushed, with all before it, within its own xWrite.
 *
 * The pool's writes are mostly short, and go by way of the page cache.  What they
 * leave there is a second copy that no one reads, of us: where memory is bounded
 * it takes the place of the log, and each new page has to wait until another was
 * given back.  So the ranges that were written are remembered, and when they have
 * been synced the kernel is told that they are not wanted: these and no others, as
 * strangers may read the file through the page cache.
 *
 * If the pool has no room, or fails otherwise, what is dirty is flushed, the
 * lower file is written, and the pool's pages of that range are dropped.
 *
 * No locks of our own: the connection is the file's writer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "vfs.h"

/* A full pool is asked again after this time.  It takes some 30 ms to say that
 * there is no room, as it waits for others to make some. */
#define FULL_MS 100

/* Ranges that are remembered: the pages of four checkpoints as they begin by
 * default.  The kernel gives back the others when it has to. */
#define RUNS_MAX 4096

/* To sync less by itself costs more than it saves; and where it is not known which
 * page is the last, it should be most of what a checkpoint copies by default. */
#define SYNC_MIN (256 * 1024)
#define SYNC_MIN_UNKNOWN (2048 * 1024)

struct vfs_run {
  uint64_t start;               /* bytes of the file */
  uint64_t end;
};

static uint64_t
milliseconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void
vfs_note_failure (struct vfs_connection *c, int r)
{
  oriel_stats s = { .struct_size = sizeof s };

  vfs_fetch_stop (c);
  if (r == -EIO && oriel_pool_stats (c->shared->pool->pool, &s) == -EIO)
    {
      atomic_store (&c->shared->pool->gone, true);
      sqlite3_log (SQLITE_WARNING, "oriel: pool %s is not used any more: %s",
                   c->shared->pool->name, oriel_error ());
    }
  if (r != -ENOBUFS)
    return;
  c->crowded = true;
  atomic_store (&c->shared->pool->full_until, milliseconds () + FULL_MS);
}

bool
vfs_is_crowded (const struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  uint64_t until = atomic_load_explicit (&p->full_until, memory_order_relaxed);

  if (until == 0)
    return false;
  if (milliseconds () < until)
    return true;
  atomic_store (&p->full_until, 0);
  return false;
}

static int
failed (struct vfs_connection *c, int r)
{
  c->last_errno = -r;
  return r == -ENOSPC || r == -EDQUOT ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int
vfs_flush (struct vfs_connection *c)
{
  int r;

  if (c->dirty == 0 || c->generation != vfs_generation)
    return SQLITE_OK;
  /* What was dirty is gone with the pool: the lock's end forgets that. */
  if (!vfs_has_pool (c))
    return failed (c, -EIO);
  r = oriel_flush (vfs_oriel (c));
  if (r < 0)
    {
      sqlite3_log (SQLITE_IOERR_WRITE, "oriel: %s", oriel_error ());
      vfs_note_failure (c, r);
      return failed (c, r);
    }
  c->dirty = 0;
  return SQLITE_OK;
}

/* Forget what the pool has of a range that was written beside it. */
static int
forget (struct vfs_connection *c, uint64_t offset, uint64_t length)
{
  uint64_t size = c->shared->pool->page_size;
  uint64_t first = offset / size;
  uint64_t last = (offset + length - 1) / size;
  int r = oriel_file_refresh (vfs_oriel (c));

  /* What is fetched shows what was: no more of it until the next lock. */
  if (c->nfetched > 0)
    c->crowded = true;
  if (r == 0)
    r = oriel_file_drop_pages (vfs_oriel (c), first, last - first + 1);
  return r < 0 ? failed (c, r) : SQLITE_OK;
}

static int
write_beside (struct vfs_connection *c, const void *data, int amount,
              sqlite3_int64 offset)
{
  int rc = vfs_flush (c);

  if (rc == SQLITE_OK)
    rc = c->lower->pMethods->xWrite (c->lower, data, amount, offset);
  if (rc == SQLITE_OK)
    rc = forget (c, (uint64_t) offset, (uint64_t) amount);
  return rc;
}

/* Is this, or may it be, the last page that a checkpoint writes? */
static bool
is_last (struct vfs_connection *c, int amount, sqlite3_int64 offset)
{
  if (c->nregions == 0)
    return false;
  if (c->safe_page == 0)
    c->safe_page = vfs_wal_safe_page (c);
  return (uint64_t) (offset / amount) + 1 >= c->safe_page;
}

static void
remember (struct vfs_connection *c, uint64_t start, uint64_t end)
{
  struct vfs_run *last;

  if (!c->shared->direct
      || (!c->written && !(c->written = calloc (RUNS_MAX, sizeof *last))))
    return;
  last = &c->written[c->nwritten - (c->nwritten > 0)];
  if (c->nwritten > 0 && last->end == start)
    last->end = end;
  else if (c->nwritten < RUNS_MAX)
    c->written[c->nwritten++] = (struct vfs_run){ start, end };
}

static void
drop_written (struct vfs_connection *c)
{
  int fd = c->nwritten > 0 && vfs_has_pool (c)
               ? oriel_file_fd (vfs_oriel (c)) : -1;

  for (unsigned i = 0; fd >= 0 && i < c->nwritten; i++)
    posix_fadvise (fd, (off_t) c->written[i].start,
                   (off_t) (c->written[i].end - c->written[i].start),
                   POSIX_FADV_DONTNEED);
  c->nwritten = 0;
}

int
vfs_sync (struct vfs_connection *c, int flags)
{
  int rc = vfs_flush (c);

  if (rc == SQLITE_OK)
    rc = c->lower->pMethods->xSync (c->lower, flags);
  if (rc == SQLITE_OK)
    {
      c->unsynced = 0;
      drop_written (c);
    }
  return rc;
}

/* The last page of a checkpoint was written.  SQLite syncs the database only if
 * that was all of the log; where others write on, the one that copies all would
 * have to wait for the pages of those before it, and all others for that one.
 * (Two terminals of TPC-C: 5.5 ms in each 25, in which no one wrote.) */
static int
flush_last (struct vfs_connection *c)
{
  int flags = c->copy_sync;

  if (!flags || vfs_wal_untried (c) == 0
      || c->unsynced < (c->safe_page > 1 ? SYNC_MIN : SYNC_MIN_UNKNOWN))
    return vfs_flush (c);
  c->copy_sync = 0;
  return vfs_sync (c, flags);
}

int
vfs_write (struct vfs_connection *c, const void *data, int amount,
           sqlite3_int64 offset)
{
  int r;

  if (!vfs_write_begin (c))
    {
      c->beside = true;
      r = vfs_flush (c);
      return r == SQLITE_OK
                 ? c->lower->pMethods->xWrite (c->lower, data, amount, offset)
                 : r;
    }
  c->wrote = true;
  if (c->crowded)
    return write_beside (c, data, amount, offset);
  /* Before, as a failed write may have made some pages dirty. */
  c->dirty += (uint64_t) amount;
  r = oriel_write (vfs_oriel (c), (uint64_t) offset, data, (size_t) amount);
  if (r < 0)
    {
      vfs_note_failure (c, r);
      return write_beside (c, data, amount, offset);
    }
  remember (c, (uint64_t) offset, (uint64_t) offset + (uint64_t) amount);
  c->unsynced += (uint64_t) amount;
  if (is_last (c, amount, offset))
    return flush_last (c);
  return c->dirty >= c->shared->pool->dirty_max ? vfs_flush (c) : SQLITE_OK;
}

int
vfs_truncate (struct vfs_connection *c, sqlite3_int64 size)
{
  bool ours = vfs_write_begin (c);
  uint64_t old;
  int rc = SQLITE_OK;

  if (ours)
    rc = vfs_flush (c);
  if (rc != SQLITE_OK)
    return rc;
  if (!ours)
    {
      c->beside = true;
      return c->lower->pMethods->xTruncate (c->lower, size);
    }
  c->wrote = true;
  old = oriel_file_size (vfs_oriel (c));
  rc = c->lower->pMethods->xTruncate (c->lower, size);
  /* The page that the end lies in as well: what is behind the end is zero. */
  if (old > (uint64_t) size)
    {
      int rc2 = forget (c, (uint64_t) size, old - (uint64_t) size);

      if (rc == SQLITE_OK)
        rc = rc2;
    }
  else
    oriel_file_refresh (vfs_oriel (c));
  return rc;
}

int
vfs_size_hint (struct vfs_connection *c, void *arg)
{
  bool ours = c->chunk_size > 0 && vfs_write_begin (c);
  int rc = ours ? vfs_flush (c) : SQLITE_OK;

  if (rc == SQLITE_OK)
    rc = c->lower->pMethods->xFileControl (c->lower, SQLITE_FCNTL_SIZE_HINT,
                                           arg);
  if (ours)
    {
      c->wrote = true;
      oriel_file_refresh (vfs_oriel (c));
    }
  return rc;
}
