/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - the methods of an open main database
 *
 * Each does its part for the pool, where the connection has one, and hands the
 * rest to the default VFS's file.  coherence.c explains what has to happen
 * before and after locks.
 */
#include <string.h>

#include "vfs.h"

/* c->read_marks: no one can change the file. */
#define MARK_0 (1u << VFS_SHM_READ)

static const sqlite3_io_methods *
lower (const struct vfs_connection *c)
{
  return c->lower->pMethods;
}

static int
x_close (sqlite3_file *file)
{
  struct vfs_connection *c = vfs_connection (file);

  file->pMethods = NULL;
  vfs_fetch_stop (c);
  vfs_wal_forget (c);
  vfs_lease_close (c);
  vfs_fetch_close (c);
  vfs_write_end (c);
  vfs_stable (c, false);
  vfs_queue_close (c);
  vfs_shm_forget (c);
  return vfs_connection_free (c);
}

/* SQLite looks at the version bytes right after SHARED, as the check did. */
static bool
is_version (const struct vfs_connection *c, int amount, sqlite3_int64 offset)
{
  return amount == 16 && offset == 24 && c->head_valid && !c->writing;
}

static int
x_read (sqlite3_file *file, void *data, int amount, sqlite3_int64 offset)
{
  struct vfs_connection *c = vfs_connection (file);
  size_t got;
  int r;

  if (!vfs_may_read (c))
    return lower (c)->xRead (c->lower, data, amount, offset);
  if (is_version (c, amount, offset))
    {
      c->head_valid = false;
      memcpy (data, c->head + 8, 16);
      return c->head_short ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
    }
  if (!c->crowded)
    {
      r = oriel_read (vfs_oriel (c), (uint64_t) offset, data, (size_t) amount,
                      &got);
      if (r == 0 && got == (size_t) amount)
        return SQLITE_OK;
      vfs_note_failure (c, r);
    }
  /* No room, an error, or the end of the file: the file has the last word. */
  r = vfs_flush (c);
  return r == SQLITE_OK ? lower (c)->xRead (c->lower, data, amount, offset)
                        : r;
}

static int
x_write (sqlite3_file *file, const void *data, int amount,
         sqlite3_int64 offset)
{
  vfs_fetch_stop (vfs_connection (file));
  return vfs_write (vfs_connection (file), data, amount, offset);
}

static int
x_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  vfs_fetch_stop (vfs_connection (file));
  return vfs_truncate (vfs_connection (file), size);
}

static int
x_sync (sqlite3_file *file, int flags)
{
  vfs_fetch_stop (vfs_connection (file));
  return vfs_sync (vfs_connection (file), flags);
}

/* Under a read mark the pool knows the size.  SQLite asks at each transaction
 * while the log has no frames. */
static int
x_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  struct vfs_connection *c = vfs_connection (file);
  int rc;

  if (c->size > 0 && c->read_marks == MARK_0)
    {
      *size = c->size;
      return SQLITE_OK;
    }
  if (c->read_marks != 0 && !c->writing && c->lock == SQLITE_LOCK_SHARED
      && vfs_may_read (c))
    {
      *size = (sqlite3_int64) oriel_file_size (vfs_oriel (c));
      if (c->read_marks == MARK_0)
        c->size = *size;
      /* 0 is also what a pool says whose memory was taken away. */
      if (*size > 0)
        return SQLITE_OK;
    }
  rc = vfs_flush (c);
  return rc == SQLITE_OK ? lower (c)->xFileSize (c->lower, size) : rc;
}

