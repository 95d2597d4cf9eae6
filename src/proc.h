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

/* A process that has the kernel transfer pages by a ring holds another byte of
 * its place for each kind, by a description of the file that goes when the last
 * such transfer is over, perhaps after the process's life.  A descriptor of such
 * a description.  -EAGAIN, errors of open(2) and fcntl(2); among these that locks
 * of descriptions are not to be had: with others there can be none, as closing it
 * would drop those. */
enum orl_proc_io {
  ORL_PROC_READS,
  ORL_PROC_WRITES
};
int orl_proc_io_open (const struct orl_shm *shm, enum orl_proc_io kind);

/* May the kernel be transferring frames of this ledger's, whose process is
 * dead? */
bool orl_proc_io_is_on (const struct orl_shm *shm, uint32_t ledger);

/* May it be writing to files for the dead process that the token names? */
bool orl_proc_writes_go_on (const struct orl_shm *shm, uint64_t token);

/* Wait until it does so for no dead process of this pool: some 40 ms after a
 * death.  Before a file is looked at, or pages are forgotten that the dead may
 * have been writing. */
void orl_proc_settle (const struct orl_shm *shm);

/* Is there one for whom it does? */
bool orl_proc_dead_write (const struct orl_shm *shm);

/* The same by the pool's file alone; nprocs places are looked at. */
void orl_proc_settle_file (int fd, uint32_t nprocs);

/* How many processes are attached to the pool that fd is open on, without
 * attaching; nprocs places are looked at.  Or -errno. */
int orl_proc_count (int fd, uint32_t nprocs);

#endif /* ORL_PROC_H */
