/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.c - copies from and to memory that may be missing
 *
 * A copy has no lock and leaves nothing behind but bytes, so it can be left by
 * a jump.  The handler makes the mask of signals what it was.
 */
#include <signal.h>

#include "guard.h"

_Thread_local struct orl_guard *volatile orl_guard;

bool
orl_guard_copy (void *(*copy) (void *to, const void *from, size_t n), void *to,
                const void *from, size_t n, const void *guarded)
{
  struct orl_guard g = { .from = (uintptr_t) guarded, .bytes = n };

  if (sigsetjmp (g.back, 0) != 0)
    {
      orl_guard = NULL;
      return false;
    }
  orl_guard = &g;
  copy (to, from, n);
  orl_guard = NULL;
  return true;
}

void
orl_guard_let_come (void)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGSEGV);
  sigaddset (&set, SIGBUS);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
}
