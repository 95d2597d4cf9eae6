/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wal.c - the log's file: appends gather
 *
 * SQLite writes each frame of the log by two calls, a header of 24 bytes and a
 * page.  Here they are collected, and go out by one write of the default VFS's
 * when the commit frame is complete (its header has the database's size, where
 * others have 0), or when there is no room for more.  (Each frame in the page
 * cache: 990 ns by two calls, 680 by one, 305 by one for 31 frames.)
 *
 * WHAT HAS TO HOLD
 *
 * 1. No frame is published that is not in the file, and an error is told to
 *    who can still undo the commit: so the write is made by the xWrite that
 *    completes the commit frame.  Later would be too late: what SQLite does
 *    next may be xShmBarrier, which cannot fail, or with a wal-index in the
 *    heap nothing at all.  What is gathered is therefore never published.
 * 2. The file gets what SQLite asked to be written in the order in which it
 *    asked.  Only what follows on what is gathered joins it, or a page that
 *    replaces one that is gathered.  Anything else goes to the file by itself,
 *    after what was gathered: the log's header, padding, the headers that are
 *    written again with new checksums.
 * 3. A write that was not made is not made later.  Frames of a transaction that
 *    was rolled back are forgotten before the lock goes that lets us write,
 *    since after that someone else writes in their place.  So nothing is
 *    gathered unless we see that lock: the wal-index's WRITE, or EXCLUSIVE.
 * 4. After a write has failed, what was gathered is forgotten.  SQLite rolls
 *    the transaction back then, and a commit frame that came to the file after
 *    all would bring it back at the next recovery.  But a read that first has
 *    to write forgets nothing: the transaction goes on without what it read.
 *
 * A header may join what is gathered only if it begins a frame.  Those that are
 * written again lie before the last commit frame's end, so a header from next
 * on begins one.  One that lies before is taken for such if the page comes
 * right behind it: after a rollback, or when another process has started the
 * log anew.  Its frame goes to the file by itself, and those behind it gather.
 *
 * HOW THE TWO FILES FIND EACH OTHER
 *
 * SQLite opens the log by the name that sqlite3_filename_wal() gives for the
 * name by which it opened the database: the same address.  A log whose main
 * file is not found is the default VFS's alone.
 *
 * WHY THE POOL DOES NOT HOLD FRAMES
 *
 * The kernel's page cache has the log, since it was written there, and shares
 * it between processes: a reader whose private cache was invalidated finds its
 * frames in memory.  A frame costs 465 ns by pread(2) and 195 by oriel_read(),
 * but it has to come into the pool first: 2.4 us if it is read from the file,
 * and if it is put there when it is written, an append costs 1.1 us for each
 * frame and not 0.45.  That is paid back from the ninth read on, or the third.
 * Counted (strace): two terminals of TPC-C wrote 4500 frames and read 2757 of
 * them 3683 times; four processes with 5% updates of random rows read 1000
 * frames 2601 times, 7% of all pages that they read; with rows by zipf(0.99)
 * 432 frames 6290 times, 20%.  The last is the best case seen, and there the
 * pool would save 0.05 us of a transaction of 4 us; in the others it would cost
 * more than it gives.  And frames would lie in memory twice, or have to be
 * dropped from the page cache, and strangers would read them from the disk.  A
 * checkpoint reads a page once.  Nor could a frame be had without a copy: SQLite
 * asks for pointers into the database only, and reads the log by xRead.  From
 * a mapping, as wal-map.c has it, a read of the file is no dearer than the pool's.
 *
 * Locks: the list's mutex is a leaf.  A connection and its log are used by one
 * thread at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "vfs.h"

#define LOG_HEADER 32
#define FRAME_HEADER 24

/* The default VFS writes no more than 128 KiB - 1 by one system call; 31 frames
 * of 4 KiB fit, and one of 64 KiB. */
#define CAPACITY ((sqlite3_int64) 127 * 1024)

struct vfs_wal {
  sqlite3_file *lower;          /* behind this struct */
  struct vfs_connection *main;  /* NULL: it was closed */
  unsigned generation;          /* vfs_generation at open */
  sqlite3_int64 page_size;      /* 0: not known */
  sqlite3_int64 next;           /* the end of what was written last */
  /* What is gathered: length bytes for the file's offset start. */
  char *buffer;
  sqlite3_int64 start;
  sqlite3_int64 length;
  /* The header written last, until its page comes. */
  sqlite3_int64 page_at;        /* where that belongs; 0: there is none */
  bool commit;                  /* it is a commit frame */
  struct vfs_wal_map map;       /* reads */
};

