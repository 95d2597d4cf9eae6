/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All processes of a pool are killed, some with pages pinned and latched: the
 * next to attach finds every clean page and every dirty one, without a read.
 * Of a file that was changed meanwhile it finds no page; of one to which a
 * process was just writing, when it died, the dirty pages only.
 */
#include "util.h"

#include <sys/resource.h>

#define WORKERS 4
#define PAGES 2048              /* of the file, in a pool of twice as many */
#define SHARE (PAGES / WORKERS)
#define DIRTY 8                 /* every eighth page of a share is dirty */

static steps *ready;

static oriel_options
warm_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 2 * PAGES * 4096;
  return opt;
}

static oriel_pool *
warm_pool (void)
{
  oriel_options opt = warm_options ();

  return must_open_pool ("test", &opt);
}

static uint64_t
tag_of (uint64_t number)
{
  return number % DIRTY == 0 ? 2 : 1;
}

/* Read and dirty a share of the pages, keep some pinned, and wait for death. */
static int
works (void *arg)
{
  uint64_t first = (uint64_t) (uintptr_t) arg * SHARE;
  oriel_options opt = warm_options ();
  oriel_page page;
  oriel_pool *pool;
  oriel_file *file;

  if (first == 0) { /* one of them through a window that is too small */
    opt.window_size = MiB / 2;
    opt.slot_size = 16 * KiB;
  }
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = first; i < first + SHARE; i++)
    if (tag_of (i) == 2)
      stamp_page (pool, file, i, 2);
    else if (!page_is_stamped (pool, file, i, 1))
      return 1;
  must_pin (file, first + 1, ORIEL_READ);
  must_pin (file, first + 2, ORIEL_OPTIMISTIC);
  for (uint64_t i = first + 7; i < first + 9; i++) {
    page = must_pin (file, i, ORIEL_WRITE); /* one clean, one dirty */
    memset (page.data, 0xee, 3000);
  }
  atomic_fetch_add (ready, 1);
  pause ();
  return 0;
}

/* Read all pages of the shared file; how many are right. */
static int
count_right (oriel_pool *pool, oriel_file *file)
{
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, tag_of (i));
  return good;
}

