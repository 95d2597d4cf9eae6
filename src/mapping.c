/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.c - huge pages for a pool's tables, and for its pages
 *
 * Page table and frame descriptors take 24 MiB for each GiB of pages of 4 KiB,
 * and pins touch all of it in every process.  In pages of 4 KiB that is 48 KiB of
 * the kernel's page tables in each, and a TLB miss or two for each pin.  So who
 * creates a pool has the kernel gather the tables in huge pages (MADV_COLLAPSE,
 * Linux 6.1; for shared memory it asks for no mount option), and everyone maps
 * them where such pages fit, at a multiple of 2 MiB.  It takes 0.4 ms for each
 * MiB.
 *
 * They have been written to before: Linux 6.18, asked for what is a huge page
 * already but was only reserved (a tmpfs mounted with huge=), maps it without
 * saying that it has content now, and the next who reads the file makes it zeroes.
 *
 * Pages are made huge before they have content: a byte is written to each 2 MiB of
 * holes, and the kernel adds the rest, zeroed.  That takes 0.3 ms for each MiB, and
 * to allocate small pages and write them 0.5.  Linear windows are mapped where huge
 * pages fit.  A fetch of a page at random by SQLite's VFS, of 64 MiB, spares the
 * better part of what it cost more than a load from the kernel's mapping: 110 ns of
 * 1400.
 *
 * Where the kernel will not, or splits them again when memory is short, they are
 * small pages as ever.  hugetlbfs has no others anyway.
 *
 * No locks.
 */
#include <errno.h>
#include <sys/mman.h>

#include "mapping.h"
#include "sys.h"

#define HUGE ((size_t) 2 << 20)

/* Pages that were just made may still be on their way to the kernel's lists. */
#define TRIES 3

void *
orl_mapping_tables (int fd, const struct orl_geometry *geo, int prot)
{
  size_t n = orl_mapping_bytes (geo);
  unsigned char *range = orl_sys.mmap (
      NULL, n + HUGE, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  size_t before;
  void *at;
  int error;

  if (range == MAP_FAILED)
    return MAP_FAILED;
  before = -(uintptr_t) range & (HUGE - 1);
  at = orl_sys.mmap (range + before, n, prot, MAP_SHARED | MAP_FIXED, fd, 0);
  error = errno;
  if (at == MAP_FAILED)
    orl_sys.munmap (range, n + HUGE);
  else
    {
      if (before > 0)
        orl_sys.munmap (range, before);
      orl_sys.munmap (range + before + n, HUGE - before);
    }
  errno = error;
  return at;
}

/* Have the tables of the frames that there are all of the block? */
static bool
is_filled (const struct orl_geometry *geo, size_t at)
{
  struct orl_range r[ORL_RANGES];

  orl_layout_ranges (geo, geo->made, r);
  for (int i = 0; i < ORL_RANGES; i++)
    if (at >= r[i].from && at < r[i].to
        && (at + HUGE <= r[i].to || r[i].to == geo->meta_bytes
            || (i + 1 < ORL_RANGES && r[i].to == r[i + 1].from)))
      return true;
  return false;
}

void
orl_mapping_make_huge (void *at, const struct orl_geometry *geo)
{
  size_t end = orl_mapping_bytes (geo) & ~(HUGE - 1);
  int r = 0;

  if (geo->block > 4096)
    return;
  /* One by one: the call ends at the first that it cannot do. */
  for (size_t i = 0; i < end && r != -EINVAL; i += HUGE)
    {
      r = is_filled (geo, i) ? -EAGAIN : 0;
      for (int k = 0; k < TRIES && r == -EAGAIN; k++)
        r = orl_sys.madvise ((unsigned char *) at + i, HUGE, ORL_COLLAPSE);
    }
}

/* One huge page for the new file's hole at at, that is to be mapped there. */
static bool
fill (int fd, unsigned char *at, uint64_t offset)
{
  static const char zero;
  struct iovec iov = { (void *) (uintptr_t) &zero, 1 };
  int r = -EAGAIN;

  if (orl_sys.mmap (at, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                    fd, (off_t) offset)
          == MAP_FAILED
      || orl_sys.pwritev (fd, &iov, 1, (off_t) offset) != 1)
    return false;
  for (int k = 0; k < TRIES && r == -EAGAIN; k++)
    r = orl_sys.madvise (at, HUGE, ORL_COLLAPSE);
  return r == 0;
}

uint64_t
orl_mapping_fill_huge (int fd, const struct orl_geometry *geo)
{
  uint64_t n = orl_data_bytes (geo, geo->made);
  uint64_t done = 0;
  unsigned char *range, *at;

  if (geo->block > 4096 || n < ORL_MAPPING_HUGE_FROM)
    return 0;
  range = orl_sys.mmap (NULL, 2 * HUGE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED)
    return 0;
  at = range + (-(uintptr_t) range & (HUGE - 1));
  while (n - done >= HUGE && fill (fd, at, geo->data + done))
    done += HUGE;
  orl_sys.munmap (range, 2 * HUGE);
  return done;
}
