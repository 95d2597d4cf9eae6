/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's tables are on huge pages where the kernel makes them, on any tmpfs, so
 * that each process maps them with hardly a page of page tables; where it will
 * not, the pool is as good on small ones.  A small pool fills no hole for it.
 */
#include "huge.h"
#include "layout.h"

static int (*real_madvise) (void *at, size_t n, int advice);
static int refused, made;

/* Whether there are huge pages left is the kernel's. */
static int
count_made (void *at, size_t n, int advice)
{
  int r = real_madvise (at, n, advice);

  made += advice == ORL_COLLAPSE && r == 0;
  return r;
}

static int
refuse (void *at, size_t n, int advice)
{
  refused += advice == ORL_COLLAPSE;
  return advice == ORL_COLLAPSE ? -EINVAL : real_madvise (at, n, advice);
}

static uint64_t
bytes_in_use (const char *name)
{
  struct stat st;

  if (stat (path_in (pool_dir (), name), &st) < 0)
    bail_out ("%s: %s", name, strerror (errno));
  return (uint64_t) st.st_blocks * 512;
}

static int
other (void *opt)
{
  oriel_pool *pool = must_open_pool ("huge", opt);

  oriel_pool_check (pool, NULL, NULL); /* touches all of them */
  return huge_kib ("oriel-huge", true) >= 2 * HUGE / KiB ? 0 : 1;
}

int
main (void)
{
  oriel_options opt;
  oriel_pool *pool;

  if (!plain_is_huge ())
    skip_all ("the kernel makes no huge pages of shared memory");
  real_madvise = orl_sys.madvise;
  opt = test_options ();
  opt.pool_size = 64 * MiB;
  opt.window_size = 8 * MiB;
  orl_sys.madvise = count_made;
  pool = must_open_pool ("huge", &opt);
  use_pages (pool, oriel_pool_frames (pool));
  /* Memory may be in pieces: most of it will do.  The pages have all they could
   * get before the tables. */
  if (made < (int) (opt.pool_size / HUGE) + 2)
    skip ("the kernel has few huge pages left");
  else {
    ok (huge_kib ("oriel-huge", true) >= 2 * HUGE / KiB,
        "%lu KiB of tables are mapped by huge pages",
        huge_kib ("oriel-huge", true));
    is_int (in_child (other, &opt), 0, "another process maps them so, too");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");

  diag ("the kernel refuses");
  orl_sys.madvise = refuse;
  pool = must_open_pool ("small", &opt);
  use_pages (pool, oriel_pool_frames (pool));
  is_int (refused, 2, "it was asked once for pages and once for tables");
  is_int ((long long) huge_kib ("oriel-small", true), 0, "no huge page is mapped");
  must (oriel_pool_close (pool), "oriel_pool_close");

  diag ("a small pool");
  orl_sys.madvise = real_madvise;
  opt.pool_size = 1 * MiB;
  opt.window_size = 0;
  pool = must_open_pool ("tiny", &opt);
  ok (bytes_in_use ("oriel-tiny") < 1 * MiB + HUGE,
      "it takes %llu KiB", (unsigned long long) bytes_in_use ("oriel-tiny") / KiB);
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
