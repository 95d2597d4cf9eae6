/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heat.c - which pages are worth their frames
 *
 * Time is the number of pages loaded so far.  A page is known by its gap, the
 * mean time between its uses; a use is what the hand finds: ref, that a hit set
 * since the hand last passed.  Pages are hot or cold:
 *
 *     loaded ----> cold --------- hand: not used ---------> evicted, a ghost
 *        |         |  ^                                          |
 *        | room    |  | demote(): its gap, were it used now,     | loaded again
 *        v         v  | is longer than another's                 v
 *        +------> hot <-------- promote(): gap is shorter -------+
 *
 * A cold page is evicted when the hand finds it unused, which is soon, as few
 * pages are cold.  It becomes hot if it was used twice, in the pool or, by what
 * its ghost tells, before, and its gap is shorter than that of a hot page,
 * which becomes cold in its place.  That is the rule of LIRS (Jiang, Zhang,
 * SIGMETRICS 2002), by times in place of a stack, and of more than two uses: so
 * a loop larger than the pool keeps what it can, and no scan pushes out
 * anything.  A hot page's gap counts as though it was used now; one of a page
 * with few uses counts as longer than it was, (n + 2) / n times, since of many
 * seldom used pages some are used twice soon by chance; and of many uses only
 * the last 8 to 15 count.
 *
 * Uses right after loading, until the hand comes, are one use with it: that is
 * how a page's records are read one after the other (2Q's A1in is for that).
 *
 * How many are cold: the share is right when one more frame would bring as much
 * to the cold as to the hot.  Of the cold, that is how many of those evicted
 * come back within the time that a cold page stays; of the hot, how many of the
 * coldest are used within one round of the hand.  adjust() compares.
 *
 * The numbers, from bench-eviction: see README.md.
 *
 * No locks: all is hints.
 */
#include <stdatomic.h>
#include <string.h>

#include "ghost.h"
#include "heat.h"

#define USES_MAX 15             /* odd, so that half of one more is whole */
#define COLD_MIN 40             /* a 40th of the frames; and no more than */
#define COLD_MAX 2              /* a half */
#define NOT_COUNTED (1u << 31)  /* more than there are frames */
#define SAMPLE 8                /* judge by no fewer */

static uint32_t
now_of (const struct orl_shm *shm)
{
  return atomic_load_explicit (&shm->super->clock, memory_order_relaxed);
}

static uint64_t
hot_pages (const struct orl_shm *shm)
{
  uint32_t n = atomic_load_explicit (&shm->super->hot, memory_order_relaxed);

  return n < orl_frames (shm) ? n : orl_frames (shm);
}

/* Damage, or a race, may take it below 0 for a round. */
static void
count_hot (const struct orl_shm *shm, int by)
{
  if (by > 0)
    atomic_fetch_add_explicit (&shm->super->hot, 1, memory_order_relaxed);
  else if (hot_pages (shm) > 0)
    atomic_fetch_sub_explicit (&shm->super->hot, 1, memory_order_relaxed);
}

/* Frames that should be cold, times 65536. */
static uint64_t
cold_target (const struct orl_shm *shm)
{
  uint64_t t = atomic_load_explicit (&shm->super->cold, memory_order_relaxed);
  uint64_t n = (uint64_t) orl_frames (shm) << 16;

  if (t < n / COLD_MIN)
    t = n / COLD_MIN;
  if (t > n / COLD_MAX)
    t = n / COLD_MAX;
  return t < 1 << 16 ? 1 << 16 : t;
}

/* ------------------------------------------------------------------ */
/* Gaps                                                               */

/* A frame's history, copied. */
struct past {
  uint32_t since, seen, uses;
};

static struct past
past_of (const struct orl_frame *f)
{
  return (struct past){
    atomic_load_explicit (&f->since, memory_order_relaxed),
    atomic_load_explicit (&f->seen, memory_order_relaxed),
    atomic_load_explicit (&f->heat, memory_order_relaxed) & ORL_HEAT_USES,
  };
}

static void
use (struct past *p, uint32_t now)
{
  p->seen = now;
  if (++p->uses > USES_MAX)
    {
      p->since += (now - p->since) / 2;
      p->uses = (USES_MAX + 1) / 2;
    }
}

