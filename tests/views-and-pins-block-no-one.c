/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that view overlapping runs for writing and reading, and threads that
 * pin the same pages one by one, backwards, while they have others, come to an
 * end; and no one sees a change half made.
 */
#include "util.h"

#define PAGES 24
#define VIEWERS 3
#define PINNERS 2

static oriel_pool *pool;
static oriel_file *file;
static _Atomic int rounds, bad;

/* Rounds of the viewers: pinners are so fast that they might have made them all
 * before the first view. */
static int
enough (int count)
{
  return atomic_fetch_add (&rounds, count)
         >= (getenv ("ORIEL_QUICK") ? 500 : 2000);
}

/* Every page of a run counts the changes of the run's first page's group: all of
 * a group have the same number at each moment that one may look. */
static int
is_even (const struct oriel_view *view)
{
  uint64_t first = *(uint64_t *) view->data;

  for (uint64_t i = 0; i < view->count; i++)
    if (*(uint64_t *) ((char *) view->data + i * 4096) != first)
      return 0;
  return 1;
}

static void *
viewer (void *arg)
{
  uint64_t seed = (uintptr_t) arg;

  while (!enough (1)) {
    unsigned flags = next_random (&seed) % 2 ? ORIEL_WRITE : ORIEL_READ;
    uint64_t first = next_random (&seed) % (PAGES / 2);
    uint64_t count = flags ? PAGES : 1 + next_random (&seed) % (PAGES / 2);
    struct oriel_view view;

    if (flags)
      first = 0;
    must (oriel_view (file, first, count, flags, &view), "oriel_view");
    if (!is_even (&view))
      atomic_fetch_add (&bad, 1);
    for (uint64_t i = 0; flags && i < count; i++)
      ++*(uint64_t *) ((char *) view.data + i * 4096);
    if (flags)
      must (oriel_view_dirty (&view, first, count, 0), "oriel_view_dirty");
    must (oriel_view_end (&view), "oriel_view_end");
  }
  return NULL;
}

/* Latches pages in an order of its own, and waits for each while it has the
 * others: which only one thread at a time may do. */
static void *
pinner (void *arg)
{
  static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
  uint64_t seed = (uintptr_t) arg;
  oriel_page page[4];

  while (!enough (0)) {
    uint64_t from = 8 + next_random (&seed) % (PAGES - 8);

    pthread_mutex_lock (&one);
    for (uint64_t i = 0; i < 4; i++)
      page[i] = must_pin (file, from - 2 * i, ORIEL_WRITE);
    for (int i = 0; i < 4; i++)
      must (oriel_unpin (&page[i]), "oriel_unpin");
    pthread_mutex_unlock (&one);
  }
  return NULL;
}

static void
try (size_t window)
{
  oriel_options opt = test_options ();
  pthread_t thread[VIEWERS + PINNERS];
  struct oriel_view view;

  opt.window_size = window;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  must (oriel_file_truncate (file, PAGES * 4096), "oriel_file_truncate");
  atomic_store (&rounds, 0);
  for (uintptr_t i = 0; i < VIEWERS + PINNERS; i++)
    thread[i] = start_thread (i < VIEWERS ? viewer : pinner, (void *) (i + 1));
  for (int i = 0; i < VIEWERS + PINNERS; i++)
    pthread_join (thread[i], NULL);
  is_int (atomic_load (&bad), 0, "no view was half changed");
  must (oriel_view (file, 0, PAGES, ORIEL_READ, &view), "oriel_view");
  diag ("%llu changes, %llu waits",
        (unsigned long long) *(uint64_t *) view.data,
        (unsigned long long) get_stats (pool).latch_waits);
  ok (is_even (&view) && *(uint64_t *) view.data > 0, "all were changed alike");
  must (oriel_view_end (&view), "oriel_view_end");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  try (0);
  unlink (scratch_file ("data"));
  try (256 * KiB);
  return done_testing ();
}
