/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wal-map.c - the log's frames are read from a mapping
 *
 * A page by pread(2) from the page cache took 900 ns of CPU time here, and 130
 * by a copy from memory that is mapped there, which a log that is overwritten
 * from its beginning stays.  (Linux 6.18, KVM, 2026-11-23.)
 *
 * The mapping is the default VFS's, by its xFetch: so it is of the very file
 * that it has open, whatever has become of the name, and takes no descriptor.
 * One pointer, to the file's beginning, is held for as long as it is used; with
 * that held the default VFS changes nothing of the mapping.
 *
 * WHAT HAS TO HOLD
 *
 * 1. No signal.  Where the file was cut, or the disk cannot be read, a touch is
 *    a SIGBUS.  oriel_copy() ends then, and the read is made by pread(2), which
 *    says what is the matter.  It refuses where the signal would kill the thread,
 *    or go to another handler, and then nothing is mapped any more, for whatever
 *    thread comes next.  The default VFS copies without such care what it has
 *    mapped, so it is asked to read only what lies behind that, or when nothing
 *    is mapped; and nothing is where it also writes there
 *    (SQLITE_MMAP_READWRITE).
 * 2. A read beyond the file's end is short.  In a mapping the rest of the last
 *    page is zeroes, and what a cut takes away of a page is made zero.  So if the
 *    last byte that was read is not zero, the file was long enough; if it is, the
 *    size is looked at.
 * 3. What others write is seen at once.  So only where write(2) and mappings
 *    share the page cache: file systems of this machine's own.  On an overlay
 *    that also wants a file that is open for writing, as the mapping of another
 *    stays with the layer beneath when the file is copied up.
 * 4. Address space is bounded, and a growing log is seldom mapped anew: not
 *    before something is read that lies an eighth behind what is mapped.
 *
 * No locks: a connection and its log are used by one thread at a time.
 */
#include <errno.h>
#include <string.h>
#include <sys/vfs.h>

#include "vfs.h"

/* Sixteen times what makes a checkpoint begin, by default; where addresses are
 * scarce, once. */
#define MAPPED_MAX ((sqlite3_int64) (sizeof (void *) > 4 ? 64 : 4) << 20)

/* What the kernel maps at once around a page that is touched. */
#define ROUND ((sqlite3_int64) 65536)

/* os_unix gives no pointers to the last bytes of what it has mapped. */
#define BEHIND 256

/* Magic numbers: ext2 to 4, XFS, Btrfs, F2FS, bcachefs, tmpfs, overlayfs. */
static bool
is_coherent (const char *name)
{
  static const unsigned long types[] = {
    0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0xca451a4e, 0x01021994,
    0x794c7630,
  };
  struct statfs fs;

  if (statfs (name, &fs) < 0)
    return false;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if ((uint32_t) fs.f_type == types[i])
      return true;
  return false;
}

/* Does the default VFS write by mappings?  A build may leave out the options, and
 * then says nothing of this one. */
static bool
writes_mapped (void)
{
#ifdef SQLITE_CORE
  extern int sqlite3_compileoption_used (const char *) __attribute__ ((weak));
#endif

  return !sqlite3_compileoption_used
         || sqlite3_compileoption_used ("MMAP_READWRITE");
}

void
vfs_wal_map_init (struct vfs_wal_map *m, const struct vfs_connection *c,
                  const char *name, const sqlite3_file *log, int flags)
{
  if (vfs_has_pool (c) && c->over_unix && (flags & SQLITE_OPEN_READWRITE)
      && log->pMethods->iVersion >= 3 && !writes_mapped ()
      && is_coherent (name))
    m->pool = c->shared->pool->pool;
}

void
vfs_wal_map_end (struct vfs_wal_map *m, sqlite3_file *log)
{
  if (!m->at)
    return;
  log->pMethods->xUnfetch (log, 0, m->at);
  log->pMethods->xUnfetch (log, 0, NULL);
  m->at = NULL;
  m->bytes = 0;
  m->again = 0;
}

/* Map the file's beginning: as much as the default VFS is allowed to map, so that
 * we know how much it has. */
static void
begin (struct vfs_wal_map *m, sqlite3_file *log)
{
  sqlite3_int64 size, limit;
  void *at = NULL;

  vfs_wal_map_end (m, log);
  if (log->pMethods->xFileSize (log, &size) != SQLITE_OK)
    return;
  size = size < MAPPED_MAX ? size - size % ROUND : MAPPED_MAX;
  limit = size;
  if (size > 0
      && log->pMethods->xFileControl (log, SQLITE_FCNTL_MMAP_SIZE, &limit)
             == SQLITE_OK)
    log->pMethods->xFetch (log, 0, (int) (size - BEHIND), &at);
  if (at)
    {
      m->at = at;
      m->bytes = size;
    }
  else if (size > 0)
    log->pMethods->xUnfetch (log, 0, NULL);
  if (size < MAPPED_MAX)
    m->again = size + (size / 8 > ROUND ? size / 8 : ROUND);
  else
    m->again = INT64_MAX;
}

static int
read_mapped (struct vfs_wal_map *m, sqlite3_file *log, void *data, int amount,
             sqlite3_int64 offset)
{
  sqlite3_int64 end = offset + amount;
  sqlite3_int64 size;
  int n = end <= m->bytes ? amount : (int) (m->bytes - offset);
  int r = oriel_copy (m->pool, data, m->at + offset, (size_t) n);

  if (r == -EOPNOTSUPP)
    m->pool = NULL;
  if (r < 0)
    return SQLITE_IOERR;
  if (n < amount)
    return log->pMethods->xRead (log, (char *) data + n, amount - n, m->bytes);
  if (((char *) data)[amount - 1] != 0)
    return SQLITE_OK;
  if (log->pMethods->xFileSize (log, &size) == SQLITE_OK && size >= end)
    return SQLITE_OK;
  return SQLITE_IOERR;
}

int
vfs_wal_map_read (struct vfs_wal_map *m, sqlite3_file *log, void *data,
                  int amount, sqlite3_int64 offset)
{
  sqlite3_int64 end = offset + amount;

  if (!m->pool)
    return log->pMethods->xRead (log, data, amount, offset);
  if (end > m->bytes && end > m->again)
    begin (m, log);
  if (offset < m->bytes)
    {
      if (read_mapped (m, log, data, amount, offset) == SQLITE_OK)
        return SQLITE_OK;
      vfs_wal_map_end (m, log);
    }
  return log->pMethods->xRead (log, data, amount, offset);
}