static void
put_past (struct orl_frame *f, const struct past *p, uint32_t flags)
{
  atomic_store_explicit (&f->since, p->since, memory_order_relaxed);
  atomic_store_explicit (&f->seen, p->seen, memory_order_relaxed);
  atomic_store_explicit (&f->heat, (uint8_t) (flags | p->uses),
                         memory_order_relaxed);
}

/* Of a page that was used just now. */
static uint64_t
gap (const struct past *p)
{
  uint64_t span = p->seen - p->since;

  return p->uses ? span * (p->uses + 2) / (p->uses * p->uses) : UINT64_MAX;
}

static uint64_t
gap_now (const struct past *p, uint32_t now)
{
  return orl_heat_gap (now - p->since, now - p->seen, p->uses);
}

/* ------------------------------------------------------------------ */
/* Hot and cold                                                       */

/* Does it still stand as it was when it was listed? */
static bool
still_cool (const struct orl_shm *shm, const struct orl_cool *c)
{
  const struct orl_frame *f = &shm->frames[c->frame];

  return (atomic_load_explicit (&f->heat, memory_order_relaxed) & ORL_HEAT_HOT)
         && atomic_load_explicit (&f->ref, memory_order_relaxed) == 0
         && atomic_load_explicit (&f->since, memory_order_relaxed) == c->since
         && atomic_load_explicit (&f->seen, memory_order_relaxed) == c->seen;
}

/* List a hot page that is not used among the coldest that this thread knows. */
static void
list_cool (struct orl_thread *me, uint32_t frame, const struct past *p,
           uint32_t now)
{
  uint64_t gap = gap_now (p, now);
  uint32_t i;

  if (me->ncool == ORL_COOL && me->cool[ORL_COOL - 1].gap >= gap)
    return;
  for (i = 0; i < me->ncool; i++)
    if (me->cool[i].frame == frame)
      return;
  if (me->ncool == ORL_COOL)
    me->ncool--;
  for (i = me->ncool++; i > 0 && me->cool[i - 1].gap < gap; i--)
    me->cool[i] = me->cool[i - 1];
  me->cool[i] = (struct orl_cool){ gap, frame, p->since, p->seen, false };
}

/* Make a hot page cold whose gap is longer. */
static bool
demote (struct orl_thread *me, uint64_t longer, uint32_t now)
{
  const struct orl_shm *shm = &me->pool->shm;

  while (me->ncool > 0)
    {
      struct orl_cool c = me->cool[0];
      bool good = still_cool (shm, &c);

      if (good)
        {
          struct past p = past_of (&shm->frames[c.frame]);

          if (gap_now (&p, now) <= longer)
            return false;
        }
      me->ncool--;
      memmove (me->cool, me->cool + 1, me->ncool * sizeof *me->cool);
      if (!good)
        continue;
      atomic_fetch_and_explicit (&shm->frames[c.frame].heat,
                                 (uint8_t) ~(ORL_HEAT_HOT | ORL_HEAT_MARGINAL),
                                 memory_order_relaxed);
      count_hot (shm, -1);
      return true;
    }
  return false;
}

/* Is there room for a hot page more, without another becoming cold? */
static bool
has_room (const struct orl_shm *shm)
{
  return ((uint64_t) orl_frames (shm) - hot_pages (shm)) << 16 > cold_target (shm);
}

/* Are there too many?  Not the contrary: what became cold for no other's sake
 * would make room for one that has not been compared. */
static bool
is_crowded (const struct orl_shm *shm)
{
  return ((uint64_t) orl_frames (shm) - hot_pages (shm) + 1) << 16 <= cold_target (shm);
}

/* May a page with this gap be hot? */
static bool
promote (struct orl_thread *me, const struct past *p, uint32_t now)
{
  const struct orl_shm *shm = &me->pool->shm;

  if (p->uses == 0 || (!has_room (shm) && !demote (me, gap (p), now)))
    return false;
  count_hot (shm, 1);
  return true;
}

/* ------------------------------------------------------------------ */
/* Events                                                             */

static void
add (orl_a32 *counter, uint32_t n)
{
  atomic_fetch_add_explicit (counter, n, memory_order_relaxed);
}

void
orl_heat_room (const struct orl_shm *shm, uint32_t frame)
{
  atomic_store_explicit (&shm->frames[frame].heat, ORL_HEAT_ROOM,
                         memory_order_relaxed);
  atomic_store_explicit (&shm->super->round_hot, NOT_COUNTED,
                         memory_order_relaxed);
}

