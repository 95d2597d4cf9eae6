/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h - attached processes and whether they live
 *
 * A process holds an OFD lock on its own byte of the pool file, from attach
 * until its last descriptor of it goes.  That lock, and no pid, is its life.
 */
#ifndef ORL_PROC_H
#define ORL_PROC_H

#include "layout.h"

/* Take a free place: lock its byte.  Sets shm->proc and shm->token; *dead is
 * the token of the process that died in the place, 0 if none, and its ledgers
 * await repair.  -EUSERS if every place is taken. */
int orl_proc_enter (struct orl_shm *shm, uint64_t *dead);

/* Leave the place clean.  The lock goes with the descriptor. */
void orl_proc_leave (struct orl_shm *shm);

/* Does the process that the token names live?  Any value is a valid question.
 * An error of the kernel counts as life: never repair on a guess. */
bool orl_proc_alive (const struct orl_shm *shm, uint64_t token);

/* How many processes are attached to the pool that fd is open on, without
 * attaching; nprocs places are looked at.  Or -errno. */
int orl_proc_count (int fd, uint32_t nprocs);

#endif /* ORL_PROC_H */
