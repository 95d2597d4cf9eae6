/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heat.h - which pages are worth their frames
 *
 * All of it is hints in shared memory, written without locks: what is lost,
 * torn or damaged costs a worse choice and nothing else.
 */
#ifndef ORL_HEAT_H
#define ORL_HEAT_H

#include "thread.h"

/* In orl_frame.ref, beside 0 and 1: new, its next uses do not count.  A hit
 * writes only where it finds 0. */
#define ORL_REF_NEW 2
#define ORL_REF_ONCE 3          /* likewise, of a page that was read ahead: the
                                   next sweep may have it */

/* In orl_frame.heat. */
#define ORL_HEAT_USES 0x0fu     /* gaps between uses, counted from .since on */
#define ORL_HEAT_HOT 0x10u
#define ORL_HEAT_MARGINAL 0x20u /* was about the coldest of the hot */
#define ORL_HEAT_ROOM 0x40u     /* the frame was free */
#define ORL_HEAT_AHEAD 0x80u    /* no one asked for the page yet */

/* A RESERVED frame got a page, which was asked for, or (ahead) read before
 * that; called before others see it. */
void orl_heat_loaded (struct orl_thread *me, uint32_t frame, bool ahead);

/* A page that was read ahead is wanted for the first time. */
void orl_heat_wanted (const struct orl_shm *shm, uint32_t frame);

/* The gap of a hot page that has so many uses, if it was used now.  What has been
 * idle for long will not be used: of pages used at random, three in a hundred are
 * idle for more than the square root of 12, times the mean.  From there on their
 * gap counts as longer, up to the time that they are idle. */
#define ORL_HEAT_IDLE 12

static inline uint64_t
orl_heat_gap (uint32_t age, uint32_t idle, uint32_t uses)
{
  uint64_t mean = age / (uses + 1);
  uint64_t gap = (uint64_t) idle * idle / (ORL_HEAT_IDLE * mean + 1);

  if (gap > idle)
    gap = idle;
  return mean > gap ? mean : gap;
}

/* Is that longer?  Without a division, as it is asked of most frames. */
static inline bool
orl_heat_gap_exceeds (uint32_t age, uint32_t idle, uint32_t uses,
                      uint64_t than)
{
  uint64_t square = (uint64_t) idle * idle / ORL_HEAT_IDLE;

  return age > than * (uses + 1)
         || (idle > than && square * (uses + 1) > than * age);
}

/* May the hand pass the frame at once?  So it can most: hot pages of which
 * nothing new is known, and which are not the coldest. */
static inline bool
orl_heat_passes (struct orl_thread *me, const struct orl_frame *f)
{
  uint32_t heat = atomic_load_explicit (&f->heat, memory_order_relaxed);
  uint32_t now, since, seen;

  if ((heat & (ORL_HEAT_HOT | ORL_HEAT_MARGINAL)) != ORL_HEAT_HOT
      || atomic_load_explicit (&f->ref, memory_order_relaxed)
      || me->ncool < ORL_COOL)
    return false;
  now = atomic_load_explicit (&me->pool->shm.super->clock,
                              memory_order_relaxed);
  since = atomic_load_explicit (&f->since, memory_order_relaxed);
  seen = atomic_load_explicit (&f->seen, memory_order_relaxed);
  if (orl_heat_gap_exceeds (now - since, now - seen, heat & ORL_HEAT_USES,
                            me->cool[ORL_COOL - 1].gap))
    return false;
  me->hot_seen++;
  return true;
}

/* The hand is at a frame that has a page: may it go? */
bool orl_heat_look (struct orl_thread *me, uint32_t frame);

/* A page goes, of which more may be heard. */
void orl_heat_evicted (struct orl_thread *me, uint32_t frame);

/* A frame that was free is taken. */
void orl_heat_room (const struct orl_shm *shm, uint32_t frame);

/* The hand came to the last frame (over), or has moved. */
void orl_heat_round (struct orl_thread *me, bool over);

/* Before and after a sweep. */
void orl_heat_begin (struct orl_thread *me);
void orl_heat_end (struct orl_thread *me);

#endif /* ORL_HEAT_H */
