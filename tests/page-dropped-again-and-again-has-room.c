/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is forgotten leaves its frame, which keeps its entry in the page
 * table until someone wants the frame.  However often one page is forgotten and
 * read again there is room for it, and few such entries lie before it.  Only where
 * all that it had are pinned it is told so, until they are unpinned.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "frame.h"

#define FEW 100                 /* frames */

static oriel_pool *pool;
static oriel_file *file;

/* Frames of forgotten pages. */
static long long
stale (void)
{
  long long n = 0;

  for (uint64_t i = 0; i < oriel_pool_frames (pool); i++)
    n += (atomic_load (&pool->shm.frames[i].state) & ORL_STALE) != 0;
  return n;
}

static void
again_and_again (bool ahead)
{
  uint64_t times = 3 * oriel_pool_frames (pool);
  uint64_t good = 0;
  oriel_page page;
  int rc = 0;

  for (uint64_t i = 0; i < times && rc == 0; i++) {
    if (ahead)
      must (oriel_prefetch (file, 5, 1), "oriel_prefetch");
    rc = oriel_pin (file, 5, ORIEL_READ, &page);
    if (rc == 0) {
      good += (uint64_t) is_stamped (page.data, 4096, 1, 5);
      must (oriel_unpin (&page), "oriel_unpin");
      must (oriel_file_drop_pages (file, 5, 1), "oriel_file_drop_pages");
    }
  }
  is_rc (rc, 0, "a page is read and forgotten, again and again");
  is_int ((long long) good, (long long) times, "each time it is right");
}

static atomic_int refused;

static void *
some_thousand_times (void *arg)
{
  oriel_page page;

  for (int i = 0; i < 3000; i++)
    if (oriel_pin (file, 5, ORIEL_OPTIMISTIC, &page) < 0)
      refused++;
    else {
      must (oriel_file_drop_pages (file, 5, 1), "oriel_file_drop_pages");
      must (oriel_unpin (&page), "oriel_unpin");
    }
  return arg;
}

/* Several at once, where there is little room: one finds that another is just
 * taking out all that could be. */
static void
by_many (void)
{
  pthread_t thread[4];

  for (int i = 0; i < 4; i++)
    thread[i] = start_thread (some_thousand_times, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join (thread[i], NULL);
  is_int (refused, 0, "where there is room, no one of many is refused");
}

static void
while_pinned (void)
{
  uint64_t frames = oriel_pool_frames (pool), n = 0;
  oriel_page *page = calloc (frames, sizeof *page);
  int rc = 0;

  while (n < frames
         && (rc = oriel_pin (file, 5,
                             ORIEL_OPTIMISTIC | (n % 2 ? ORIEL_ANYTHREAD : 0),
                             &page[n]))
                == 0) {
    must (oriel_file_drop_pages (file, 5, 1), "oriel_file_drop_pages");
    n++;
  }
  is_rc (rc, -ENOBUFS, "where they are pinned there is an end");
  ok (strstr (oriel_error (), "page 5, as too many forgotten pages are pinned")
          != NULL,
      "which is told: %s", oriel_error ());
  diag ("%llu were pinned", (unsigned long long) n);
  must (oriel_unpin (&page[--n]), "oriel_unpin");
  ok (page_is_stamped (pool, file, 5, 1), "one less, and there is room for it");
  for (int i = 0; i < 12; i++)
    must (oriel_unpin (&page[--n]), "oriel_unpin");
  by_many ();
  while (n > 0)
    must (oriel_unpin (&page[--n]), "oriel_unpin");
  free (page);
}

int
main (void)
{
  pool = test_pool ();
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  again_and_again (false);
  again_and_again (true);
  ok (stale () < FEW, "%lld frames are of forgotten pages", stale ());
  while_pinned ();
  again_and_again (false);
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
