/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes killed with pages pinned and latched, or at a random moment of
 * their work, leave nothing behind that others would wait for.
 */
#include "util.h"

#define PAGES 200
#define ROUNDS 60

static oriel_options
small_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  opt.window_size = 32 * 4096;
  opt.slot_size = 4096;
  opt.max_processes = 4;
  opt.max_threads = 6;
  return opt;
}

static int
holds (void *arg)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;

  for (uint64_t i = 0; i < 30; i++) {
    page = must_pin (file, i, i % 3 == 0 ? ORIEL_WRITE : i % 3 == 1
                     ? ORIEL_READ : ORIEL_OPTIMISTIC);
    if (i % 6 == 0)
      must (oriel_dirty (&page, 0), "oriel_dirty");
  }
  go_to (arg, 1);
  pause ();
  return 0;
}

static int
works (void *arg)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  uint64_t seed = *(uint64_t *) arg;

  for (;;) {
    uint64_t number = next_random (&seed) % PAGES;
    char bytes[10000];

    switch (next_random (&seed) % 5) {
    case 0:
      stamp_page (pool, file, number, 1);
      break;
    case 1:
      must (oriel_read (file, number * 4096, bytes, sizeof bytes, NULL),
            "oriel_read");
      break;
    case 2:
      if (next_random (&seed) % 20 == 0)
        must (oriel_flush (file), "oriel_flush");
      break;
    default:
      if (!page_is_stamped (pool, file, number, 1))
        return 3;
    }
  }
}

/* Pin every page for writing; 0 or the error.  Who waits for the dead waits for
 * ever, and that is the test's timeout. */
static int
touch_all (oriel_pool *pool, oriel_file *file)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page page;
    int rc = oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &page);

    if (rc)
      return rc;
    stamp (page.data, oriel_pool_page_size (pool), 1, i);
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  return oriel_flush (file);
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  uint64_t seed = test_seed (), *child_seed = shared_memory (8);
  oriel_options opt = small_options ();
  oriel_page pages[32];
  oriel_pool *pool;
  oriel_file *file;
  int good = 0, bad = 0, pinned = 0;
  pid_t pid;

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int round = 0; round < 5; round++) {
    go_to (at, 0);
    pid = spawn (holds, at);
    await (at, 1);
    is_int ((long long) get_stats (pool).pins, 30, "a process pins 30 pages");
    kill (pid, SIGKILL);
    is_int (reap (pid), 128 + SIGKILL, "it is killed");
    is_rc (touch_all (pool, file), 0, "every page can be had for writing");
    is_int ((long long) get_stats (pool).pins, 0, "no pin of it is left");
  }
  while (pinned < 32 && oriel_pin (file, (uint64_t) pinned + 50, ORIEL_READ,
                                   &pages[pinned]) == 0)
    pinned++;
  is_int (pinned, 32, "as many pages as the window has slots can be pinned");
  while (pinned-- > 0)
    must (oriel_unpin (&pages[pinned]), "oriel_unpin");

  for (int round = 0; round < ROUNDS && !bad; round++) {
    *child_seed = next_random (&seed);
    pid = spawn (works, child_seed);
    usleep ((useconds_t) (1000 + next_random (&seed) % 20000));
    kill (pid, SIGKILL);
    good += reap (pid) == 128 + SIGKILL;
    bad += touch_all (pool, file) != 0;
    if (bad)
      diag ("round %d: %s", round, oriel_error ());
  }
  is_int (good, ROUNDS, "sixty processes are killed at work");
  is_int (bad, 0, "after each every page can be had for writing");
  good = 0;
  must (oriel_sync (file), "oriel_sync");
  must (oriel_file_drop (file), "oriel_file_drop");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "all pages are right in the end");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (oriel_pool_close (pool), 0, "close");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0,
         "no one is attached any more");
  return done_testing ();
}
