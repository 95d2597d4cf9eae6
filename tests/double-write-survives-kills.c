/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed when half of a batch of pages is in place.  Whoever next
 * writes pages of the file first writes that batch again, whole; so does who
 * opens the file when no pool knows of it.
 */
#include "util.h"

#include "attach.h"
#include "sys.h"

#define PAGES 8

static ssize_t (*really) (int fd, const struct iovec *iov, int n, off_t at);

/* To the data file: 512 bytes of each page, then death. */
static ssize_t
half_a_page (int fd, const struct iovec *iov, int n, off_t at)
{
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0
      || strcmp (name + strlen (name) - 5, "/data") != 0)
    return really (fd, iov, n, at);
  for (int i = 0; i < n; i++, at += 4096)
    if (pwrite (fd, iov[i].iov_base, 512, at) != 512)
      _exit (1);
  raise (SIGKILL);
  return -EIO;
}

static oriel_file *
open_twice (oriel_pool *pool, unsigned flags)
{
  oriel_file_options opt;
  oriel_file *file;
  int rc;

  oriel_file_options_init (&opt);
  must (oriel_file_options_set (&opt, "torn", "double"),
        "oriel_file_options_set");
  opt.flags = flags;
  rc = oriel_file_open_with (pool, scratch_file ("data"), &opt, &file);
  if (rc == -EOPNOTSUPP)
    skip_all ("this build has no xxHash");
  must (rc, "oriel_file_open_with");
  return file;
}

static int
dies (void *arg)
{
  uint64_t tag = *(uint64_t *) arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file = open_twice (pool, 0);

  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, tag);
  really = orl_sys.pwritev;
  orl_sys.pwritev = half_a_page;
  oriel_flush (file);
  return 1;
}

static int
in_place (uint64_t tag)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, page, 4096);
    good += is_stamped (page, 4096, tag, i);
  }
  return good;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = open_twice (pool, ORIEL_CREATE);
  uint64_t tag = 2;

  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_sync (file), "oriel_sync");

  is_int (in_child (dies, &tag), 128 + SIGKILL, "a process dies as it writes");
  is_int (in_place (1) + in_place (2), 0, "all its pages are torn");
  stamp_page (pool, file, 100, 1);
  /* One page that is not of the batch. */
  must (oriel_file_drop_pages (file, 0, PAGES), "oriel_file_drop_pages");
  must (oriel_flush (file), "oriel_flush");
  is_int (in_place (2), PAGES, "who flushes another page finishes them");

  tag = 3;
  is_int (in_child (dies, &tag), 128 + SIGKILL, "it dies again");
  must (oriel_file_truncate (file, PAGES * 4096 - 100), "oriel_file_truncate");
  is_int (in_place (3), PAGES - 1, "who cuts the file finishes them");
  must (oriel_file_close (file), "oriel_file_close");

  tag = 4;
  is_int (in_child (dies, &tag), 128 + SIGKILL, "it dies, the last who has it");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  is_int (in_place (3) + in_place (4), 0, "its pages are torn");
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int (in_place (4), PAGES, "who opens the file restores them, asked or not");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  /* The pool is there, with the dead one's dirty pages. */
  pool = test_pool ();
  file = open_twice (pool, 0);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  tag = 5;
  is_int (in_child (dies, &tag), 128 + SIGKILL, "it dies, alone in the pool");
  pool = test_pool ();
  file = open_twice (pool, 0);
  is_int (in_place (5), PAGES, "who opens the file restores them");
  ok (page_is_stamped (pool, file, 3, 5), "and the pool has them still");
  must (oriel_sync (file), "oriel_sync");
  is_int (in_place (5), PAGES, "to be written again");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
