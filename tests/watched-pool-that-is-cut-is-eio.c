/* SPDX-License-Identifier: BSD-2-Clause */
/* Who watches a pool whose file is cut gets -EIO and the file's name from each
 * call, and no signal. */
#include "util.h"

static void
see_file (void *arg, const oriel_file_info *info)
{
  (void) arg, (void) info;
}

static void
see_process (void *arg, const oriel_process_info *info)
{
  (void) arg, (void) info;
}

static void
is_refused (int rc, const char *call)
{
  is_rc (rc, -EIO, call);
  ok (strstr (oriel_error (), pool_path ("test"))
        && strstr (oriel_error (), "cut away"),
      "and the text names the file");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_stats stats = { .struct_size = sizeof stats };
  oriel_pool *watch;

  must (oriel_pool_close (test_pool ()), "oriel_pool_close");
  opt.flags = ORIEL_WATCH;
  must (oriel_pool_open ("test", &opt, &watch), "oriel_pool_open");
  is_rc (oriel_pool_stats (watch, &stats), 0, "the whole can be looked at");
  is_rc (oriel_pool_check (watch, NULL, NULL), 0, "and is sound");
  if (truncate (pool_path ("test"), 4096) < 0)
    bail_out ("truncate: %s", strerror (errno));
  is_refused (oriel_pool_stats (watch, &stats), "oriel_pool_stats()");
  is_refused (oriel_pool_files (watch, see_file, NULL), "oriel_pool_files()");
  is_refused (oriel_pool_processes (watch, see_process, NULL),
              "oriel_pool_processes()");
  is_refused (oriel_pool_check (watch, NULL, NULL), "oriel_pool_check()");
  is_rc (oriel_pool_close (watch), 0, "close");
  return done_testing ();
}
