/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * point.c - named places where a process may be made to die
 *
 * The linker names the ends of a section whose name is an identifier.  Takes no
 * lock; arming is for a time when no other thread runs.
 */
#include "point.h"

#ifdef ORL_DEBUG

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

# define HIDDEN __attribute__ ((visibility ("hidden")))

extern const struct orl_point *const __start_orl_points[] HIDDEN;
extern const struct orl_point *const __stop_orl_points[] HIDDEN;

void (*orl_point_hook) (const struct orl_point *point);

static char armed[64];
static _Atomic unsigned left;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
read_environment (void)
{
  const char *text = getenv ("ORIEL_DIE_AT");
  char name[sizeof armed];
  unsigned n = 1;

  if (text && sscanf (text, "%63[^:]:%u", name, &n) >= 1 && left == 0)
    orl_point_arm (name, n);
}

void
orl_point_arm (const char *name, unsigned n)
{
  snprintf (armed, sizeof armed, "%s", name ? name : "");
  atomic_store (&left, name ? n : 0);
}

void
orl_point_pass (const struct orl_point *point)
{
  pthread_once (&once, read_environment);
  if (orl_point_hook)
    orl_point_hook (point);
  if (atomic_load_explicit (&left, memory_order_relaxed) == 0
      || strcmp (point->name, armed) != 0 || atomic_fetch_sub (&left, 1) != 1)
    return;
  for (;;)
    kill (getpid (), SIGKILL);
}

unsigned
orl_point_count (void)
{
  return (unsigned) (__stop_orl_points - __start_orl_points);
}

const struct orl_point *
orl_point_at (unsigned i)
{
  return __start_orl_points[i];
}

#endif
