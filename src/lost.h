/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lost.h - frames whose memory was taken away
 */
#ifndef ORL_LOST_H
#define ORL_LOST_H

#include "frame.h"
#include "thread.h"

/*
 * The memory at this offset of the pool's file, a block and maybe more, was
 * found missing (broken: found bad).  Mark the frames LOST and give the file new
 * blocks.  Async-signal-safe.  1: done; 0: nothing was missing (any more);
 * -ENOSPC there is no room; -ENODATA the tables are cut away, too.
 */
int orl_lost_repair (const struct orl_shm *shm, uint64_t at, uint64_t bytes,
                     bool broken);

/* Make the process use the pool no more; why: ORL_GONE_*.  Where the tables
 * were there are zeroes then, private to the process, so that what looks there
 * finds an empty pool.  Async-signal-safe. */
void orl_lost_pool (struct oriel_pool *pool, int why);

/* A forked child: no other thread is in the middle of a repair. */
void orl_lost_forked (void);

/* Is the frame's memory there?  0; -EIO: not, or not all the time: it is LOST;
 * -ENOSPC: and there is no room to give it another. */
int orl_lost_look (const struct orl_shm *shm, uint32_t frame);

/* The same on behalf of a call: true, or the pool is told to be of no use if
 * there is no room. */
bool orl_lost_there (struct oriel_pool *pool, uint32_t frame);

/* orl_lost_peek() failed: find out why, with room for a page, and give the frame
 * its memory back.  0, or why it cannot be read now. */
int orl_lost_mend (struct oriel_pool *pool, uint32_t frame, void *room);

/* Copy the frame's page from the pool's file.  False: it can't be, or the memory
 * may be missing; nothing is done about that. */
bool orl_lost_peek (struct oriel_pool *pool, uint32_t frame, void *to);

/* As orl_window_copy_out() and _in().  True, and the frame is LOST: its memory
 * was missing, what was copied counts for nothing.  In: the caller has the page
 * latched, and uses its bounce buffer for nothing else unless it copies whole
 * pages. */
bool orl_lost_copy_out (struct oriel_pool *pool, uint32_t frame, size_t skip,
                        void *to, size_t n);
bool orl_lost_copy_in (struct orl_thread *me, uint32_t frame, size_t skip,
                       const void *from, size_t n);

static inline bool
orl_is_lost (const struct orl_shm *shm, uint32_t frame)
{
  return (atomic_load_explicit (&shm->frames[frame].state,
                                memory_order_relaxed)
          & ORL_LOST)
         != 0;
}

/* Touch each block of the range, so that faults are answered by the handler: a
 * system call would fail with EFAULT there. */
void orl_lost_touch (const void *at, size_t n);

#endif /* ORL_LOST_H */
