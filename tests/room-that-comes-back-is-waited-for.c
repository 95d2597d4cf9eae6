/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool, a window or a page table that is full only as others are just reading,
 * writing or evicting what is in it is waited for, and refused to no one: however
 * slow the store is, and if who has it dies.  What the user has pinned is not
 * waited for, nor is anyone for ever.
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
#include <sys/syscall.h>

#include "attach.h"
#include "frame.h"
#include "point.h"
#include "sys.h"

#define FRAMES 64
#define SLOTS 8
#define MOMENT 100000           /* us in which who does not wait has come back */
#define SOON 100                /* such, on a machine that is busy */

static struct shared {
  steps step;                   /* 1: as wanted, 2: who writes has begun */
  atomic_int go;
} *shared;

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static _Atomic time_t ahead;    /* s, of the clock */
static atomic_int stopper;      /* the thread that stops at a point */
static uint32_t unpinned;       /* a frame */
static oriel_pool *pool;
static oriel_file *file;

int
clock_gettime (clockid_t id, struct timespec *ts)
{
  int r = (int) syscall (SYS_clock_gettime, id, ts);

  ts->tv_sec += ahead;
  return r;
}

static void
stop_here (void)
{
  go_to (&shared->step, 2);
  while (!shared->go)
    usleep (200);
}

static ssize_t
slow_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  if (shared->step == 1)
    stop_here ();
  return real_pwritev (fd, iov, n, at);
}

/* When the frame in its way that no one has pinned is being evicted. */
static void
stop_evicting (const struct orl_point *point)
{
  if (stopper == gettid () && strcmp (point->name, "evict.marked") == 0
      && orl_state (atomic_load (&pool->shm.frames[unpinned].state))
             == ORL_EVICTING)
    stop_here ();
}

