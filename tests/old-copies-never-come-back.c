/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed while its file has a double-write area, and a page is torn.
 * Whoever next opens the file to write it, by whatever path and with whatever area
 * or with none, has the page restored; and what is written then stays, when the
 * file is opened with the old area again.  Where the file system has no extended
 * attributes the area beside the file counts, as it was made for the file.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include "double-write.h"
#include "sys.h"
#include "util.h"

#define OLD 7
#define NEW 8

static __typeof__ (orl_sys.fgetxattr) real_get;
static int deny;                /* errno of reads */
static int deny_with = ENOSPC;  /* and of writes */

static ssize_t
deny_get (int fd, const char *name, void *value, size_t n)
{
  return deny ? -deny : real_get (fd, name, value, n);
}

static int
deny_set (int fd, const char *name, const void *value, size_t n)
{
  (void) fd, (void) name, (void) value, (void) n;
  return -deny_with;
}

static __typeof__ (orl_sys.fsetxattr) real_set;

static int
deny_long (int fd, const char *name, const void *value, size_t n)
{
  return n > 16 ? -ENOSPC : real_set (fd, name, value, n);
}

static __typeof__ (orl_sys.open) real_open;

static int
deny_area (const char *path, int flags, mode_t mode)
{
  return strstr (path, "-area") ? -EACCES : real_open (path, flags, mode);
}

static int
open_as (oriel_pool *pool, const char *name, uint32_t torn, const char *area,
         unsigned flags, oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.torn = torn;
  opt.area = area ? scratch_file (area) : NULL;
  opt.flags = flags;
  return oriel_file_open_with (pool, scratch_file (name), &opt, file);
}

/* A file, and its area, or NULL: beside it. */
struct pair {
  const char *name;
  const char *area;
  uint64_t tag;
};

static int
dies (void *arg)
{
  const struct pair *of = arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  must (open_as (pool, of->name, ORIEL_TORN_DOUBLE, of->area, ORIEL_CREATE,
                 &file),
        "open");
  for (uint64_t i = 0; i < 4; i++)
    stamp_page (pool, file, i, of->tag);
  must (oriel_sync (file), "oriel_sync");
  raise (SIGKILL);
  return 1;
}

/* Page 2 is half what it was. */
static void
crash (const char *name, const char *area, uint64_t tag)
{
  struct pair of = { name, area, tag };

  ok (in_child (dies, &of) == 128 + SIGKILL, "%s: a process is killed", name);
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  plain_write (scratch_file (name), 2 * 4096 + 512, "torn", 4);
}

static int
has (const char *name, uint64_t number, uint64_t tag)
{
  char page[4096];

  plain_read (scratch_file (name), (off_t) number * 4096, page, 4096);
  return is_stamped (page, 4096, tag, number);
}

/* Opened so, it is restored, and changed. */
static void
changes (const char *name, uint32_t torn, const char *area, uint64_t tag)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  is_rc (open_as (pool, name, torn, area, 0, &file), 0, name);
  ok (has (name, 2, tag), "%s: the torn page is restored", name);
  stamp_page (pool, file, 3, NEW);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* And then with the area that it had first. */
static void
stays (const char *name, const char *area)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file;

  is_rc (open_as (pool, name, ORIEL_TORN_DOUBLE, area, 0, &file), 0, name);
  ok (has (name, 3, NEW), "%s: the new page stays", name);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

static void
by_a_hard_link (void)
{
  crash ("linked", NULL, OLD);
  if (link (scratch_file ("linked"), scratch_file ("by-link")) < 0)
    bail_out ("link: %s", strerror (errno));
  changes ("by-link", ORIEL_TORN_NONE, NULL, OLD);
  stays ("linked", NULL);
}

static void
with_no_area (void)
{
  oriel_pool *pool;
  oriel_file *file;

  crash ("without", "apart", OLD);
  pool = test_pool ();
  is_rc (open_as (pool, "without", 0, NULL, ORIEL_RDONLY, &file), -EROFS,
         "who only reads is told");
  ok (strstr (oriel_error (), "apart") != NULL, "where pages are: %s",
      oriel_error ());
  must (oriel_pool_close (pool), "oriel_pool_close");
  changes ("without", ORIEL_TORN_NONE, NULL, OLD);
  stays ("without", "apart");
}

static void
with_another_area (void)
{
  crash ("twice", "first", OLD);
  changes ("twice", ORIEL_TORN_DOUBLE, "second", OLD);
  crash ("twice", "second", OLD + 10);
  changes ("twice", ORIEL_TORN_DOUBLE, "first", OLD + 10);
  stays ("twice", "second");
}

