/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - answer faults in windows and tables
 */
#ifndef ORL_FAULT_H
#define ORL_FAULT_H

#include "attach.h"

/* Watch a pool's tables, which are mapped; handle: install the handlers of
 * SIGSEGV and SIGBUS if they are not yet.  -ENOMEM: too many pools. */
int orl_fault_watch (struct oriel_pool *pool, bool handle);

/* Would a SIGBUS that this thread raises come to our handler, and to no other
 * first?  Looked at once for some hundred calls; a no again at each. */
bool orl_fault_would_come (void);

/* The pool's window is open now: watch it, too. */
void orl_fault_show (struct oriel_pool *pool);

/* Watch its window no more. */
void orl_fault_hide (struct oriel_pool *pool);

/* Stop; after this returns window and tables may be unmapped and freed. */
void orl_fault_forget (struct oriel_pool *pool);

/* In a forked child, before anything else: the parent's other threads are not
 * here. */
void orl_fault_forked (void);

#endif /* ORL_FAULT_H */
