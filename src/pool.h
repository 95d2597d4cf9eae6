/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - create, attach, detach and destroy pools
 */
#ifndef ORL_POOL_H
#define ORL_POOL_H

#include "attach.h"

/* As oriel_pool_open(), _close() and _destroy(). */
int orl_pool_open (const char *name, const oriel_options *opt,
                   struct oriel_pool **pool);
int orl_pool_close (struct oriel_pool *pool);
int orl_pool_destroy (const char *name, const char *directory, int force);

#endif /* ORL_POOL_H */
