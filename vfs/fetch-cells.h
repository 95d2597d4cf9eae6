/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch-cells.h - the cells of a page that a search will look at
 *
 * SQLite searches a page by halves, and where the page is in no cache of the
 * processor's each look waits for one line of memory and then chooses the next.  So
 * when another page gets a place, the lines of the first four looks are asked for
 * together: 15, of which a search takes four.  Nothing depends on what the page has:
 * what is no page of a B-tree, or a damaged one, costs lines that no one wants.
 */
#ifndef VFS_FETCH_CELLS_H
#define VFS_FETCH_CELLS_H

#include <stdint.h>

/* GCC (12) takes a function that only asks for lines for one without effect, and
 * leaves its calls out, unless it is inlined before. */
#define ASKING static inline __attribute__ ((always_inline))

/* Ask for the cell between two others, as SQLite chooses it; which that is. */
ASKING int
prefetch_between (const unsigned char *page, const unsigned char *offsets,
                  int below, int above)
{
  int middle = (below + above) >> 1;

  /* Its offset, the larger byte first. */
  __builtin_prefetch (page
                      + (offsets[2 * middle] << 8 | offsets[2 * middle + 1]));
  return middle;
}

/* Two looks between two others. */
ASKING void
prefetch_around (const unsigned char *page, const unsigned char *offsets,
                 int below, int above)
{
  int middle = prefetch_between (page, offsets, below, above);

  prefetch_between (page, offsets, below, middle);
  prefetch_between (page, offsets, middle, above);
}

/* Format: https://sqlite.org/fileformat.html.  Where there is no cell left between
 * two, it is the page's head, or a cell, that is asked for. */
ASKING void
prefetch_cells (const unsigned char *page, uint64_t bytes)
{
  int head = page[0] & 8 ? 8 : 12; /* a leaf's, or another's */
  int n = page[3] << 8 | page[4];
  const unsigned char *offsets = page + head;
  int first, middle, last;

  /* Types 2, 5, 10 and 13. */
  if (page[0] > 13 || !(1u << page[0] & 0x2424) || n == 0
      || (uint64_t) (head + 2 * n) > bytes)
    return;
  middle = prefetch_between (page, offsets, -1, n);
  first = prefetch_between (page, offsets, -1, middle);
  last = prefetch_between (page, offsets, middle, n);
  prefetch_around (page, offsets, -1, first);
  prefetch_around (page, offsets, first, middle);
  prefetch_around (page, offsets, middle, last);
  prefetch_around (page, offsets, last, n);
}

#endif /* VFS_FETCH_CELLS_H */
