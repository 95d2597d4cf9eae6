/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool that was made, and then cannot be used by who made it, as its window is
 * refused, is removed: it would be memory that no one knows of.  One that was
 * there before stays, and so does a new one that another has attached meanwhile.
 */
#include "util.h"

#include "sys.h"

static int (*really_lock) (int fd, int type, off_t at);
static int (*really_mlock) (void *at, size_t n, unsigned flags);
static atomic_int *attached;
static int gates;
static pid_t other;

static int
attach (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);

  *attached = 1;
  while (*attached == 1)
    usleep (1000);
  must (oriel_pool_close (pool), "oriel_pool_close");
  (void) arg;
  return 0;
}

/* Just before the gate is entered for the third time: after those for making the
 * pool and for attaching to it. */
static int
attach_before (int fd, int type, off_t at)
{
  if (type == F_WRLCK && at == (off_t) 1 << 59 && ++gates == 3) {
    orl_sys.lock = really_lock;
    other = spawn (attach, NULL);
    while (*attached == 0)
      usleep (1000);
  }
  return really_lock (fd, type, at);
}

static int
no_mlock (void *at, size_t n, unsigned flags)
{
  (void) at;
  (void) n;
  (void) flags;
  return -ENOMEM;
}

static void
is_refused (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.residency = ORIEL_RESIDENCY_LOCKED;
  orl_sys.mlock = no_mlock;
  is_rc (oriel_pool_open ("test", &opt, &pool), -ENOMEM, "it is refused");
  orl_sys.mlock = really_mlock;
  ok (strstr (oriel_error (), "window") != NULL,
      "the text says why: %s", oriel_error ());
}

static int
is_there (const char *name)
{
  return access (pool_path (name), F_OK) == 0;
}

int
main (void)
{
  oriel_pool *pool;

  attached = shared_memory (sizeof *attached);
  really_mlock = orl_sys.mlock;
  is_refused ();
  ok (!is_there ("test") && !is_there ("test.building"), "nothing is left");

  pool = test_pool ();
  is_refused ();
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_refused ();
  ok (is_there ("test"), "a pool that was there before stays");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");

  really_lock = orl_sys.lock;
  orl_sys.lock = attach_before;
  is_refused ();
  ok (is_there ("test"), "one that another has attached meanwhile stays");
  is_int (gates, 3, "he came when it was about to go");
  *attached = 2;
  is_int (reap (other), 0, "and goes on with it");
  return done_testing ();
}
