/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c - name accesses to a window that no mapping answers
 *
 * The registry of windows is the process's, because signal handlers are.  The
 * handler reads it without locks: an entry is published by its window pointer,
 * and forgotten by clearing it and waiting until no handler runs.
 *
 * Everything from on_fault() down is async-signal-safe: plain loads, write(),
 * and sigaction() to pass the signal on.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fault.h"
#include "sys.h"

#define MAX_WINDOWS 64          /* pools open at once in one process */

struct watched {
  _Atomic (const struct orl_window *) window;
  const char *name;
};

static struct watched registry[MAX_WINDOWS];
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned running; /* handlers that read the registry now */
static bool installed;          /* under registry_lock */
static struct sigaction old_segv, old_bus;

struct line {
  char text[256];
  size_t n;
};

static void
put (struct line *l, const char *s)
{
  while (*s && l->n < sizeof l->text)
    l->text[l->n++] = *s++;
}

static void
put_number (struct line *l, uint64_t v, unsigned base)
{
  char digits[24];
  size_t n = sizeof digits;

  digits[--n] = 0;
  do
    digits[--n] = "0123456789abcdef"[v % base];
  while ((v /= base) && n > 0);
  put (l, digits + n);
}

static void
say_what (struct line *l, const struct orl_window *w, uint64_t offset)
{
  uint32_t slot = (uint32_t) (offset >> w->slot_shift);
  uint32_t extent = w->extent ? atomic_load (&w->extent[slot]) : 0;

  if (w->linear)
    {
      put (l, "frame ");
      put_number (l, offset >> w->page_shift, 10);
      put (l, " cannot be reached");
      return;
    }
  put (l, "slot ");
  put_number (l, slot, 10);
  if (extent == 0)
    {
      put (l, " shows nothing");
      return;
    }
  put (l, " showed frame ");
  put_number (l,
              ((uint64_t) (extent - 1) << w->extent_shift)
                  + ((offset & ((UINT64_C (1) << w->slot_shift) - 1))
                     >> w->page_shift),
              10);
}

static void
name_access (const struct watched *at, const struct orl_window *w,
             uintptr_t where, int sig)
{
  struct line l = { .n = 0 };
  ssize_t unused;

  put (&l, "oriel: stray access to 0x");
  put_number (&l, where, 16);
  put (&l, " by thread ");
  put_number (&l, (uint64_t) syscall (SYS_gettid), 10);
  put (&l, ": no page is pinned there; window of pool ");
  put (&l, at->name);
  put (&l, ", ");
  say_what (&l, w, where - (uintptr_t) w->base);
  put (&l, sig == SIGBUS ? " (SIGBUS: is the pool file cut?)\n"
                         : " (SIGSEGV)\n");
  unused = write (STDERR_FILENO, l.text, l.n);
  (void) unused;
}

/* To whoever handled the signal before us; the default action ends the process
 * when the access is made again. */
static void
pass_on (int sig, siginfo_t *info, void *context)
{
  const struct sigaction *old = sig == SIGBUS ? &old_bus : &old_segv;

  if (old->sa_flags & SA_SIGINFO)
    old->sa_sigaction (sig, info, context);
  else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
    old->sa_handler (sig);
  else
    {
      struct sigaction dfl = { .sa_handler = SIG_DFL };

      sigaction (sig, &dfl, NULL);
      if (info->si_code <= 0) /* sent by kill(): it will not come again */
        raise (sig);
    }
}

static void
on_fault (int sig, siginfo_t *info, void *context)
{
  int saved = errno;
  uintptr_t where = (uintptr_t) info->si_addr;

  atomic_fetch_add (&running, 1);
  for (int i = 0; info->si_code > 0 && i < MAX_WINDOWS; i++)
    {
      const struct orl_window *w = atomic_load (&registry[i].window);

      if (w && where >= (uintptr_t) w->base
          && where - (uintptr_t) w->base < w->bytes)
        name_access (&registry[i], w, where, sig);
    }
  atomic_fetch_sub (&running, 1);
  errno = saved;
  pass_on (sig, info, context);
}

/* Give the signals back, unless someone has put a handler over ours, which may
 * call it. */
static void
uninstall (void)
{
  const int sig[] = { SIGSEGV, SIGBUS };
  const struct sigaction *old[] = { &old_segv, &old_bus };
  struct sigaction now;

  for (int i = 0; i < 2; i++)
    if (sigaction (sig[i], NULL, &now) < 0 || !(now.sa_flags & SA_SIGINFO)
        || now.sa_sigaction != on_fault)
      return;
  for (int i = 0; i < 2; i++)
    sigaction (sig[i], old[i], NULL);
  installed = false;
}

static void
install (void)
{
  struct sigaction sa
      = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

  sigemptyset (&sa.sa_mask);
  sigaction (SIGSEGV, &sa, &old_segv);
  sigaction (SIGBUS, &sa, &old_bus);
  installed = true;
}

int
orl_fault_watch (const struct orl_window *w, const char *name, bool handle)
{
  int r = -ENOMEM;

  pthread_mutex_lock (&registry_lock);
  if (handle && !installed)
    install ();
  for (int i = 0; i < MAX_WINDOWS && r < 0; i++)
    if (!atomic_load (&registry[i].window))
      {
        registry[i].name = name;
        atomic_store (&registry[i].window, w);
        r = 0;
      }
  pthread_mutex_unlock (&registry_lock);
  if (r < 0)
    return orl_fail (r, "%s: this process has %d pools open; close one", name,
                     MAX_WINDOWS);
  return 0;
}

void
orl_fault_forget (const struct orl_window *w)
{
  bool last = true;

  pthread_mutex_lock (&registry_lock);
  for (int i = 0; i < MAX_WINDOWS; i++)
    {
      if (atomic_load (&registry[i].window) == w)
        atomic_store (&registry[i].window, NULL);
      last = last && !atomic_load (&registry[i].window);
    }
  if (last && installed)
    uninstall ();
  for (unsigned round = 0; atomic_load (&running) != 0; round++)
    orl_backoff (round);
  pthread_mutex_unlock (&registry_lock);
}
