/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that has all signals blocked, as workers of a server have, touches what
 * the fault handler has to answer: a slot that is mapped at the touch, one that was
 * trimmed, and a page whose memory is gone.  The kernel ends a process for a signal
 * that is blocked; so its first call unblocks SIGSEGV and SIGBUS, and no other.
 * With ORIEL_NO_FAULT_HANDLER the mask stays as it is.
 */
#include "cut.h"

static oriel_pool *pool;
static oriel_file *file;

static int
blocks (int sig)
{
  sigset_t now;

  pthread_sigmask (SIG_SETMASK, NULL, &now);
  return sigismember (&now, sig);
}

static int
look (const oriel_page *page, uint64_t number)
{
  return is_stamped (page->data, 4096, 1, number);
}

/* What is not as it should be; 0: all is. */
static int
touch (void)
{
  oriel_page page;

  if (oriel_pin (file, 1, ORIEL_READ, &page) < 0 || !look (&page, 1))
    return 1;
  if (oriel_window_trim (pool) < 0 || !look (&page, 1))
    return 2;
  cut_file (pool_path ("test"), 0);
  (void) *(volatile char *) page.data;
  if (oriel_unpin (&page) != -EIO)
    return 3;
  return blocks (SIGSEGV) || blocks (SIGBUS) || !blocks (SIGTERM)
         || !blocks (SIGFPE) ? 4 : 0;
}

static void *
worker (void *arg)
{
  sigset_t all;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  *(int *) arg = touch ();
  return NULL;
}

static void
open_test_pool (unsigned flags)
{
  oriel_options opt = test_options ();

  opt.pool_size = 1 * MiB;
  opt.window_size = 256 * KiB;
  opt.slot_size = 64 * KiB;
  opt.flags |= flags;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
}

static int
child (void *arg)
{
  int bad = -1;

  (void) arg;
  open_test_pool (ORIEL_LAZY);
  in_thread (worker, &bad);
  return bad;
}

/* The thread that opens the pool. */
static int
opener (void *arg)
{
  sigset_t all;

  (void) arg;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  open_test_pool (ORIEL_LAZY);
  return touch ();
}

static void *
late_worker (void *arg)
{
  sigset_t all;
  oriel_page page;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  *(int *) arg = oriel_pin (file, 1, ORIEL_READ, &page);
  return NULL;
}

/* Its first call meets tables that are gone. */
static int
late (void *arg)
{
  int r = 0;

  (void) arg;
  open_test_pool (0);
  cut_file (pool_path ("test"), 0);
  in_thread (late_worker, &r);
  return r == -EIO ? 0 : 1;
}

static int
left_alone (void *arg)
{
  sigset_t all;
  oriel_page page;

  (void) arg;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);
  open_test_pool (ORIEL_NO_FAULT_HANDLER);
  page = must_pin (file, 1, ORIEL_READ);
  return !look (&page, 1) || !blocks (SIGSEGV) || !blocks (SIGBUS);
}

static void
each_is (int (*fn) (void *), const char *what)
{
  is_int (in_child (fn, NULL), 0, what);
  oriel_pool_destroy ("test", pool_dir (), 1);
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, 16, 0, 1);
  pool_dir (); /* the children's, too */
  each_is (child, "a thread with all signals blocked goes on, and is told");
  each_is (opener, "and so does one that blocked them before it opened the pool");
  each_is (late, "one whose first call finds the pool cut away is told");
  each_is (left_alone, "without the handler the mask is left alone");
  return done_testing ();
}
