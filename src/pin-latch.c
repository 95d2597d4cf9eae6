/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin-latch.c - latch a page that is held: off the path of a hit
 *
 * A shared latch is an entry of the ledger; an exclusive one is the latch word,
 * and then nobody's shared entry.  Whoever waits asks whether the one waited
 * for still lives, and repairs what it left.
 *
 * Locks: none but the latch.
 */
#include <errno.h>

#include "doubt.h"
#include "error.h"
#include "image.h"
#include "latch.h"
#include "lock.h"
#include "lost.h"
#include "pin.h"
#include "point.h"
#include "sys.h"

/* A wait for a latch or a state has passed: repair its owner if it is dead. */
void
orl_pin_waited (struct orl_thread *me, uint32_t owner)
{
  if (owner && !orl_owner_alive (&me->pool->shm, owner))
    me->pool->repair (me->pool, me->owner, owner - 1);
}

/* The mode in which this thread itself holds the frame, beside entry. */
uint32_t
orl_own_mode (const struct orl_thread *me, uint32_t frame, int entry)
{
  uint32_t high = atomic_load (&me->ledger->high);
  uint32_t mode = ORL_PIN_PLAIN;

  for (uint32_t i = 0; i < high && i < ORL_PINS; i++)
    {
      uint32_t pin = atomic_load_explicit (&me->ledger->pins[i],
                                           memory_order_relaxed);

      if ((int) i != entry && (pin & ORL_PIN_FRAME) == frame + 1
          && (pin & ~ORL_PIN_FRAME) > mode)
        mode = pin & ~ORL_PIN_FRAME;
    }
  return mode;
}

static int
deadlock (const struct oriel_file *file, uint32_t frame)
{
  return orl_fail (-EDEADLK,
                   "%s: page %llu is latched by this thread already; unpin it "
                   "first",
                   file->path,
                   (unsigned long long) file->pool->shm.frames[frame].page);
}

static int
would_wait (const struct oriel_file *file, uint32_t frame)
{
  return orl_fail (-EAGAIN, "%s: page %llu is latched by another", file->path,
                   (unsigned long long) file->pool->shm.frames[frame].page);
}

/* Turn a held page's entry into one with a shared latch. */
int
orl_pin_shared (struct orl_thread *me, struct oriel_file *file,
                const struct orl_hold *h, unsigned flags)
{
  const struct orl_shm *shm = &me->pool->shm;
  orl_a32 *latch = &shm->frames[h->frame].latch;
  struct orl_doubt doubt = { 0 };

  for (;;)
    {
      uint32_t word;

      orl_ledger_write (me->ledger, h->entry, ORL_PIN_SHARED, h->frame);
      ORL_POINT ("latch.shared.said");
      orl_barrier_pin (shm);
      if (orl_latch_shared (latch) == 0)
        {
          ORL_POINT ("latch.shared");
          return 0;
        }
      /* Out of the writer's way, still pinned. */
      orl_ledger_write (me->ledger, h->entry, ORL_PIN_PLAIN, h->frame);
      if (orl_own_mode (me, h->frame, h->entry) == ORL_PIN_EXCL)
        return deadlock (file, h->frame);
      if (flags & ORIEL_NOWAIT)
        return would_wait (file, h->frame);
      word = atomic_load (latch);
      orl_count (me->ledger, ORL_LATCH_WAITS, 1);
      orl_latch_wait (latch);
      orl_pin_waited (me, orl_latch_owner (word));
      orl_doubt_latch (shm, &doubt, me->owner, h->frame, word);
    }
}

struct readers {
  uint32_t frame;
  uint32_t nthreads;
  uint32_t ledger;              /* one of those who read */
  bool any;
};

static void
see_reader (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct readers *r = arg;

  /* A process's own ledger has no latches, whatever stands there. */
  if (frame == r->frame && mode == ORL_PIN_SHARED && ledger < r->nthreads)
    {
      r->any = true;
      r->ledger = ledger;
    }
}

