/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_view() shows a run of pages as one range of memory, wherever their
 * frames are, in windows of each kind; what is written there is in the pages.
 */
#include "window.h"

#define PAGES 600
#define RUN 300

static const struct {
  uint32_t backend;
  size_t window;
  unsigned flags;
} windows[] = {
  { ORIEL_BACKEND_EMULATED, 128 * KiB, 0 },
  { ORIEL_BACKEND_MMAP, 128 * KiB, 0 },
  { ORIEL_BACKEND_NATIVE, 128 * KiB, 0 },
  { ORIEL_BACKEND_LINEAR, 16 * MiB, 0 },
  { ORIEL_BACKEND_MMAP, 128 * KiB, ORIEL_PROTECT | ORIEL_RETIRE },
  { ORIEL_BACKEND_MMAP, 128 * KiB, ORIEL_LAZY },
};

static uint64_t seed;

/* Load all pages, in an order in which few are neighbours. */
static void
scatter (oriel_file *file)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page = must_pin (file, i * 7 % PAGES, ORIEL_READ);

    must (oriel_unpin (&page), "oriel_unpin");
  }
}

static int
is_run (const struct oriel_view *view, uint64_t tag)
{
  for (uint64_t i = 0; i < view->count; i++)
    if (!is_stamped ((char *) view->data + i * 4096, 4096, tag,
                     view->first + i))
      return 0;
  return 1;
}

static int
all_seen (oriel_file *file)
{
  int good = 0;

  for (int i = 0; i < 100; i++) {
    uint64_t n = 1 + next_random (&seed) % RUN;
    uint64_t first = next_random (&seed) % (PAGES - n);
    struct oriel_view view;

    must (oriel_view (file, first, n, ORIEL_READ, &view), "oriel_view");
    good += view.first == first && view.count == n && is_run (&view, 1);
    must (oriel_view_end (&view), "oriel_view_end");
  }
  return good == 100;
}

static uint64_t ndirty, wrong;

static void
count_dirty (void *arg, const oriel_page_info *info)
{
  uint64_t first = *(uint64_t *) arg;

  ndirty += info->dirty != 0;
  wrong += info->dirty && (info->number < first || info->number > first + 1);
}

/* Of a view of many some are dirtied. */
static void
dirty_some (oriel_file *file)
{
  uint64_t some = 15;
  struct oriel_view view;

  must (oriel_view (file, 10, 20, ORIEL_WRITE, &view), "oriel_view");
  must (oriel_view_dirty (&view, some, 2, 0), "oriel_view_dirty");
  must (oriel_view_end (&view), "oriel_view_end");
  ndirty = wrong = 0;
  must (oriel_file_pages (file, count_dirty, &some), "oriel_file_pages");
  is_int ((long long) ndirty, 2, "so many are dirty as were said to be");
  is_int ((long long) wrong, 0, "and those");
  must (oriel_sync (file), "oriel_sync");
}

/* Through a view, then by pins; and behind the end of the file. */
static void
write_view (oriel_pool *pool, oriel_file *file)
{
  uint64_t first = PAGES - 20;
  struct oriel_view view;
  int good = 0;

  must (oriel_view (file, first, 30, ORIEL_WRITE, &view), "oriel_view");
  ok (is_zero ((char *) view.data + 20 * 4096, 10 * 4096),
      "behind the end are zeroes");
  for (uint64_t i = 0; i < 25; i++)
    stamp ((char *) view.data + i * 4096, 4096, 2, first + i);
  is_rc (oriel_view_dirty (&view, first, 25, 0), 0, "oriel_view_dirty");
  is_rc (oriel_view_dirty (&view, first - 1, 1, 0), -EINVAL,
         "not of a page before the view");
  is_rc (oriel_view_dirty (&view, first + 20, 11, 0), -EINVAL,
         "nor of one behind it");
  is_rc (oriel_view_end (&view), 0, "oriel_view_end");
  is_rc (oriel_view_end (&view), -EINVAL, "it ends once");
  for (uint64_t i = 0; i < 25; i++)
    good += page_is_stamped (pool, file, first + i, 2);
  is_int (good, 25, "pins show what was written to the view");
  is_int ((long long) oriel_file_size (file), (PAGES + 5) * 4096,
          "the file is as long as what was dirtied");
  must (oriel_view (file, first, 25, ORIEL_READ, &view), "oriel_view");
  ok (is_run (&view, 2), "and so does another view");
  is_rc (oriel_view_dirty (&view, first, 1, 0), -EINVAL,
         "a view for reading is not dirtied");
  must (oriel_view_end (&view), "oriel_view_end");
  must (oriel_sync (file), "oriel_sync");
  dirty_some (file);
}

