/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that no slot shows are flushed through private memory.  Where a thread
 * gets none of that they are shown, and flushed all the same; and where there is
 * none to list them all, they are some at a time.
 */
#include "window.h"

#include <malloc.h>

#define PAGES 700

static int refuse_memory;

/* In place of the C library's. */
void *
aligned_alloc (size_t alignment, size_t size)
{
  void *p;

  return refuse_memory || posix_memalign (&p, alignment, size) != 0 ? NULL : p;
}

/* The list of dirty pages. */
void *
realloc (void *old, size_t size)
{
  void *p = refuse_memory ? NULL : malloc (size);
  size_t had = p && old ? malloc_usable_size (old) : 0;

  if (p && old) {
    memcpy (p, old, had < size ? had : size);
    free (old);
  }
  return p;
}

static void
try (uint32_t backend)
{
  oriel_options opt = test_options ();
  char bytes[4096];
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  opt.pool_size = 4 * PAGES * 4096;
  opt.slot_size = 4096;
  opt.window_size = 8 * 4096;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_NO_IMAGES);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, backend + 10);
  is_rc (oriel_flush (file), 0, "oriel_flush");
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file ("data"), (off_t) i * 4096, bytes, 4096);
    good += is_stamped (bytes, 4096, backend + 10, i);
  }
  is_int (good, PAGES, "every page is in the file");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  refuse_memory = 1;
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b]);
  return done_testing ();
}