static void
finds_all_pages (void)
{
  oriel_stats before, after;
  pid_t pids[WORKERS];
  oriel_pool *pool;
  oriel_file *file;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (int i = 0; i < WORKERS; i++)
    pids[i] = spawn (works, (void *) (uintptr_t) i);
  await (ready, WORKERS);
  for (int i = 0; i < WORKERS; i++)
    kill (pids[i], SIGKILL);
  for (int i = 0; i < WORKERS; i++)
    is_int (reap (pids[i]), 128 + SIGKILL, "a process is killed");

  pool = warm_pool ();
  before = get_stats (pool);
  is_int ((long long) before.processes, 1, "we are alone");
  is_int ((long long) before.frames_dirty, PAGES / DIRTY,
          "the dirty pages are there");
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int (count_right (pool, file), PAGES, "every page is right");
  after = get_stats (pool);
  is_int ((long long) (after.misses - before.misses), 0, "all were hits");
  is_int ((long long) (after.reads - before.reads), 0,
          "nothing was read from the store");
  is_int ((long long) (after.frames_free - before.frames_free), 0,
          "no frame was needed");
  is_int ((long long) after.pins, 0, "no pin is left");
  is_rc (oriel_sync (file), 0, "the dirty pages can be written");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_int ((long long) plain_size (scratch_file ("data")), PAGES * 4096,
          "the file is as long as it was");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* ------------------------------------------------------------------ */

static const char *const names[] = { "same", "longer", "backdated", "dirty" };

/* Cache ten pages of each file; of the last, one is dirty. */
static int
caches (void *arg)
{
  oriel_pool *pool = warm_pool ();

  (void) arg;
  for (size_t n = 0; n < COUNT (names); n++) {
    oriel_file *file = must_open_file (pool, scratch_file (names[n]), 0);

    for (uint64_t i = 0; i < 10; i++)
      if (!page_is_stamped (pool, file, i, 1))
        return 1;
    if (n == 3)
      stamp_page (pool, file, 4, 2);
  }
  raise (SIGKILL);
  return 0;
}

/* Give page 6 another content, as a stranger does. */
static void
change (const char *name, int backdate)
{
  struct timespec times[2];
  struct stat st;
  char page[4096];

  if (stat (scratch_file (name), &st) < 0)
    bail_out ("stat: %s", strerror (errno));
  stamp (page, sizeof page, 5, 6);
  plain_write (scratch_file (name), 6 * 4096, page, sizeof page);
  times[0] = st.st_atim;
  times[1] = st.st_mtim;
  if (backdate && utimensat (AT_FDCWD, scratch_file (name), times, 0) < 0)
    bail_out ("utimensat: %s", strerror (errno));
}

static void
reads (oriel_pool *pool, const char *name, uint64_t tag, int anew)
{
  oriel_file *file = must_open_file (pool, scratch_file (name), 0);
  uint64_t before = get_stats (pool).misses + get_stats (pool).readahead;
  uint64_t after;
  int good = 0;

  for (uint64_t i = 0; i < 10; i++)
    good += page_is_stamped (pool, file, i, i == 6 ? tag : 1);
  after = get_stats (pool).misses + get_stats (pool).readahead;
  is_int (good, 10, name);
  if (anew)
    ok (after - before >= 10, "its pages are read anew");
  else
    is_int ((long long) (after - before), 0, "its pages were in the pool");
  must (oriel_file_close (file), "oriel_file_close");
}

static void
drops_what_was_changed (void)
{
  oriel_pool *pool;
  oriel_file *file;
  char byte = 1;

  for (size_t n = 0; n < COUNT (names); n++)
    make_stamped_file (scratch_file (names[n]), 4096, 10, 0, 1);
  is_int (in_child (caches, NULL), 128 + SIGKILL, "the only process is killed");
  usleep (30000); /* no clock of a file system is coarser here */
  plain_write (scratch_file ("longer"), 10 * 4096, &byte, 1);
  change ("longer", 0);
  change ("backdated", 1);
  change ("dirty", 0);

  pool = warm_pool ();
  reads (pool, "same", 1, 0);
  reads (pool, "longer", 5, 1);
  reads (pool, "backdated", 5, 1);
  is_rc (oriel_file_open (pool, scratch_file ("dirty"), 0, &file), -ESTALE,
         "changed, and dirty in the pool: not for us to decide");
  must (oriel_file_open (pool, scratch_file ("dirty"), ORIEL_DISCARD, &file),
        "oriel_file_open");
  must (oriel_file_close (file), "oriel_file_close");
  reads (pool, "dirty", 5, 1);
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* ------------------------------------------------------------------ */

/* Where the kernel ends the process that writes. */
#define STOP 40

/* Pages 0 to 9 are clean, pages 20 to 59 dirty, and of these the first twenty
 * reach the store, then the kernel ends us: a signal in the midst of flush, and
 * as little chance to tidy up as with SIGKILL. */
static int
dies_writing (void *arg)
{
  const struct rlimit limit = { STOP * 4096, STOP * 4096 };
  const struct rlimit no_core = { 0, 0 };
  oriel_pool *pool = warm_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  (void) arg;
  for (uint64_t i = 0; i < 10; i++)
    if (!page_is_stamped (pool, file, i, 1))
      return 1;
  for (uint64_t i = 20; i < 60; i++)
    stamp_page (pool, file, i, 2);
  setrlimit (RLIMIT_CORE, &no_core);
  signal (SIGXFSZ, SIG_DFL);
  setrlimit (RLIMIT_FSIZE, &limit);
  oriel_flush (file);
  return 2;
}

static void
keeps_dirty_pages_only (void)
{
  oriel_stats before, after;
  oriel_pool *pool;
  oriel_file *file;
  char page[4096];
  int good = 0;

  make_stamped_file (scratch_file ("data"), 4096, 100, 0, 1);
  is_int (in_child (dies_writing, NULL), 128 + SIGXFSZ,
          "a process dies while it writes");
  plain_read (scratch_file ("data"), 20 * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 2, 20), "a part of it is written");
  plain_read (scratch_file ("data"), STOP * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 1, STOP), "a part is not");

  pool = warm_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  before = get_stats (pool);
  ok (before.frames_dirty >= 60 - STOP, "what was not written is dirty");
  for (uint64_t i = 20; i < 60; i++)
    good += page_is_stamped (pool, file, i, 2);
  is_int (good, 40, "all pages that were dirty have their new content");
  after = get_stats (pool);
  ok (after.misses + after.readahead - before.misses - before.readahead
      <= STOP - 20, "those not written come from the pool");
  before = after;
  good = 0;
  for (uint64_t i = 0; i < 10; i++)
    good += page_is_stamped (pool, file, i, 1);
  after = get_stats (pool);
  is_int (good, 10, "the clean ones are right");
  ok (after.misses + after.readahead - before.misses - before.readahead >= 10,
      "and are read anew: no one knows who changed the file last");
  is_rc (oriel_sync (file), 0, "sync");
  plain_read (scratch_file ("data"), 59 * 4096, page, sizeof page);
  ok (is_stamped (page, sizeof page, 2, 59), "now all of it is written");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  ready = shared_memory (sizeof *ready);
  pool_dir (); /* the children's, too */
  finds_all_pages ();
  drops_what_was_changed ();
  keeps_dirty_pages_only ();
  return done_testing ();
}
