/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page is written in place when its copy in the double-write area is durable; a
 * lap begins when what was written in place is; and before a file is cut, or closed
 * by all, the area's head is durable, by which what the area has counts no more.
 *
 * What was written and not synced is counted, for file and area, at each of these
 * steps.
 */
#include "util.h"

#include "double-write.h"
#include "sys.h"

#define PAGES 8
#define LAPS 3

enum { FILE_ITSELF, AREA, OTHER };

static struct orl_sys real;
static unsigned unsynced[3];    /* writes */
static unsigned in_place, heads, cuts;
static unsigned wrong;

static int
which (int fd)
{
  char path[40], name[600] = "";
  size_t n;

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    return OTHER;
  n = strlen (name);
  return n > 5 && strcmp (name + n - 5, "/data") == 0      ? FILE_ITSELF
         : n > 8 && strcmp (name + n - 8, "/data.dw") == 0 ? AREA
                                                           : OTHER;
}

static ssize_t
note_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  int w = which (fd);

  if (w == FILE_ITSELF) {
    in_place++;
    wrong += unsynced[AREA] != 0;
  }
  if (w == AREA && at < (off_t) ORL_DW_FIRST) {
    heads++;
    wrong += unsynced[FILE_ITSELF] != 0;
  }
  unsynced[w]++;
  return real.pwritev (fd, iov, n, at);
}

static int
note_fdatasync (int fd)
{
  unsynced[which (fd)] = 0;
  return real.fdatasync (fd);
}

static int
note_fsync (int fd)
{
  unsynced[which (fd)] = 0;
  return real.fsync (fd);
}

static int
note_ftruncate (int fd, off_t size)
{
  if (which (fd) == FILE_ITSELF) {
    cuts++;
    wrong += unsynced[AREA] != 0;
  }
  return real.ftruncate (fd, size);
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_file_options how;
  oriel_pool *pool;
  oriel_file *file;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  real = orl_sys;
  orl_sys.pwritev = note_pwritev;
  orl_sys.fdatasync = note_fdatasync;
  orl_sys.fsync = note_fsync;
  orl_sys.ftruncate = note_ftruncate;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  how.flags = ORIEL_CREATE;
  must (oriel_file_open_with (pool, scratch_file ("data"), &how, &file),
        "oriel_file_open_with");
  is_int (unsynced[AREA], 0, "opened, the area is durable");
  heads = 0;
  while (heads < LAPS && in_place < 10000) {
    for (uint64_t i = 0; i < PAGES; i++)
      stamp_page (pool, file, i, heads + 1);
    must (oriel_flush (file), "oriel_flush");
  }
  ok (heads == LAPS, "laps began, %u writes in place", in_place);
  is_int (wrong, 0, "nothing is in place before its copy is durable, no lap "
                    "before what is in place is");
  must (oriel_file_truncate (file, 3 * 4096), "oriel_file_truncate");
  ok (cuts == 1 && heads == LAPS + 1, "a truncation begins a lap");
  is_int (wrong, 0, "which is durable before the file is cut");
  stamp_page (pool, file, 1, 9);
  must (oriel_file_close (file), "oriel_file_close");
  is_int (heads, LAPS + 2, "a close begins another");
  is_int (unsynced[AREA], 0, "which is durable");
  is_int (wrong, 0, "and has found the page so");
  orl_sys = real;
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
