/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_copy() from a mapped file that was cut is an error and no signal, as
 * often as one likes; what is there is copied.  Without the fault handler, and in
 * a forked child, it copies nothing; nor, when it has looked again, for a thread that
 * has come to block SIGBUS, or when another handler is there.
 */
#include "util.h"

#include <sys/mman.h>

#define SIZE 65536
#define CUT 20000               /* inside a page */

static oriel_pool *pool;
static char *map;
static char to[SIZE];

static int
child (void *arg)
{
  (void) arg;
  return -oriel_copy (pool, to, map, 10);
}

/* Copies, of what is there, until it is refused; then, of what is not there, a
 * touch of which would end the process, it is refused too. */
static int
is_refused (void)
{
  int r = 0;

  for (int i = 0; i < 256 && r == 0; i++)
    r = oriel_copy (pool, to, map, 1);
  return r == -EOPNOTSUPP && oriel_copy (pool, to, map + SIZE - 1, 1) == r;
}

static int
blocking (void *arg)
{
  sigset_t set, before;

  pool = test_pool ();
  (void) arg;
  if (oriel_copy (pool, to, map, 1) != 0)
    return 1;
  sigemptyset (&set);
  sigaddset (&set, SIGBUS);
  pthread_sigmask (SIG_BLOCK, &set, &before);
  if (!is_refused ())
    return 2;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return oriel_copy (pool, to, map + SIZE - 1, 1) != -EFAULT ? 3 : 0;
}

static void
never (int sig)
{
  (void) sig;
  _exit (9);
}

static int
behind_another (void *arg)
{
  (void) arg;
  pool = test_pool ();
  if (oriel_copy (pool, to, map, 1) != 0)
    return 1;
  signal (SIGBUS, never);
  return is_refused () ? 0 : 2;
}

int
main (void)
{
  const char *path = scratch_file ("mapped");
  static char data[SIZE];
  oriel_options opt = test_options ();
  int good = 1;
  int fd = open (path, O_RDWR | O_CREAT, 0600);

  memset (data, 7, sizeof data);
  plain_write (path, 0, data, sizeof data);
  map = mmap (NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED)
    bail_out ("%s cannot be mapped", path);
  pool = test_pool ();
  is_rc (oriel_copy (pool, to, map, SIZE), 0, "of a whole file");
  ok (memcmp (to, data, SIZE) == 0, "all is copied");
  if (ftruncate (fd, CUT) < 0)
    bail_out ("%s cannot be cut", path);
  for (int i = 0; i < 1000; i++)
    good &= oriel_copy (pool, to, map, SIZE) == -EFAULT
            && oriel_copy (pool, to, map + SIZE - 1, 1) == -EFAULT
            && oriel_copy (pool, to, map, CUT) == 0;
  ok (good, "of a file that was cut: -EFAULT, but not before the cut");
  ok (memcmp (to, data, CUT) == 0, "which is copied");
  is_rc (oriel_copy (pool, to, map, 0), 0, "of no byte");
  is_rc (oriel_copy (pool, NULL, map, 1), -EINVAL, "to nowhere");
  is_rc (oriel_copy (NULL, to, map, 1), -EINVAL, "by no pool");
  is_int (in_child (child, NULL), EOWNERDEAD, "in a forked child");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_int (in_child (blocking, NULL), 0,
          "where SIGBUS is blocked: refused, until it is not");
  is_int (in_child (behind_another, NULL), 0, "behind another handler: refused");
  opt.flags |= ORIEL_NO_FAULT_HANDLER;
  pool = must_open_pool ("other", &opt);
  is_rc (oriel_copy (pool, to, map, 1), -EOPNOTSUPP, "without the handler");
  must (oriel_pool_close (pool), "oriel_pool_close");
  munmap (map, SIZE);
  close (fd);
  return done_testing ();
}
