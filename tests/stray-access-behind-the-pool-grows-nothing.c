/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last slot of a window may be longer than what is left of the pool.  A stray
 * access there ends in a signal, as any other, and leaves the pool's file as it
 * is.
 */
#include "window.h"

#define PAGES 65 /* one more than four slots */

static void
stray (oriel_options *opt)
{
  oriel_pool *pool = must_open_pool ("test", opt);
  oriel_file *file;
  oriel_page page;

  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++) {
    page = must_pin (file, i, ORIEL_WRITE);
    if (page.frame == PAGES - 1)
      ((volatile char *) page.data)[4096] = 1;
    must (oriel_unpin (&page), "oriel_unpin");
  }
  _exit (1);
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  long long size;
  int status;
  pid_t child;

  opt.pool_size = PAGES * 4096;
  opt.slot_size = 65536;
  opt.window_size = 4 * 65536;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  must (oriel_pool_close (pool), "oriel_pool_close");
  size = plain_size (pool_path ("test"));
  child = fork ();
  if (child == 0)
    stray (&opt);
  must (waitpid (child, &status, 0) == child ? 0 : -errno, "waitpid");
  ok (WIFSIGNALED (status)
          && (WTERMSIG (status) == SIGBUS || WTERMSIG (status) == SIGSEGV),
      "the access ends the process");
  is_int (plain_size (pool_path ("test")), size,
          "and the pool's file is no longer than it was");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}
