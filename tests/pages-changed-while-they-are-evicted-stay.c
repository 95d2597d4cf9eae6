/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is clean, and pinned for writing, is chosen to be evicted; before
 * the ledgers are read it is made dirty and given back.  So no one has it pinned
 * any more, and it stays all the same.  Likewise when the pool is made smaller.
 * Before the ledgers are read there is a barrier.  Of a frame that changes just
 * before it is taken nothing is left.
 */
#include <stdbool.h>

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
#include "sys.h"
#include "thread.h"

#define FRAMES 64
#define PAGES 40
#define PAGE 3

static oriel_pool *pool;
static oriel_file *file;
static uint32_t frame;
static steps step;
static unsigned rounds;

static void
must_read (uint64_t number)
{
  oriel_page page = must_pin (file, number, ORIEL_READ);

  must (oriel_unpin (&page), "oriel_unpin");
}

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
    for (uint64_t i = 0; i < next_random (&(uint64_t) { ++rounds }) % PAGES; i++)
      must_read (50 + i);
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

/* ------------------------------------------------------------------ */

static int (*real_membarrier) (int cmd);
static unsigned barriers, scans, bare;

static int
count_membarrier (int cmd)
{
  barriers += cmd == ORL_MEMBARRIER_GLOBAL;
  return real_membarrier (cmd);
}

static void
look_for_barriers (const struct orl_point *point)
{
  if (strcmp (point->name, "evict.marked") == 0)
    barriers = 0;
  if (strcmp (point->name, "evict.scanned") != 0)
    return;
  scans++;
  bare += barriers == 0;
}

static void
with_a_barrier (void)
{
  for (uint64_t i = 0; i < PAGES; i++)
    must_read (i);
  real_membarrier = orl_sys.membarrier;
  orl_sys.membarrier = count_membarrier;
  orl_point_hook = look_for_barriers;
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  orl_point_hook = NULL;
  orl_sys.membarrier = real_membarrier;
  ok (scans > 0, "ledgers are read %u times", scans);
  if (pool->shm.fence)
    skip ("pins have fences of their own");
  else
    is_int ((int) bare, 0, "each time behind a barrier");
}

/* ------------------------------------------------------------------ */

static struct orl_thread *me;
static __thread bool evicts_now;
static bool want_free;
static unsigned changed;

/* How many frames this thread is at work on; frame: the last of them. */
static unsigned
work (void)
{
  unsigned n = 0;

  for (unsigned i = 0; i < ORL_WORK; i++)
    if (atomic_load (&me->ledger->work[i])) {
      frame = atomic_load (&me->ledger->work[i]) - 1;
      n++;
    }
  return n;
}

/* Every frame but one has a dirty page then. */
static void *
uses_all (void *arg)
{
  for (uint64_t i = 0; i < FRAMES - 1; i++)
    stamp_page (pool, file, 200 + i, 5);
  return arg;
}

static void
use_it_first (const struct orl_point *point)
{
  struct orl_frame *f;
  uint64_t was;

  if (!evicts_now || strcmp (point->name, "work.begun") != 0 || work () != 1)
    return;
  f = &pool->shm.frames[frame];
  was = atomic_load (&f->state);
  if ((orl_state (was) == ORL_FREE) != want_free)
    return;
  evicts_now = false;
  in_thread (uses_all, NULL);
  changed += atomic_load (&f->state) != was;
}

static void
just_before (bool is_free, const char *what)
{
  diag ("%s", what);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  for (uint64_t i = 0; !is_free && i < FRAMES; i++)
    must_read (100 + i);
  orl_thread_unstash (me);
  want_free = is_free;
  changed = 0;
  evicts_now = true;
  orl_point_hook = use_it_first;
  must_read (300);
  orl_point_hook = NULL;
  is_int ((int) changed, 1, "another takes a frame just before us");
  orl_thread_unstash (me);
  is_int ((int) work (), 0, "no work is left");
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
  must (oriel_sync (file), "oriel_sync");
  must (orl_thread_self (pool, &me), "orl_thread_self");
  with_a_barrier ();
  just_before (true, "a frame that is free");
  just_before (false, "a page that is clean");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
