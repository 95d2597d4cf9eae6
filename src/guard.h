/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.h - copies from and to memory that may be missing
 *
 * A thread says where it copies; if a touch there is a SIGBUS, the handler
 * (fault-handle.c) jumps back to where it said so.
 */
#ifndef ORL_GUARD_H
#define ORL_GUARD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct orl_guard {
  uintptr_t from;
  size_t bytes;
  sigjmp_buf back;
};

extern _Thread_local struct orl_guard *volatile orl_guard
    __attribute__ ((tls_model ("initial-exec"), visibility ("hidden")));

/* copy (to, from, n), where guarded, to or from, may be missing.  False: it
 * was; a part may have been copied. */
bool orl_guard_copy (void *(*copy) (void *to, const void *from, size_t n),
                     void *to, const void *from, size_t n,
                     const void *guarded);

/* Unblock SIGSEGV and SIGBUS in this thread: of one that blocks what its own
 * access raises the kernel ends the process, whatever handles the signal. */
void orl_guard_let_come (void);

#endif /* ORL_GUARD_H */
