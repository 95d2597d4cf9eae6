/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.c - what a program of SQLite's gets linked with, to run on Oriel
 *
 * SQLite is built with -DSQLITE_EXTRA_INIT=orl_test_init, and so calls that at
 * the end of each sqlite3_initialize(): our VFS becomes the default.  With
 * -DORL_STOCK the function does nothing, for the same program without us.
 *
 * SQLite's tests have the default VFS simulate I/O errors and full disks, by
 * counters that its os_unix.c has (built with SQLITE_TEST; see its
 * os_common.h).  What Oriel reads and writes by itself does not come by there.
 * So the files of vfs/ are compiled with -Doriel_read=orl_test_read and so on,
 * which brings them here:
 * - a read or write that is to fail fails at once, and so goes to the lower
 *   file, which counts it and fails, too; any other is counted here;
 * - a flush, which stock does not have, counts as one more write.
 *
 * ORIEL_TEST_LOG names a file to which the VFS's messages are added: that is
 * how run.py learns that a database was not opened through the pool.
 *
 * No locks: the counters are SQLite's, for tests of one thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

int orl_test_init (const char *unused);

#ifdef ORL_STOCK

int
orl_test_init (const char *unused)
{
  (void) unused;
  return SQLITE_OK;
}

#else

#include "oriel.h"
#include "oriel_vfs.h"

void orl_test_log (int code, const char *format, ...);
int orl_test_read (oriel_file *file, uint64_t offset, void *data,
                   size_t length, size_t *got);
int orl_test_write (oriel_file *file, uint64_t offset, const void *data,
                    size_t length);
int orl_test_flush (oriel_file *file);
int orl_test_copy (oriel_pool *pool, void *to, const void *from, size_t n);

int
orl_test_init (const char *unused)
{
  int rc = oriel_vfs_register (1);

  (void) unused;
  /* It wants no byte allocated when a test begins, and SQLite has 24 for the
   * list of what to call for each new connection: our tables. */
  if (strcmp (program_invocation_short_name, "fuzzcheck") == 0)
    sqlite3_reset_auto_extension ();
  return rc;
}

void
orl_test_log (int code, const char *format, ...)
{
  const char *path = getenv ("ORIEL_TEST_LOG");
  FILE *file = path ? fopen (path, "a") : NULL;
  char text[512];
  va_list ap;

  va_start (ap, format);
  sqlite3_vsnprintf (sizeof text, text, format, ap);
  va_end (ap);
  if (file)
    {
      fprintf (file, "%d %s\n", code, text);
      fclose (file);
    }
  sqlite3_log (code, "%s", text);
}

/* Programs that are built without SQLITE_TEST have none: zeroes then. */
#define COUNTER __attribute__ ((weak)) int

COUNTER sqlite3_io_error_hit;
COUNTER sqlite3_io_error_hardhit;
COUNTER sqlite3_io_error_pending;
COUNTER sqlite3_io_error_persist;
COUNTER sqlite3_io_error_benign;
COUNTER sqlite3_diskfull_pending;
COUNTER sqlite3_diskfull;

/* Would SimulateIOError() fail now? */
static bool
fails (void)
{
  return (sqlite3_io_error_persist && sqlite3_io_error_hit)
         || sqlite3_io_error_pending == 1;
}

/* One more that did not. */
static void
count (void)
{
  sqlite3_io_error_pending--;
}

static void
hit (void)
{
  sqlite3_io_error_hit++;
  if (!sqlite3_io_error_benign)
    sqlite3_io_error_hardhit++;
}

int
orl_test_read (oriel_file *file, uint64_t offset, void *data, size_t length,
               size_t *got)
{
  int r;

  if (fails ())
    return -EIO;
  r = oriel_read (file, offset, data, length, got);
  /* A short read is read again from the lower file. */
  if (r == 0 && *got == length)
    count ();
  return r;
}

int
orl_test_write (oriel_file *file, uint64_t offset, const void *data,
                size_t length)
{
  int r;

  if (fails () || sqlite3_diskfull_pending == 1)
    return -EIO;
  r = oriel_write (file, offset, data, length);
  if (r == 0)
    {
      count ();
      if (sqlite3_diskfull_pending)
        sqlite3_diskfull_pending--;
    }
  return r;
}

/* Of the log. */
int
orl_test_copy (oriel_pool *pool, void *to, const void *from, size_t n)
{
  int r;

  if (fails ())
    return -EIO;
  r = oriel_copy (pool, to, from, n);
  if (r == 0)
    count ();
  return r;
}

int
orl_test_flush (oriel_file *file)
{
  if (fails ())
    {
      count ();
      hit ();
      return -EIO;
    }
  count ();
  if (sqlite3_diskfull_pending == 1)
    {
      hit ();
      sqlite3_diskfull = 1;
      sqlite3_io_error_hit = 1;
      return -ENOSPC;
    }
  if (sqlite3_diskfull_pending)
    sqlite3_diskfull_pending--;
  return oriel_flush (file);
}

#endif
