/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where neither guard pages nor userfaultfd are to be had, a strict window is
 * protected by splitting VMAs; the budget counts one for each page, and what
 * does not fit is -ENOMEM at open.  So it is in a locked window, which cannot
 * have guard pages.
 */
#include "window.h"

#include "sys.h"

#define PAGES 2048
#define WINDOW (2 * MiB)
#define TOO_MUCH (256 * MiB)    /* 65,536 pages; the limit is 65,530 by default */

static int
no_guards (void *at, size_t n, int advice)
{
  (void) at, (void) n;
  return advice == ORL_GUARD_INSTALL || advice == ORL_GUARD_REMOVE ? -EINVAL
                                                                   : 0;
}

static ssize_t
no_guards_many (const struct iovec *iov, int n, int advice)
{
  (void) iov, (void) n, (void) advice;
  return -EINVAL;
}

static int
no_uffd (int flags)
{
  (void) flags;
  return -ENOSYS;
}

static long
max_map_count (void)
{
  char text[32] = "";

  plain_read ("/proc/sys/vm/max_map_count", 0, text, sizeof text - 1);
  return atol (text);
}

static oriel_options
options (unsigned flags)
{
  oriel_options opt = test_options ();

  opt.pool_size = PAGES * 4096;
  opt.window_size = WINDOW;
  opt.slot_size = 65536;
  opt.backend = ORIEL_BACKEND_MMAP;
  opt.flags |= flags;
  return opt;
}

/* Every other page of the window is pinned: as many VMAs, and gaps between. */
static void
splits (const char *what, oriel_options *opt)
{
  static oriel_page page[PAGES];
  oriel_pool *pool = must_open_pool ("test", opt);
  oriel_file *file;
  int n = 0, right = 0;

  unlink (scratch_file ("data"));
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 6);
  file = must_open_file (pool, scratch_file ("data"), 0);
  /* In order, so that their frames are. */
  for (uint64_t i = 0; i < PAGES; i++)
    right += page_is_stamped (pool, file, i, 6);
  is_int (right, PAGES, "every page is right");
  right = 0;
  for (uint64_t i = 0; i < WINDOW / 4096 / 2; i += 2, n++) {
    page[n] = must_pin (file, i, ORIEL_READ);
    right += is_stamped (page[n].data, 4096, 6, i);
  }
  is_int (right, n, what);
  ok (get_stats (pool).vmas >= (uint64_t) n, "pins split VMAs: %d for %d pins",
      (int) get_stats (pool).vmas, n);
  for (int i = 0; i < n; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

static void
try (const char *what, oriel_options opt)
{
  oriel_options large = opt;
  oriel_pool *pool;

  splits (what, &opt);
  if (max_map_count () > 65530) {
    skip ("vm.max_map_count is larger than the default");
    return;
  }
  large.pool_size = 2 * TOO_MUCH;
  large.window_size = TOO_MUCH;
  is_rc (oriel_pool_open ("large", &large, &pool), -ENOMEM,
         "more pages than VMAs are -ENOMEM at open");
  ok (strstr (oriel_error (), "max_map_count") != NULL, "the text says so: %s",
      oriel_error ());
  large.slot_size = 0;
  is_rc (oriel_pool_open ("large", &large, &pool), -ENOMEM,
         "no slot size helps");
  unlink (pool_path ("large"));
}

int
main (void)
{
  const struct orl_sys real = orl_sys;
  oriel_options opt;

  orl_sys.madvise = no_guards;
  orl_sys.madvise_many = no_guards_many;
  orl_sys.userfaultfd = no_uffd;
  try ("retire by mprotect", options (ORIEL_RETIRE));
  try ("protect and retire by mprotect",
       options (ORIEL_RETIRE | ORIEL_PROTECT));
  orl_sys = real;

  opt = options (ORIEL_RETIRE);
  opt.residency = ORIEL_RESIDENCY_LOCKED;
  opt.flags |= ORIEL_TRY_LOCK;
  splits ("retire in a locked window", &opt);
  return done_testing ();
}
