/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex.c - waiting for a word of shared memory, and the clock of such waits
 *
 * Every wait has an end, and whoever waits looks again after it: a wakeup that
 * never comes, because its sender was killed or futexes are refused, costs time
 * and nothing else.
 */
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vfs.h"

enum { WAIT_BITSET = 9, WAKE_BITSET = 10 };

static uint64_t
microseconds (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

uint64_t
vfs_now_us (void)
{
  return microseconds (CLOCK_MONOTONIC);
}

uint64_t
vfs_coarse_ms (void)
{
#ifdef CLOCK_MONOTONIC_COARSE
  return microseconds (CLOCK_MONOTONIC_COARSE) / 1000;
#else
  return vfs_now_us () / 1000;
#endif
}

void
vfs_futex_wait (uint32_t *word, uint32_t value, uint32_t bits, uint64_t us)
{
  uint64_t end = vfs_now_us () + us;
  /* What the call takes, where a time_t may be longer than a long. */
  const long until[2]
      = { (long) (end / 1000000), (long) (end % 1000000) * 1000 };

  if (syscall (SYS_futex, word, WAIT_BITSET, value, until, NULL, bits) < 0
      && errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT)
    usleep ((useconds_t) (us < 1000 ? us : 1000));
}

void
vfs_futex_wake (uint32_t *word, uint32_t bits)
{
  syscall (SYS_futex, word, WAKE_BITSET, INT_MAX, NULL, NULL, bits);
}
