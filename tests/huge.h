/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * huge.h - what of a pool is mapped by huge pages
 */
#ifndef TEST_HUGE_H
#define TEST_HUGE_H

#include <stdbool.h>

#include "util.h"

#include "sys.h"

#define HUGE (2 * MiB)

/* KiB that are mapped by huge pages, of what is mapped of the file name from its
 * beginning, the tables; or of the rest. */
static unsigned long
huge_kib (const char *name, bool tables)
{
  FILE *maps = fopen ("/proc/self/smaps", "r");
  unsigned long from, to, at, kib, sum = 0;
  char line[512];
  int mine = 0;

  while (maps && fgets (line, sizeof line, maps))
    if (sscanf (line, "%lx-%lx %*s %lx", &from, &to, &at) == 3)
      mine = (at == 0) == tables && strstr (line, name) != NULL;
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

/* So many pages written and read back through the pool. */
static void
use_pages (oriel_pool *pool, uint64_t pages)
{
  oriel_file *file
      = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  uint64_t good = 0;

  for (uint64_t i = 0; i < pages; i++)
    stamp_page (pool, file, i, 7);
  for (uint64_t i = 0; i < pages; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 7);
  is_int ((long long) good, (long long) pages, "every page is right");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is well");
  must (oriel_file_close (file), "oriel_file_close");
}

#endif /* TEST_HUGE_H */
