/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indoubt.h - pages whose writer died, given to the engine to put right
 */
#ifndef ORL_INDOUBT_H
#define ORL_INDOUBT_H

#include "frame.h"
#include "thread.h"

/* Is the frame's content half of a change, that no one has put right yet? */
static inline bool
orl_state_in_doubt (uint64_t word)
{
  return orl_state (word) == ORL_VALID
         && (word & (ORL_INDOUBT | ORL_STALE)) == ORL_INDOUBT;
}

/* A pin with these flags met the page in doubt, in this frame: have the engine
 * put it right, or forget it (by the engine's will, or because it is wanted
 * FRESH, or no one wants to be asked any more).  0: look again.  -EAGAIN (with
 * ORIEL_NOWAIT), -ENOTRECOVERABLE (this process has no callback), -EDEADLK,
 * -ENOBUFS. */
int orl_indoubt_settle (struct orl_thread *me, struct oriel_file *file,
                        uint32_t frame, unsigned flags);

/* All of the file's.  How many were, or the first error. */
int orl_indoubt_settle_all (struct orl_thread *me, struct oriel_file *file);

#endif /* ORL_INDOUBT_H */