/* It was closed by all, as far as anyone knows. */
static void
with_an_area_that_is_gone (void)
{
  crash ("gone", "removed", OLD);
  unlink (scratch_file ("removed"));
  is_int (in_child (dies, &(struct pair){ "gone", NULL, NEW }), 128 + SIGKILL,
          "without the area it had, a file is opened");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Its copies are found where the area is by then. */
static void
with_an_area_that_was_moved (void)
{
  crash ("moved", "before", OLD);
  changes ("moved", ORIEL_TORN_DOUBLE, "before", OLD);
  if (rename (scratch_file ("before"), scratch_file ("after")) < 0)
    bail_out ("rename: %s", strerror (errno));
  crash ("moved", "after", OLD + 10);
  changes ("moved", ORIEL_TORN_NONE, NULL, OLD + 10);
}

static void
with_an_area_that_cannot_be_read (void)
{
  oriel_pool *pool;
  oriel_file *file;

  crash ("shut", "shut-area", OLD);
  pool = test_pool ();
  real_open = orl_sys.open;
  orl_sys.open = deny_area;
  is_rc (open_as (pool, "shut", ORIEL_TORN_NONE, NULL, 0, &file), -EACCES,
         "an area that may not be read");
  orl_sys.open = real_open;
  ok (strstr (oriel_error (), "shut-area") != NULL, "it says which: %s",
      oriel_error ());
  must (oriel_pool_close (pool), "oriel_pool_close");
  changes ("shut", ORIEL_TORN_NONE, NULL, OLD);
}

/* A copy that says that it has the original's area. */
static void
of_another_file (void)
{
  char text[4200];
  oriel_pool *pool;
  oriel_file *file;
  ssize_t n;
  int fd;

  crash ("original", NULL, OLD);
  fd = open (scratch_file ("original"), O_RDONLY);
  n = orl_sys.fgetxattr (fd, "user.oriel.area", text, sizeof text);
  close (fd);
  ok (n > 16, "a file says which area it has");
  make_stamped_file (scratch_file ("copy"), 4096, 4, 0, NEW);
  fd = open (scratch_file ("copy"), O_RDWR);
  orl_sys.fsetxattr (fd, "user.oriel.area", text, (size_t) n);
  close (fd);
  pool = test_pool ();
  is_rc (open_as (pool, "copy", ORIEL_TORN_NONE, NULL, 0, &file), 0, "a copy");
  ok (has ("copy", 3, NEW), "nothing of the original comes into it");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  changes ("original", ORIEL_TORN_NONE, NULL, OLD);
}

static void
in_pages_of_another_size (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;

  crash ("sized", "sized-area", OLD);
  opt.page_size = 8192;
  pool = must_open_pool ("test", &opt);
  is_rc (open_as (pool, "sized", ORIEL_TORN_NONE, NULL, 0, &file), -ESTALE,
         "pages of another size");
  ok (strstr (oriel_error (), "sized-area") != NULL, "it says which: %s",
      oriel_error ());
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  changes ("sized", ORIEL_TORN_NONE, NULL, OLD);
}

/* What says whose the copies are cannot be written: then nothing is. */
static void
on_a_full_disk (void)
{
  oriel_pool *pool;
  oriel_file *file;

  crash ("full", "full-area", OLD);
  pool = test_pool ();
  real_get = orl_sys.fgetxattr;
  for (size_t i = 0; i < 2; i++) {
    deny_with = i == 0 ? EPERM : ENOSPC;
    orl_sys.fsetxattr = deny_set;
    is_rc (open_as (pool, "full", ORIEL_TORN_DOUBLE, "next-area", 0, &file),
           -deny_with, "an attribute that cannot be written");
    ok (strstr (oriel_error (), "user.oriel.area") != NULL, "it says so: %s",
        oriel_error ());
    orl_sys.fsetxattr = real_set;
  }
  orl_sys.fgetxattr = deny_get;
  deny = EIO;
  is_rc (open_as (pool, "full", ORIEL_TORN_NONE, NULL, 0, &file), -EIO,
         "an attribute that cannot be read");
  deny = 0;
  orl_sys.fgetxattr = real_get;
  must (oriel_pool_close (pool), "oriel_pool_close");
  changes ("full", ORIEL_TORN_NONE, NULL, OLD);
}

/* Then there is a number, and no path. */
static void
with_no_room_for_a_path (void)
{
  orl_sys.fsetxattr = deny_long;
  crash ("short", "short-area", OLD);
  changes ("short", ORIEL_TORN_DOUBLE, "short-area", OLD);
  orl_sys.fsetxattr = real_set;
}

/* By a later version, as it may be. */
static void
when_it_says_too_much (void)
{
  crash ("long", "long-area", OLD);
  changes ("long", ORIEL_TORN_NONE, NULL, OLD);
  real_get = orl_sys.fgetxattr;
  orl_sys.fgetxattr = deny_get;
  deny = ERANGE;
  stays ("long", "long-area");
  deny = 0;
  orl_sys.fgetxattr = real_get;
}

static __typeof__ (orl_sys.fsync) real_fsync;
static bool fail_sync;
static char durable[4200];      /* what a loss of power leaves of the attribute */
static ssize_t durable_n;

static int
watch_fsync (int fd)
{
  char value[4200];
  ssize_t n = real_get (fd, "user.oriel.area", value, sizeof value);

  if (fail_sync) {
    fail_sync = false;
    return -EIO;
  }
  memcpy (durable, value, sizeof value);
  durable_n = n;
  return real_fsync (fd);
}

/* That an attribute changed is not durable, as its sync failed; who comes next does
 * not rely on it. */
static void
when_a_sync_fails (void)
{
  oriel_pool *pool;
  oriel_file *file;
  int fd;

  crash ("unsynced", "unsynced-area", OLD);
  fd = open (scratch_file ("unsynced"), O_RDWR);
  real_get = orl_sys.fgetxattr;
  durable_n = real_get (fd, "user.oriel.area", durable, sizeof durable);
  pool = test_pool ();
  real_fsync = orl_sys.fsync;
  orl_sys.fsync = watch_fsync;
  fail_sync = true;
  is_rc (open_as (pool, "unsynced", ORIEL_TORN_NONE, NULL, 0, &file), -EIO,
         "an attribute that cannot be synced");
  is_rc (open_as (pool, "unsynced", ORIEL_TORN_NONE, NULL, 0, &file), 0,
         "once more");
  orl_sys.fsync = real_fsync;
  stamp_page (pool, file, 3, NEW);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  if (durable_n > 0)
    orl_sys.fsetxattr (fd, "user.oriel.area", durable, (size_t) durable_n);
  close (fd);
  stays ("unsynced", "unsynced-area");
}

/* By whatever copied or checked the file. */
static void
when_it_is_lost (void)
{
  crash ("lost", "lost-area", OLD);
  if (removexattr (scratch_file ("lost"), "user.oriel.area") < 0)
    bail_out ("removexattr: %s", strerror (errno));
  changes ("lost", ORIEL_TORN_DOUBLE, "lost-area", OLD);
}

/* A file that says nothing, and is let say nothing, is as one without attributes. */
static void
when_it_may_not_be_written (void)
{
  for (size_t i = 0; i < 3; i++) {
    static const int error[] = { EPERM, EACCES, ENOSYS };

    deny_with = error[i];
    orl_sys.fsetxattr = deny_set;
    crash ("forbidden", NULL, OLD + i);
    changes ("forbidden", ORIEL_TORN_DOUBLE, NULL, OLD + i);
    orl_sys.fsetxattr = real_set;
  }
  deny_with = ENOSPC;
}

static void
without_attributes (void)
{
  real_get = orl_sys.fgetxattr;
  orl_sys.fgetxattr = deny_get;
  deny = EOPNOTSUPP;
  crash ("plain", NULL, OLD);
  changes ("plain", ORIEL_TORN_NONE, NULL, OLD);
  crash ("plain", NULL, OLD);
  changes ("plain", ORIEL_TORN_DOUBLE, NULL, OLD);
  stays ("plain", NULL);
  deny = 0;
  orl_sys.fgetxattr = real_get;
}

static int
has_attributes (void)
{
  int fd = open (scratch_file ("probe"), O_RDWR | O_CREAT, 0600);
  int rc = orl_sys.fsetxattr (fd, "user.oriel.test", "x", 1);

  close (fd);
  return rc == 0;
}

int
main (void)
{
  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  scratch ();
  pool_dir ();
  real_set = orl_sys.fsetxattr;
  if (has_attributes ()) {
    by_a_hard_link ();
    with_no_area ();
    with_another_area ();
    with_an_area_that_is_gone ();
    with_an_area_that_was_moved ();
    with_an_area_that_cannot_be_read ();
    of_another_file ();
    in_pages_of_another_size ();
    on_a_full_disk ();
    with_no_room_for_a_path ();
    when_it_says_too_much ();
    when_a_sync_fails ();
    when_it_is_lost ();
    when_it_may_not_be_written ();
  } else
    skip ("the file system has no extended attributes");
  without_attributes ();
  return done_testing ();
}
