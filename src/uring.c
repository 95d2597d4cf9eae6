/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.c - transfers that their thread does not wait for: a process's io_uring
 *
 * One ring for all threads.  Who waits for a transfer waits for any: the first
 * waiter does so in the kernel, without the lock, and then ends all that are
 * done, of whichever thread; the others sleep until it has.  One of those whose
 * transfer was not among them is the next.  While a waiter is in the kernel no
 * one else takes completions, so it cannot miss the one that it waits for.
 *
 * A killed process's transfers go on until the kernel has wound up its ring, which
 * is when its other descriptors have long been closed.  Others may use the memory
 * they go to when an OFD lock is gone whose open file is registered with the ring:
 * the kernel gives up what is registered after the last transfer.  (Linux 6.18:
 * 20 to 40 ms after the kill.)
 *
 * A ring that the kernel lets us use no more (a sandbox that closed behind us)
 * is broken: what was not sent ends with the error and nothing is added again.
 *
 * Locks: the ring's own; done() is called with it held.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"
#include "uring.h"

#ifdef HAVE_LIBURING

#include <liburing.h>

/* Files that the kernel keeps at hand; the first is the one with the lock. */
#define PLACES 32

/* Rounds of orl_backoff() for a kernel that has no memory for a request. */
#define ROUNDS 130

struct orl_uring {
  pthread_mutex_t lock;
  pthread_cond_t reaped;
  struct io_uring ring;
  bool waiting;                 /* a thread is in the kernel for completions */
  _Atomic bool broken;
  unsigned flying;              /* sent, and not ended */
  unsigned added;               /* and not sent */
  struct orl_io *first;         /* of those, */
  struct orl_io **last;         /* in order */
  int fds[PLACES];              /* -1: free */
};

/* Where liburing has no calls of its own, as on i386, it closes by the C
 * library's, which is a cancellation point. */
static void
wind_up (struct io_uring *ring)
{
  int was = orl_cancel_off ();

  io_uring_queue_exit (ring);
  orl_cancel_back (was);
}

int
orl_uring_open (int fd, struct orl_uring **result)
{
  struct orl_uring *u = calloc (1, sizeof *u);
  int r;

  if (!u)
    return -ENOMEM;
  r = orl_sys.uring_setup (&u->ring, ORL_URING_DEPTH);
  if (r < 0)
    {
      free (u);
      return r;
    }
  u->fds[0] = fd;
  for (int i = 1; i < PLACES; i++)
    u->fds[i] = -1;
  r = orl_sys.uring_register (&u->ring, u->fds, PLACES);
  /* The child of a fork() has neither mapping nor, at once, the descriptor. */
  if (r < 0 || (r = io_uring_ring_dontfork (&u->ring)) < 0)
    {
      wind_up (&u->ring);
      free (u);
      return r;
    }
  u->last = &u->first;
  pthread_mutex_init (&u->lock, NULL);
  pthread_cond_init (&u->reaped, NULL);
  *result = u;
  return 0;
}

int
orl_uring_probe (void)
{
  struct io_uring ring;
  int r = orl_sys.uring_setup (&ring, 1);

  if (r == 0)
    wind_up (&ring);
  return r;
}

void
orl_uring_close (struct orl_uring *u)
{
  if (!u)
    return;
  /* Now, and not when a kernel worker comes to it: the pool's file goes. */
  io_uring_unregister_files (&u->ring);
  wind_up (&u->ring);
  pthread_mutex_destroy (&u->lock);
  pthread_cond_destroy (&u->reaped);
  free (u);
}

void
orl_uring_forked (struct orl_uring *u)
{
  if (u)
    close (u->ring.ring_fd);
}

void
orl_uring_lock (struct orl_uring *u)
{
  pthread_mutex_lock (&u->lock);
}

void
orl_uring_unlock (struct orl_uring *u)
{
  pthread_mutex_unlock (&u->lock);
}

int
orl_uring_enlist (struct orl_uring *u, int fd)
{
  for (int i = 1; i < PLACES; i++)
    if (u->fds[i] == -1
        && orl_sys.uring_update (&u->ring, (unsigned) i, fd) >= 0)
      {
        u->fds[i] = fd;
        return i;
      }
  return -1;
}

void
orl_uring_delist (struct orl_uring *u, int place)
{
  if (place <= 0)
    return;
  orl_sys.uring_update (&u->ring, (unsigned) place, -1);
  u->fds[place] = -1;
}

bool
orl_uring_is_broken (const struct orl_uring *u)
{
  return u->broken;
}

unsigned
orl_uring_room (const struct orl_uring *u)
{
  return u->broken ? 0 : ORL_URING_DEPTH - u->flying - u->added;
}