static int
x_lock (sqlite3_file *file, int level)
{
  struct vfs_connection *c = vfs_connection (file);
  bool writer = level == SQLITE_LOCK_RESERVED;
  int rc;

  vfs_fetch_stop (c);
  if (level > SQLITE_LOCK_RESERVED)
    vfs_lease_end (c);
  if (writer && c->lock < level && !vfs_queue_try (c))
    rc = SQLITE_BUSY;
  else
    rc = lower (c)->xLock (c->lower, level);
  if (rc == SQLITE_BUSY && level <= SQLITE_LOCK_RESERVED)
    vfs_queue_busy (c);
  if (rc != SQLITE_OK)
    return rc;
  if (writer && c->lock < level)
    vfs_queue_had (c);
  else
    vfs_queue_moved (c);
  if (c->lock == SQLITE_LOCK_NONE)
    c->same_log = false;
  /* With a log, others may have written between SHARED and EXCLUSIVE. */
  if (c->lock == SQLITE_LOCK_NONE
      || (level == SQLITE_LOCK_EXCLUSIVE && (c->wal_format || c->nregions)))
    vfs_lock_taken (c);
  if (c->lock < level)
    c->lock = level;
  vfs_stable (c, true);
  return SQLITE_OK;
}

static int
x_unlock (sqlite3_file *file, int level)
{
  struct vfs_connection *c = vfs_connection (file);
  bool writer = c->lock >= SQLITE_LOCK_RESERVED
                && level < SQLITE_LOCK_RESERVED;
  int rc;

  vfs_fetch_stop (c);
  if (!c->checkpointing)
    vfs_write_end (c);
  if (level < SQLITE_LOCK_EXCLUSIVE)
    vfs_wal_release (c);
  if (level == SQLITE_LOCK_NONE)
    {
      vfs_lease_end (c);
      vfs_fetch_return (c);
      vfs_stable (c, c->immutable);
    }
  if (writer)
    vfs_queue_leave (c);
  rc = lower (c)->xUnlock (c->lower, level);
  if (writer)
    vfs_queue_left (c);
  else if (level == SQLITE_LOCK_NONE)
    vfs_queue_ended (c);
  if (c->lock > level)
    c->lock = level;
  return rc;
}

static int
x_check_reserved_lock (sqlite3_file *file, int *result)
{
  struct vfs_connection *c = vfs_connection (file);

  return lower (c)->xCheckReservedLock (c->lower, result);
}

static int
x_sector_size (sqlite3_file *file)
{
  struct vfs_connection *c = vfs_connection (file);

  return lower (c)->xSectorSize ? lower (c)->xSectorSize (c->lower) : 4096;
}

static int
x_device_characteristics (sqlite3_file *file)
{
  struct vfs_connection *c = vfs_connection (file);
  int flags = lower (c)->xDeviceCharacteristics
                  ? lower (c)->xDeviceCharacteristics (c->lower)
                  : 0;

  /* Atomic batches are of one descriptor, and we write by another. */
  if (vfs_has_pool (c))
    flags &= ~SQLITE_IOCAP_BATCH_ATOMIC;
  return flags;
}

static int
x_shm_map (sqlite3_file *file, int region, int size, int extend,
           void volatile **p)
{
  vfs_fetch_stop (vfs_connection (file));
  return vfs_shm_map (vfs_connection (file), region, size, extend, p);
}

static bool
has_slot (int first, int n, int slot)
{
  return first <= slot && slot < first + n;
}

/* Is this the lock under which the log is copied?  Who makes the wal-index anew
 * takes it, too, with the one for that. */
static bool
is_checkpoint (int first, int n, int flags)
{
  return (flags & SQLITE_SHM_EXCLUSIVE) && has_slot (first, n, VFS_SHM_CKPT)
         && !has_slot (first, n, VFS_SHM_RECOVER);
}

/* Is this the lock under which the wal-index is made anew? */
static bool
is_recovery (int first, int n, int flags)
{
  return (flags & SQLITE_SHM_EXCLUSIVE) && has_slot (first, n, VFS_SHM_RECOVER);
}

/* Lock the lower file, in our turn, and when leases are in the way, without
 * them.  Who looks for a mark to read by takes another instead. */
