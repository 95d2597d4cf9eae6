/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGSEGV and SIGBUS are handled while a pool is open and given back at close;
 * with ORIEL_NO_FAULT_HANDLER they are left alone. */
#include "util.h"

static void
handler (int sig, siginfo_t *info, void *context)
{
  (void) sig, (void) info, (void) context;
}

static int
is_mine (int sig)
{
  struct sigaction now;

  sigaction (sig, NULL, &now);
  return now.sa_flags & SA_SIGINFO && now.sa_sigaction == handler;
}

int
main (void)
{
  struct sigaction mine = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
  oriel_options opt = test_options ();
  oriel_pool *pool;

  sigaction (SIGSEGV, &mine, NULL);
  sigaction (SIGBUS, &mine, NULL);
  opt.flags = ORIEL_NO_FAULT_HANDLER;
  pool = must_open_pool ("test", &opt);
  ok (is_mine (SIGSEGV), "ORIEL_NO_FAULT_HANDLER leaves SIGSEGV");
  ok (is_mine (SIGBUS), "and SIGBUS");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt.flags = 0;
  pool = must_open_pool ("test", &opt);
  ok (!is_mine (SIGSEGV), "without it SIGSEGV is handled");
  ok (!is_mine (SIGBUS), "and SIGBUS");
  must (oriel_pool_close (pool), "oriel_pool_close");
  ok (is_mine (SIGSEGV), "after close the handler of SIGSEGV is as before");
  ok (is_mine (SIGBUS), "and that of SIGBUS");
  return done_testing ();
}
