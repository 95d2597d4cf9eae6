/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn=atomic writes each page by one atomic write, if file system and device
 * say that they can, for pages of this size, and a write that is none is
 * refused for its length and not for its flag.  torn=auto finds out.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define PAGES 40

static struct orl_sys real;
static uint32_t least, most;
static unsigned atomic, wrong;
static int probe;               /* what three bytes are told */
static int cut_short;           /* the next write is */

static int
unit (int fd, uint32_t *min, uint32_t *max)
{
  (void) fd;
  *min = least;
  *max = most;
  return 0;
}

static ssize_t
whole (int fd, const void *data, size_t n, off_t at)
{
  struct iovec iov = { (void *) (uintptr_t) data, n };

  if (n == 3)
    return probe;
  atomic++;
  wrong += n != 4096 || at % 4096 != 0 || (uintptr_t) data % 512 != 0
           || !(fcntl (fd, F_GETFL) & O_DIRECT);
  if (cut_short) {
    cut_short = 0;
    return 512;
  }
  return real.pwritev (fd, &iov, 1, at);
}

static int
open_as (oriel_pool *pool, const char *torn, oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  must (oriel_file_options_set (&opt, "torn", torn),
        "oriel_file_options_set");
  opt.flags = ORIEL_CREATE;
  return oriel_file_open_with (pool, scratch_file (torn), &opt, file);
}

static void
refused (oriel_pool *pool, const char *why)
{
  oriel_file *file;

  is_rc (open_as (pool, "atomic", &file), -EOPNOTSUPP, why);
}

/* What this machine says. */
static void
look (oriel_pool *pool)
{
  oriel_file *file;
  int rc = open_as (pool, "auto", &file);

  if (rc == -EOPNOTSUPP && !orl_dw_works ())
    return;
  must (rc, "oriel_file_open_with");
  diag ("here auto is %s", oriel_torn_name (oriel_file_torn (file)));
  ok (oriel_file_torn (file) == ORIEL_TORN_ATOMIC
          || oriel_file_torn (file) == ORIEL_TORN_DOUBLE,
      "auto is one of both");
  stamp_page (pool, file, 1, 1);
  is_rc (oriel_sync (file), 0, "and works");
  must (oriel_file_close (file), "oriel_file_close");
  unlink (scratch_file ("auto"));
  unlink (scratch_file ("auto.dw"));
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  const char *path = scratch_file ("atomic");
  oriel_file *file;
  char page[4096];
  int good = 0;

  real = orl_sys;
  file = must_open_file (pool, scratch_file ("direct"), ORIEL_CREATE);
  if (file->store->direct < 0)
    skip_all ("the file system has no O_DIRECT");
  must (oriel_file_close (file), "oriel_file_close");
  look (pool);
  orl_sys.atomic_unit = unit;
  orl_sys.pwrite_atomic = whole;
  refused (pool, "no unit at all");
  probe = -EINVAL;
  least = 8192;
  most = 65536;
  refused (pool, "pages that are smaller than a unit");
  least = 512;
  most = 2048;
  refused (pool, "and larger ones");
  most = 65536;
  probe = -EOPNOTSUPP;
  refused (pool, "a kernel that does not know the flag");
  probe = -EINVAL;
  is_rc (open_as (pool, "atomic", &file), 0, "else it can be had");
  is_int (oriel_file_torn (file), ORIEL_TORN_ATOMIC, "and holds");
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_write (file, PAGES * 4096, "tail", 4), "oriel_write");
  is_rc (oriel_sync (file), 0, "sync");
  is_int (atomic, PAGES, "each page is one atomic write");
  is_int (wrong, 0, "of its size, in place, with O_DIRECT");
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (path, (off_t) i * 4096, page, 4096);
    good += is_stamped (page, 4096, 1, i);
  }
  is_int (good, PAGES, "the store has them");
  plain_read (path, PAGES * 4096, page, 4);
  ok (memcmp (page, "tail", 4) == 0, "and the last, which is not whole");
  is_int ((long long) plain_size (path), PAGES * 4096 + 4, "nothing behind it");
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2);
  is_rc (oriel_sync (file), 0, "many that do not follow each other");
  is_int (atomic, PAGES + PAGES / 2, "are one atomic write each, too");
  stamp_page (pool, file, 7, 3);
  cut_short = 1;
  is_rc (oriel_flush (file), -EIO, "one that was none after all is an error");
  is_rc (oriel_flush (file), 0, "until it is one");
  plain_read (path, 7 * 4096, page, 4096);
  ok (is_stamped (page, 4096, 3, 7), "then the store has it");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (open_as (pool, "auto", &file), 0, "auto");
  is_int (oriel_file_torn (file), ORIEL_TORN_ATOMIC, "is atomic then");
  ok (access (scratch_file ("auto.dw"), F_OK) < 0, "and makes no area");
  must (oriel_file_close (file), "oriel_file_close");
  orl_sys = real;
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
