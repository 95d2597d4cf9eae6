/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages whose writing failed stay dirty; each flush, sync and close says so
 * until one succeeds.  The failure: a limit on the size of files.
 */
#include "util.h"

#include <sys/resource.h>

static void
limit (rlim_t bytes)
{
  struct rlimit limit;

  getrlimit (RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  if (setrlimit (RLIMIT_FSIZE, &limit) < 0)
    bail_out ("setrlimit: %s", strerror (errno));
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, path, ORIEL_CREATE);
  char page[4096];

  signal (SIGXFSZ, SIG_IGN);
  stamp_page (pool, file, 1, 1);
  stamp_page (pool, file, 100, 1);
  limit (64 * 4096);
  is_rc (oriel_flush (file), -EFBIG, "flush beyond the limit");
  ok (strstr (oriel_error (), "data") != NULL, "the text names it: %s",
      oriel_error ());
  is_rc (oriel_flush (file), -EFBIG, "flush again");
  is_rc (oriel_sync (file), -EFBIG, "sync");
  is_rc (oriel_file_close (file), -EFBIG, "close");
  ok (page_is_stamped (pool, file, 100, 1), "the page is still there");
  ok (get_stats (pool).frames_dirty >= 1, "and dirty");
  plain_read (path, 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 1, 1),
      "the page that can be written has been");
  limit (RLIM_INFINITY);
  is_rc (oriel_sync (file), 0, "without the limit sync works");
  plain_read (path, 100 * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 1, 100), "the store has the page");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "none is dirty");
  is_rc (oriel_file_close (file), 0, "close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
