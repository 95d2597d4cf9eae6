/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file, or pages of it, are forgotten while another process writes them, by a
 * double-write area: they are in the area, and not yet in place.  It is killed in
 * the middle of that.  Whoever flushes next does not write them once more: what the
 * caller has put into the file since stays.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "double-write.h"
#include "point.h"
#include "sys.h"

#define PAGE (16 * KiB)
#define PAGES 4

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static char data[300];
static int there[2], go[2];

static void
say (int *to)
{
  if (write (to[1], "", 1) != 1)
    bail_out ("write: %s", strerror (errno));
}

static void
wait_told (int *from)
{
  char byte;

  if (read (from[0], &byte, 1) != 1)
    bail_out ("the other process died");
}

static ssize_t
write_half_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec half = { iov->iov_base, PAGE / 2 };
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  if (strcmp (name, data) != 0)
    return real_pwritev (fd, iov, n, at);
  real_pwritev (fd, &half, 1, at);
  raise (SIGKILL);
  return -EIO;
}

static void
wait_in_area (const struct orl_point *point)
{
  if (strcmp (point->name, "torn.put") != 0)
    return;
  say (there);
  wait_told (go);
}

static oriel_file *
open_all (oriel_pool **pool)
{
  oriel_options opt = test_options ();
  oriel_file_options how;
  oriel_file *file;

  opt.page_size = PAGE;
  opt.store = ORIEL_STORE_POSIX;
  *pool = must_open_pool ("test", &opt);
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  must (oriel_file_open_with (*pool, data, &how, &file),
        "oriel_file_open_with");
  return file;
}

static void
writes (void)
{
  oriel_pool *pool;
  oriel_file *file = open_all (&pool);

  say (there);
  wait_told (go);
  stamp_page (pool, file, 0, 2);
  orl_sys.pwritev = write_half_and_die;
  orl_point_hook = wait_in_area;
  oriel_flush (file);
  _exit (1);
}

static int some;

static void *
drops (void *file)
{
  if (some)
    must (oriel_file_drop_pages (file, 0, 1), "oriel_file_drop_pages");
  else
    must (oriel_file_drop (file), "oriel_file_drop");
  return NULL;
}

static void
try (const char *what)
{
  unsigned char page[PAGE];
  oriel_pool *pool;
  oriel_file *file;
  pthread_t thread;
  int status;
  pid_t pid;

  make_stamped_file (data, PAGE, PAGES, 0, 1);
  fflush (NULL);
  if ((pid = fork ()) < 0)
    bail_out ("fork: %s", strerror (errno));
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    writes ();
  }
  wait_told (there);
  file = open_all (&pool);
  say (go);
  wait_told (there);
  thread = start_thread (drops, file);
  usleep (100000); /* if it comes later it waits for the area instead */
  say (go);
  waitpid (pid, &status, 0);
  pthread_join (thread, NULL);
  make_stamped_file (data, PAGE, PAGES, 0, 3);
  stamp_page (pool, file, 1, 3);
  must (oriel_flush (file), "oriel_flush");
  plain_read (data, 0, page, PAGE);
  ok (is_stamped (page, PAGE, 3, 0), "%s", what);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  char *dir;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  want_room (16 * MiB);
  dir = realpath (scratch (), NULL);
  snprintf (data, sizeof data, "%s/data", dir);
  free (dir);
  pool_dir ();
  if (pipe (there) < 0 || pipe (go) < 0)
    bail_out ("pipe: %s", strerror (errno));
  real_pwritev = orl_sys.pwritev;
  try ("what was forgotten is not written again");
  some = 1;
  try ("nor are some pages");
  return done_testing ();
}

#endif
