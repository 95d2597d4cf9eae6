/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed when it has written half of some pages in place, by a
 * double-write area, and then the pool loses them.  Who reads them before anyone
 * has written them whole has them from the area, also if it may only read, or came
 * before there was an area; who does not know the area is told, and has no half.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define PAGE (16 * KiB)
#define OLD 4                   /* pages that the file has */
#define PAGES 6                 /* and is to have */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static char data[300], area[300], other[300];

static int
is_file (int fd)
{
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  return strcmp (name, data) == 0;
}

/* Half of the first page; of the others nothing. */
static ssize_t
write_half_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec half = { iov->iov_base, PAGE / 2 };

  if (!is_file (fd))
    return real_pwritev (fd, iov, n, at);
  real_pwritev (fd, &half, 1, at);
  raise (SIGKILL);
  return -EIO;
}

static ssize_t
write_half_and_fail (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec half = { iov->iov_base, PAGE / 2 };

  if (!is_file (fd))
    return real_pwritev (fd, iov, n, at);
  real_pwritev (fd, &half, 1, at);
  return -EIO;
}

static oriel_pool *
open_pool (uint32_t store)
{
  oriel_options opt = test_options ();

  opt.page_size = PAGE;
  opt.store = store;
  return must_open_pool ("test", &opt);
}

static oriel_file *
open_as (oriel_pool *pool, unsigned flags, const char *where)
{
  oriel_file_options how;
  oriel_file *file;

  oriel_file_options_init (&how);
  how.torn = flags & ORIEL_RDONLY ? ORIEL_TORN_DEFAULT : ORIEL_TORN_DOUBLE;
  how.flags = flags;
  how.area = where;
  must (oriel_file_open_with (pool, data, &how, &file), "oriel_file_open_with");
  return file;
}

static int
flushes (void *arg)
{
  oriel_pool *pool = open_pool (ORIEL_STORE_POSIX);
  oriel_file *file = open_as (pool, 0, arg);

  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_sys.pwritev = write_half_and_die;
  oriel_flush (file);
  return 1;
}

/* What memory failures do; drops and closes write the pages whole before. */
static void
lose (oriel_file *file)
{
  atomic_fetch_add (&file->rec->epoch, 1);
}

static int
pages_are (oriel_pool *pool, oriel_file *file, uint64_t tag)
{
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, tag);
  return good;
}