static void
prepare (struct io_uring_sqe *sqe, struct orl_io *io)
{
  int fd = io->place >= 0 ? io->place : io->fd;

  if (io->n == 1 && io->write)
    io_uring_prep_write (sqe, fd, io->iov->iov_base,
                         (unsigned) io->iov->iov_len, io->at);
  else if (io->n == 1)
    io_uring_prep_read (sqe, fd, io->iov->iov_base,
                        (unsigned) io->iov->iov_len, io->at);
  else if (io->write)
    io_uring_prep_writev (sqe, fd, io->iov, (unsigned) io->n, io->at);
  else
    io_uring_prep_readv (sqe, fd, io->iov, (unsigned) io->n, io->at);
  if (io->place >= 0)
    io_uring_sqe_set_flags (sqe, IOSQE_FIXED_FILE);
  io_uring_sqe_set_data (sqe, io);
}

void
orl_uring_add (struct orl_uring *u, struct orl_io *io)
{
  /* There are as many entries as may fly. */
  prepare (io_uring_get_sqe (&u->ring), io);
  io->next = NULL;
  *u->last = io;
  u->last = &io->next;
  u->added++;
}

/* The kernel has the first n that were added. */
static void
sent (struct orl_uring *u, unsigned n)
{
  for (; n > 0 && u->first; n--)
    {
      u->first = u->first->next;
      u->added--;
      u->flying++;
    }
  if (!u->first)
    u->last = &u->first;
}

/* The entries of what was added stay in the ring, and never are sent. */
static void
fail (struct orl_uring *u, int r, void *who)
{
  struct orl_io *io = u->first;

  u->broken = true;
  u->first = NULL;
  u->last = &u->first;
  u->added = 0;
  while (io)
    {
      struct orl_io *next = io->next;

      io->done (io, r, who);
      io = next;
    }
}

void
orl_uring_send (struct orl_uring *u, void *who)
{
  for (unsigned round = 0; u->added > 0; round++)
    {
      int r = orl_sys.uring_submit (&u->ring);

      if (r > 0)
        sent (u, (unsigned) r);
      else if (r < 0 && ((r != -EAGAIN && r != -EBUSY) || round > ROUNDS))
        fail (u, r, who);
      else
        {
          orl_uring_reap (u, who);
          orl_backoff (round);
        }
    }
}

void
orl_uring_reap (struct orl_uring *u, void *who)
{
  struct io_uring_cqe *cqe;
  unsigned n = 0;

  if (u->waiting)
    return;
  while (u->flying > 0 && io_uring_cq_ready (&u->ring) > 0
         && io_uring_peek_cqe (&u->ring, &cqe) == 0)
    {
      struct orl_io *io = io_uring_cqe_get_data (cqe);
      int64_t got = cqe->res;

      io_uring_cqe_seen (&u->ring, cqe);
      u->flying--;
      io->done (io, got, who);
      n++;
    }
  if (n > 0)
    pthread_cond_broadcast (&u->reaped);
}

bool
orl_uring_wait (struct orl_uring *u, void *who)
{
  unsigned flying;

  orl_uring_send (u, who);
  if (u->waiting)
    {
      int was = orl_cancel_off ();

      pthread_cond_wait (&u->reaped, &u->lock);
      orl_cancel_back (was);
      return true;
    }
  flying = u->flying;
  if (flying == 0)
    return false;
  orl_uring_reap (u, who);
  for (unsigned round = 0; u->flying > 0 && u->flying >= flying; round++)
    {
      int was = orl_cancel_off (); /* others wait for us */
      int r;

      u->waiting = true;
      pthread_mutex_unlock (&u->lock);
      r = orl_sys.uring_wait (&u->ring);
      if (r < 0) /* completions come without us, but no one wakes us */
        orl_backoff (round);
      orl_cancel_back (was);
      pthread_mutex_lock (&u->lock);
      u->waiting = false;
      flying = u->flying; /* others send meanwhile */
      orl_uring_reap (u, who);
    }
  pthread_cond_broadcast (&u->reaped);
  return true;
}

#else

int
orl_uring_open (int fd, struct orl_uring **u)
{
  (void) fd, (void) u;
  return -ENOSYS;
}

int
orl_uring_probe (void)
{
  return -ENOSYS;
}

/* No one has a ring. */
void
orl_uring_close (struct orl_uring *u)
{
  (void) u;
}

void
orl_uring_forked (struct orl_uring *u)
{
  (void) u;
}

void
orl_uring_lock (struct orl_uring *u)
{
  (void) u;
}

void
orl_uring_unlock (struct orl_uring *u)
{
  (void) u;
}

int
orl_uring_enlist (struct orl_uring *u, int fd)
{
  (void) u, (void) fd;
  return -1;
}

void
orl_uring_delist (struct orl_uring *u, int place)
{
  (void) u, (void) place;
}

bool
orl_uring_is_broken (const struct orl_uring *u)
{
  (void) u;
  return true;
}

unsigned
orl_uring_room (const struct orl_uring *u)
{
  (void) u;
  return 0;
}

void
orl_uring_add (struct orl_uring *u, struct orl_io *io)
{
  (void) u, (void) io;
}

void
orl_uring_send (struct orl_uring *u, void *who)
{
  (void) u, (void) who;
}

void
orl_uring_reap (struct orl_uring *u, void *who)
{
  (void) u, (void) who;
}

bool
orl_uring_wait (struct orl_uring *u, void *who)
{
  (void) u, (void) who;
  return false;
}

#endif