struct wal_handle {
  sqlite3_file base;
  struct vfs_wal *wal;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct vfs_connection *connections;

static struct vfs_wal *
wal_of (sqlite3_file *file)
{
  return ((struct wal_handle *) file)->wal;
}

/* ------------------------------------------------------------------ */
/* Main files                                                         */

void
vfs_wal_expect (struct vfs_connection *c, const char *name)
{
  c->wal_name = sqlite3_filename_wal (name);
  pthread_mutex_lock (&mutex);
  c->wal_next = connections;
  if (connections)
    connections->wal_at = &c->wal_next;
  c->wal_at = &connections;
  connections = c;
  pthread_mutex_unlock (&mutex);
}

void
vfs_wal_forget (struct vfs_connection *c)
{
  pthread_mutex_lock (&mutex);
  /* A forked child has a list of its own. */
  if (c->generation == vfs_generation)
    {
      *c->wal_at = c->wal_next;
      if (c->wal_next)
        c->wal_next->wal_at = c->wal_at;
    }
  pthread_mutex_unlock (&mutex);
  if (c->wal)
    {
      /* The pool may go with it. */
      vfs_wal_map_end (&c->wal->map, c->wal->lower);
      c->wal->map.pool = NULL;
      c->wal->main = NULL;
    }
}

static struct vfs_connection *
find_main (const char *wal_name)
{
  struct vfs_connection *c;

  pthread_mutex_lock (&mutex);
  for (c = connections; c; c = c->wal_next)
    if (c->wal_name == wal_name && c->generation == vfs_generation)
      break;
  pthread_mutex_unlock (&mutex);
  return c;
}

void
vfs_wal_child (void)
{
  connections = NULL;
  pthread_mutex_init (&mutex, NULL);
}

/* ------------------------------------------------------------------ */
/* Gathering                                                          */

static void
forget (struct vfs_wal *w)
{
  w->length = 0;
  w->page_at = 0;
}

void
vfs_wal_release (struct vfs_connection *c)
{
  if (c->wal)
    forget (c->wal);
}

/* From the file. */
static int
read_lower (struct vfs_wal *w, void *data, int amount, sqlite3_int64 offset)
{
  return vfs_wal_map_read (&w->map, w->lower, data, amount, offset);
}

static int
flush (struct vfs_wal *w)
{
  int rc;

  if (w->length == 0 || w->generation != vfs_generation)
    return SQLITE_OK;
  rc = w->lower->pMethods->xWrite (w->lower, w->buffer, (int) w->length,
                                   w->start);
  if (rc == SQLITE_OK)
    w->length = 0;
  return rc;
}

static int
flush_or_forget (struct vfs_wal *w)
{
  int rc = flush (w);

  if (rc != SQLITE_OK)
    forget (w);
  return rc;
}

static bool
may_gather (const struct vfs_wal *w)
{
  const struct vfs_connection *c = w->main;

  return c && w->generation == vfs_generation
         && (c->log_locked || c->lock == SQLITE_LOCK_EXCLUSIVE);
}

static uint32_t
big_endian (const void *data)
{
  const unsigned char *b = data;

  return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8
         | b[3];
}

bool
vfs_wal_sum (struct vfs_connection *c, uint32_t frame, uint64_t *sum)
{
  struct vfs_wal *w = c->wal;
  unsigned char head[LOG_HEADER];
  sqlite3_int64 size;

  if (!w || w->generation != vfs_generation || frame == 0
      || read_lower (w, head, LOG_HEADER, 0) != SQLITE_OK)
    return false;
  size = big_endian (head + 8);
  if (read_lower (w, head, FRAME_HEADER,
                  LOG_HEADER + (frame - 1) * (size + FRAME_HEADER))
      != SQLITE_OK)
    return false;
  *sum = (uint64_t) big_endian (head + 16) << 32 | big_endian (head + 20);
  return true;
}

/* The header, with the new salts, is what the first writer writes first; who
 * truncates a log leaves none. */
bool
vfs_wal_is_unwritten (struct vfs_connection *c, uint64_t salts)
{
  struct vfs_wal *w = c->wal;
  unsigned char head[LOG_HEADER];
  sqlite3_int64 size;
  uint32_t half[2];

  if (!w || w->generation != vfs_generation
      || w->lower->pMethods->xFileSize (w->lower, &size) != SQLITE_OK)
    return false;
  if (size == 0)
    return true;
  if (read_lower (w, head, LOG_HEADER, 0) != SQLITE_OK)
    return false;
  memcpy (half, head + 16, sizeof half);
  return ((uint64_t) half[0] << 32 | half[1]) == salts;
}

static void
learn_page_size (struct vfs_wal *w, const void *log_header)
{
  uint32_t size = big_endian ((const char *) log_header + 8);

  w->page_size = size >= 512 && size <= 65536 && (size & (size - 1)) == 0
                     ? size
                     : 0;
}

/* Could these bytes be a frame's header? */
static bool
is_header (struct vfs_wal *w, int amount, sqlite3_int64 offset)
{
  char header[LOG_HEADER];

  if (amount != FRAME_HEADER)
    return false;
  if (w->page_size == 0
      && read_lower (w, header, sizeof header, 0) == SQLITE_OK)
    learn_page_size (w, header);
  return w->page_size != 0 && offset >= LOG_HEADER
         && (offset - LOG_HEADER) % (FRAME_HEADER + w->page_size) == 0;
}

static bool
is_inside (const struct vfs_wal *w, int amount, sqlite3_int64 offset)
{
  return w->length > 0 && offset >= w->start
         && offset + amount <= w->start + w->length;
}

static void
append (struct vfs_wal *w, const void *data, int amount, sqlite3_int64 offset)
{
  if (w->length == 0)
    w->start = offset;
  memcpy (w->buffer + w->length, data, (size_t) amount);
  w->length += amount;
  w->next = offset + amount;
}

/* A header that begins a frame.  *gathered says whether it was taken. */
static int
gather_header (struct vfs_wal *w, const void *data, sqlite3_int64 offset,
               bool *gathered)
{
  int rc = SQLITE_OK;

  *gathered = false;
  if (!w->buffer)
    w->buffer = malloc ((size_t) CAPACITY);
  if (!w->buffer)
    return SQLITE_OK;
  /* SQLite has gone back to a savepoint: what is behind is void.  It goes to the
   * file all the same, as SQLite may yet read a checksum there (3.40 does, at
   * the commit, if the savepoint's pages had been written twice). */
  if (is_inside (w, FRAME_HEADER, offset))
    {
      rc = flush_or_forget (w);
      w->next = offset;
    }
  if (rc != SQLITE_OK || offset < w->next)
    return rc;
  if (w->length > 0
      && (offset != w->start + w->length
          || w->length + FRAME_HEADER + w->page_size > CAPACITY))
    rc = flush_or_forget (w);
  if (rc == SQLITE_OK)
    {
      append (w, data, FRAME_HEADER, offset);
      *gathered = true;
    }
  return rc;
}

/* To the file, after what was gathered. */
static int
write_through (struct vfs_wal *w, const void *data, int amount,
               sqlite3_int64 offset, bool page)
{
  int rc = flush_or_forget (w);

  if (rc == SQLITE_OK)
    rc = w->lower->pMethods->xWrite (w->lower, data, amount, offset);
  if (rc != SQLITE_OK)
    return rc;
  if (offset == 0 && amount == LOG_HEADER)
    {
      learn_page_size (w, data);
      w->next = LOG_HEADER;
    }
  else if (page || offset + amount > w->next)
    w->next = offset + amount;
  return SQLITE_OK;
}

static int
x_write (sqlite3_file *file, const void *data, int amount,
         sqlite3_int64 offset)
{
  struct vfs_wal *w = wal_of (file);
  bool page = w->page_at != 0 && offset == w->page_at;
  bool gathered = false;
  int rc = SQLITE_OK;

  w->page_at = 0;
  if (!may_gather (w))
    return write_through (w, data, amount, offset, page);
  if (is_header (w, amount, offset))
    {
      rc = gather_header (w, data, offset, &gathered);
      w->commit = big_endian ((const char *) data + 4) != 0;
      if (rc == SQLITE_OK && !gathered)
        rc = write_through (w, data, amount, offset, false);
      if (rc == SQLITE_OK)
        w->page_at = offset + FRAME_HEADER;
      return rc;
    }
  if (page && amount <= w->page_size && w->length > 0
      && offset == w->start + w->length)
    {
      append (w, data, amount, offset);
      /* Part of a page: the rest comes after a sync. */
      return w->commit || amount < w->page_size ? flush_or_forget (w) : rc;
    }
  if (is_inside (w, amount, offset))
    {
      memcpy (w->buffer + (offset - w->start), data, (size_t) amount);
      return SQLITE_OK;
    }
  return write_through (w, data, amount, offset, page);
}

static int
x_read (sqlite3_file *file, void *data, int amount, sqlite3_int64 offset)
{
  struct vfs_wal *w = wal_of (file);
  int rc = SQLITE_OK;

  w->page_at = 0;
  if (is_inside (w, amount, offset))
    {
      memcpy (data, w->buffer + (offset - w->start), (size_t) amount);
      return SQLITE_OK;
    }
  if (w->length > 0 && offset + amount > w->start)
    rc = flush (w);
  return rc == SQLITE_OK ? read_lower (w, data, amount, offset) : rc;
}

/* ------------------------------------------------------------------ */
/* The other methods                                                  */

static int
x_close (sqlite3_file *file)
{
  struct vfs_wal *w = wal_of (file);
  int rc = SQLITE_OK;

  file->pMethods = NULL;
  if (w->main)
    w->main->wal = NULL;
  vfs_wal_map_end (&w->map, w->lower);
  if (w->lower->pMethods)
    rc = w->lower->pMethods->xClose (w->lower);
  free (w->buffer);
  free (w);
  return rc;
}

static int
x_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  struct vfs_wal *w = wal_of (file);
  int rc = flush_or_forget (w);

