/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page whose writer was killed is again what it was when the dead one pinned
 * it, dirty or not; with ORIEL_NO_IMAGES it is what the store has.  The file is
 * no longer for what the dead wrote behind its end, and a page that another has
 * latched stays so when one dies who had it pinned, or waited for it.
 */
#include "util.h"

#include "attach.h"

#define LATCHED 2u              /* ORL_LATCH_X: tests have a latch.h, too */

#define FAR 390                  /* not read ahead of the others */

static unsigned flags;

/* Change a part of pages 1 to 4, mark two of them, begin page FAR afresh, which
 * the pool did not have, and die. */
static int
dies (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), flags);
  oriel_page fresh;

  (void) arg;
  for (uint64_t i = 1; i <= 4; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE);

    memset (page.data, 0xee, 1000);
    if (i % 2)
      must (oriel_dirty (&page, 0), "oriel_dirty");
  }
  fresh = must_pin (file, FAR, ORIEL_WRITE | ORIEL_FRESH);
  memset (fresh.data, 0xee, 1000);
  raise (SIGKILL);
  return 0;
}

/* first is the page that is looked at first: that look finds the dead. */
static void
try (uint64_t first)
{
  oriel_pool *pool = test_pool ();
  oriel_page held;
  oriel_file *file;
  uint64_t version;
  int good = 0;

  diag ("%s before-images, page %d first",
        flags & ORIEL_NO_IMAGES ? "without" : "with", (int) first);
  make_stamped_file (scratch_file ("data"), 4096, 400, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), flags);
  for (uint64_t i = 0; i < 9; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, 9, "all pages but one are in the pool");
  if (!(flags & ORIEL_NO_IMAGES))
    for (uint64_t i = 3; i <= 4; i++)
      stamp_page (pool, file, i, 2);
  held = must_pin (file, 2, ORIEL_OPTIMISTIC);
  is_int (in_child (dies, NULL), 128 + SIGKILL, "a writer is killed");
  ok (page_is_stamped (pool, file, first, 1), "a page is what it was");
  ok (page_is_stamped (pool, file, 1, 1), "when looked at again, too");
  good = 0;
  for (uint64_t i = 3; i <= 4; i++)
    good += page_is_stamped (pool, file, i, flags & ORIEL_NO_IMAGES ? 1 : 2);
  is_int (good, 2, "so are others");
  version = oriel_read_begin (&held);
  if (!(flags & ORIEL_NO_IMAGES))
    ok (is_stamped (held.data, 4096, 1, 2)
        && oriel_read_validate (&held, version),
        "also for who had it pinned");
  must (oriel_unpin (&held), "oriel_unpin");
  ok (page_is_stamped (pool, file, 2, 1), "and for who pins it anew");
  ok (page_is_stamped (pool, file, FAR, 1),
      "one that was begun afresh is what the store has");
  ok (get_stats (pool).repairs > 0, "that was a repair");
  is_rc (oriel_sync (file), 0, "sync");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Writes behind the end. */
static int
dies_behind (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, *(uint64_t *) arg, ORIEL_WRITE);

  must (oriel_dirty (&page, 0), "oriel_dirty");
  raise (SIGKILL);
  return 0;
}

static int
dies_with_a_pin (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  (void) arg;
  must_pin (file, 3, ORIEL_OPTIMISTIC);
  raise (SIGKILL);
  return 0;
}

static int
waits_to_write (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);

  (void) arg;
  must_pin (file, 3, ORIEL_WRITE);
  return 1;
}

/* Who attaches has repaired what the dead left of the latch. */
static int
comes_to_write (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  const struct orl_frame *f = &pool->shm.frames[*(uint32_t *) arg];
  oriel_page page;

  if (atomic_load (&f->latch) & LATCHED)
    return 2;
  return oriel_pin (file, 3, ORIEL_WRITE | ORIEL_NOWAIT, &page) == -EAGAIN ? 0
                                                                            : 1;
}

/* Who attaches repairs what is there. */
static int
attaches (void *arg)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;

  (void) arg;
  return oriel_pin (file, 3, ORIEL_READ | ORIEL_NOWAIT, &page) == -EAGAIN ? 0
                                                                           : 1;
}

static void
others_stay (void)
{
  oriel_pool *pool = test_pool ();
  uint64_t behind = 20;
  oriel_file *file;
  oriel_page page;
  pid_t waits;

  diag ("what is not the dead one's");
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  is_int (in_child (dies_behind, &behind), 128 + SIGKILL, "a writer is killed");
  page = must_pin (file, behind, ORIEL_WRITE);
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) oriel_file_size (file), 10 * 4096,
          "the file is as long as it was");
  page = must_pin (file, 3, ORIEL_WRITE);
  memset (page.data, 'x', 1000);
  is_int (in_child (dies_with_a_pin, NULL), 128 + SIGKILL,
          "one dies who has a page pinned that is written to");
  is_int (in_child (attaches, NULL), 0, "no one gets it for that");
  stamp (page.data, 4096, 2, 3);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  is_rc (oriel_unpin (&page), 0, "its writer gives it back");
  ok (page_is_stamped (pool, file, 3, 2), "and it is as that wrote it");
  page = must_pin (file, 3, ORIEL_READ);
  waits = spawn (waits_to_write, NULL);
  while (!(atomic_load (&pool->shm.frames[page.frame].latch) & LATCHED))
    usleep (1000);
  kill (waits, SIGKILL);
  is_int (reap (waits), 128 + SIGKILL, "one dies who waits for a reader");
  is_int (in_child (comes_to_write, &page.frame), 0,
          "the next writer waits for that reader, too");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  try (1);
  try (FAR);
  flags = ORIEL_NO_IMAGES;
  try (1);
  try (FAR);
  others_stay ();
  return done_testing ();
}