/* What the page's ghost tells, if there is one. */
static bool
remember (const struct orl_shm *shm, const struct orl_frame *f, uint32_t now,
          struct past *p)
{
  struct orl_ghost g;
  uint64_t ago;

  if (!orl_ghost_take (
          shm,
          (uint32_t) atomic_load_explicit (&f->file, memory_order_relaxed),
          atomic_load_explicit (&f->page, memory_order_relaxed), now, &g))
    return false;
  if (g.gone <= orl_frames (shm) - hot_pages (shm))
    add (&shm->super->returned, 1);
  ago = (uint64_t) g.gone + g.idle;
  if (ago > ORL_GHOST_AGE * (uint64_t) orl_frames (shm))
    return false;
  *p = (struct past){ now - (uint32_t) ago - g.span, now - (uint32_t) ago,
                      g.uses };
  use (p, now);
  return true;
}

void
orl_heat_loaded (struct orl_thread *me, uint32_t frame, bool ahead)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint32_t now
      = 1 + atomic_fetch_add_explicit (&shm->super->clock, 1,
                                       memory_order_relaxed);
  uint32_t heat = atomic_load_explicit (&f->heat, memory_order_relaxed);
  struct past p = { now, now, 0 };
  bool hot = false;

  if (remember (shm, f, now, &p))
    hot = promote (me, &p, now);
  else if ((heat & ORL_HEAT_ROOM) && has_room (shm))
    {
      count_hot (shm, 1);
      hot = true;
    }
  put_past (f, &p,
            (hot ? ORL_HEAT_HOT : 0) | (ahead && !hot ? ORL_HEAT_AHEAD : 0));
  atomic_store_explicit (&f->ref, ahead ? 0 : ORL_REF_NEW,
                         memory_order_relaxed);
}

/* A scan's pages are through then, and make room for its next ones: so it takes
 * no more frames than its windows are long.  A page that is wanted again comes to
 * stay by its ghost. */
void
orl_heat_wanted (const struct orl_shm *shm, uint32_t frame)
{
  struct orl_frame *f = &shm->frames[frame];
  struct past p = past_of (f);
  uint32_t flags = atomic_load_explicit (&f->heat, memory_order_relaxed)
                   & (ORL_HEAT_HOT | ORL_HEAT_MARGINAL);

  if (p.uses == 0)
    p.since = p.seen = now_of (shm);
  put_past (f, &p, flags);
  atomic_store_explicit (&f->ref, ORL_REF_ONCE, memory_order_relaxed);
}

static bool
is_unused (uint32_t ref)
{
  return ref == 0 || ref == ORL_REF_ONCE;
}

static void
look_at_hot (struct orl_thread *me, uint32_t frame, uint32_t flags,
             uint32_t ref, struct past *p, uint32_t now)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];

  me->hot_seen++;
  if (flags & ORL_HEAT_MARGINAL)
    {
      add (&shm->super->marginal, 1);
      add (&shm->super->wanted, ref != 0);
    }
  if (ref == 1)
    use (p, now);
  if (ref == 1 || (flags & ORL_HEAT_MARGINAL))
    put_past (f, p, ORL_HEAT_HOT);
  if (ref != 1)
    list_cool (me, frame, p, now);
}

bool
orl_heat_look (struct orl_thread *me, uint32_t frame)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint32_t flags = atomic_load_explicit (&f->heat, memory_order_relaxed);
  uint32_t ref = atomic_load_explicit (&f->ref, memory_order_relaxed);
  uint32_t now = now_of (shm);
  struct past p = past_of (f);

  if (ref)
    atomic_store_explicit (&f->ref, 0, memory_order_relaxed);
  if (flags & ORL_HEAT_HOT)
    {
      look_at_hot (me, frame, flags, ref, &p, now);
      return false;
    }
  if (flags & ORL_HEAT_AHEAD)
    {
      /* Its first use, or it waits for that one round more. */
      if (ref)
        p.since = p.seen = now;
      put_past (f, &p, 0);
      return false;
    }
  if (ref == 1)
    {
      use (&p, now);
      put_past (f, &p, promote (me, &p, now) ? ORL_HEAT_HOT : 0);
    }
  return is_unused (ref);
}

