/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-base.c - the time
 */
#include <time.h>

#include "sql-base.h"

int64_t
sql_now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * NSEC + ts.tv_nsec;
}

void
sql_sleep (int msec)
{
  struct timespec ts = { msec / 1000, msec % 1000 * 1000000L };

  nanosleep (&ts, NULL);
}
