/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that are not Oriel's go to the handler that was there before, called as
 * the kernel would have: with or without SA_SIGINFO, with its mask, once with
 * SA_RESETHAND, on the alternate stack.  A handler that is installed later and
 * passes on what is not its own does not break windows, and one that jumps out
 * leaves nothing behind.
 */
#include <setjmp.h>

#include "window.h"

static oriel_pool *pool;
static oriel_file *file;
static volatile char *nowhere;
static volatile int calls, blocked_self, blocked_usr1, on_stack, right_address;
static char stack[64 * 1024];
static sigjmp_buf jump;
static int signum;

static void
look (void)
{
  sigset_t now;
  stack_t ss;

  calls++;
  pthread_sigmask (SIG_BLOCK, NULL, &now);
  blocked_self = sigismember (&now, signum);
  blocked_usr1 = sigismember (&now, SIGUSR1);
  sigaltstack (NULL, &ss);
  on_stack = (ss.ss_flags & SS_ONSTACK) != 0;
}

static void
plain (int sig)
{
  signum = sig;
  look ();
  siglongjmp (jump, 1);
}

static void
with_info (int sig, siginfo_t *info, void *context)
{
  (void) context;
  signum = sig;
  right_address = info->si_addr == (void *) (uintptr_t) nowhere;
  look ();
  siglongjmp (jump, 1);
}

/* Repairs the fault and returns. */
static void
repairs (int sig, siginfo_t *info, void *context)
{
  (void) context;
  signum = sig;
  look ();
  mprotect (info->si_addr, 4096, PROT_READ | PROT_WRITE);
}

static void
fault (void)
{
  if (!sigsetjmp (jump, 1))
    *nowhere = 1;
}

/* The window works, for slots that are not mapped too. */
static int
window_works (void)
{
  uint64_t before = get_stats (pool).reinstalls;
  oriel_page page = must_pin (file, 3, ORIEL_WRITE);
  int good;

  must (oriel_window_trim (pool), "oriel_window_trim");
  good = is_stamped (page.data, 4096, 1, 3);
  must (oriel_unpin (&page), "oriel_unpin");
  return good && get_stats (pool).reinstalls > before;
}

static void
begin (const struct sigaction *sa)
{
  oriel_options opt = test_options ();

  sigaction (SIGSEGV, sa, NULL);
  sigaction (SIGBUS, sa, NULL);
  opt.window_size = MiB;
  opt.slot_size = 16 * KiB;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  calls = 0;
}

static void
end (void)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* 0 it was called, or how the child died. */
static int
second_fault (void *arg)
{
  (void) arg;
  fault ();
  fault ();
  return calls;
}

static int
ignored (void *arg)
{
  (void) arg;
  raise (SIGSEGV);
  raise (SIGBUS);
  return 7;
}

static struct sigaction under;

/* A handler of the application's over ours, that knows one address. */
static void
over (int sig, siginfo_t *info, void *context)
{
  if (info->si_addr == (void *) (uintptr_t) nowhere) {
    calls++;
    siglongjmp (jump, 1);
  }
  if (under.sa_flags & SA_SIGINFO)
    under.sa_sigaction (sig, info, context);
}

/* ThreadSanitizer calls handlers itself, with all signals blocked. */
static void
is_open (int blocked, const char *what)
{
#if defined __SANITIZE_THREAD__
  (void) blocked;
  (void) what;
  skip ("a sanitizer calls handlers in its own way");
#else
  is_int (blocked, 0, what);
#endif
}

int
main (void)
{
  struct sigaction sa;
  stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };

  make_stamped_file (scratch_file ("data"), 4096, 100, 0, 1);
  nowhere = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  sa = (struct sigaction){ .sa_handler = plain };
  begin (&sa);
  fault ();
  is_int (calls, 1, "a handler without SA_SIGINFO is called");
  is_int (blocked_self, 1, "with its signal blocked");
  is_open (blocked_usr1, "and no other");
  fault ();
  is_int (calls, 2, "and again, after it has jumped out");
  ok (window_works (), "and the window works");
  end ();

  sa = (struct sigaction){ .sa_sigaction = with_info,
                           .sa_flags = SA_SIGINFO | SA_NODEFER };
  sigaddset (&sa.sa_mask, SIGUSR1);
  begin (&sa);
  fault ();
  is_int (right_address, 1, "with SA_SIGINFO it gets the address");
  is_open (blocked_self, "with SA_NODEFER its signal is not blocked");
  is_int (blocked_usr1, 1, "but what its mask says");
  end ();

  sa = (struct sigaction){ .sa_sigaction = with_info,
                           .sa_flags = SA_SIGINFO | SA_RESETHAND };
  begin (&sa);
  is_int (in_child (second_fault, NULL), 128 + SIGSEGV,
          "with SA_RESETHAND the second time is the default's");
  end ();

  sa = (struct sigaction){ .sa_handler = SIG_IGN };
  begin (&sa);
  is_int (in_child (ignored, NULL), 7, "what is sent is ignored with SIG_IGN");
  is_int (in_child (second_fault, NULL), 128 + SIGSEGV, "a fault is not");
  end ();

  sa = (struct sigaction){ .sa_sigaction = repairs,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigaltstack (&ss, NULL);
  begin (&sa);
  fault ();
  is_int (calls, 1, "one that repairs the fault and returns");
  is_int (on_stack, 1, "runs on the alternate stack");
  is_int (*nowhere, 1, "and the access is made");
  ok (window_works (), "slots are mapped there, too");
  mprotect ((void *) (uintptr_t) nowhere, 4096, PROT_NONE);

  sa = (struct sigaction){ .sa_sigaction = over,
                           .sa_flags = SA_SIGINFO | SA_NODEFER };
  sigaction (SIGSEGV, &sa, &under);
  calls = 0;
  fault ();
  is_int (calls, 1, "one that is installed later has its own");
  ok (window_works (), "and passes on what is ours");
  fault ();
  ok (window_works (), "each time");
  end ();
  ss.ss_flags = SS_DISABLE;
  sigaltstack (&ss, NULL);
  return done_testing ();
}
