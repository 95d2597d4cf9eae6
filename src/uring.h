/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.h - transfers that their thread does not wait for: a process's io_uring
 *
 * All functions but open, close and forked want the lock, and keep it; those
 * that wait give it up meanwhile.
 */
#ifndef ORL_URING_H
#define ORL_URING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct orl_uring;

/* Transfers in the kernel at once. */
#define ORL_URING_DEPTH 256

/* A transfer.  It and iov stay as they are until done() is called, with the lock
 * held, in the thread that learns of its end: got is the bytes moved, or -errno;
 * who is what that thread gave. */
struct orl_io {
  int fd;
  int place;                    /* orl_uring_enlist() of it, or -1 */
  bool write;
  int n;
  const struct iovec *iov;
  uint64_t at;
  void (*done) (struct orl_io *io, int64_t got, void *who);
  struct orl_io *next;          /* the ring's */
};

/* A ring that keeps the open file of fd until it has ended, in a process that is
 * killed: with the file its OFD locks.  -ENOSYS, -EPERM and others: the kernel
 * does not let us, or there is no liburing. */
int orl_uring_open (int fd, struct orl_uring **u);

/* Would one be opened?  0, or as orl_uring_open(). */
int orl_uring_probe (void);

/* Nothing is in flight.  NULL is no error. */
void orl_uring_close (struct orl_uring *u);

/* In a forked child: it has no part in the ring.  NULL is no error. */
void orl_uring_forked (struct orl_uring *u);

void orl_uring_lock (struct orl_uring *u);
void orl_uring_unlock (struct orl_uring *u);

/* Have the kernel keep fd at hand: a place, or -1 if all are taken. */
int orl_uring_enlist (struct orl_uring *u, int fd);
void orl_uring_delist (struct orl_uring *u, int place);

/* The kernel lets us use it no more: nothing is added. */
bool orl_uring_is_broken (const struct orl_uring *u);

/* How many more may be added. */
unsigned orl_uring_room (const struct orl_uring *u);

/* Add a transfer, for which there is room; it begins when it is sent. */
void orl_uring_add (struct orl_uring *u, struct orl_io *io);

/* Begin what was added.  If the kernel refuses, it ends with its error. */
void orl_uring_send (struct orl_uring *u, void *who);

/* End what the kernel has done; waits for nothing. */
void orl_uring_reap (struct orl_uring *u, void *who);

/* Send, and wait until something that was in flight has ended, in this thread or
 * in another that waits.  False: nothing was. */
bool orl_uring_wait (struct orl_uring *u, void *who);

#endif /* ORL_URING_H */
