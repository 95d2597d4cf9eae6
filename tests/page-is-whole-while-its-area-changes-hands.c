/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed when it has written half of a page in place, by a
 * double-write area, and the pool loses the page.  Who reads it has it whole from
 * the area, also if another takes the area from the dead just when the reader looks
 * who has it, and has written nothing yet.
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
#include "double-write.h"
#include "point.h"
#include "sys.h"

#define PAGES 4

static oriel_pool *pool;
static oriel_file *file;
static steps step;
static __thread bool reads;
static int whole;

static void
attach (void)
{
  oriel_options opt = test_options ();
  oriel_file_options how;

  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  must (oriel_file_open_with (pool, scratch_file ("data"), &how, &file),
        "oriel_file_open_with");
}

static int
dies (void *arg)
{
  (void) arg;
  attach ();
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_point_arm ("flush.write", 1);
  oriel_flush (file);
  return 1;
}

static void
meet (const struct orl_point *point)
{
  if (reads && strcmp (point->name, "torn.looked") == 0
      && atomic_load (&step) == 0) {
    go_to (&step, 1);
    await (&step, 2);
  } else if (!reads && strcmp (point->name, "torn.taken") == 0
             && atomic_load (&step) == 1) {
    go_to (&step, 2);
    await (&step, 3);
  }
}

static void *
reader (void *arg)
{
  reads = true;
  whole = page_is_stamped (pool, file, 0, 2);
  go_to (&step, 3);
  return arg;
}

int
main (void)
{
  pthread_t thread;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  attach ();
  is_int (in_child (dies, NULL), 128 + SIGKILL, "a process is killed");
  plain_write (scratch_file ("data"), 512, "torn", 4);
  atomic_fetch_add (&file->rec->epoch, 1); /* the pool has no pages any more */
  stamp_page (pool, file, PAGES, 2);
  orl_point_hook = meet;
  thread = start_thread (reader, NULL);
  await (&step, 1);
  is_rc (oriel_flush (file), 0, "another takes its area meanwhile");
  pthread_join (thread, NULL);
  orl_point_hook = NULL;
  is_int (whole, 1, "who reads has the page whole");
  ok (page_is_stamped (pool, file, 0, 2), "and whoever reads it again");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