static int
lock_lower_shm (struct vfs_connection *c, int first, int n, int flags)
{
  bool alone = flags & SQLITE_SHM_EXCLUSIVE;
  bool marks = alone && first + n > VFS_SHM_READ;
  int rc;

  if (marks)
    vfs_lease_end (c);
  if (alone && has_slot (first, n, VFS_SHM_WRITE) && !vfs_queue_try (c))
    return SQLITE_BUSY;
  rc = lower (c)->xShmLock (c->lower, first, n, flags);
  if (rc == SQLITE_BUSY && marks && (c->checkpointing || n > 1))
    rc = vfs_lease_recall (c, first, n, flags);
  return rc;
}

static int
lock_shm (struct vfs_connection *c, int first, int n, int flags)
{
  bool mark = (flags & SQLITE_SHM_SHARED) && first >= VFS_SHM_READ;
  bool writer = (flags & SQLITE_SHM_EXCLUSIVE)
                && has_slot (first, n, VFS_SHM_WRITE);
  bool leased = mark && vfs_lease_take (c, first);
  int rc = leased ? SQLITE_OK : lock_lower_shm (c, first, n, flags);

  if (rc == SQLITE_BUSY && writer)
    vfs_queue_busy (c);
  if (rc != SQLITE_OK)
    return rc;
  if (writer)
    vfs_queue_had (c);
  if (mark)
    {
      vfs_queue_moved (c);
      /* While mark 0 is locked no one can change the file. */
      if (!leased || first > VFS_SHM_READ || c->stranger || c->crowded)
        vfs_lock_taken (c);
      c->read_marks |= 1u << first;
    }
  if (writer)
    {
      c->log_locked = true;
      vfs_log_locked (c);
    }
  if (is_recovery (first, n, flags))
    vfs_lease_end_recall (c);
  if (is_checkpoint (first, n, flags))
    {
      vfs_queue_copies (c);
      vfs_lock_taken (c);
      c->checkpointing = true;
      vfs_write_begin (c);
    }
  return SQLITE_OK;
}

static int
unlock_shm (struct vfs_connection *c, int first, int n, int flags)
{
  bool writer = (flags & SQLITE_SHM_EXCLUSIVE)
                && has_slot (first, n, VFS_SHM_WRITE);
  bool mark = (flags & SQLITE_SHM_SHARED) && first >= VFS_SHM_READ;
  int rc;

  if (is_checkpoint (first, n, flags))
    {
      vfs_lease_note_attempt (c); /* before WRITING goes: see lease.c */
      vfs_write_end (c);
      vfs_queue_copied (c);
      c->checkpointing = false;
      c->copy_sync = 0;
    }
  /* A writer that has all marks but the first may have started it anew. */
  if ((flags & SQLITE_SHM_EXCLUSIVE) && first > VFS_SHM_READ && n > 1
      && c->log_locked && !c->checkpointing)
    vfs_log_locked (c);
  /* A wal-index that is made anew says that all was tried: by no stranger. */
  if (is_recovery (first, n, flags))
    vfs_lease_note_attempt (c);
  if (writer)
    {
      vfs_log_unlock (c);
      vfs_wal_release (c);
      c->log_locked = false;
    }
  if (flags & SQLITE_SHM_SHARED)
    c->read_marks &= ~(1u << first);
  if (mark && vfs_lease_keep (c, first))
    return SQLITE_OK;
  if (mark)
    vfs_fetch_return (c);
  if (writer)
    {
      vfs_lease_note_commit (c);
      vfs_queue_leave (c);
    }
  rc = lower (c)->xShmLock (c->lower, first, n, flags);
  if (writer)
    vfs_queue_left (c);
  if (mark)
    vfs_lease_unlocked (c);
  return rc;
}

static int __attribute__ ((noinline))
change_shm_lock (struct vfs_connection *c, int first, int n, int flags)
{
  vfs_fetch_stop (c);
  return flags & SQLITE_SHM_LOCK ? lock_shm (c, first, n, flags)
                                 : unlock_shm (c, first, n, flags);
}

