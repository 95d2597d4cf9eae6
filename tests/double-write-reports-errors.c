/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fails while pages go through a double-write area is told by flush and
 * sync, and the pages stay dirty: the area's write, its sync, the sync of the
 * file at a lap's end, and the write in place, after which the batch is written
 * again before any other.  If the area cannot be read after a crash the file is not
 * opened.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define PAGES 8

static struct orl_sys real;
static const char *victim;      /* the end of a path */
static int error;
static unsigned calls;

static int
is_victim (int fd)
{
  char path[40], name[600] = "";
  size_t n;

  if (!victim)
    return 0;
  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    return 0;
  n = strlen (name);
  calls += n > strlen (victim)
           && strcmp (name + n - strlen (victim), victim) == 0;
  return n > strlen (victim)
         && strcmp (name + n - strlen (victim), victim) == 0;
}

static ssize_t
bad_write (int fd, const struct iovec *iov, int n, off_t at)
{
  return is_victim (fd) ? error : real.pwritev (fd, iov, n, at);
}

/* Only the first write fails. */
static ssize_t
bad_first_write (int fd, const struct iovec *iov, int n, off_t at)
{
  return is_victim (fd) && calls == 1 ? error : real.pwritev (fd, iov, n, at);
}

static off_t room;              /* bytes that the file can have */

static ssize_t
full_write (int fd, const struct iovec *iov, int n, off_t at)
{
  off_t end = at;

  for (int i = 0; i < n; i++)
    end += (off_t) iov[i].iov_len;
  return end > room ? bad_write (fd, iov, n, at)
                    : real.pwritev (fd, iov, n, at);
}

static int
bad_sync (int fd)
{
  return is_victim (fd) ? error : real.fdatasync (fd);
}

static int
bad_fsync (int fd)
{
  return is_victim (fd) ? error : real.fsync (fd);
}

static int
bad_fallocate (int fd, int mode, off_t at, off_t n)
{
  return is_victim (fd) ? error : real.fallocate (fd, mode, at, n);
}

static void
plant (const char *path, int r, int write, int sync)
{
  victim = path;
  error = r;
  calls = 0;
  orl_sys.pwritev = write ? bad_write : real.pwritev;
  orl_sys.fdatasync = sync ? bad_sync : real.fdatasync;
}

static void
heal (void)
{
  victim = NULL;
  orl_sys = real;
}

static oriel_file_options
twice (unsigned flags)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.torn = ORIEL_TORN_DOUBLE;
  opt.flags = flags;
  return opt;
}

static int
in_place (const char *path, uint64_t tag)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    memset (page, 0, sizeof page);
    plain_read (path, (off_t) i * 4096, page, 4096);
    good += is_stamped (page, 4096, tag, i);
  }
  return good;
}

static void
dirty (oriel_pool *pool, oriel_file *file, uint64_t tag)
{
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, tag);
}

/* Flushes until a lap ends: the first that fails. */
static int
until_lap (oriel_pool *pool, oriel_file *file)
{
  int rc = 0;

  for (int i = 0; rc == 0 && i < 400; i++) {
    dirty (pool, file, 100);
    rc = oriel_flush (file);
  }
  return rc;
}

/* A sandbox says -EPERM, a file system that allocates nothing before it is
 * written -EOPNOTSUPP. */
static oriel_file *
without_blocks (oriel_pool *pool, const char *path, int r)
{
  oriel_file_options opt = twice (ORIEL_CREATE);
  oriel_file *file = NULL;

  orl_sys.fallocate = bad_fallocate;
  plant (".dw", r, 0, 0);
  is_rc (oriel_file_open_with (pool, path, &opt, &file), 0,
         "an area whose blocks cannot be had ahead will do");
  ok (calls == 1, "they were asked for: %s", strerror (-r));
  heal ();
  if (!file)
    bail_out ("there is no file");
  return file;
}

static unsigned bad_read;       /* which one */

static ssize_t
bad_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  return is_victim (fd) && calls == bad_read ? -EIO
                                             : real.preadv (fd, iov, n, at);
}

static int
dies (void *arg)
{
  oriel_file_options opt = twice (ORIEL_CREATE);
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  must (oriel_file_open_with (pool, arg, &opt, &file), "oriel_file_open_with");
  for (int i = 0; i < 3; i++) {
    dirty (pool, file, 20 + (uint64_t) i);
    must (oriel_flush (file), "oriel_flush");
  }
  raise (SIGKILL);
  return 1;
}

