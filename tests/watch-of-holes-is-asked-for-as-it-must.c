/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor that has holes fault is closed by exec(), never waits, and is
 * for faults of programs alone, as the kernel gives to anyone; one that cannot
 * signal is given back; and without one nothing is watched.
 */
#include "util.h"

#include <sys/ioctl.h>

#include "../src/holes.h"
#include "../src/sys.h"

#define USER_MODE_ONLY 1
#define FD 1000

static int flags, ioctls, closed, refuse;

static int
gives (int f)
{
  flags = f;
  return FD;
}

static int
denies (int f)
{
  (void) f;
  return -EPERM;
}

static int
answers (int fd, unsigned long request, void *arg)
{
  (void) request, (void) arg;
  ioctls += fd == FD ? 1 : 100;
  return refuse;
}

static int
notes (int fd)
{
  closed += fd == FD ? 1 : 100;
  return 0;
}

int
main (void)
{
  static char page[4096];

  orl_sys.userfaultfd = gives;
  orl_sys.ioctl = answers;
  orl_sys.close = notes;
  is_int (orl_holes_open (), FD, "a descriptor");
  is_int (flags, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY, "of that kind");
  orl_holes_watch (FD, page, sizeof page);
  is_int (ioctls, 2, "it watches");
  is_int (closed, 0, "it stays open");
  refuse = -EINVAL;
  is_int (orl_holes_open (), -1, "one that cannot signal is none");
  is_int (closed, 1, "and is closed");
  orl_sys.userfaultfd = denies;
  ioctls = 0;
  is_int (orl_holes_open (), -1, "none is given");
  orl_holes_watch (-1, page, sizeof page);
  is_int (ioctls, 0, "none watches");
  is_int (closed, 1, "none is closed");
  return done_testing ();
}