/* Most often a transaction begins, or ends, that reads under mark 0, which is
 * leased.  As no one can change the file while that is locked, what was found of
 * it still holds. */
static int
x_shm_lock (sqlite3_file *file, int first, int n, int flags)
{
  struct vfs_connection *c = vfs_connection (file);
  uint64_t limit;

  if (first == VFS_SHM_READ && flags == (SQLITE_SHM_LOCK | SQLITE_SHM_SHARED)
      && (limit = c->kept_limit) != 0 && vfs_lease_take (c, first))
    {
      vfs_queue_moved (c);
      c->read_marks |= MARK_0;
      c->fetch_limit = limit;
      return SQLITE_OK;
    }
  if (first == VFS_SHM_READ && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED)
      && c->read_marks == MARK_0 && (limit = c->fetch_limit) != 0
      && vfs_lease_keep (c, first))
    {
      c->read_marks = 0;
      c->fetch_limit = 0;
      c->kept_limit = limit;
      return SQLITE_OK;
    }
  return change_shm_lock (c, first, n, flags);
}

static void
x_shm_barrier (sqlite3_file *file)
{
  struct vfs_connection *c = vfs_connection (file);

  /* os_unix's is a fence, "also mutex, for redundancy", twice in each
   * transaction: some 4% of a point select, by a profile. */
  if (c->over_unix)
    atomic_thread_fence (memory_order_seq_cst);
  else
    lower (c)->xShmBarrier (c->lower);
}

static int
x_shm_unmap (sqlite3_file *file, int delete_file)
{
  struct vfs_connection *c = vfs_connection (file);

  vfs_fetch_stop (c);
  vfs_lease_close (c);
  vfs_fetch_return (c);
  vfs_wal_release (c);
  c->log_locked = false;
  c->begins_log = false;
  vfs_shm_forget (c);
  return lower (c)->xShmUnmap (c->lower, delete_file);
}

static int
x_fetch (sqlite3_file *file, sqlite3_int64 offset, int amount, void **data)
{
  struct vfs_connection *c = vfs_connection (file);

  return c->shared ? vfs_fetch (c, offset, amount, data)
                   : lower (c)->xFetch (c->lower, offset, amount, data);
}

static int
x_unfetch (sqlite3_file *file, sqlite3_int64 offset, void *data)
{
  struct vfs_connection *c = vfs_connection (file);

  return c->shared ? vfs_unfetch (c, offset, data)
                   : lower (c)->xUnfetch (c->lower, offset, data);
}

/* SQLite does less with a file of a lower version, or without shared memory:
 * ours has what the lower one has. */
#define METHODS(version, shm)                                                 \
  {                                                                           \
    version, x_close, x_read, x_write, x_truncate, x_sync, x_file_size,       \
    x_lock, x_unlock, x_check_reserved_lock, vfs_file_control, x_sector_size, \
    x_device_characteristics, shm (x_shm_map), shm (x_shm_lock),              \
    shm (x_shm_barrier), shm (x_shm_unmap), x_fetch, x_unfetch                \
  }
#define WITH(method) method
#define WITHOUT(method) NULL

bool
vfs_file_is_ours (const sqlite3_file *file)
{
  return file && file->pMethods && file->pMethods->xClose == x_close;
}

const sqlite3_io_methods *
vfs_file_methods (const sqlite3_file *file)
{
  static const sqlite3_io_methods with[] = {
    METHODS (1, WITHOUT), METHODS (2, WITH), METHODS (3, WITH),
  };
  static const sqlite3_io_methods without[] = {
    METHODS (1, WITHOUT), METHODS (2, WITHOUT), METHODS (3, WITHOUT),
  };
  int version = file->pMethods->iVersion;

  if (version > 3)
    version = 3;
  return version >= 2 && file->pMethods->xShmMap ? &with[version - 1]
                                                 : &without[version - 1];
}
