/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checkpoint.h - bring a file's store up to a point of its log
 */
#ifndef ORL_CHECKPOINT_H
#define ORL_CHECKPOINT_H

#include "thread.h"

/* As oriel_checkpoint(), of a file, */
int orl_checkpoint (struct orl_thread *me, struct oriel_file *file,
                    uint64_t *lsn);

/* and of all that the process has open. */
int orl_checkpoint_all (struct orl_thread *me, uint64_t *lsn);

#endif /* ORL_CHECKPOINT_H */