/* Each read of it fails once. */
static void
area_that_cannot_be_read (void)
{
  oriel_file_options opt = twice (0);
  char path[300];
  oriel_pool *pool;
  oriel_file *file;
  unsigned failed = 0;
  int rc;

  snprintf (path, sizeof path, "%s", scratch_file ("torn"));
  is_int (in_child (dies, path), 128 + SIGKILL, "a process is killed");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  for (uint64_t i = 0; i < PAGES; i++)
    plain_write (path, (off_t) i * 4096 + 512, "torn", 4);
  pool = test_pool ();
  victim = "torn.dw";
  orl_sys.preadv = bad_preadv;
  for (bad_read = 1;; bad_read++) {
    calls = 0;
    rc = oriel_file_open_with (pool, path, &opt, &file);
    if (calls < bad_read)
      break;
    if (rc != -EIO) {
      is_rc (rc, -EIO, "an open that cannot read the area");
      break;
    }
    failed++;
  }
  heal ();
  ok (failed > 5, "the area cannot be read, %u times", failed);
  is_rc (rc, 0, "when it can the file is opened");
  if (rc == 0) {
    is_int (in_place (path, 22), PAGES, "and its pages are whole");
    must (oriel_file_close (file), "oriel_file_close");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file_options opt = twice (ORIEL_CREATE);
  oriel_file *file;

  real = orl_sys;
  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");

  orl_sys.fallocate = bad_fallocate;
  plant (".dw", -ENOSPC, 0, 0);
  is_rc (oriel_file_open_with (pool, path, &opt, &file), -ENOSPC,
         "no room for the area is an error of open");
  ok (strstr (oriel_error (), "data.dw: the double-write area cannot be made")
          != NULL,
      "which says so: %s", oriel_error ());
  heal ();
  ok (access (scratch_file ("data.dw"), F_OK) < 0, "and leaves none");
  orl_sys.fsync = bad_fsync;
  plant (strrchr (scratch (), '/'), -EIO, 0, 0);
  is_rc (oriel_file_open_with (pool, path, &opt, &file), -EIO,
         "and so is its directory's sync");
  heal ();
  ok (access (scratch_file ("data.dw"), F_OK) < 0, "nor does that");
  file = without_blocks (pool, path, -EPERM);
  must (oriel_file_close (file), "oriel_file_close");
  unlink (scratch_file ("data.dw"));
  file = without_blocks (pool, path, -EOPNOTSUPP);

  dirty (pool, file, 1);
  plant (".dw", -ENOSPC, 1, 0);
  is_rc (oriel_flush (file), -ENOSPC, "the area cannot be written");
  ok (strstr (oriel_error (), "data.dw") != NULL, "its name is told: %s",
      oriel_error ());
  plant (".dw", -EIO, 0, 1);
  is_rc (oriel_sync (file), -EIO, "nor synced");
  is_int ((long long) get_stats (pool).frames_dirty, PAGES,
          "the pages stay dirty");
  is_int (in_place (path, 1), 0, "and nothing is in place");
  heal ();
  is_rc (oriel_sync (file), 0, "later it can");
  is_int (in_place (path, 1), PAGES, "all is in place");

  dirty (pool, file, 2);
  plant ("/data", -ENOSPC, 1, 0);
  is_rc (oriel_flush (file), -ENOSPC, "the file cannot be written");
  is_int ((long long) get_stats (pool).frames_dirty, PAGES,
          "the pages stay dirty");
  must (oriel_file_drop_pages (file, 0, PAGES), "oriel_file_drop_pages");
  stamp_page (pool, file, 20, 1);
  is_rc (oriel_flush (file), -ENOSPC, "other pages wait for that");
  ok (strstr (oriel_error (), "cannot be written again") != NULL,
      "it says so: %s", oriel_error ());
  heal ();
  plant ("/data", -ENOSPC, 0, 0);
  orl_sys.pwritev = bad_first_write;
  is_rc (oriel_flush (file), -ENOSPC, "also for one page of it alone");
  heal ();
  is_rc (oriel_flush (file), 0, "later it can");
  is_int (in_place (path, 2), PAGES, "and the batch is whole in place");

  plant (".dw", -EIO, 1, 0);
  is_rc (oriel_file_truncate (file, 4096), -EIO,
         "a file whose area cannot be written is not cut");
  heal ();
  is_int (plain_size (path), 21 * 4096, "the store has all of it");
  ok (page_is_stamped (pool, file, PAGES - 1, 2), "and the pool");

  dirty (pool, file, 3);
  plant ("/data", -ENOSPC, 0, 0);
  room = PAGES / 2 * 4096;
  orl_sys.pwritev = full_write;
  is_rc (oriel_flush (file), -ENOSPC, "there is no room for the last pages");
  is_rc (oriel_file_truncate (file, PAGES / 2 * 4096), 0, "they are cut off");
  is_rc (oriel_flush (file), 0, "then there is room");
  is_int (in_place (path, 3), PAGES / 2, "for all that is left");
  is_int (plain_size (path), PAGES / 2 * 4096, "and no more");
  dirty (pool, file, 4);
  room = PAGES / 2 * 4096 + 1000;
  is_rc (oriel_flush (file), -ENOSPC, "there is room for a part of a page");
  is_rc (oriel_file_truncate (file, (uint64_t) room), 0, "all else is cut off");
  is_rc (oriel_flush (file), 0, "then there is room");
  is_int (in_place (path, 4), PAGES / 2, "for all that is left");
  is_int (plain_size (path), room, "and no more");
  heal ();

  plant ("/data", -EIO, 0, 1);
  is_rc (until_lap (pool, file), -EIO, "the file cannot be synced at a lap's end");
  ok (calls == 1, "that is tried once, and not %u times", calls);
  ok (get_stats (pool).frames_dirty == PAGES, "the pages stay dirty");
  heal ();
  is_rc (oriel_flush (file), -EIO, "and it is not tried again");
  is_rc (oriel_sync (file), -EIO, "nor by a sync");
  is_rc (oriel_file_abandon (file), 0, "close");
  opt = twice (0);
  is_rc (oriel_file_open_with (pool, path, &opt, &file), 0,
         "opened anew, what the area has is written again");
  is_rc (oriel_sync (file), 0, "and sync works");
  is_int (in_place (path, 100), PAGES, "all is in place");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  area_that_cannot_be_read ();
  return done_testing ();
}
