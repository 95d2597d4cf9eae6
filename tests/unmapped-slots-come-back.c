/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone in the process unmaps a page that is pinned, takes its rights away, or
 * maps something inaccessible there: the next touch brings it back.  A slot that
 * shows nothing stays inaccessible.
 */
#include "window.h"

static const struct {
  uint32_t backend;
  size_t window;
} windows[] = {
  { ORIEL_BACKEND_EMULATED, MiB },
  { ORIEL_BACKEND_MMAP, MiB },
  { ORIEL_BACKEND_NATIVE, MiB },
  { ORIEL_BACKEND_LINEAR, 4 * MiB },
};

static void
zap (void *at, int how)
{
  int rc = how == 0   ? munmap (at, 16 * KiB)
           : how == 1 ? mprotect (at, 16 * KiB, PROT_NONE)
           : how == 2 ? mprotect (at, 16 * KiB, PROT_READ)
           : mmap (at, 16 * KiB, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
               == MAP_FAILED;

  if (rc)
    bail_out ("zap: %s", strerror (errno));
}

int
main (void)
{
  for (size_t b = 0; b < COUNT (windows); b++) {
    oriel_options opt = test_options ();
    oriel_pool *pool;
    oriel_file *file;
    int good = 1;

    opt.slot_size = 16 * KiB;
    opt.window_size = windows[b].window;
    pool = open_window (&opt, windows[b].backend);
    if (!pool)
      continue;
    diag ("backend %s", oriel_backend_name (windows[b].backend));
    file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
    for (int i = 0; i < 1000; i++) {
      oriel_page page = must_pin (file, (uint64_t) (i % 50), ORIEL_WRITE);
      char *slot = (char *) ((uintptr_t) page.data & ~(16 * KiB - 1));

      memset (page.data, i, 4096);
      zap (slot, i % 4);
      if (i % 3)
        ((char *) page.data)[100] = (char) i;
      good = good && ((char *) page.data)[4000] == (char) i;
      must (oriel_dirty (&page, 0), "oriel_dirty");
      if (i % 5 == 0)
        zap (slot, i % 4);
      must (oriel_unpin (&page), "oriel_unpin");
      if (i % 7 == 0)
        must (oriel_flush (file), "oriel_flush");
    }
    ok (good, "pages have their content");
    ok (get_stats (pool).reinstalls >= 1000, "and were mapped anew each time");
    must (oriel_file_close (file), "oriel_file_close");
    end_window (pool);
  }
  return done_testing ();
}
