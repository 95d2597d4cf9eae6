/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page is in doubt, and its engine puts it right just when one who waited for the
 * dead writer has latched it to read, and has not looked yet whether it may be read:
 * it may by then, and whoever wants to write it waits for that reader.
 */
#include "util.h"

#include <stdbool.h>

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "point.h"

#define PAGE 3

static const char *data;
static oriel_pool *pool;
static oriel_file *file;
static steps step;
static __thread bool reads;
static bool whole;

static int
redo (void *arg, oriel_page *page, uint64_t lsn)
{
  (void) arg, (void) lsn;
  stamp (page->data, 4096, 2, page->number);
  return 0;
}

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.max_processes = 4;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, data, ORIEL_NO_IMAGES);
  must (oriel_file_on_indoubt (file, redo, NULL), "oriel_file_on_indoubt");
}

static int
dies (void *arg)
{
  oriel_page page;

  (void) arg;
  attach ();
  page = must_pin (file, PAGE, ORIEL_WRITE);
  memset (page.data, 0xee, 1000);
  raise (SIGKILL);
  return 1;
}

static void
stop_here (const struct orl_point *point)
{
  if (!reads || strcmp (point->name, "latch.shared") != 0
      || atomic_load (&step) != 0)
    return;
  go_to (&step, 1);
  await (&step, 2);
}

static void *
reader (void *arg)
{
  oriel_page page;

  reads = true;
  page = must_pin (file, PAGE, ORIEL_READ);
  go_to (&step, 3);
  await (&step, 4);
  whole = is_stamped (page.data, 4096, 2, PAGE);
  must (oriel_unpin (&page), "oriel_unpin");
  return arg;
}

int
main (void)
{
  pthread_t thread;
  oriel_page page;

  data = strdup (scratch_file ("data"));
  pool_dir ();
  make_stamped_file (data, 4096, 10, 0, 1);
  attach ();
  is_int (page_is_stamped (pool, file, PAGE, 1), 1, "a page");
  is_int (in_child (dies, NULL), 128 + SIGKILL, "whose writer dies");
  orl_point_hook = stop_here;
  thread = start_thread (reader, NULL);
  await (&step, 1);
  page = must_pin (file, PAGE, ORIEL_OPTIMISTIC);
  ok (is_stamped (page.data, 4096, 2, PAGE), "is put right");
  must (oriel_unpin (&page), "oriel_unpin");
  go_to (&step, 2);
  await (&step, 3);
  is_rc (oriel_pin (file, PAGE, ORIEL_WRITE | ORIEL_NOWAIT, &page), -EAGAIN,
         "who had latched it before keeps writers out");
  go_to (&step, 4);
  pthread_join (thread, NULL);
  ok (whole, "and has the page as the engine made it");
  orl_point_hook = NULL;
  page = must_pin (file, PAGE, ORIEL_WRITE);
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
