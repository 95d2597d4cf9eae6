/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another VFS above ours may keep the wal-index and its locks to itself: ours
 * then does not see when a read begins or a checkpoint is done, and must not
 * serve pages that are no longer right.
 */
#include "vfs.h"

#define REGIONS 8
#define LOCKS 8

/* The shim: files of the VFS "oriel", with shared memory of this process. */
struct shim_file {
  sqlite3_file base;
  int exclusive;                /* a bit for each lock that we hold */
  int shared;
  sqlite3_file lower[];
};

static sqlite3_vfs *lower_vfs;
static char regions[REGIONS][32768];
static int readers[LOCKS];
static int writers[LOCKS];

static sqlite3_file *
lower (sqlite3_file *file)
{
  return ((struct shim_file *) file)->lower;
}

static int
s_close (sqlite3_file *f)
{
  return lower (f)->pMethods->xClose (lower (f));
}

static int
s_read (sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
  return lower (f)->pMethods->xRead (lower (f), data, n, at);
}

static int
s_write (sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
  return lower (f)->pMethods->xWrite (lower (f), data, n, at);
}

static int
s_truncate (sqlite3_file *f, sqlite3_int64 size)
{
  return lower (f)->pMethods->xTruncate (lower (f), size);
}

static int
s_sync (sqlite3_file *f, int flags)
{
  return lower (f)->pMethods->xSync (lower (f), flags);
}

static int
s_size (sqlite3_file *f, sqlite3_int64 *size)
{
  return lower (f)->pMethods->xFileSize (lower (f), size);
}

static int
s_lock (sqlite3_file *f, int level)
{
  return lower (f)->pMethods->xLock (lower (f), level);
}

static int
s_unlock (sqlite3_file *f, int level)
{
  return lower (f)->pMethods->xUnlock (lower (f), level);
}

static int
s_reserved (sqlite3_file *f, int *result)
{
  return lower (f)->pMethods->xCheckReservedLock (lower (f), result);
}

static int
s_control (sqlite3_file *f, int op, void *arg)
{
  return lower (f)->pMethods->xFileControl (lower (f), op, arg);
}

static int
s_sector (sqlite3_file *f)
{
  return lower (f)->pMethods->xSectorSize (lower (f));
}

static int
s_device (sqlite3_file *f)
{
  return lower (f)->pMethods->xDeviceCharacteristics (lower (f));
}

static int
s_shm_map (sqlite3_file *f, int region, int size, int extend,
           void volatile **p)
{
  (void) f, (void) size, (void) extend;
  *p = regions[region];
  return SQLITE_OK;
}

static int
s_shm_lock (sqlite3_file *f, int first, int n, int flags)
{
  struct shim_file *s = (struct shim_file *) f;

  for (int i = first; i < first + n && (flags & SQLITE_SHM_LOCK); i++)
    if (writers[i] - (s->exclusive >> i & 1)
        || ((flags & SQLITE_SHM_EXCLUSIVE)
            && readers[i] - (s->shared >> i & 1)))
      return SQLITE_BUSY;
  for (int i = first; i < first + n; i++) {
    int *mask = flags & SQLITE_SHM_EXCLUSIVE ? &s->exclusive : &s->shared;
    int *count = flags & SQLITE_SHM_EXCLUSIVE ? &writers[i] : &readers[i];
    int want = (flags & SQLITE_SHM_LOCK) != 0;

    *count += want - (*mask >> i & 1);
    *mask = (*mask & ~(1 << i)) | want << i;
  }
  return SQLITE_OK;
}

static void
s_shm_barrier (sqlite3_file *f)
{
  (void) f;
  atomic_thread_fence (memory_order_seq_cst);
}

static int
s_shm_unmap (sqlite3_file *f, int delete)
{
  (void) f, (void) delete;
  return SQLITE_OK;
}

static int
s_fetch (sqlite3_file *f, sqlite3_int64 at, int n, void **p)
{
  return lower (f)->pMethods->xFetch (lower (f), at, n, p);
}

static int
s_unfetch (sqlite3_file *f, sqlite3_int64 at, void *p)
{
  return lower (f)->pMethods->xUnfetch (lower (f), at, p);
}

static const sqlite3_io_methods methods = {
  3, s_close, s_read, s_write, s_truncate, s_sync, s_size, s_lock, s_unlock,
  s_reserved, s_control, s_sector, s_device, s_shm_map, s_shm_lock,
  s_shm_barrier, s_shm_unmap, s_fetch, s_unfetch
};

static int
s_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
        int *out)
{
  struct shim_file *s = (struct shim_file *) file;
  int rc;

  (void) vfs;
  if (!(flags & SQLITE_OPEN_MAIN_DB))
    return lower_vfs->xOpen (lower_vfs, name, file, flags, out);
  memset (s, 0, sizeof *s);
  rc = lower_vfs->xOpen (lower_vfs, name, s->lower, flags, out);
  s->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
  return rc;
}

static void
register_shim (void)
{
  static sqlite3_vfs shim;

  oriel_vfs_register (0);
  lower_vfs = sqlite3_vfs_find ("oriel");
  shim = *lower_vfs;
  shim.zName = "shim";
  shim.pNext = NULL;
  shim.szOsFile += (int) sizeof (struct shim_file);
  shim.xOpen = s_open;
  sqlite3_vfs_register (&shim, 0);
}

int
main (void)
{
  const char *path = scratch_file ("shim.db");
  sqlite3 *a;
  sqlite3 *b;
  int stale = 0;

  register_shim ();
  a = must_open_db (path, "shim", POOL);
  b = must_open_db (path, "shim", POOL);
  ok (strncmp (text_of (a, "PRAGMA oriel_status"), "pool ", 5) == 0,
      "the shim's database has a pool");
  run (a, "PRAGMA cache_size = 0; PRAGMA journal_mode = WAL;"
          "PRAGMA synchronous = OFF; CREATE TABLE t (x, filler);"
          "INSERT INTO t VALUES (0, zeroblob (20000))");
  run (b, "PRAGMA cache_size = 0; PRAGMA mmap_size = 1000000");
  for (int i = 1; i < 200; i++) {
    run (i % 3 ? a : b, "UPDATE t SET x = %d", i);
    if (i % 4 == 0)
      run (i % 8 ? a : b, "PRAGMA wal_checkpoint (%s)",
           i % 16 ? "PASSIVE" : "RESTART");
    stale += number_of (a, "SELECT x FROM t") != i;
    stale += number_of (b, "SELECT x FROM t") != i;
  }
  is_int (stale, 0, "no connection reads what is old");
  is_str (text_of (a, "PRAGMA integrity_check"), "ok", "integrity_check");
  close_db (a);
  run (b, "PRAGMA journal_mode = DELETE; UPDATE t SET x = -1");
  is_int (number_of (b, "SELECT x FROM t"), -1, "after a change of mode");
  close_db (b);
  a = open_oriel (path);
  is_int (number_of (a, "SELECT x FROM t"), -1, "and without the shim");
  close_db (a);
  return done_testing ();
}