static void
begin (oriel_options opt, uint64_t frames)
{
  shared->step = shared->go = 0;
  opt.pool_size = frames * 4096;
  opt.slot_size = 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static void
end (void)
{
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
make_dirty (uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    stamp_page (pool, file, i, 2);
}

static void *
flushes (void *rc)
{
  *(int *) rc = oriel_flush (file);
  return NULL;
}

/* Someone who pins a page, and is done. */
struct pinner {
  pthread_t thread;
  uint64_t number;
  unsigned flags;
  atomic_int done;
  int rc, good;
  char text[200];
};

static void *
pins (void *arg)
{
  struct pinner *p = arg;
  oriel_page page;

  p->rc = oriel_pin (file, p->number, p->flags, &page);
  snprintf (p->text, sizeof p->text, "%s", p->rc < 0 ? oriel_error () : "");
  if (p->rc == 0) {
    p->good = is_stamped (page.data, 4096, 1, p->number);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  p->done = 1;
  return NULL;
}

static void
start (struct pinner *p, uint64_t number, unsigned flags)
{
  memset (p, 0, sizeof *p);
  p->number = number;
  p->flags = flags;
  p->thread = start_thread (pins, p);
  usleep (MOMENT);
}

static void
must_have_waited (struct pinner *p, bool before, const char *what)
{
  pthread_join (p->thread, NULL);
  ok (!before, "%s is waited for", what);
  is_rc (p->rc, 0, "and there is room then");
  ok (p->good, "the page is right");
}

/* ------------------------------------------------------------------ */
/* Frames                                                             */

/* All are being written by a thread of this process. */
static void
frames_of_a_thread (bool too_long)
{
  struct pinner p;
  pthread_t writer;
  bool before;
  int rc;

  begin (test_options (), FRAMES);
  make_dirty (FRAMES);
  go_to (&shared->step, 1);
  writer = start_thread (flushes, &rc);
  await (&shared->step, 2);
  start (&p, 100, ORIEL_READ);
  before = p.done;
  if (too_long) {
    ahead += 31;
    pthread_join (p.thread, NULL);
    is_rc (p.rc, -ENOBUFS, "who is stopped for long is waited for no more");
    ok (strstr (p.text, "all 64 frames are pinned") != NULL, "the text: %s",
        p.text);
  }
  shared->go = 1;
  if (!too_long)
    must_have_waited (&p, before, "a frame that is being written");
  pthread_join (writer, NULL);
  is_rc (rc, 0, "all was written");
  end ();
}

static int
child_writes (void *unused)
{
  (void) unused;
  begin (test_options (), FRAMES);
  make_dirty (FRAMES);
  go_to (&shared->step, 1);
  return oriel_flush (file) != 0;
}

/* By a process that dies of it.  What it wrote is in the pool, and is kept. */
static void
frames_of_the_dead (void)
{
  struct pinner p;
  bool before;
  pid_t pid;
  int good = 0;

  shared->step = shared->go = 0;
  pid = spawn (child_writes, NULL);
  await (&shared->step, 2);
  begin (test_options (), FRAMES);
  start (&p, 100, ORIEL_READ);
  before = p.done;
  kill (pid, SIGKILL);
  reap (pid);
  must_have_waited (&p, before, "one who dies as he writes");
  for (uint64_t i = 0; i < FRAMES; i++)
    good += page_is_stamped (pool, file, i, 2);
  is_int (good, FRAMES, "nothing is lost");
  end ();
}

/* ------------------------------------------------------------------ */
/* Slots                                                              */

static oriel_options
small_window (void)
{
  oriel_options opt = test_options ();

  opt.window_size = SLOTS * 4096;
  return opt;
}

/* End the pins of those pages that someone is just writing. */
static int
unpin_written (oriel_page page[SLOTS])
{
  int n = 0;

  for (int i = 0; i < SLOTS; i++)
    if (orl_state (atomic_load (&pool->shm.frames[page[i].frame].state))
        == ORL_WRITING) {
      must (oriel_unpin (&page[i]), "oriel_unpin");
      n++;
    }
  return n;
}

/* All show pages that the user has pinned, and some of those are being written, to
 * make room for another.  mine: he keeps them.  Page 100 is pinned as a copy. */
static void
slots (bool mine)
{
  oriel_page page[SLOTS] = { { 0 } }, copy, extra;
  struct pinner p, writer;
  bool before;

  begin (small_window (), 2 * SLOTS);
  make_dirty (SLOTS);
  for (uint64_t i = 0; i < SLOTS; i++)
    page[i] = must_pin (file, i, ORIEL_OPTIMISTIC);
  copy = must_pin (file, 100, ORIEL_READ);
  for (uint64_t i = 0; i < SLOTS; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  make_dirty (2 * SLOTS - 1);
  for (uint64_t i = 0; i < SLOTS; i++)
    page[i] = must_pin (file, i, ORIEL_OPTIMISTIC);
  go_to (&shared->step, 1);
  start (&writer, 50, ORIEL_READ);
  await (&shared->step, 2);
  if (!mine)
    ok (unpin_written (page) > 0, "some are written, and no one else has them");
  is_rc (oriel_pin (file, 100, ORIEL_OPTIMISTIC | ORIEL_NOWAIT, &extra),
         mine ? -ENOBUFS : -EAGAIN,
         mine ? "slots of what the user has pinned are not given back"
              : "who may not wait for a slot is told that others give it back");
  start (&p, 100, ORIEL_OPTIMISTIC);
  for (int i = 0; i < SOON && mine && !p.done; i++)
    usleep (MOMENT);
  before = p.done;
  shared->go = 1;
  if (mine) {
    pthread_join (p.thread, NULL);
    ok (before, "they are not waited for");
    is_rc (p.rc, -ENOBUFS, "but refused");
  }
  else
    must_have_waited (&p, before, "a slot whose page is being written");
  pthread_join (writer.thread, NULL);
  for (int i = 0; i < SLOTS; i++)
    if (page[i].data)
      must (oriel_unpin (&page[i]), "oriel_unpin");
  must (oriel_unpin (&copy), "oriel_unpin");
  end ();
}

/* ------------------------------------------------------------------ */
/* The page table                                                     */

static void *
evicts (void *arg)
{
  oriel_page page;

  stopper = gettid ();
  must (oriel_pin (file, 100, ORIEL_OPTIMISTIC, &page), "oriel_pin");
  must (oriel_unpin (&page), "oriel_unpin");
  return arg;
}

/* One page was forgotten until there is no room for it; some of the frames that it
 * had are being evicted. */
static void
entries (void)
{
  oriel_page *page;
  struct pinner p;
  pthread_t evictor;
  uint64_t n = 0;
  bool before;

  begin (test_options (), 1024);
  page = calloc (oriel_pool_frames (pool), sizeof *page);
  while (n < oriel_pool_frames (pool)
         && oriel_pin (file, 100,
                       ORIEL_OPTIMISTIC | (n % 2 ? ORIEL_ANYTHREAD : 0),
                       &page[n])
                == 0) {
    must (oriel_file_drop_pages (file, 100, 1), "oriel_file_drop_pages");
    n++;
  }
  ok (n < oriel_pool_frames (pool), "the page table has no room for more");
  unpinned = page[--n].frame;
  must (oriel_unpin (&page[n]), "oriel_unpin");
  orl_point_hook = stop_evicting;
  evictor = start_thread (evicts, NULL);
  await (&shared->step, 2);
  start (&p, 100, ORIEL_OPTIMISTIC);
  before = p.done;
  shared->go = 1;
  must_have_waited (&p, before, "an entry that another is taking out");
  pthread_join (evictor, NULL);
  orl_point_hook = NULL;
  while (n > 0)
    must (oriel_unpin (&page[--n]), "oriel_unpin");
  free (page);
  end ();
}

int
main (void)
{
  shared = shared_memory (sizeof *shared);
  make_stamped_file (scratch_file ("data"), 4096, 101, 0, 1);
  pool_dir ();
  real_pwritev = orl_sys.pwritev;
  orl_sys.pwritev = slow_pwritev;
  frames_of_a_thread (false);
  frames_of_a_thread (true);
  frames_of_the_dead ();
  slots (false);
  slots (true);
  entries ();
  return done_testing ();
}

#endif
