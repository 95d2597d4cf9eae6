/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_pool_resize() gives a pool more frames, or fewer, while processes use it:
 * every page is what it was, the file has as much memory as the pool has frames,
 * and what cannot be done changes nothing.
 */
#include <stdbool.h>

#include "faults.h"
#include "window.h"

#define PAGES 1500

static oriel_pool *pool;
static oriel_file *file;

static int
all_there (void)
{
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i * 7 % PAGES, 1 + i * 7 % PAGES % 2);
  return good == PAGES;
}

/* Every second page has tag 2, and is dirty. */
static void
dirty_half (void)
{
  for (uint64_t i = 1; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2);
}

static void
size_is (uint64_t bytes)
{
  diag ("%llu KiB", (unsigned long long) bytes / 1024);
  is_int ((long long) oriel_pool_frames (pool), (long long) bytes / 4096,
          "the pool has so many frames");
  is_int ((long long) get_stats (pool).frames, (long long) bytes / 4096,
          "and says so");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "and is in order");
}

/* Another process, that has the pool open all along. */
struct other {
  steps step;
  uint32_t backend;
  size_t window;
};

static oriel_options
options (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();

  opt.max_size = 16 * MiB;
  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.backend = backend;
  return opt;
}

static int
reads_along (void *arg)
{
  struct other *o = arg;
  oriel_options opt = options (o->backend, o->window);
  int good = 1;

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int i = 1; i < 10; i += 2) {
    good = good && all_there ();
    go_to (&o->step, i);
    await (&o->step, i + 1);
  }
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

static void
resize (struct other *o, uint64_t bytes)
{
  long long before = plain_room (pool_path ("test"));
  long long had = (long long) oriel_pool_frames (pool) * 4096;

  is_rc (oriel_pool_resize (pool, bytes), 0, "a resize");
  size_is (bytes);
  if ((long long) bytes < had)
    ok (plain_room (pool_path ("test")) <= before - (had - (long long) bytes),
        "memory is given back");
  else
    ok (plain_room (pool_path ("test")) >= before + (long long) bytes - had,
        "it has the memory");
  ok (all_there (), "each page is as it was");
  go_to (&o->step, atomic_load (&o->step) + 1);
  await (&o->step, atomic_load (&o->step) + 1);
}

static void
try (uint32_t backend, size_t window)
{
  struct other *o = shared_memory (sizeof *o);
  oriel_options opt = options (backend, window);
  pid_t pid;

  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s, window %zu", oriel_backend_name (backend), window);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int ((long long) get_stats (pool).frames_max, 4096, "as was asked for");
  dirty_half ();
  must (oriel_flush (file), "oriel_flush");
  o->backend = backend;
  o->window = window;
  pid = spawn (reads_along, o);
  await (&o->step, 1);
  dirty_half ();
  resize (o, 8 * MiB);
  dirty_half ();
  resize (o, 1 * MiB);
  dirty_half ();
  resize (o, 16 * MiB);
  resize (o, 64 * KiB);
  go_to (&o->step, 10);
  is_int (reap (pid), 0, "the other process saw each page, too");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

static void
refuse (uint64_t bytes, int error, const char *what)
{
  uint64_t frames = oriel_pool_frames (pool);

  is_rc (oriel_pool_resize (pool, bytes), error, what);
  size_is (frames * 4096);
}

static int
holds_dirty (void *arg)
{
  oriel_options opt = options (0, 0);
  struct other *o = arg;

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  for (uint64_t i = 0; i < 700; i++)
    stamp_page (pool, file, i, 3);
  go_to (&o->step, 1);
  await (&o->step, 2);
  must (oriel_sync (file), "oriel_sync");
  go_to (&o->step, 3);
  await (&o->step, 4);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void
refusals (void)
{
  struct other *o = shared_memory (sizeof *o);
  oriel_options opt = options (0, 0);
  oriel_page page[100];
  pid_t pid;

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_rc (oriel_pool_resize (NULL, 1), -EINVAL, "no pool");
  refuse (15 * 4096, -EINVAL, "fewer than 16 pages");
  refuse (16 * MiB + 4096, -EINVAL, "more than max_size");
  fault_arm (&(struct fault){ "fallocate", ENOSPC }, 1, false);
  refuse (16 * MiB, -ENOSPC, "no room for tables");
  fault_arm (&(struct fault){ "fallocate", ENOSPC }, 1, true);
  refuse (8 * MiB, -ENOSPC, "no room for pages");
  fault_disarm ();
  is_rc (oriel_pool_resize (pool, 4 * MiB), 0, "the size that it has");
  size_is (4 * MiB);

  for (uint64_t i = 0; i < 100; i++)
    page[i] = must_pin (file, i * 15, ORIEL_READ);
  refuse (64 * KiB, -EBUSY, "pages that are pinned");
  ok (strstr (oriel_error (), "pinned") != NULL, "which is said");
  for (uint64_t i = 0; i < 100; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");

  pid = spawn (holds_dirty, o);
  await (&o->step, 1);
  refuse (64 * KiB, -EBUSY, "dirty pages of a file that another has open");
  ok (strstr (oriel_error (), "dirty") != NULL, "which is said");
  go_to (&o->step, 2);
  await (&o->step, 3);
  is_rc (oriel_pool_resize (pool, 64 * KiB), 0, "when they are written it goes");
  size_is (64 * KiB);
  go_to (&o->step, 4);
  is_int (reap (pid), 0, "the other process ends well");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Where it is not said a pool can get no larger than what it was made with. */
static void
limits (void)
{
  oriel_options opt = test_options ();

  pool = must_open_pool ("test", &opt);
  is_int ((long long) get_stats (pool).frames_max, 1024,
          "max_size has a default");
  is_rc (oriel_pool_resize (pool, 2 * MiB), 0, "any pool can shrink");
  is_rc (oriel_pool_resize (pool, 4 * MiB), 0, "and grow again");
  size_is (4 * MiB);
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.max_size = 2 * MiB;
  is_rc (oriel_pool_open ("less", &opt, &pool), -EINVAL,
         "a max_size that is less than pool_size");
}

int
main (void)
{
  fault_wrap ();
  scratch ();
  pool_dir ();
  for (size_t b = 0; b < COUNT (swapping_backends); b++)
    try (swapping_backends[b], 256 * KiB);
  try (ORIEL_BACKEND_AUTO, 0);
  refusals ();
  limits ();
  return done_testing ();
}
