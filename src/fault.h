/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - name accesses to a window that no mapping answers
 */
#ifndef ORL_FAULT_H
#define ORL_FAULT_H

#include "window.h"

/* Watch a window (name is kept by reference); handle: install the handlers of
 * SIGSEGV and SIGBUS if they are not yet.  -ENOMEM: too many windows. */
int orl_fault_watch (const struct orl_window *w, const char *name,
                     bool handle);

/* Stop; after this returns the window may be unmapped and freed. */
void orl_fault_forget (const struct orl_window *w);

#endif /* ORL_FAULT_H */
