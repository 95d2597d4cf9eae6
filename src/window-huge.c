/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-huge.c - is the pool on huge pages?
 *
 * hugetlbfs says so itself.  A tmpfs mounted with huge= has them where it could
 * get them; the block size of its files says no more than that it would.  So an
 * extent of the pool is touched and the kernel asked how it mapped that.  What is
 * found holds at open: a huge page can be split later, when memory is short.
 *
 * No locks.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "sys.h"
#include "window.h"

#define HUGE ORL_SLOT_MAX       /* the pool's data is aligned for such pages */

/* KiB of the mapping at at that are mapped by huge pages. */
static unsigned long
huge_kib (const void *at)
{
  FILE *maps = fopen ("/proc/self/smaps", "rec");
  unsigned long start, end, kib = 0;
  bool mine = false;
  char line[512];

  if (!maps)
    return 0;
  while (kib == 0 && fgets (line, sizeof line, maps))
    {
      if (sscanf (line, "%lx-%lx ", &start, &end) == 2)
        mine = start <= (uintptr_t) at && end > (uintptr_t) at;
      else if (mine)
        sscanf (line, "ShmemPmdMapped: %lu kB", &kib);
    }
  fclose (maps);
  return kib;
}

/* Map the pool's first extent at at, with flags. */
static bool
map (const struct orl_shm *shm, void *at, int flags)
{
  return orl_sys.mmap (at, HUGE, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED | flags, shm->fd,
                       (off_t) shm->geo.data)
         != MAP_FAILED;
}

/* Map it and touch its first page.  The kernel touches, so that a pool file that is
 * cut is no signal; before Linux 5.14 it does so at mapping alone, all of it, which
 * would fill holes anywhere in it. */
static bool
map_and_touch (const struct orl_shm *shm, void *at)
{
  off_t data = (off_t) shm->geo.data;
  int r;

  if (!map (shm, at, 0))
    return false;
  r = orl_sys.madvise (at, 4096, ORL_POPULATE_READ);
  if (r == -EINVAL && orl_sys.hole (shm->fd, data) >= data + (off_t) HUGE)
    return map (shm, at, MAP_POPULATE);
  return r == 0;
}

uint32_t
orl_window_huge_page (const struct orl_shm *shm)
{
  uint32_t found = 0;
  unsigned char *range, *at;
  struct stat st;

  if (shm->geo.block > 4096)
    return shm->geo.block;
  if (orl_backed_bytes (shm) < HUGE
      || orl_sys.fstat (shm->fd, &st) < 0 || st.st_blksize < (blksize_t) HUGE
      /* A touch would fill a hole, and no one would be told. */
      || orl_sys.data (shm->fd, (off_t) shm->geo.data)
             != (off_t) shm->geo.data)
    return 0;
  range = orl_sys.mmap (NULL, 2 * HUGE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED)
    return 0;
  at = (unsigned char *) (((uintptr_t) range + HUGE - 1)
                          & ~(uintptr_t) (HUGE - 1));
  if (map_and_touch (shm, at) && huge_kib (at) * 1024 >= HUGE)
    found = HUGE;
  orl_sys.munmap (range, 2 * HUGE);
  return found;
}
