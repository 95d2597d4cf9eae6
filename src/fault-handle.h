/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault-handle.h - the handler of SIGSEGV and SIGBUS, and what it looks at
 */
#ifndef ORL_FAULT_HANDLE_H
#define ORL_FAULT_HANDLE_H

#include <signal.h>
#include <stdatomic.h>

#include "attach.h"

#define ORL_WATCHED 64          /* pools open at once in one process */

/* A pool that is watched; NULL: an entry that is free. */
struct orl_watched {
  _Atomic (struct oriel_pool *) pool;
  _Atomic (struct orl_window *) window; /* NULL: not open */
};

/* Who handled a signal before us. */
struct orl_before {
  int sig;
  struct sigaction action;
  atomic_bool used;             /* SA_RESETHAND: it was called */
};

extern struct orl_watched orl_watched[ORL_WATCHED];
extern struct orl_before orl_before[2]; /* SIGSEGV, SIGBUS */
extern _Atomic unsigned orl_fault_running; /* handlers that look there now */

void orl_fault_handle (int sig, siginfo_t *info, void *context);

#endif /* ORL_FAULT_HANDLE_H */
