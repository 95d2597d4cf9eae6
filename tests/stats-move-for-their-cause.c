/* SPDX-License-Identifier: BSD-2-Clause */
/* Each counter and gauge of oriel_pool_stats() moves for its cause. */
#include "util.h"

static oriel_pool *pool;
static oriel_file *file;
static oriel_stats before;
static steps at;

static void
mark (void)
{
  before = get_stats (pool);
}

#define MOVED(field, by, what) \
  is_int ((long long) (get_stats (pool).field - before.field), by, \
          #field ": " what)

static void
look_at (uint64_t number)
{
  oriel_page page = must_pin (file, number, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
}

/* Remember a page that is in the pool and that no slot shows. */
static void
find_unshown (void *arg, const oriel_page_info *info)
{
  if (info->slot < 0)
    *(uint64_t *) arg = info->number;
}

static void
counters_of_pages (void)
{
  char bytes[4096];
  uint64_t unshown = UINT64_MAX;
  oriel_stats now;

  mark ();
  look_at (3);
  MOVED (misses, 1, "a page that had to be loaded");
  MOVED (hits, 0, "and no hit");
  now = get_stats (pool);
  ok (now.reads > before.reads, "reads: the store was read");
  ok (now.read_bytes - before.read_bytes >= 4096, "read_bytes: a page");
  mark ();
  look_at (3);
  look_at (3);
  MOVED (hits, 2, "a page that was there, twice");
  MOVED (misses, 0, "and no miss");
  MOVED (reads, 0, "and no read");

  mark ();
  stamp_page (pool, file, 2000, 1);
  MOVED (misses, 1, "a page made fresh");
  MOVED (frames_dirty, 1, "a page");
  must (oriel_flush (file), "oriel_flush");
  MOVED (writes, 1, "a flush of one page");
  MOVED (write_bytes, 4096, "its bytes");
  MOVED (writebacks, 1, "it");
  MOVED (frames_dirty, 0, "none is left");
  MOVED (syncs, 0, "flush is no sync");
  must (oriel_sync (file), "oriel_sync");
  MOVED (syncs, 1, "sync is");
  must (oriel_file_drop (file), "oriel_file_drop");
  MOVED (drops, 1, "a drop");

  mark ();
  for (uint64_t i = 0; i < 600; i++)
    look_at (i);
  now = get_stats (pool);
  ok (now.evictions - before.evictions >= 600 - now.frames,
      "evictions: 600 pages through %d frames: %d", (int) now.frames,
      (int) (now.evictions - before.evictions));
  ok (now.barriers > before.barriers, "barriers: eviction needs some");
  ok (now.swaps > before.swaps, "swaps: and slots were swapped");

  /* The window is smaller than the pool. */
  must (oriel_file_pages (file, find_unshown, &unshown), "oriel_file_pages");
  mark ();
  must (oriel_read (file, unshown * 4096, bytes, sizeof bytes, NULL),
        "oriel_read");
  ok (is_stamped (bytes, sizeof bytes, 1, unshown), "a copying read is right");
  MOVED (copies, 1, "it took no slot");
  MOVED (swaps, 0, "none");
}

static void *
waits (void *arg)
{
  oriel_page page;

  (void) arg;
  go_to (&at, 1);
  page = must_pin (file, 599, ORIEL_WRITE);
  must (oriel_unpin (&page), "oriel_unpin");
  return NULL;
}

static void
latch_waits (void)
{
  oriel_page page = must_pin (file, 599, ORIEL_WRITE);
  pthread_t thread;

  mark ();
  thread = start_thread (waits, NULL);
  await (&at, 1);
  while (get_stats (pool).latch_waits == before.latch_waits)
    usleep (1000);
  must (oriel_unpin (&page), "oriel_unpin");
  pthread_join (thread, NULL);
  ok (get_stats (pool).latch_waits > before.latch_waits,
      "latch_waits: a thread that waited");
}

static int
attaches (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *mine = must_open_pool ("test", &opt);
  oriel_file *f = must_open_file (mine, scratch_file ("data"), 0);
  oriel_page page = must_pin (f, 599, ORIEL_READ);

  go_to (arg, 1);
  await (arg, 2);
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (f), "oriel_file_close");
  must (oriel_pool_close (mine), "oriel_pool_close");
  return 0;
}

static void
gauges (void)
{
  steps *turn = shared_memory (sizeof *turn);
  oriel_stats now = get_stats (pool);
  oriel_file *other;
  oriel_page page;
  pid_t pid;

  is_int (now.backend, ORIEL_BACKEND_MMAP, "backend");
  is_int ((long long) now.page_size, 4096, "page_size");
  is_int ((long long) now.frames, 256, "frames");
  ok (now.frames_free <= now.frames, "frames_free");
  is_int ((long long) now.pool_bytes,
          (long long) plain_size (pool_path ("test")), "pool_bytes");
  is_int ((long long) now.processes, 1, "processes");
  ok (now.threads >= 1, "threads");
  is_int ((long long) now.files, 1, "files");
  is_int ((long long) now.window_bytes, 128 * KiB, "window_bytes");
  is_int ((long long) now.slot_size, 4096, "slot_size");
  is_int ((long long) now.slots, 32, "slots");
  ok (now.slots_used > 24 && now.slots_used <= 32,
      "slots_used: nearly all, by now: %d", (int) now.slots_used);
  ok (now.installs >= 32, "installs: each slot once, %d",
      (int) now.installs);
  ok (now.vmas >= 1 && now.vmas <= 34, "vmas: %d", (int) now.vmas);
  ok (now.page_table_bytes >= 4096, "page_table_bytes: %d",
      (int) now.page_table_bytes);

  mark ();
  page = must_pin (file, 1, ORIEL_READ);
  MOVED (pins, 1, "a pin");
  must (oriel_unpin (&page), "oriel_unpin");
  MOVED (pins, 0, "none");
  other = must_open_file (pool, scratch_file ("other"), ORIEL_CREATE);
  MOVED (files, 1, "another file");
  must (oriel_file_close (other), "oriel_file_close");
  pid = spawn (attaches, turn);
  await (turn, 1);
  MOVED (processes, 1, "another process");
  MOVED (threads, 1, "its thread");
  MOVED (pins, 1, "its pin");
  go_to (turn, 2);
  is_int (reap (pid), 0, "it goes");
  MOVED (processes, 0, "without it");
  MOVED (threads, 0, "without it");
  must (oriel_file_drop (file), "oriel_file_drop");
  look_at (1);
  ok (get_stats (pool).misses > before.misses,
      "counters of a process that is gone still count");
}

static void
arguments (void)
{
  static const uint32_t sizes[] = { 0, 4, 8, sizeof before + 1, 65536 };
  oriel_stats stats;

  for (size_t i = 0; i < COUNT (sizes); i++) {
    stats.struct_size = sizes[i];
    is_rc (oriel_pool_stats (pool, &stats), -EINVAL,
           "a struct_size that no version had");
  }
  is_rc (oriel_pool_stats (pool, NULL), -EINVAL, "null statistics");
  stats.struct_size = sizeof stats;
  is_rc (oriel_pool_stats (NULL, &stats), -EINVAL, "a null pool");
}

int
main (void)
{
  oriel_options opt = test_options ();

  make_stamped_file (scratch_file ("data"), 4096, 600, 0, 1);
  opt.pool_size = MiB;
  opt.window_size = 128 * KiB;
  opt.slot_size = 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  counters_of_pages ();
  latch_waits ();
  gauges ();
  arguments ();
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
