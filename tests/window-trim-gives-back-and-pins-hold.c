/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_window_trim() gives back the window's VMAs and page tables.  Pages that
 * are pinned meanwhile are where they were, for loads, stores and the library's
 * own reads and writes.
 */
#include "window.h"

#define SLOTS 512
#define SLOT (64 * KiB)
#define PINS 40

static void
touch_all (oriel_file *file, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE);

    memset (page.data, (int) i, 4096);
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static int
holds (const oriel_page *page)
{
  const unsigned char *p = page->data;

  return p[0] == (unsigned char) page->number && p[4095] == p[0];
}

static void
trim (uint32_t backend, int swaps)
{
  oriel_options opt = test_options ();
  oriel_page page[PINS];
  oriel_pool *pool;
  oriel_file *file;
  oriel_stats start, before, after;
  int good = 1;

  diag ("backend %s", oriel_backend_name (backend));
  opt.pool_size = SLOTS * SLOT * (swaps ? 2 : 1);
  opt.slot_size = SLOT;
  opt.window_size = SLOTS * SLOT;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  start = get_stats (pool);
  touch_all (file, 12000); /* 47 MiB */
  for (int i = 0; i < PINS; i++)
    page[i] = must_pin (file, (uint64_t) i * 300, ORIEL_WRITE);
  before = get_stats (pool);
  is_rc (oriel_window_trim (pool), 0, "oriel_window_trim");
  after = get_stats (pool);
  diag ("VMAs %llu, then %llu; VmPTE %llu, then %llu",
        (unsigned long long) before.vmas, (unsigned long long) after.vmas,
        (unsigned long long) before.page_table_bytes,
        (unsigned long long) after.page_table_bytes);
  is_int ((long long) after.vmas, 1, "the window is one VMA");
  /* A linear window on huge pages has hardly any.  On i386 without PAE a table is
   * for 4 MiB. */
  ok (after.page_table_bytes + (sizeof (void *) == 4 ? 8 : 40) * KiB
              < before.page_table_bytes
          || (!swaps
              && before.page_table_bytes < start.page_table_bytes + 40 * KiB),
      "page tables are given back");
  for (int i = 0; i < PINS; i++) {
    good = good && holds (&page[i]);
    memset (page[i].data, (int) page[i].number, 100);
  }
  ok (good, "pinned pages are where they were");
  ok ((get_stats (pool).reinstalls > 0) == swaps,
      "the fault handler mapped them, where there are slots");
  must (oriel_window_trim (pool), "oriel_window_trim");
  for (int i = 0; i < PINS; i++) {
    must (oriel_dirty (&page[i], 0), "oriel_dirty");
    must (oriel_unpin (&page[i]), "oriel_unpin");
  }
  is_rc (oriel_flush (file), 0, "flushing writes from slots that are unmapped");
  must (oriel_window_trim (pool), "oriel_window_trim");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; i < 12000; i++) {
    oriel_page p = must_pin (file, i, i % 2 ? ORIEL_READ : ORIEL_WRITE);

    good = good && holds (&p);
    must (oriel_unpin (&p), "oriel_unpin");
    if (i % 1000 == 0)
      must (oriel_window_trim (pool), "oriel_window_trim");
  }
  ok (good, "loads read into slots that are unmapped");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

/* Nothing but the same page is touched after each of many trims. */
static void
trim_often (uint32_t backend)
{
  oriel_options opt = test_options ();
  oriel_page page;
  oriel_pool *pool;
  oriel_file *file;
  int good = 0;

  opt.pool_size = 2 * SLOT * 8;
  opt.slot_size = SLOT;
  opt.window_size = SLOT * 8;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  page = must_pin (file, 7, ORIEL_WRITE);
  memset (page.data, 7, 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  for (int i = 0; i < 500; i++) {
    must (oriel_window_trim (pool), "oriel_window_trim");
    good += *(volatile char *) page.data == 7;
  }
  is_int (good, 500, "a page that is touched after each trim stays");
  is_rc (oriel_unpin (&page), 0, "and is not taken for lost");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    trim (swapping_backends[b], 1);
  trim (ORIEL_BACKEND_LINEAR, 0);
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    trim_often (swapping_backends[b]);

  opt.flags = ORIEL_NO_FAULT_HANDLER;
  opt.pool_size = 4 * MiB;
  opt.window_size = MiB;
  pool = must_open_pool ("test", &opt);
  is_rc (oriel_window_trim (pool), -EOPNOTSUPP,
         "without a fault handler nothing would come back");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
