/* SPDX-License-Identifier: BSD-2-Clause */
/* sys-uring.h - io_uring's entries in the table of system calls */
#ifndef ORL_SYS_URING_H
#define ORL_SYS_URING_H

struct io_uring;

int orl_sys_uring_setup (struct io_uring *ring, unsigned entries);
int orl_sys_uring_register (struct io_uring *ring, const int *fds, unsigned n);
int orl_sys_uring_update (struct io_uring *ring, unsigned at, int fd);
int orl_sys_uring_submit (struct io_uring *ring);
int orl_sys_uring_wait (struct io_uring *ring);

#endif /* ORL_SYS_URING_H */
