/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys-uring.c - io_uring's entries in the table of system calls
 *
 * By liburing.  A build without it is like a kernel without io_uring.
 */
#include <errno.h>

#include "sys-uring.h"
#include "sys.h"

#ifdef HAVE_LIBURING

#include <liburing.h>

/* Completions wait until their thread next enters the kernel, if the kernel
 * knows how (5.19): no interrupts between processors. */
#ifndef IORING_SETUP_COOP_TASKRUN
# define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif

#define AGAIN(call)                                                           \
  int r_;                                                                     \
  do                                                                          \
    r_ = (call);                                                              \
  while (r_ == -EINTR);                                                       \
  return r_

int
orl_sys_uring_setup (struct io_uring *ring, unsigned entries)
{
  struct io_uring_params p = { .flags = IORING_SETUP_COOP_TASKRUN };
  int was = orl_cancel_off (); /* if that fails it closes what it opened */
  int r = io_uring_queue_init_params (entries, ring, &p);

  if (r == -EINVAL)
    {
      p = (struct io_uring_params){ 0 };
      r = io_uring_queue_init_params (entries, ring, &p);
    }
  orl_cancel_back (was);
  return r;
}

int
orl_sys_uring_register (struct io_uring *ring, const int *fds, unsigned n)
{
  AGAIN (io_uring_register_files (ring, fds, n));
}

int
orl_sys_uring_update (struct io_uring *ring, unsigned at, int fd)
{
  AGAIN (io_uring_register_files_update (ring, at, &fd, 1));
}

int
orl_sys_uring_submit (struct io_uring *ring)
{
  AGAIN (io_uring_submit (ring));
}

int
orl_sys_uring_wait (struct io_uring *ring)
{
  struct io_uring_cqe *cqe;

  AGAIN (io_uring_wait_cqe (ring, &cqe));
}

#else

int
orl_sys_uring_setup (struct io_uring *ring, unsigned entries)
{
  (void) ring, (void) entries;
  return -ENOSYS;
}

int
orl_sys_uring_register (struct io_uring *ring, const int *fds, unsigned n)
{
  (void) ring, (void) fds, (void) n;
  return -ENOSYS;
}

int
orl_sys_uring_update (struct io_uring *ring, unsigned at, int fd)
{
  (void) ring, (void) at, (void) fd;
  return -ENOSYS;
}

int
orl_sys_uring_submit (struct io_uring *ring)
{
  (void) ring;
  return -ENOSYS;
}

int
orl_sys_uring_wait (struct io_uring *ring)
{
  (void) ring;
  return -ENOSYS;
}

#endif
