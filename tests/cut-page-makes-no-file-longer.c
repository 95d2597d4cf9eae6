/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page that is written to while its file is truncated is behind the new end and
 * gone, or the file is as long as the page wants, and has it: whatever comes
 * first, and at each step of either.
 *
 * Two threads, each stopped at a point of src/point.h until the other has passed
 * one.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include <stdbool.h>

#include "point.h"

#define CUT (2 * 4096)

enum who { WRITER, CUTTER, NONE };

/* When who passes the point at, it waits until the other has passed for (NULL:
 * has ended). */
struct stop {
  enum who who;
  const char *at;
  const char *for_;
  bool in_vain;                 /* the other does not come there, if all is right,
                                   before we go on */
};

static struct scene {
  const char *what;
  uint64_t size;                /* before */
  uint64_t page;                /* that is written */
  bool late;                    /* pinned not before the cutter is stopped */
  struct stop stop[2];
  uint64_t left;                /* size afterwards */
} scenes[] = {
  { "its cutter comes to an end between the writer's look and its change of size",
    10 * 4096, 7, false,
    { { WRITER, "grow.checked", "cut.sized", true }, { NONE, NULL, NULL, false } }, CUT },
  { "the old last page, dropped between that look and the change", 9 * 4096 + 500,
    9, false,
    { { WRITER, "grow.checked", "file.drop.stale", false },
      { CUTTER, "file.drop.stale", "grow.sized", false } }, CUT },
  { "the old last page, dropped after it made the file longer", 9 * 4096 + 500, 9,
    false, { { CUTTER, "cut.checked", NULL, false }, { NONE, NULL, NULL, false } }, CUT },
  { "the old last page, written anew behind its drop", 9 * 4096 + 500, 9, true,
    { { CUTTER, "cut.dropped", NULL, true }, { NONE, NULL, NULL, false } }, 10 * 4096 },
  { "a page before that, written anew behind its drop", 10 * 4096, 7, true,
    { { CUTTER, "cut.dropped", NULL, true }, { NONE, NULL, NULL, false } }, 8 * 4096 },
  { "a page behind the old end", 9 * 4096 + 500, 12, false,
    { { CUTTER, "cut.checked", NULL, false }, { NONE, NULL, NULL, false } }, 13 * 4096 },
  { "a page behind the old end, before the cutter knows that end", 9 * 4096 + 500,
    12, false,
    { { CUTTER, "cut.begun", NULL, false }, { NONE, NULL, NULL, false } }, CUT },
  { "a page that is unpinned when all is over", 10 * 4096, 7, false,
    { { WRITER, "latch.release", NULL, false }, { NONE, NULL, NULL, false } }, CUT },
};

static struct scene *now;
static _Thread_local enum who self = NONE;
static atomic_int pinned;
static atomic_int passed[2][2]; /* by the other of each stop */
static atomic_int ended[2];
static atomic_int stopped[2];

static void
stop_here (int i)
{
  const struct stop *s = &now->stop[i];
  double until = seconds_now () + (s->in_vain ? 0.2 : 60);

  if (atomic_exchange (&stopped[i], 1))
    return;
  while (s->for_ ? !passed[!s->who][i] : !ended[!s->who])
    if (ended[!s->who] || seconds_now () > until)
      break;
    else
      sched_yield ();
}

static void
hook (const struct orl_point *point)
{
  if (self == NONE)
    return;
  for (int i = 0; i < 2; i++)
    if (now->stop[i].who == (enum who) !self && now->stop[i].for_
        && strcmp (now->stop[i].for_, point->name) == 0)
      passed[self][i] = 1;
  for (int i = 0; i < 2; i++)
    if (now->stop[i].who == self
        && strcmp (now->stop[i].at, point->name) == 0)
      stop_here (i);
}

static void *
writes (void *arg)
{
  oriel_file *file = arg;
  oriel_page page;

  while (now->late && !stopped[0])
    sched_yield ();
  page = must_pin (file, now->page, ORIEL_WRITE);
  stamp (page.data, 4096, 2, now->page);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  pinned = 1;
  while (now->stop[0].who == CUTTER && !stopped[0])
    sched_yield ();
  self = WRITER;
  must (oriel_unpin (&page), "oriel_unpin");
  self = NONE;
  ended[WRITER] = 1;
  return NULL;
}

static void *
cuts (void *arg)
{
  while (!now->late && !pinned)
    sched_yield ();
  while (now->stop[0].who == WRITER && !stopped[0])
    sched_yield ();
  self = CUTTER;
  is_rc (oriel_file_truncate (arg, CUT), 0, "it is cut");
  self = NONE;
  ended[CUTTER] = 1;
  return NULL;
}

static void
play (oriel_pool *pool)
{
  const char *path = scratch_file ("data");
  pthread_t threads[2];
  oriel_file *file;
  char bytes[4096];
  int wrong = 0;

  diag ("%s", now->what);
  unlink (path);
  make_stamped_file (path, 4096, now->size / 4096 + 1, 0, 1);
  if (truncate (path, (off_t) now->size))
    bail_out ("truncate: %s", strerror (errno));
  file = must_open_file (pool, path, ORIEL_BUFFERED);
  pinned = 0;
  memset (passed, 0, sizeof passed);
  memset (ended, 0, sizeof ended);
  memset (stopped, 0, sizeof stopped);
  if (pthread_create (&threads[0], NULL, writes, file)
      || pthread_create (&threads[1], NULL, cuts, file))
    bail_out ("no thread");
  pthread_join (threads[0], NULL);
  pthread_join (threads[1], NULL);
  for (int i = 0; i < 2; i++)
    ok (now->stop[i].who == NONE || stopped[i], "stop %d was made", i + 1);
  is_int ((long long) oriel_file_size (file), (long long) now->left,
          "the file is as long as it should be");
  must (oriel_file_truncate (file, 20 * 4096), "oriel_file_truncate");
  for (uint64_t i = 0; i < 20; i++) {
    must (oriel_read (file, i * 4096, bytes, sizeof bytes, NULL),
          "oriel_read");
    wrong += i * 4096 < CUT ? !is_stamped (bytes, 4096, 1, i)
             : i == now->page && now->left > CUT
                 ? !is_stamped (bytes, 4096, 2, i)
                 : !is_zero (bytes, 4096);
  }
  is_int (wrong, 0, "what is there is right, and all else zeroes");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.pool_size = 64 * 4096;
  pool = must_open_pool ("test", &opt);
  orl_point_hook = hook;
  for (size_t i = 0; i < COUNT (scenes); i++) {
    now = &scenes[i];
    play (pool);
  }
  orl_point_hook = NULL;
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
