/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.h - make what was written durable
 */
#ifndef ORL_SYNC_H
#define ORL_SYNC_H

#include "thread.h"

/* Has a sync of the file failed since it was opened first?  Then -EIO, and the
 * text. */
int orl_sync_check (const struct oriel_file *file);

/* Sync the file's store.  If that fails all processes are told from now on. */
int orl_sync_store (struct orl_thread *me, struct oriel_file *file);

#endif /* ORL_SYNC_H */
