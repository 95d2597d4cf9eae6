/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-base.c - the time, and the error that ends a run
 */
#include <time.h>

#include "tpcc.h"

int64_t
tpcc_now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * NSEC + ts.tv_nsec;
}

void
tpcc_sleep (int msec)
{
  struct timespec ts = { msec / 1000, msec % 1000 * 1000000L };

  nanosleep (&ts, NULL);
}

int
tpcc_fail (struct shared *shared, const char *format, ...)
{
  va_list ap;
  int none = 0;

  if (atomic_compare_exchange_strong (&shared->error_taken, &none, 1))
    {
      va_start (ap, format);
      vsnprintf (shared->error, sizeof shared->error, format, ap);
      va_end (ap);
    }
  return 1;
}
