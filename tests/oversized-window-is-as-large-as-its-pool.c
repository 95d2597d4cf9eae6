/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window may be asked for that is far larger than the pool, whatever the
 * backend: it gets the slots that are of use, and is refused for no others.
 */
#include "window.h"

static void
try (uint32_t backend, uint32_t flags)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.pool_size = 4 * MiB;
  opt.slot_size = 4096;
  opt.window_size = UINT64_C (1) << 44; /* 2^32 such slots */
  opt.flags = flags;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  is_int ((long long) get_stats (pool).window_bytes, (long long) (4 * MiB),
          "a window of 16 TiB on a pool of 4 MiB has 4 MiB");
  end_window (pool);
}

int
main (void)
{
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b], 0);
  try (ORIEL_BACKEND_LINEAR, 0);
  try (ORIEL_BACKEND_AUTO, ORIEL_RETIRE);
  return done_testing ();
}