/* A reader that came before the writer, or between it and its death. */
static void
reads (uint32_t store, int before, const char *where, const char *named,
       const char *what)
{
  oriel_pool *pool;
  oriel_file *file = NULL, *writer;
  oriel_page page;

  make_stamped_file (data, PAGE, OLD, 0, 1);
  pool = open_pool (store);
  if (before)
    file = open_as (pool, ORIEL_RDONLY, named);
  is_int (in_child (flushes, (void *) (uintptr_t) where), 128 + SIGKILL,
          "a process is killed");
  if (!before)
    file = open_as (pool, 0, named);
  lose (file);
  oriel_prefetch (file, 0, PAGES);
  if ((where == NULL) == (named == NULL)) {
    is_int (pages_are (pool, file, 2), PAGES, what);
  } else {
    for (int i = 0; i < 3; i++)
      is_rc (oriel_pin (file, 0, ORIEL_READ, &page), -EIO, what);
    ok (strstr (oriel_error (), "half written") != NULL, "it says so: %s",
        oriel_error ());
  }
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = open_pool (store);
  writer = open_as (pool, 0, where);
  is_int (pages_are (pool, writer, 2), PAGES, "a writer has all");
  must (oriel_file_close (writer), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* The writer lives, and has had an error. */
static void
fails (void)
{
  oriel_pool *pool;
  oriel_file *file;

  make_stamped_file (data, PAGE, OLD, 0, 1);
  pool = open_pool (ORIEL_STORE_POSIX);
  file = open_as (pool, 0, NULL);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_sys.pwritev = write_half_and_fail;
  is_rc (oriel_flush (file), -EIO, "a write fails in the middle of a page");
  orl_sys.pwritev = real_pwritev;
  lose (file);
  is_int (pages_are (pool, file, 2), PAGES, "whose pages are whole, too");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static int ask[2], told[2];

/* Has another process, with this file open to read it, look while pages of a dead
 * one's are just being written again. */
static ssize_t
write_and_ask (int fd, const struct iovec *iov, int n, off_t at)
{
  char byte = 'n';

  if (!is_file (fd))
    return real_pwritev (fd, iov, n, at);
  orl_sys.pwritev = real_pwritev;
  if (write (ask[1], "", 1) != 1 || read (told[0], &byte, 1) != 1)
    bail_out ("the reader died");
  is_int (byte, 'y', "who reads while they are written again has them whole");
  return real_pwritev (fd, iov, n, at);
}

static int
answer (void *arg)
{
  oriel_pool *pool = open_pool (ORIEL_STORE_POSIX);
  oriel_file *file = open_as (pool, ORIEL_RDONLY, NULL);
  char byte;

  (void) arg;
  if (write (told[1], "", 1) == 1 && read (ask[0], &byte, 1) == 1) {
    lose (file);
    byte = page_is_stamped (pool, file, 0, 2) ? 'y' : 'n';
    if (write (told[1], &byte, 1) != 1)
      return 1;
  }
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void
is_written_again (void)
{
  oriel_pool *pool;
  oriel_file *file;
  char byte;
  pid_t pid;

  make_stamped_file (data, PAGE, OLD, 0, 1);
  if (pipe (ask) < 0 || pipe (told) < 0)
    bail_out ("pipe: %s", strerror (errno));
  pid = spawn (answer, NULL);
  if (read (told[0], &byte, 1) != 1)
    bail_out ("the reader died");
  pool = open_pool (ORIEL_STORE_POSIX);
  file = open_as (pool, 0, NULL);
  is_int (in_child (flushes, NULL), 128 + SIGKILL, "a process is killed");
  stamp_page (pool, file, PAGES, 2);
  orl_sys.pwritev = write_and_ask;
  is_rc (oriel_flush (file), 0, "the next who flushes writes them again");
  orl_sys.pwritev = real_pwritev;
  is_int (reap (pid), 0, "the reader ends");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static ssize_t (*real_preadv) (int, const struct iovec *, int, off_t);

static void
let_others_go_on (void)
{
  char byte;

  orl_sys.preadv = real_preadv;
  if (write (told[1], "l", 1) != 1 || read (ask[0], &byte, 1) != 1)
    bail_out ("the writer died");
}

/* When it looks into the area others have the pages whole in place, and have
 * written over what was there. */
static ssize_t
read_area_late (int fd, const struct iovec *iov, int n, off_t at)
{
  if (!is_file (fd) && at >= (off_t) ORL_DW_FIRST)
    let_others_go_on ();
  return real_preadv (fd, iov, n, at);
}

/* So they have when it has read a half from the file. */
static ssize_t
read_file_early (int fd, const struct iovec *iov, int n, off_t at)
{
  ssize_t r = real_preadv (fd, iov, n, at);

  if (is_file (fd))
    let_others_go_on ();
  return r;
}

static int
looks_late (void *arg)
{
  oriel_pool *pool = open_pool (ORIEL_STORE_POSIX);
  oriel_file *file = open_as (pool, ORIEL_RDONLY, NULL);
  char byte;

  if (write (told[1], "r", 1) != 1 || read (ask[0], &byte, 1) != 1)
    return 1;
  lose (file);
  orl_sys.preadv = arg ? read_file_early : read_area_late;
  byte = page_is_stamped (pool, file, 0, 2) ? 'y' : 'n';
  if (write (told[1], &byte, 1) != 1)
    return 1;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static char
hear (void)
{
  char byte;

  if (read (told[0], &byte, 1) != 1)
    bail_out ("the reader died");
  return byte;
}

static void
is_written_over (const char *early)
{
  oriel_pool *pool;
  oriel_file *file;
  pid_t pid;

  make_stamped_file (data, PAGE, OLD, 0, 1);
  if (pipe (ask) < 0 || pipe (told) < 0)
    bail_out ("pipe: %s", strerror (errno));
  pid = spawn (looks_late, (void *) (uintptr_t) early);
  is_int (hear (), 'r', "a reader is there");
  pool = open_pool (ORIEL_STORE_POSIX);
  file = open_as (pool, 0, NULL);
  is_int (in_child (flushes, NULL), 128 + SIGKILL, "a process is killed");
  if (write (ask[1], "", 1) != 1)
    bail_out ("write: %s", strerror (errno));
  is_int (hear (), 'l', early ? "it has read a half"
                             : "it has read a half, and asks the area");
  stamp_page (pool, file, PAGES, 2);
  is_rc (oriel_flush (file), 0, "the pages are written again");
  is_rc (oriel_file_truncate (file, (PAGES + 4) * PAGE), 0, "a new lap begins");
  stamp_page (pool, file, PAGES + 1, 2);
  is_rc (oriel_flush (file), 0, "with another batch");
  if (write (ask[1], "", 1) != 1)
    bail_out ("write: %s", strerror (errno));
  is_int (hear (), 'y', "then the page is read again");
  is_int (reap (pid), 0, "the reader ends");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  char *directory;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  directory = realpath (scratch (), NULL); /* as /proc has it */
  snprintf (data, sizeof data, "%s", path_in (directory, "data"));
  free (directory);
  snprintf (area, sizeof area, "%s", scratch_file ("area"));
  snprintf (other, sizeof other, "%s", scratch_file ("other"));
  pool_dir ();
  real_pwritev = orl_sys.pwritev;
  real_preadv = orl_sys.preadv;
  reads (ORIEL_STORE_POSIX, 1, NULL, NULL, "who only reads has them whole");
  reads (ORIEL_STORE_AUTO, 1, NULL, NULL, "and with io_uring");
  reads (ORIEL_STORE_POSIX, 1, area, area, "and if the area is named");
  reads (ORIEL_STORE_POSIX, 1, area, NULL, "who does not know it is told");
  reads (ORIEL_STORE_POSIX, 1, NULL, other, "who knows another, too");
  reads (ORIEL_STORE_POSIX, 0, NULL, NULL, "who writes has them whole");
  fails ();
  is_written_again ();
  is_written_over (NULL);
  is_written_over ("early");
  return done_testing ();
}
