/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window that would need more slots than the process has VMAs left is
 * -ENOMEM at open, and the text says so; with room left it opens.
 */
#include "util.h"

#define SPARE 3000              /* VMAs that the test leaves */
#define SLOTS 4096

static char *region;

/* Use up VMAs, but for SPARE: every other page of a region is readable. */
static long
use_up (void)
{
  char text[32] = "";
  long max, have = 0;
  FILE *f;

  plain_read ("/proc/sys/vm/max_map_count", 0, text, sizeof text - 1);
  max = atol (text);
  if (max > 2000000)
    skip_all ("vm.max_map_count is too large to use up");
  f = fopen ("/proc/self/maps", "r");
  for (int c; f && (c = getc (f)) != EOF; )
    have += c == '\n';
  if (f)
    fclose (f);
  max -= have + SPARE;
  region = mmap (NULL, (size_t) max * 4096, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED)
    skip_all ("no address space");
  for (long i = 0; i < max; i += 2)
    if (mprotect (region + i * 4096, 4096, PROT_READ) < 0)
      skip_all ("VMAs can't be made");
  return max;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  long used = use_up ();

  want_room (64 * MiB);
  diag ("%ld VMAs used up", used);
  opt.pool_size = 2 * SLOTS * 4096;
  opt.window_size = SLOTS * 4096;
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOMEM,
         "4096 slots where 3000 VMAs are left");
  ok (strstr (oriel_error (), "max_map_count") != NULL,
      "the text says so: %s", oriel_error ());
  opt.slot_size = 65536;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0, "256 larger slots do");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.slot_size = 0;
  opt.backend = ORIEL_BACKEND_AUTO;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0,
         "the default finds a slot size that fits");
  ok (get_stats (pool).slots <= SPARE, "%d slots",
      (int) get_stats (pool).slots);
  must (oriel_pool_close (pool), "oriel_pool_close");
  munmap (region, (size_t) used * 4096);
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  is_rc (oriel_pool_open ("test", &opt, &pool), 0,
         "with VMAs given back 4096 slots do");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
