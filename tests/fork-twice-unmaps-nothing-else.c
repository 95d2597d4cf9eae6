/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child of a forked child, as a daemon is, has all memory of its own: also
 * what lies at low addresses, where a program that is not position-independent
 * has its code.  Its parent has given back the window already.
 */
#include "util.h"

#define LOW ((void *) (4 * MiB)) /* within the window's size, from 0 on */

static int
looks (void *arg)
{
  volatile unsigned char *low = arg;

  return low[0] == 1 && low[MiB - 1] == 2 ? 0 : 1;
}

static int
forks (void *arg)
{
  return looks (arg) ? 2 : in_child (looks, arg);
}

int
main (void)
{
  oriel_options opt = test_options ();
  unsigned char *low = mmap (LOW, MiB, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                             -1, 0);
  oriel_pool *pool;

  if (low != LOW) /* the program itself may be there */
    low = mmap (NULL, MiB, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (low == MAP_FAILED)
    bail_out ("mmap: %s", strerror (errno));
  low[0] = 1;
  low[MiB - 1] = 2;
  opt.pool_size = 16 * MiB;
  pool = must_open_pool ("test", &opt);
  is_int (in_child (looks, low), 0, "a child has its memory");
  is_int (in_child (forks, low), 0, "and so has its child");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
