/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c - have faults in windows and tables answered
 *
 * Handlers of signals are the process's, and so is the list of pools.  What the
 * handler does is in fault-handle.c.
 *
 * Lock: registry_lock, a leaf.  The handler does not take it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "error.h"
#include "fault-handle.h"
#include "fault.h"
#include "guard.h"
#include "lost.h"
#include "sys.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;          /* under registry_lock */

/* Two system calls, 0.2 us each, for so many copies, of which a page of 4 KiB takes
 * 0.1 us and more. */
#define LOOK_EVERY 256

/* Give the signals back, unless someone has put a handler over ours, which may
 * call it. */
static void
uninstall (void)
{
  struct sigaction now;

  for (int i = 0; i < 2; i++)
    if (sigaction (orl_before[i].sig, NULL, &now) < 0
        || !(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != orl_fault_handle)
      return;
  for (int i = 0; i < 2; i++)
    {
      if (atomic_load (&orl_before[i].used))
        orl_before[i].action.sa_handler = SIG_DFL;
      sigaction (orl_before[i].sig, &orl_before[i].action, NULL);
    }
  installed = false;
}

bool
orl_fault_would_come (void)
{
  static _Thread_local unsigned left; /* calls until it is looked at */
  static _Thread_local bool asked;    /* for the signals to come */
  struct sigaction now;
  sigset_t blocked;

  if (left > 0)
    {
      left--;
      return true;
    }
  if (!asked)
    orl_guard_let_come ();
  asked = true;
  if (sigaction (SIGBUS, NULL, &now) < 0 || !(now.sa_flags & SA_SIGINFO)
      || now.sa_sigaction != orl_fault_handle
      || pthread_sigmask (SIG_SETMASK, NULL, &blocked) != 0
      || sigismember (&blocked, SIGBUS))
    return false;
  left = LOOK_EVERY - 1;
  return true;
}

static void
install (void)
{
  struct sigaction sa
      = { .sa_sigaction = orl_fault_handle,
          .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART };

  sigemptyset (&sa.sa_mask);
  for (int i = 0; i < 2; i++)
    {
      atomic_store (&orl_before[i].used, false);
      /* First, since a signal may come as soon as ours is there. */
      sigaction (orl_before[i].sig, NULL, &orl_before[i].action);
      sigaction (orl_before[i].sig, &sa, &orl_before[i].action);
    }
  installed = true;
}

int
orl_fault_watch (struct oriel_pool *pool, bool handle)
{
  int r = -ENOMEM;

  pthread_mutex_lock (&registry_lock);
  if (handle)
    orl_guard_let_come ();
  if (handle && !installed)
    install ();
  for (int i = 0; i < ORL_WATCHED && r < 0; i++)
    if (!atomic_load (&orl_watched[i].pool))
      {
        atomic_store (&orl_watched[i].pool, pool);
        r = 0;
      }
  pthread_mutex_unlock (&registry_lock);
  if (r < 0)
    return orl_fail (r, "%s: this process has %d pools open; close one",
                     pool->path, ORL_WATCHED);
  return 0;
}

void
orl_fault_show (struct oriel_pool *pool)
{
  for (int i = 0; i < ORL_WATCHED; i++)
    if (atomic_load (&orl_watched[i].pool) == pool)
      atomic_store (&orl_watched[i].window, pool->window);
}

void
orl_fault_hide (struct oriel_pool *pool)
{
  for (int i = 0; i < ORL_WATCHED; i++)
    if (atomic_load (&orl_watched[i].pool) == pool)
      atomic_store (&orl_watched[i].window, NULL);
}

void
orl_fault_forget (struct oriel_pool *pool)
{
  bool last = true;

  pthread_mutex_lock (&registry_lock);
  for (int i = 0; i < ORL_WATCHED; i++)
    {
      if (atomic_load (&orl_watched[i].pool) == pool)
        {
          atomic_store (&orl_watched[i].window, NULL);
          atomic_store (&orl_watched[i].pool, NULL);
        }
      last = last && !atomic_load (&orl_watched[i].pool);
    }
  if (last && installed)
    uninstall ();
  for (unsigned round = 0; atomic_load (&orl_fault_running) != 0; round++)
    orl_backoff (round);
  pthread_mutex_unlock (&registry_lock);
}

void
orl_fault_forked (void)
{
  pthread_mutex_init (&registry_lock, NULL);
  atomic_store (&orl_fault_running, 0);
  orl_lost_forked ();
}
