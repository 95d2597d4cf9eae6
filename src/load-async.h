/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-async.h - pages that are read while no one waits for them
 */
#ifndef ORL_LOAD_ASYNC_H
#define ORL_LOAD_ASYNC_H

#include "thread.h"

struct orl_flights;

/* Does the process read the file so?  Asks the kernel the first time. */
bool orl_async_ready (struct orl_thread *me, struct oriel_file *file);

/* Begin to read up to want pages from page on, which no frame had when the
 * caller looked; *n: how many.  The first gets the mark, if it is not 0.  stay:
 * it may wait for others to end first.  They are sent at the latest by
 * orl_async_send().  -EEXIST another has the first; -EAGAIN too many are under
 * way; -ENOBUFS no frame is free or cold. */
int orl_async_begin (struct orl_thread *me, struct oriel_file *file,
                     uint64_t key, uint64_t page, uint32_t want, uint8_t mark,
                     bool stay, uint32_t *n);
void orl_async_send (struct orl_thread *me);

/* End what has come.  Cheap if nothing is under way. */
void orl_async_reap (struct orl_thread *me);

/* What load-wait.c waits with: the ring, and whether its reads own a frame of
 * this state. */
struct orl_uring *orl_flights_ring (const struct orl_flights *fl);
bool orl_flights_own (const struct orl_flights *fl, uint64_t word);

/* Wait until something has come.  False: nothing was under way. */
bool orl_async_settle (struct orl_thread *me);

/* Would there be a ring if one were wanted? */
bool orl_async_works (struct oriel_pool *pool);

/* Make the ring.  -EOPNOTSUPP, with the text. */
int orl_async_open (struct oriel_pool *pool);

/* The pool is closed, with nothing under way; or it is a forked child's copy. */
void orl_async_close (struct oriel_pool *pool);
void orl_async_forked (struct oriel_pool *pool);

/* No ring is made between these two. */
void orl_async_before_fork (void);
void orl_async_after_fork (void);

#endif /* ORL_LOAD_ASYNC_H */
