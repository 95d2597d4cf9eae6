/* SPDX-License-Identifier: BSD-2-Clause */
/* fault-name.h - name accesses to a window that nothing answers */
#ifndef ORL_FAULT_NAME_H
#define ORL_FAULT_NAME_H

#include "attach.h"

/* One line on stderr; why: in words.  Async-signal-safe. */
void orl_fault_name (const struct oriel_pool *pool, uintptr_t where, int sig,
                     const char *why);

#endif /* ORL_FAULT_NAME_H */
