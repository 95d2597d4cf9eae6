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

/* Take a free place: lock its byte, set shm->proc and shm->token, and ask claim
 * whether we can have it; false: another process is still at work on what a
 * dead one left there, so a different place is tried.  -EUSERS if every place is
 * taken. */
int orl_proc_enter (struct orl_shm *shm, bool (*claim) (struct orl_shm *shm));

/* Leave the place clean.  The lock goes with the descriptor. */
void orl_proc_leave (struct orl_shm *shm);

/* Does the process that the token names live?  Any value is a valid question.
 * An error of the kernel counts as life: never repair on a guess. */
bool orl_proc_alive (const struct orl_shm *shm, uint64_t token);

/* Does a process, perhaps this one, hold the lock of the place? */
bool orl_proc_place_is_locked (const struct orl_shm *shm, uint32_t place);

/* Does someone else than fd's description hold the lock of this place? */
bool orl_proc_locked (int fd, uint32_t proc);

/* A process that has the kernel read pages while no thread of it waits holds
 * another byte of its place, by a description of the file that goes when the
 * last such read is over, perhaps after the process's life.  Take it with fd.
 * -EAGAIN, errors of fcntl(2). */
int orl_proc_io_begin (const struct orl_shm *shm, int fd);

/* May the kernel be writing frames of this ledger's?  Of a process's own alone. */
bool orl_proc_io_is_on (const struct orl_shm *shm, uint32_t ledger);

/* How many processes are attached to the pool that fd is open on, without
 * attaching; nprocs places are looked at.  Or -errno. */
int orl_proc_count (int fd, uint32_t nprocs);

#endif /* ORL_PROC_H */