/* Two views of the same pages, and one that is ended from a copy. */
static void
twice (oriel_pool *pool, oriel_file *file)
{
  struct oriel_view a, b, copy;

  must (oriel_view (file, 10, 100, ORIEL_READ, &a), "oriel_view");
  must (oriel_view (file, 60, 100, ORIEL_READ, &b), "oriel_view");
  ok (is_run (&a, 1) && is_run (&b, 1), "two views of the same pages");
  is_int ((long long) get_stats (pool).pins, 200, "each pins its pages");
  copy = a;
  must (oriel_view_end (&a), "oriel_view_end");
  ok (is_run (&b, 1), "one is there when the other ends");
  is_rc (oriel_view_end (&copy), -EINVAL, "a copy of what ended is none");
  must (oriel_view_end (&b), "oriel_view_end");
  is_int ((long long) get_stats (pool).pins, 0, "nothing stays pinned");
}

static void
try (uint32_t backend, size_t window, unsigned flags)
{
  oriel_options opt = test_options ();
  oriel_stats before, after;
  struct oriel_view view;
  oriel_pool *pool;
  oriel_file *file;

  opt.pool_size = 16 * MiB;
  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.flags = flags;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s, flags 0x%x", oriel_backend_name (backend), flags);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  scatter (file);
  before = get_stats (pool);
  must (oriel_view (file, 0, RUN, ORIEL_READ, &view), "oriel_view");
  after = get_stats (pool);
  ok (is_run (&view, 1), "pages from everywhere");
  is_int ((long long) (after.views - before.views), 1, "a view is counted");
  is_int ((long long) (after.view_pages - before.view_pages), RUN,
          "and its pages");
  ok (after.view_maps - before.view_maps > RUN / 2
          && after.view_maps - before.view_maps <= RUN,
      "and the calls that map them");
  is_int ((long long) (after.swaps - before.swaps), 0, "no slot is swapped");
  must (oriel_view_end (&view), "oriel_view_end");
  ok (all_seen (file), "views of random runs");
  twice (pool, file);
  write_view (pool, file);
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

/* Pages that are neighbours in the pool. */
static void
neighbours (uint32_t backend, size_t window, unsigned most)
{
  oriel_options opt = test_options ();
  struct oriel_view view;
  oriel_stats before, after;
  oriel_pool *pool;
  oriel_file *file;

  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  before = get_stats (pool);
  must (oriel_view (file, 0, 256, ORIEL_READ, &view), "oriel_view");
  after = get_stats (pool);
  ok (is_run (&view, 1), "pages that were not in the pool, %s",
      oriel_backend_name (backend));
  diag ("%llu calls", (unsigned long long) (after.view_maps - before.view_maps));
  ok (after.view_maps - before.view_maps <= most,
      "come in runs, which are mapped as such");
  must (oriel_view_end (&view), "oriel_view_end");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  seed = test_seed ();
  for (size_t i = 0; i < COUNT (windows); i++)
    try (windows[i].backend, windows[i].window, windows[i].flags);
  neighbours (ORIEL_BACKEND_MMAP, 128 * KiB, 64);
  neighbours (ORIEL_BACKEND_LINEAR, 4 * MiB, 64);
  return done_testing ();
}
