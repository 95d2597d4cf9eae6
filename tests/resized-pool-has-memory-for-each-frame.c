/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a pool grows or shrinks no frame may be taken that has no memory, or no
 * tables; all the memory is there when the call returns.  A frame that a thread
 * had in its stash is not used when it is gone.  Who resizes waits for another who
 * does, for who writes a page, and for who has begun to load one, but for no pins
 * of the dead, and no pages that were dropped.
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
#include "size.h"
#include "sys.h"
#include "thread.h"

#define SMALL 100               /* frames: a stash has one */
#define LARGE 300
#define LARGEST 500

static oriel_pool *pool;
static oriel_file *file;

static size_t window;           /* 0: all of the pool */

static void
attach (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = LARGE * 4096;
  opt.max_size = LARGEST * 4096;
  opt.window_size = window;
  opt.slot_size = window ? 4096 : 0;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static void
begin (void)
{
  make_stamped_file (scratch_file ("data"), 4096, LARGEST, 0, 1);
  attach ();
}

static void
end (void)
{
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  is_rc (oriel_file_close (file), 0, "the file can be closed");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static int
resize (uint64_t frames)
{
  return oriel_pool_resize (pool, frames * 4096);
}

static void
fill (uint64_t pages)
{
  uint64_t good = 0;

  for (uint64_t i = 0; i < pages; i++)
    good += (uint64_t) page_is_stamped (pool, file, i, 1);
  is_int ((long long) good, (long long) pages, "each page is right");
}

/* ------------------------------------------------------------------ */

static unsigned looks, bad;

static void
look (const struct orl_point *point)
{
  const struct orl_super *super = pool->shm.super;
  uint32_t frames = atomic_load (&super->frames);
  uint32_t backed = atomic_load (&super->backed);
  uint32_t span = atomic_load (&super->span);

  if (strncmp (point->name, "resize.", 7) != 0)
    return;
  looks++;
  if (frames <= backed && backed <= span)
    return;
  bad++;
  diag ("%s: %u frames, %u backed, span %u", point->name, frames, backed, span);
}

static void
at_each_step (void)
{
  long long room;

  begin ();
  fill (LARGE);
  orl_point_hook = look;
  is_rc (resize (LARGEST), 0, "the pool grows");
  room = plain_room (pool_path ("test"));
  fill (LARGEST);
  is_int (plain_room (pool_path ("test")), room, "it has all its memory");
  is_rc (resize (SMALL), 0, "and shrinks");
  is_rc (resize (LARGE), 0, "and grows");
  orl_point_hook = NULL;
  ok (looks > 10, "%u steps are looked at", looks);
  is_int (bad, 0, "at each the frames that may be taken have memory");
  end ();
}

/* ------------------------------------------------------------------ */

static struct orl_thread *me;
static uint32_t stashed = ORL_NO_FRAME;

static void *
shrinks (void *arg)
{
  is_rc (resize (SMALL), 0, "another thread shrinks the pool");
  return arg;
}

static void
shrink_under_it (const struct orl_point *point)
{
  if (strcmp (point->name, "evict.reserved") != 0
      || orl_thread_cache.thread != me)
    return;
  for (unsigned i = 0; i < ORL_WORK; i++)
    if (atomic_load (&me->ledger->work[i]) > SMALL)
      stashed = atomic_load (&me->ledger->work[i]) - 1;
  if (stashed == ORL_NO_FRAME)
    return;
  orl_point_hook = NULL;
  in_thread (shrinks, NULL);
}

static void
with_a_frame_in_a_stash (void)
{
  uint64_t number = LARGE;
  unsigned work = 0;
  oriel_page page;

  begin ();
  fill (LARGE);
  must (orl_thread_self (pool, &me), "orl_thread_self");
  orl_point_hook = shrink_under_it;
  while (stashed == ORL_NO_FRAME && number < LARGEST)
    must (oriel_prefetch (file, number++, 1), "oriel_prefetch");
  orl_point_hook = NULL;
  ok (stashed >= SMALL && stashed < LARGE, "a thread had frame %u", stashed);
  page = must_pin (file, number - 1, ORIEL_READ);
  ok (page.frame < SMALL, "it reads into another, %u", page.frame);
  ok (is_stamped (page.data, 4096, 1, number - 1), "the page is right");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) get_stats (pool).pins, 0, "nothing is pinned");
  orl_thread_unstash (me);
  for (unsigned i = 0; i < ORL_WORK; i++)
    work += atomic_load (&me->ledger->work[i]) != 0;
  is_int (work, 0, "nor at work");
  is_int (orl_state (atomic_load (&pool->shm.frames[stashed].state)), ORL_FREE,
          "and the frame is free");
  end ();
}

/* ------------------------------------------------------------------ */

static int
dies_with_pins (void *arg)
{
  (void) arg;
  attach ();
  for (uint64_t i = SMALL; i < LARGE; i++)
    must_pin (file, i, ORIEL_READ);
  raise (SIGKILL);
  return 1;
}

