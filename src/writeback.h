/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * writeback.h - write dirty pages before anyone has to wait for it
 */
#ifndef ORL_WRITEBACK_H
#define ORL_WRITEBACK_H

#include "thread.h"

/* With the pool's options; nothing is written yet.  -ENOMEM. */
int orl_writeback_open (struct oriel_pool *pool, const oriel_options *opt);

/* Have a thread do it.  Errors of pthread_create(3). */
int orl_writeback_start (struct oriel_pool *pool);

/* End that thread, if there is one. */
void orl_writeback_stop (struct oriel_pool *pool);

/* Of a pool that is detached, also in a forked child. */
void orl_writeback_close (struct oriel_pool *pool);

/* As oriel_writeback(). */
int orl_writeback (struct orl_thread *me, uint64_t *pages);

/* A page is about to be pinned for writing: if too many are dirty, write some, or
 * wait a little while others do. */
void orl_writeback_help (struct orl_thread *me);

#endif /* ORL_WRITEBACK_H */
