/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's tables are on huge pages where the kernel makes them, on any tmpfs, so
 * that each process maps them with hardly a page of page tables; where it will
 * not, the pool is as good on small ones.  A small pool fills no hole for it.
 */
#include "util.h"

#include "layout.h"
#include "sys.h"

#define HUGE (2 * MiB)

static int (*real_madvise) (void *at, size_t n, int advice);
static int refused;

static int
refuse (void *at, size_t n, int advice)
{
  refused += advice == ORL_COLLAPSE;
  return advice == ORL_COLLAPSE ? -EINVAL : real_madvise (at, n, advice);
}

/* KiB that are mapped by huge pages, of what is mapped of the file name from its
 * beginning. */
static unsigned long
huge_kib (const char *name)
{
  FILE *maps = fopen ("/proc/self/smaps", "r");
  unsigned long from, to, at, kib, sum = 0;
  char line[512];
  int mine = 0;

  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%lx-%lx %*s %lx", &from, &to, &at) == 3)
      mine = at == 0 && strstr (line, name) != NULL;
    else if (mine && sscanf (line, "ShmemPmdMapped: %lu kB", &kib) == 1)
      sum += kib;
  if (maps)
    fclose (maps);
  return sum;
}

/* 1 if the kernel makes huge pages of a file there at all, without Oriel. */
static int
plain_is_huge (void)
{
  char *range = mmap (NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
  char *at = (char *) (((uintptr_t) range + HUGE - 1)
                       & ~(uintptr_t) (HUGE - 1));
  int fd = open (path_in (pool_dir (), "plain"), O_RDWR | O_CREAT, 0600);
  int huge = 0;

  if (fd >= 0 && posix_fallocate (fd, 0, HUGE) == 0
      && mmap (at, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0)
             != MAP_FAILED)
    for (int i = 0; i < 3 && !huge; i++)
      huge = madvise (at, HUGE, ORL_COLLAPSE) == 0;
  munmap (range, 2 * HUGE);
  close (fd);
  unlink (path_in (pool_dir (), "plain"));
  return huge;
}

/* All pages written and read back through the pool. */
static void
use (oriel_pool *pool)
{
  oriel_file *file
      = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  uint64_t pages = oriel_pool_frames (pool), good = 0;

  for (uint64_t i = 0; i < pages; i++)
    stamp_page (pool, file, i, 7);
  for (uint64_t i = 0; i < pages; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 7);
  is_int ((long long) good, (long long) pages, "every page is right");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is well");
  must (oriel_file_close (file), "oriel_file_close");
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
  return huge_kib ("oriel-huge") >= 2 * HUGE / KiB ? 0 : 1;
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
  pool = must_open_pool ("huge", &opt);
  use (pool);
  /* Memory may be in pieces: most of it will do. */
  ok (huge_kib ("oriel-huge") >= 2 * HUGE / KiB,
      "%lu KiB of tables are mapped by huge pages", huge_kib ("oriel-huge"));
  is_int (in_child (other, &opt), 0, "another process maps them so, too");
  must (oriel_pool_close (pool), "oriel_pool_close");

  diag ("the kernel refuses");
  orl_sys.madvise = refuse;
  pool = must_open_pool ("small", &opt);
  use (pool);
  is_int (refused, 1, "it was asked once");
  is_int ((long long) huge_kib ("oriel-small"), 0, "no huge page is mapped");
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