static void
with_pins_of_the_dead (void)
{
  begin ();
  fill (LARGE);
  is_int (in_child (dies_with_pins, NULL), 128 + SIGKILL,
          "a process is killed that has pages pinned");
  is_rc (resize (SMALL), 0, "they keep no frames");
  end ();
}

static void
with_pages_that_were_dropped (void)
{
  begin ();
  for (uint64_t i = 0; i < LARGE; i++)
    stamp_page (pool, file, i, 2);
  must (oriel_file_drop (file), "oriel_file_drop");
  is_rc (resize (SMALL), 0, "dirty pages that were dropped keep no frames");
  fill (LARGE);
  end ();
}

static steps step;

static void *
resizes_for_a_while (void *arg)
{
  struct orl_thread *other;

  must (orl_thread_self (pool, &other), "orl_thread_self");
  must (orl_size_take (&pool->shm, other->owner), "orl_size_take");
  go_to (&step, 1);
  usleep (20 * 1000);
  orl_size_give (&pool->shm);
  await (&step, 2);
  is_rc (resize (LARGE), 0, "who comes after them finds no one at it");
  return arg;
}

static void
beside_another (void)
{
  pthread_t thread;

  begin ();
  thread = start_thread (resizes_for_a_while, NULL);
  await (&step, 1);
  is_rc (resize (SMALL), 0, "another's resize is waited for");
  go_to (&step, 2);
  pthread_join (thread, NULL);
  end ();
}

/* ------------------------------------------------------------------ */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);

static ssize_t
slow_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  go_to (&step, 1);
  await (&step, 2);
  return real_pwritev (fd, iov, n, at);
}

static void *
flushes (void *arg)
{
  is_rc (oriel_flush (file), 0, "the page is written");
  return arg;
}

static _Atomic bool shrunk;

static void *
shrinks_meanwhile (void *arg)
{
  is_rc (resize (SMALL), 0, "the pool shrinks");
  atomic_store (&shrunk, true);
  return arg;
}

/* A copy is written, so that no one has the page pinned. */
static void
beside_a_write (void)
{
  pthread_t writer, resizer;
  uint64_t number = 0;

  window = 32 * 4096;
  begin ();
  fill (LARGE);
  for (bool high = false; !high && number < LARGE; number += !high) {
    oriel_page page = must_pin (file, number, ORIEL_READ);

    high = page.frame >= SMALL;
    must (oriel_unpin (&page), "oriel_unpin");
  }
  stamp_page (pool, file, number, 2);
  go_to (&step, 0);
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = slow_pwritev;
  writer = start_thread (flushes, NULL);
  await (&step, 1);
  resizer = start_thread (shrinks_meanwhile, NULL);
  usleep (50 * 1000);
  ok (!atomic_load (&shrunk), "a page that is being written is waited for");
  go_to (&step, 2);
  pthread_join (writer, NULL);
  pthread_join (resizer, NULL);
  orl_sys.pwritev = real_pwritev;
  ok (page_is_stamped (pool, file, number, 2), "it is right");
  end ();
  window = 0;
}

static pthread_t resizer;
static bool waits;

/* It has looked how many frames there are. */
static void
shrink_beside_it (const struct orl_point *point)
{
  uint32_t frame = 0;

  if (strcmp (point->name, "table.lock.said") != 0
      || orl_thread_cache.thread != me)
    return;
  for (unsigned i = 0; i < ORL_PINS && frame <= SMALL; i++)
    frame = atomic_load (&me->ledger->pins[i]) & ORL_PIN_FRAME;
  if (frame <= SMALL
      || orl_state (atomic_load (&pool->shm.frames[frame - 1].state))
             != ORL_RESERVED)
    return;
  orl_point_hook = NULL;
  stashed = frame - 1;
  resizer = start_thread (shrinks_meanwhile, NULL);
  usleep (50 * 1000);
  waits = !atomic_load (&shrunk);
}

static void
beside_a_load (void)
{
  uint64_t number = LARGE;

  begin ();
  fill (LARGE);
  must (orl_thread_self (pool, &me), "orl_thread_self");
  stashed = ORL_NO_FRAME;
  atomic_store (&shrunk, false);
  orl_point_hook = shrink_beside_it;
  for (; stashed == ORL_NO_FRAME && number < LARGEST; number++)
    page_is_stamped (pool, file, number, 1);
  orl_point_hook = NULL;
  ok (stashed != ORL_NO_FRAME && waits,
      "who has begun to load a page into frame %u is waited for", stashed);
  if (stashed != ORL_NO_FRAME)
    pthread_join (resizer, NULL);
  ok (page_is_stamped (pool, file, number - 1, 1), "the page is right");
  end ();
}

int
main (void)
{
  pool_dir (); /* the children's, too */
  at_each_step ();
  with_a_frame_in_a_stash ();
  with_pins_of_the_dead ();
  with_pages_that_were_dropped ();
  beside_another ();
  beside_a_write ();
  beside_a_load ();
  return done_testing ();
}

#endif
