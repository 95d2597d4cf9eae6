/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys-lock.h - what OFD locks do, made of POSIX locks
 *
 * For kernels before 3.15, and sandboxes.  Used by sys.c, and by pool.c around
 * fork().  Both kinds of lock exclude each other, so it does not matter which
 * of them other processes use.
 */
#ifndef ORL_SYS_LOCK_H
#define ORL_SYS_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* As the entries lock and locked of orl_sys. */
int orl_posix_lock (int fd, int type, off_t at);
int orl_posix_locked (int fd, off_t at);

/* fd is about to be closed, and its locks go.  True: it is kept open, as closing
 * it would drop others of this process. */
bool orl_posix_keep (int fd);

/* A descriptor of the path's file that was kept so, instead of opening another;
 * -1 if there is none. */
int orl_posix_reopen (const char *path, int flags);

/* The child has none of its parent's locks. */
void orl_posix_before_fork (void);
void orl_posix_after_fork (bool child);

#endif /* ORL_SYS_LOCK_H */
