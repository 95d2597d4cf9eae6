/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holes.h - have holes of a memory file fault where it is mapped
 *
 * Else a touch of a hole fills it with zeroes, and no one learns of it.
 */
#ifndef ORL_HOLES_H
#define ORL_HOLES_H

#include <stddef.h>

/* A descriptor of userfaultfd, or -1: the kernel can't.  Linux 5.11 lets everyone
 * have one that answers no faults of the kernel's own. */
int orl_holes_open (void);

/* From now on touching a hole in the mapping raises SIGBUS, and system calls
 * fail there with EFAULT.  The mapping is left as it is if the kernel can't, or
 * if fd is -1.  Async-signal-safe. */
void orl_holes_watch (int fd, void *at, size_t n);

#endif /* ORL_HOLES_H */
