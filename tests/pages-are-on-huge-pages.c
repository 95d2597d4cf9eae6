/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of a pool of 16 MiB or more are on huge pages where the kernel makes
 * them, and a linear window maps them so in each process.  Where the kernel stops
 * half way the rest is on small ones; either way all of it has its blocks, and what
 * is cut out of it is a hole again.
 */
#include <fcntl.h>

#include "huge.h"
#include "layout.h"

#define POOL (32 * MiB)

static int (*real_madvise) (void *at, size_t n, int advice);
static int left, made;

/* Whether there are huge pages left is the kernel's. */
static int
count_made (void *at, size_t n, int advice)
{
  int r = real_madvise (at, n, advice);

  made += advice == ORL_COLLAPSE && r == 0;
  return r;
}

/* Huge pages run out. */
static int
refuse_later (void *at, size_t n, int advice)
{
  if (advice == ORL_COLLAPSE && left-- <= 0)
    return -ENOMEM;
  return real_madvise (at, n, advice);
}

/* Nothing of the pages' part is a hole: to touch it can't fail. */
static void
check_blocks (const char *name)
{
  int fd = open (path_in (pool_dir (), name), O_RDWR);
  off_t end = lseek (fd, 0, SEEK_END);
  off_t data = end - (off_t) POOL;

  is_int (lseek (fd, data, SEEK_HOLE), end, "no part of it is a hole");
  is_int (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     data + 8192, 4096), 0, "a block is cut out");
  is_int (lseek (fd, data, SEEK_HOLE), data + 8192, "then that is one");
  close (fd);
}

static int
other (void *opt)
{
  oriel_pool *pool = must_open_pool ("huge", opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  char byte;
  size_t got;

  for (uint64_t i = 0; i < oriel_pool_frames (pool) - 256; i++)
    must (oriel_read (file, i * 4096, &byte, 1, &got), "oriel_read");
  return huge_kib ("oriel-huge", false) >= POOL / 2 / KiB ? 0 : 1;
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
  opt.pool_size = POOL;
  opt.window_size = POOL;
  orl_sys.madvise = count_made;
  pool = must_open_pool ("huge", &opt);
  use_pages (pool, oriel_pool_frames (pool) - 256);
  /* Memory may be in pieces: half of it will do. */
  if (made < (int) (POOL / HUGE / 4 * 3))
    skip ("the kernel has few huge pages left");
  else {
    ok (huge_kib ("oriel-huge", false) >= POOL / 2 / KiB,
        "%lu KiB of pages are mapped by huge ones",
        huge_kib ("oriel-huge", false));
    is_int (in_child (other, &opt), 0, "another process maps them so, too");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
  check_blocks ("oriel-huge");

  diag ("the kernel stops");
  orl_sys.madvise = refuse_later;
  left = 3;
  pool = must_open_pool ("some", &opt);
  orl_sys.madvise = real_madvise;
  use_pages (pool, oriel_pool_frames (pool) - 256);
  ok (huge_kib ("oriel-some", false) <= 3 * HUGE / KiB,
      "no more than it made are huge: %lu KiB",
      huge_kib ("oriel-some", false));
  must (oriel_pool_close (pool), "oriel_pool_close");
  check_blocks ("oriel-some");

  diag ("a small pool");
  opt.pool_size = opt.window_size = 8 * MiB;
  pool = must_open_pool ("tiny", &opt);
  is_int ((long long) huge_kib ("oriel-tiny", false), 0,
          "has no huge pages");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