void
orl_heat_evicted (struct orl_thread *me, uint32_t frame)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  uint32_t heat = atomic_load_explicit (&f->heat, memory_order_relaxed);
  struct past p = past_of (f);
  uint32_t now = now_of (shm);

  if (heat & ORL_HEAT_HOT)
    count_hot (shm, -1);
  atomic_store_explicit (&f->heat, 0, memory_order_relaxed);
  /* To have been read ahead was no use of it. */
  if (atomic_load_explicit (&f->ahead, memory_order_relaxed))
    return;
  orl_ghost_put (
      shm, (uint32_t) atomic_load_explicit (&f->file, memory_order_relaxed),
      atomic_load_explicit (&f->page, memory_order_relaxed), now,
      &(struct orl_ghost){ .idle = now - p.seen, .span = p.seen - p.since,
                           .uses = p.uses });
  add (&shm->super->evicted, 1);
}

/* ------------------------------------------------------------------ */
/* Sweeps                                                             */

void
orl_heat_begin (struct orl_thread *me)
{
  uint32_t n = 0;

  /* A full list keeps others out, so it must be right. */
  for (uint32_t i = 0; me->ncool == ORL_COOL && i < ORL_COOL; i++)
    if (still_cool (&me->pool->shm, &me->cool[i]))
      me->cool[n++] = me->cool[i];
  if (me->ncool == ORL_COOL)
    me->ncool = n;
  me->hot_seen = 0;
}

/* Hot pages that leave by another way (dropped files, deaths) stay counted: so
 * each round of the hand corrects the count, if it is far from what was seen.
 * A small difference is what has changed meanwhile; and where frames were free
 * (orl_heat_room()), pages came to where the hand had been. */
void
orl_heat_round (struct orl_thread *me, bool over)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_super *s = shm->super;
  uint32_t seen, counted = (uint32_t) hot_pages (shm);
  uint32_t off = (uint32_t) (cold_target (shm) >> 19) + 1;

  add (&s->round_hot, me->hot_seen);
  me->hot_seen = 0;
  if (!over)
    return;
  seen = atomic_exchange_explicit (&s->round_hot, 0, memory_order_relaxed);
  if (seen <= orl_frames (shm)
      && (seen + off < counted || counted + off < seen))
    atomic_store_explicit (&s->hot, seen, memory_order_relaxed);
}

/* Down to 0 at last: what is left of one would count against the other for ever. */
static uint32_t
fade (orl_a32 *counter)
{
  uint32_t n = atomic_load_explicit (counter, memory_order_relaxed);

  atomic_store_explicit (counter, n - (n + 3) / 4, memory_order_relaxed);
  return n;
}

/* More frames for the cold, or for the hot?  Whoever finds that a cold page's
 * stay is over since the last time. */
static void
adjust (const struct orl_shm *shm, uint32_t now)
{
  struct orl_super *s = shm->super;
  uint32_t last = atomic_load_explicit (&s->adjusted, memory_order_relaxed);
  uint64_t target = cold_target (shm), returned, evicted, wanted, marginal;

  if (now - last <= orl_frames (shm) - hot_pages (shm)
      || atomic_load_explicit (&s->evicted, memory_order_relaxed) < SAMPLE
      || atomic_load_explicit (&s->marginal, memory_order_relaxed) < SAMPLE
      || !atomic_compare_exchange_strong (&s->adjusted, &last, now))
    return;
  returned = fade (&s->returned);
  evicted = fade (&s->evicted);
  wanted = fade (&s->wanted);
  marginal = fade (&s->marginal);
  /* By half in favour of the hot: where both are equal, as with pages that are used
   * at random, the share must not wander. */
  if (returned * marginal > 2 * wanted * evicted)
    target += target / 10;
  else
    target -= target / 10;
  atomic_store_explicit (&s->cold, target, memory_order_relaxed);
}

void
orl_heat_end (struct orl_thread *me)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t now = now_of (shm);

  while (is_crowded (shm) && demote (me, 0, now))
    ;
  for (uint32_t i = 0; i < me->ncool; i++)
    if (!me->cool[i].marked)
      {
        me->cool[i].marked = true;
        if (still_cool (shm, &me->cool[i]))
          atomic_fetch_or_explicit (&shm->frames[me->cool[i].frame].heat,
                                    ORL_HEAT_MARGINAL, memory_order_relaxed);
      }
  adjust (shm, now);
}