  vfs_wal_map_end (&w->map, w->lower);
  return rc == SQLITE_OK ? w->lower->pMethods->xTruncate (w->lower, size) : rc;
}

static int
x_sync (sqlite3_file *file, int flags)
{
  struct vfs_wal *w = wal_of (file);
  int rc = flush_or_forget (w);

  if (rc == SQLITE_OK)
    rc = w->lower->pMethods->xSync (w->lower, flags);
  if (rc == SQLITE_OK && w->main && w->main->checkpointing)
    w->main->copy_sync = flags;
  return rc;
}

static int
x_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  struct vfs_wal *w = wal_of (file);
  int rc = flush_or_forget (w);

  return rc == SQLITE_OK ? w->lower->pMethods->xFileSize (w->lower, size) : rc;
}

static int
x_lock (sqlite3_file *file, int level)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xLock (w->lower, level);
}

static int
x_unlock (sqlite3_file *file, int level)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xUnlock (w->lower, level);
}

static int
x_check_reserved_lock (sqlite3_file *file, int *result)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xCheckReservedLock (w->lower, result);
}

static int
x_file_control (sqlite3_file *file, int op, void *arg)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xFileControl (w->lower, op, arg);
}

static int
x_sector_size (sqlite3_file *file)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xSectorSize
             ? w->lower->pMethods->xSectorSize (w->lower)
             : 4096;
}

