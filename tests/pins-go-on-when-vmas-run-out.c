/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When the process itself has used up its VMAs after a pool was opened, pages
 * that no slot shows are read as copies; pins for writing are -ENOMEM, and the
 * text names vm.max_map_count.  Nothing is lost, and all goes on when the
 * process unmaps.
 */
#include "window.h"

#define SLOT 16384
#define SLOTS 256
#define PAGES (4 * SLOTS * SLOT / 4096)

static char *region;
static size_t region_bytes;

/* Every other page of a region becomes a VMA, until no VMA can be split. */
static int
use_up (void)
{
  char text[32] = "";
  long i, max;

  plain_read ("/proc/sys/vm/max_map_count", 0, text, sizeof text - 1);
  max = atol (text);
  if (max > 2000000)
    return 0;
  region_bytes = (size_t) (max + 4) * 4096;
  region = mmap (NULL, region_bytes, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED)
    return 0;
  for (i = 1; i < max + 2; i += 2)
    if (mprotect (region + i * 4096, 4096, PROT_READ) < 0)
      break;
  diag ("%ld pages protected", i / 2);
  return 1;
}

struct tally {
  int good, refused, named, wrong;
};

static struct tally
pin_all (oriel_file *file, unsigned flags, uint64_t tag, uint64_t step)
{
  struct tally t = { 0 };
  oriel_page page;

  for (uint64_t i = 0; i < PAGES; i += step) {
    int r = oriel_pin (file, i, flags, &page);

    if (r == -ENOMEM) {
      t.refused++;
      t.named += strstr (oriel_error (), "vm.max_map_count") != NULL;
      continue;
    }
    must (r, "oriel_pin");
    t.good++;
    t.wrong += !is_stamped (page.data, 4096, tag, i);
    if (flags & ORIEL_WRITE) {
      stamp (page.data, 4096, tag, i);
      must (oriel_dirty (&page, 0), "oriel_dirty");
    }
    must (oriel_unpin (&page), "oriel_unpin");
  }
  diag ("%d pins, %d refused, %d wrong", t.good, t.refused, t.wrong);
  return t;
}

/* Show something in used of the slots, then run out. */
static void
try (uint32_t backend, int used)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  struct tally t;
  char page[4096];
  int right = 0;

  diag ("%s, %d of %d slots mapped before", oriel_backend_name (backend),
        used, SLOTS);
  opt.pool_size = PAGES * 4096;
  opt.window_size = SLOTS * SLOT;
  opt.slot_size = SLOT;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  unlink (scratch_file ("data"));
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 3);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  pool = open_window (&opt, backend);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int i = 0; i < used; i++) {
    oriel_page p = must_pin (file, 3 * (uint64_t) i * SLOT / 4096, ORIEL_WRITE);

    must (oriel_unpin (&p), "oriel_unpin");
  }

  if (!use_up ()) {
    skip ("VMAs can't be used up");
    end_window (pool);
    return;
  }
  t = pin_all (file, ORIEL_READ, 3, 1);
  is_int (t.refused + t.wrong, 0, "every page can be read");
  t = pin_all (file, ORIEL_WRITE, 3, 3);
  is_int (t.wrong, 0, "what can be pinned for writing is right");
  is_int (t.named, t.refused, "what can't says so");
  if (used == 0)
    ok (t.refused > 0, "there is no VMA for a slot");
  for (uint64_t i = 0; i < PAGES; i++) {
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
    right += is_stamped (page, sizeof page, 3, i);
  }
  is_int (right, PAGES, "copying reads have every page");
  is_rc (oriel_sync (file), 0, "all can be synced");

  munmap (region, region_bytes);
  t = pin_all (file, ORIEL_WRITE, 3, 1);
  is_int (t.refused + t.wrong, 0, "with VMAs given back every pin is right");
  ok (get_stats (pool).slots_used > SLOTS / 2, "in many slots: %d",
      (int) get_stats (pool).slots_used);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "and the pool is sound");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  if (sanitized ())
    skip_all ("sanitizers want mappings of their own");
  for (size_t i = 0; i < COUNT (swapping_backends); i++) {
    uint32_t backend = swapping_backends[i];

    if (backend == ORIEL_BACKEND_NATIVE) /* needs none */
      continue;
    try (backend, 0);
    try (backend, SLOTS);
  }
  return done_testing ();
}
