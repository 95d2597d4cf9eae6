/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is clean, and pinned for writing, is chosen to be evicted; before
 * the ledgers are read it is made dirty and given back.  So no one has it pinned
 * any more, and it stays all the same.  Likewise when the pool is made smaller.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "attach.h"
#include "frame.h"
#include "point.h"

#define FRAMES 64
#define PAGES 40
#define PAGE 3

static oriel_pool *pool;
static oriel_file *file;
static uint32_t frame;
static steps step;
static unsigned rounds;

static void *
writer (void *arg)
{
  oriel_page page = must_pin (file, PAGE, ORIEL_WRITE);

  frame = page.frame;
  go_to (&step, 1);
  await (&step, 2);
  stamp (page.data, 4096, rounds, PAGE);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  go_to (&step, 3);
  return arg;
}

static void
let_it_write (const struct orl_point *point)
{
  uint64_t word = atomic_load (&pool->shm.frames[frame].state);

  if (strcmp (point->name, "evict.marked") != 0 || atomic_load (&step) != 1
      || orl_state (word) != ORL_EVICTING)
    return;
  go_to (&step, 2);
  await (&step, 3);
}

static void
evicts (void)
{
  oriel_pool_evict (pool, NULL);
}

static void
shrinks (void)
{
  must (oriel_pool_resize (pool, FRAMES / 2 * 4096), "oriel_pool_resize");
  must (oriel_pool_resize (pool, FRAMES * 4096), "oriel_pool_resize");
}

static void
try (const char *what, void (*take) (void), uint32_t above)
{
  pthread_t thread;

  /* Not before the page lies where it will be chosen. */
  do {
    oriel_page page;

    must (oriel_sync (file), "oriel_sync");
    must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
    for (uint64_t i = 0; i < next_random (&(uint64_t) { ++rounds }) % PAGES; i++) {
      page = must_pin (file, 50 + i, ORIEL_READ);
      must (oriel_unpin (&page), "oriel_unpin");
    }
    page = must_pin (file, PAGE, ORIEL_READ);
    frame = page.frame;
    must (oriel_unpin (&page), "oriel_unpin");
  }
  while (frame < above && rounds < 10000);
  rounds++;
  atomic_store (&step, 0);
  thread = start_thread (writer, NULL);
  await (&step, 1);
  orl_point_hook = let_it_write;
  take ();
  orl_point_hook = NULL;
  ok (atomic_load (&step) == 3, "%s: a page is changed meanwhile", what);
  if (atomic_load (&step) == 1)
    go_to (&step, 2);
  pthread_join (thread, NULL);
  ok (page_is_stamped (pool, file, PAGE, rounds), "and stays so");
}

int
main (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  try ("all are evicted", evicts, 0);
  try ("the pool gets smaller", shrinks, FRAMES / 2);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