static int
x_device_characteristics (sqlite3_file *file)
{
  struct vfs_wal *w = wal_of (file);

  return w->lower->pMethods->xDeviceCharacteristics
             ? w->lower->pMethods->xDeviceCharacteristics (w->lower)
             : 0;
}

/* SQLite neither maps a log nor locks it. */
static const sqlite3_io_methods methods = {
  .iVersion = 1,
  .xClose = x_close,
  .xRead = x_read,
  .xWrite = x_write,
  .xTruncate = x_truncate,
  .xSync = x_sync,
  .xFileSize = x_file_size,
  .xLock = x_lock,
  .xUnlock = x_unlock,
  .xCheckReservedLock = x_check_reserved_lock,
  .xFileControl = x_file_control,
  .xSectorSize = x_sector_size,
  .xDeviceCharacteristics = x_device_characteristics,
};

/* What follows struct vfs_wal in memory: the lower file. */
#define WAL_BYTES ((sizeof (struct vfs_wal) + 15) & ~(size_t) 15)

int
vfs_wal_open (const char *name, sqlite3_file *file, int flags, int *out_flags)
{
  struct vfs_connection *c = find_main (name);
  struct vfs_wal *w;
  int got = flags;
  int rc;

  if (!c || c->wal)
    return vfs_lower->xOpen (vfs_lower, name, file, flags, out_flags);
  file->pMethods = NULL;
  w = calloc (1, WAL_BYTES + (size_t) vfs_lower->szOsFile);
  if (!w)
    return SQLITE_NOMEM;
  w->lower = (sqlite3_file *) ((char *) w + WAL_BYTES);
  rc = vfs_lower->xOpen (vfs_lower, name, w->lower, flags, &got);
  if (out_flags)
    *out_flags = got;
  if (rc != SQLITE_OK)
    {
      if (w->lower->pMethods)
        w->lower->pMethods->xClose (w->lower);
      free (w);
      return rc;
    }
  w->main = c;
  w->generation = vfs_generation;
  vfs_wal_map_init (&w->map, c, name, w->lower, got);
  c->wal = w;
  ((struct wal_handle *) file)->wal = w;
  file->pMethods = &methods;
  return SQLITE_OK;
}