/* With the latch word taken: wait until no ledger has a shared entry. */
static int
drain (struct orl_thread *me, struct oriel_file *file,
       const struct orl_hold *h, unsigned flags)
{
  const struct orl_shm *shm = &me->pool->shm;

  ORL_POINT ("latch.drain");
  orl_barrier_everyone (shm);
  orl_count (me->ledger, ORL_BARRIERS, 1);
  for (unsigned round = 0;; round++)
    {
      struct readers r = { h->frame, shm->geo.nthreads, 0, false };
      int error = 0;

      orl_ledger_scan (shm, ORL_EVERYONE, see_reader, &r);
      if (!r.any)
        return 0;
      if (r.ledger == me->owner - 1)
        error = deadlock (file, h->frame);
      else if (flags & ORIEL_NOWAIT)
        error = would_wait (file, h->frame);
      if (error)
        {
          orl_latch_release (&shm->frames[h->frame].latch, true);
          return error;
        }
      if (round == 0)
        orl_count (me->ledger, ORL_LATCH_WAITS, 1);
      orl_backoff (round);
      if (round >= 96 && round % 16 == 0)
        orl_pin_waited (me, r.ledger + 1);
    }
}

/* Copy the page before it is changed. */
static int
keep_image (struct orl_thread *me, struct oriel_file *file,
            const struct orl_hold *h)
{
  struct orl_window *w = me->pool->window;
  void *at = orl_window_find (w, h->frame);
  int r = 0;

  if (!at && (at = orl_thread_bounce (me)) != NULL
      && !orl_lost_copy_out (me->pool, h->frame, 0, at,
                             me->pool->shm.geo.page_size))
    at = NULL;
  if (!at)
    r = orl_hold_show (me, file, h, &at);
  if (r == 0
      && (r = orl_image_take (&me->pool->shm, me->owner, h->frame, at)) < 0)
    {
      /* The dead may have them all. */
      me->pool->repair (me->pool, me->owner, ORL_ALL_DEAD);
      r = orl_image_take (&me->pool->shm, me->owner, h->frame, at);
    }
  if (r == -ENOBUFS)
    orl_fail (r,
              "%s: too many pages are pinned for writing, by all processes, or "
              "the window has no slot; unpin some",
              file->path);
  return r;
}

/* Turn a held page's entry into one with the exclusive latch.  The entry says
 * EXCL only when the word says so: a stranger believes the word. */
int
orl_pin_exclusive (struct orl_thread *me, struct oriel_file *file,
                   const struct orl_hold *h, unsigned flags)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[h->frame];
  struct orl_doubt doubt = { 0 };
  bool biased;
  int r;

  while (orl_latch_exclusive (&f->latch, me->owner, &biased) < 0)
    {
      uint32_t word = atomic_load (&f->latch);
      uint32_t owner = orl_latch_owner (word);

      if (owner == me->owner)
        return deadlock (file, h->frame);
      if (flags & ORIEL_NOWAIT)
        return would_wait (file, h->frame);
      orl_count (me->ledger, ORL_LATCH_WAITS, 1);
      orl_latch_wait (&f->latch);
      orl_pin_waited (me, owner);
      orl_doubt_latch (shm, &doubt, me->owner, h->frame, word);
    }
  ORL_POINT ("latch.exclusive.word");
  if (biased && (r = drain (me, file, h, flags)) < 0)
    return r;
  ORL_POINT ("latch.exclusive.drained");
  if (!(file->flags & ORIEL_NO_IMAGES) && (r = keep_image (me, file, h)) < 0)
    {
      orl_latch_release (&f->latch, false);
      return r;
    }
  ORL_POINT ("latch.exclusive.kept");
  orl_ledger_write (me->ledger, h->entry, ORL_PIN_EXCL, h->frame);
  ORL_POINT ("latch.exclusive.said");
  atomic_fetch_add (&f->version, 1);
  ORL_POINT ("latch.exclusive");
  return 0;
}
