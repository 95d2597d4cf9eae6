/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After a crash pages are restored from a double-write area.  If the sync of what
 * was restored fails the open does; and the next open writes them again, though
 * the page cache shows them as they are to be: the kernel says once what it could
 * not write, and takes it for clean then.
 */
#include "util.h"

#include "double-write.h"
#include "sys.h"

#define PAGES 8

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_fdatasync) (int);
static const char *data;
static int sync_error;
static unsigned written;        /* pages, to the file */

static int
is_data (int fd)
{
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  return strcmp (name, data) == 0;
}

static ssize_t
count_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  written += is_data (fd) ? (unsigned) n : 0;
  return real_pwritev (fd, iov, n, at);
}

static int
bad_fdatasync (int fd)
{
  return is_data (fd) && sync_error ? sync_error : real_fdatasync (fd);
}

static oriel_pool *
open_pool (void)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_POSIX;
  return must_open_pool ("test", &opt);
}

static int
open_file (oriel_pool *pool, oriel_file **file)
{
  oriel_file_options how;

  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  how.flags = ORIEL_BUFFERED;
  return oriel_file_open_with (pool, data, &how, file);
}

/* All is in place, and the area has it, too. */
static int
flushes (void *arg)
{
  oriel_pool *pool = open_pool ();
  oriel_file *file;

  (void) arg;
  must (open_file (pool, &file), "oriel_file_open_with");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  must (oriel_flush (file), "oriel_flush");
  raise (SIGKILL);
  return 1;
}

int
main (void)
{
  oriel_pool *pool;
  oriel_file *file;
  char *directory;
  int good = 0;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  directory = realpath (scratch (), NULL);
  data = strdup (path_in (directory, "data"));
  free (directory);
  pool_dir ();
  real_pwritev = orl_sys.pwritev;
  real_fdatasync = orl_sys.fdatasync;
  make_stamped_file (data, 4096, PAGES, 0, 1);
  is_int (in_child (flushes, NULL), 128 + SIGKILL, "a process is killed");

  pool = open_pool ();
  orl_sys.pwritev = count_pwritev;
  orl_sys.fdatasync = bad_fdatasync;
  sync_error = -EIO;
  for (int i = 0; i < 2; i++) {
    written = 0;
    is_rc (open_file (pool, &file), -EIO,
           "an open whose sync fails is an error");
    is_int (written, PAGES, "it has written all pages");
  }
  sync_error = 0;
  written = 0;
  is_rc (open_file (pool, &file), 0, "one whose sync succeeds is not");
  is_int (written, PAGES, "it has written all pages, too");
  must (oriel_file_close (file), "oriel_file_close");
  written = 0;
  must (open_file (pool, &file), "oriel_file_open_with");
  is_int (written, 0, "then there is nothing to restore");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 2);
  is_int (good, PAGES, "the pages are right");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
