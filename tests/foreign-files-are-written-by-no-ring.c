/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel goes on with what a ring was sent when its process is dead, and the
 * locks of that are gone.  So a file that others change without Oriel is not
 * written so, whether this process opened it as one or another did.
 */
#include "util.h"

#include "attach.h"
#include "sys.h"

#define PAGES 200               /* every second is written */

static steps *step;
static oriel_pool *pool;
static oriel_file *file;

static void
open_as (const char *name, unsigned flags)
{
  oriel_options opt = test_options ();

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file (name), flags);
}

static int
has_it_foreign (void *arg)
{
  open_as (arg, ORIEL_FOREIGN);
  go_to (step, 1);
  await (step, 2);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* Did a ring write?  It is made for its first writes. */
static int
writes_by_ring (const char *name, unsigned flags)
{
  char page[4096];
  int good = 0, by_ring;

  open_as (name, flags);
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2);
  is_rc (oriel_flush (file), 0, "a flush of many pages");
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (scratch_file (name), (off_t) i * 4096, page, sizeof page);
    good += is_stamped (page, sizeof page, 2 - i % 2, i);
  }
  is_int (good, PAGES, "writes them");
  by_ring = atomic_load (&pool->writes) != NULL;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return by_ring;
}

int
main (void)
{
  static const char *names[] = { "ours", "foreign", "to-another" };
  pid_t pid;

  step = shared_memory (sizeof *step);
  pool_dir ();
  for (size_t i = 0; i < COUNT (names); i++)
    make_stamped_file (scratch_file (names[i]), 4096, PAGES, 0, 1);
  if (!writes_by_ring ("ours", 0))
    skip_all ("nothing is written by a ring here");
  ok (!writes_by_ring ("foreign", ORIEL_FOREIGN),
      "a file that others change is written by no ring");
  pid = spawn (has_it_foreign, (void *) (uintptr_t) names[2]);
  await (step, 1);
  ok (!writes_by_ring ("to-another", 0),
      "nor one that another process has open as such");
  go_to (step, 2);
  is_int (reap (pid), 0, "that one ends");
  return done_testing ();
}
