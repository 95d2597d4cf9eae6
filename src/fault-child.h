/* SPDX-License-Identifier: BSD-2-Clause */
/* fault-child.h - what a forked child may see of its parent's window */
#ifndef ORL_FAULT_CHILD_H
#define ORL_FAULT_CHILD_H

#include "attach.h"

/* In a forked child: show the slot that the offset lies in, read-only, if the
 * parent lives and has the frame there pinned; view: it is an offset in the area
 * of views.  Async-signal-safe. */
bool orl_fault_child (struct oriel_pool *pool, bool view, uint64_t offset);

#endif /* ORL_FAULT_CHILD_H */
