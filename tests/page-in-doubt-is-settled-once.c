/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads meet a page in doubt.  One has the engine asked, and the page is put
 * right, after the other has seen that it is in doubt, and before that has the
 * latch: the engine is not asked again.
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

#include "point.h"

#define PAGE 3

static oriel_pool *pool;
static oriel_file *file;
static steps step;
static __thread bool late;
static _Atomic int asked;

static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg, (void) lsn;
  asked++;
  stamp (page->data, 4096, 2, page->number);
  return 0;
}

static void
attach (void)
{
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_NO_IMAGES);
  must (oriel_file_on_indoubt (file, redo, NULL), "oriel_file_on_indoubt");
}

static int
dies (void *arg)
{
  (void) arg;
  attach ();
  must_pin (file, PAGE, ORIEL_WRITE);
  raise (SIGKILL);
  return 1;
}

static void
stop (const struct orl_point *point)
{
  if (!late || strcmp (point->name, "indoubt.seen") != 0)
    return;
  late = false;
  go_to (&step, 1);
  await (&step, 2);
}

static void *
comes_late (void *arg)
{
  late = true;
  ok (page_is_stamped (pool, file, PAGE, 3), "the other has the page as it is");
  return arg;
}

int
main (void)
{
  pthread_t thread;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  attach ();
  is_int (in_child (dies, NULL), 128 + SIGKILL, "a writer is killed");
  orl_point_hook = stop;
  thread = start_thread (comes_late, NULL);
  await (&step, 1);
  ok (page_is_stamped (pool, file, PAGE, 2), "one has the page put right");
  stamp_page (pool, file, PAGE, 3);
  go_to (&step, 2);
  pthread_join (thread, NULL);
  orl_point_hook = NULL;
  is_int (asked, 1, "the engine is asked once");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
