/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a sync of a file fails another thread finds that memory of its dirty pages
 * was taken away, or has an error of its own.  Neither hides the other: the loss
 * is told, also when the file has been closed by all, and of two errors the first
 * one stays.  So it is with a sync that is asked for, and with the one that a
 * double-write area wants when it is full.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define ERRNO 0xffffu

static int (*real_fdatasync) (int);
static oriel_file *file;
static char data[300];
static uint32_t found;          /* by the other thread, meanwhile */

static int
bad_fdatasync (int fd)
{
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  if (strcmp (name, data) != 0)
    return real_fdatasync (fd);
  atomic_fetch_or (&file->rec->io_error, found);
  return -EIO;
}

static int
syncs (oriel_pool *pool)
{
  stamp_page (pool, file, 0, 1);
  return oriel_sync (file);
}

/* Flushes until the area is full. */
static int
fills (oriel_pool *pool)
{
  int rc = 0;

  for (uint64_t i = 0; rc == 0 && i < 2000; i++) {
    stamp_page (pool, file, 0, i);
    rc = oriel_flush (file);
  }
  return rc;
}

static void
try (uint32_t torn, int (*fail) (oriel_pool *), const char *what)
{
  static const uint32_t meanwhile[] = { ORL_IO_LOST, ENOSPC };
  oriel_file_options how;
  oriel_pool *pool;

  for (int i = 0; i < 2; i++) {
    uint32_t error;

    pool = test_pool ();
    oriel_file_options_init (&how);
    how.torn = torn;
    how.flags = ORIEL_CREATE;
    must (oriel_file_open_with (pool, data, &how, &file),
          "oriel_file_open_with");
    found = meanwhile[i];
    orl_sys.fdatasync = bad_fdatasync;
    is_rc (fail (pool), -EIO, what);
    orl_sys.fdatasync = real_fdatasync;
    error = atomic_load (&file->rec->io_error);
    is_int (error & ERRNO, found == ENOSPC ? ENOSPC : EIO,
            "the first error stays");
    must (oriel_file_abandon (file), "oriel_file_abandon");
    must (oriel_file_open (pool, data, 0, &file), "oriel_file_open");
    if (found == ORL_IO_LOST) {
      is_rc (oriel_flush (file), -EIO, "the loss is told to who comes next");
      ok (strstr (oriel_error (), "taken away") != NULL, "as what it is: %s",
          oriel_error ());
    } else {
      is_rc (oriel_sync (file), 0, "which is gone when the file is opened anew");
    }
    must (oriel_file_abandon (file), "oriel_file_abandon");
    must (oriel_pool_close (pool), "oriel_pool_close");
    must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  }
}

int
main (void)
{
  char *dir = realpath (scratch (), NULL);

  snprintf (data, sizeof data, "%s/data", dir);
  free (dir);
  pool_dir ();
  real_fdatasync = orl_sys.fdatasync;
  try (ORIEL_TORN_NONE, syncs, "a sync fails");
  if (orl_dw_works ())
    try (ORIEL_TORN_DOUBLE, fills, "the area's sync of the file fails");
  else
    skip ("this build has no xxHash");
  return done_testing ();
}
