/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is stopped in the middle of a repair keeps no one from what
 * other dead processes left, nor from attaching, nor threads from ending.  Who
 * wants the very page that it repairs waits, and gets it when it goes on, or is
 * killed.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "lock.h"
#include "point.h"

#define WAIT_MAX 0.1            /* what a waiter may wait after a death */
#define WAIT_CI 60              /* that, on a machine that is busy */
#define PLACES 5                /* this process, two dead, one stopped, one waits */

struct shared {
  steps step;
  _Atomic int held;
  _Atomic uint64_t served;      /* when, in ns */
};

static struct shared *shared;
static unsigned stop_at;        /* passing of the point */

static uint64_t
now_ns (void)
{
  return (uint64_t) (seconds_now () * 1e9);
}

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.max_processes = PLACES;
  opt.max_threads = 40;
  return opt;
}

static void
attach (oriel_pool **pool, oriel_file **file)
{
  oriel_options opt = options ();

  *pool = must_open_pool ("test", &opt);
  *file = must_open_file (*pool, scratch_file ("data"), 0);
}

/* Half-change the page, and wait for death. */
static int
holds (void *arg)
{
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;

  attach (&pool, &file);
  page = must_pin (file, (uint64_t) (uintptr_t) arg, ORIEL_WRITE);
  memset (page.data, 0xee, 2000);
  atomic_fetch_add (&shared->held, 1);
  pause ();
  return 0;
}

static void
stop_here (const struct orl_point *point)
{
  static unsigned passed;

  if (strcmp (point->name, "recover.begin") == 0 && ++passed == stop_at)
    raise (SIGSTOP);
}

/* Attach, and so repair; be stopped in between. */
static int
repairs (void *arg)
{
  oriel_pool *pool;
  oriel_file *file;

  stop_at = *(unsigned *) arg;
  orl_point_hook = stop_here;
  attach (&pool, &file);
  return 0;
}

/* Wait for page 2. */
static int
waits (void *arg)
{
  oriel_pool *pool;
  oriel_file *file;
  bool good;

  (void) arg;
  attach (&pool, &file);
  go_to (&shared->step, 1);
  good = page_is_stamped (pool, file, 2, 1);
  shared->served = now_ns ();
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

static int
comes (void *arg)
{
  oriel_pool *pool;
  oriel_file *file;
  bool good;

  (void) arg;
  attach (&pool, &file);
  good = page_is_stamped (pool, file, 2, 1) && page_is_stamped (pool, file, 3, 1);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

static void *
looks (void *file)
{
  oriel_page page = must_pin (file, 3, ORIEL_READ);

  (void) page; /* and ends with it */
  return NULL;
}

static void
timed (double from, const char *what)
{
  double took = seconds_now () - from;

  diag ("%s: %.1f ms", what, took * 1e3);
  ok (took < WAIT_CI, "%s: soon", what);
}

static void
one_way (unsigned at, bool killed)
{
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  pid_t first, second, stopped, waiter;
  uint64_t from;
  double start, took;
  int status;

  diag ("stopped at the %u. ledger, then %s", at, killed ? "killed" : "goes on");
  memset (shared, 0, sizeof *shared);
  attach (&pool, &file);
  first = spawn (holds, (void *) 1);
  await (&shared->held, 1);
  second = spawn (holds, (void *) 2);
  await (&shared->held, 2);
  kill (first, SIGKILL);
  reap (first);
  stopped = spawn (repairs, &at);
  if (waitpid (stopped, &status, WUNTRACED) != stopped || !WIFSTOPPED (status))
    bail_out ("no repair");
  waiter = spawn (waits, NULL);
  await (&shared->step, 1);
  usleep (20000); /* most likely it waits by now; else it is served sooner */
  from = now_ns ();
  kill (second, SIGKILL);
  reap (second);
  is_int (reap (waiter), 0, "a page of another dead process is given back");
  took = (double) (shared->served - from) * 1e-9;
  diag ("%.1f ms after the death", took * 1e3);
  ok (took < WAIT_CI, "soon");

  start = seconds_now ();
  is_int (in_child (comes, NULL), 0, "a process attaches, in a dead one's place");
  timed (start, "attach");
  start = seconds_now ();
  in_thread (looks, file);
  timed (start, "a thread ends");
  is_rc (oriel_pin (file, 1, ORIEL_READ | ORIEL_NOWAIT, &page),
         at == 1 ? -EAGAIN : 0, "the page that is being repaired");
  if (at != 1)
    must (oriel_unpin (&page), "oriel_unpin");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");

  kill (stopped, killed ? SIGKILL : SIGCONT);
  is_int (reap (stopped), killed ? 128 + SIGKILL : 0, "the repairer ends");
  start = seconds_now ();
  ok (page_is_stamped (pool, file, 1, 1), "the page is as it was");
  timed (start, "its pin");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  shared = shared_memory (sizeof *shared);
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool_dir (); /* for all */
  /* First the dead thread's ledger, then its process's. */
  one_way (1, false);
  one_way (1, true);
  one_way (2, false);
  one_way (2, true);
  return done_testing ();
}

#endif
