/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin-hit.h - the pin and unpin of a page that is at hand, inline
 *
 * A hit: know a frame that most likely has the page; write it into this thread's
 * ledger; then (orl_barrier_pin) look at the frame's state and key.  If they are
 * those that were wanted the page is ours until the entry is cleared: whoever
 * wants the frame marks it first and reads the ledgers after.  A shared latch is
 * the same entry with a mode, and one look at the latch word.  So a hit writes
 * nothing but the ledger (and ref, if no one did since the hand passed), and
 * runs no fence.
 *
 * What counts here is the number of instructions: everything is in the
 * processor's first cache, and nothing waits for anything (each costs 0.07 ns on
 * a Xeon of 2023).  So the public calls inline this, flags are constants in it,
 * and what is not a hit is left to pin.c, by a jump: then there is nothing to save
 * and restore.  What it reads lies in the thread's part and at the head of the
 * file's (attach.h: base); a window that is swapped, or a pool with fences, wants
 * more registers than there are free, and goes by orl_pin_again().
 */
#ifndef ORL_PIN_HIT_H
#define ORL_PIN_HIT_H

#include "latch.h"
#include "lost.h"
#include "pin.h"
#include "point.h"
#include "table.h"

#define ORL_LIKELY(x) __builtin_expect (!!(x), 1)
#define ORL_INLINE static inline __attribute__ ((always_inline))

enum orl_hit {
  ORL_HIT,                      /* the page is pinned */
  ORL_HIT_FIRST,                /* it is, and orl_pin_first() wants to know */
  ORL_HIT_HIDDEN,               /* it is held, by page->ledger_entry, which the
                                   caller has to clear, but no slot shows it;
                                   never if simple */
  ORL_HIT_NOT                   /* nothing was done */
};

/* The page is pinned, the first time since it was loaded or the hand passed.
 * That it was loaded ahead and is wanted now does not make it one that is wanted
 * again.  Always 0. */
int orl_pin_first (struct orl_thread *me, struct oriel_file *file,
                   uint64_t number, uint32_t frame);

ORL_INLINE uint64_t
orl_key_of (const struct oriel_file *file)
{
  return orl_file_key (file->index,
                       atomic_load_explicit (&file->rec->epoch,
                                             memory_order_acquire));
}

/* Where this thread remembers the page.  The lower bits of the number are enough,
 * as the frame says what it has. */
ORL_INLINE struct orl_recent *
orl_recent_at (struct orl_thread *me, const struct oriel_file *file,
               uint64_t number)
{
  return &me->recent[(number + 8 * file->index) % ORL_RECENT];
}

/* With the ledger's entry written: does the frame have the page of the file's
 * epoch now, and may it be read?  STALE is asked for again behind the latch: a
 * writer that died may have left it in between. */
ORL_INLINE bool
orl_hit_holds (const struct orl_frame *f, const struct oriel_file *file,
               uint64_t number, uint32_t mode)
{
  uint64_t key = orl_key_of (file);
  uint64_t word = atomic_load_explicit (&f->state, memory_order_acquire);

  if (!ORL_LIKELY (orl_state_usable (word))
      || !ORL_LIKELY (atomic_load_explicit (&f->page, memory_order_relaxed)
                      == number)
      || !ORL_LIKELY (atomic_load_explicit (&f->file, memory_order_relaxed)
                      == key))
    return false;
  return mode != ORL_PIN_SHARED
         || ((atomic_load_explicit (&f->latch, memory_order_acquire)
              & (ORL_LATCH_BIAS | ORL_LATCH_X))
                 == ORL_LATCH_BIAS
             && !(atomic_load_explicit (&f->state, memory_order_relaxed)
                  & (ORL_STALE | ORL_INDOUBT)));
}

/* Where a frame that is in the ledger is visible, if it is. */
ORL_INLINE bool
orl_hit_at (const struct oriel_file *file, uint64_t frame, bool simple,
            void **at)
{
  /* A multiplication is one step, a shift by a number that varies three. */
  if (simple)
    *at = file->base + frame * file->page_size;
  else
    *at = orl_window_find (file->pool->window, (uint32_t) frame);
  return simple || *at;
}

ORL_INLINE void
orl_hit_fill (oriel_page *page, struct oriel_file *file, uint64_t number,
              uint64_t frame, unsigned flags, orl_a32 *entry, void *at)
{
  page->data = at;
  page->number = number;
  page->file = file;
  page->ledger_entry = (uint32_t *) entry;
  page->frame = (uint32_t) frame;
  page->flags = flags;
}

/* flags: ORIEL_READ or ORIEL_OPTIMISTIC, and others that do not matter here.
 * frame: below orl_span().  simple: file->base is not NULL. */
ORL_INLINE enum orl_hit
orl_hit (struct orl_thread *me, struct oriel_file *file, uint64_t number,
         uint64_t frame, unsigned flags, bool simple, oriel_page *page)
{
  uint32_t mode = flags & ORIEL_OPTIMISTIC ? ORL_PIN_PLAIN : ORL_PIN_SHARED;
  struct orl_frame *f = &file->frames[frame];
  orl_a32 *entry = me->entry;
  void *at;

  /* Some pins of a thread hold at once, so more than one entry is tried: those of
   * one line, of which the ledger counts all as used or none. */
  while (!ORL_LIKELY (atomic_load_explicit (entry, memory_order_relaxed) == 0))
    {
      uintptr_t next = (uintptr_t) (entry + 1) % ORL_LINE;

      entry = (orl_a32 *) ((uintptr_t) entry / ORL_LINE * ORL_LINE + next);
      if (!ORL_LIKELY (entry != me->entry))
        return ORL_HIT_NOT;
    }
  atomic_store_explicit (entry, mode | (uint32_t) (frame + 1),
                         memory_order_release);
  ORL_POINT ("pin.hit.said");
  if (simple)
    atomic_signal_fence (memory_order_seq_cst); /* as orl_barrier_pin() */
  else
    orl_barrier_pin (&file->pool->shm);
  if (!orl_hit_holds (f, file, number, mode))
    {
      ORL_POINT ("pin.hit.missed");
      atomic_store_explicit (entry, 0, memory_order_release);
      return ORL_HIT_NOT;
    }
  if (!ORL_LIKELY (orl_hit_at (file, frame, simple, &at)))
    {
      page->ledger_entry = (uint32_t *) entry;
      return ORL_HIT_HIDDEN;
    }
  orl_hit_fill (page, file, number, frame, flags, entry, at);
  orl_count (me->ledger, ORL_HITS, 1);
  ORL_POINT ("pin.hit");
  return ORL_LIKELY (atomic_load_explicit (&f->ref, memory_order_relaxed))
             ? ORL_HIT
             : ORL_HIT_FIRST;
}

/* Is a page that was pinned once and is pinned still what a pin would find?  Its
 * entry stands in the ledger since then, so one look is all that a pin does.  A
 * frame that is to go with a shrinking pool is given up. */
ORL_INLINE bool
orl_hit_still (const struct oriel_file *file, const oriel_page *page)
{
  const orl_a32 *entry = (const orl_a32 *) page->ledger_entry;
  uint32_t pin = atomic_load_explicit (entry, memory_order_relaxed);

  return ((pin ^ (page->frame + 1)) & ORL_PIN_FRAME) == 0
         && page->frame < orl_frames (&file->pool->shm)
         && orl_hit_holds (&file->frames[page->frame], file, page->number,
                           ORL_PIN_PLAIN);
}

/* A pin without latch is to be one of another page, or of the same anew: what it
 * has in the ledger is written over, which is the end of the old pin and the
 * first step of the new.  The entry is the caller's, whoever's ledger it lies in,
 * so this is a store where another pin that any thread may end is a locked
 * instruction, past which the processor reads nothing ahead.  A frame that is to
 * go with a shrinking pool is given up.  ORL_HIT_NOT: the pin is as it was, or of
 * the other frame, and is to be ended. */
ORL_INLINE enum orl_hit
orl_hit_move (struct orl_thread *me, oriel_page *page, uint64_t number,
              uint64_t frame, bool simple)
{
  struct oriel_file *file = page->file;
  const struct orl_shm *shm = &file->pool->shm;
  struct orl_frame *f = &file->frames[frame];
  orl_a32 *entry = (orl_a32 *) page->ledger_entry;
  void *at;

  if (!ORL_LIKELY (atomic_load_explicit (entry, memory_order_relaxed)
                   == (ORL_PIN_PLAIN | (page->frame + 1)))
      || !ORL_LIKELY (frame < atomic_load_explicit (&shm->super->frames,
                                                    memory_order_relaxed))
      || !ORL_LIKELY (frame < shm->geo.nframes)
      || !ORL_LIKELY (orl_hit_at (file, frame, simple, &at)))
    return ORL_HIT_NOT;
  /* Its head may be in no cache, as the frame's descriptor may. */
  __builtin_prefetch (at);
  page->frame = (uint32_t) frame;
  atomic_store_explicit (entry, ORL_PIN_PLAIN | (uint32_t) (frame + 1),
                         memory_order_release);
  ORL_POINT ("pin.move.said");
  if (simple)
    atomic_signal_fence (memory_order_seq_cst); /* as orl_barrier_pin() */
  else
    orl_barrier_pin (shm);
  if (!orl_hit_holds (f, file, number, ORL_PIN_PLAIN)
      || (!simple && !orl_hit_at (file, frame, simple, &at)))
    return ORL_HIT_NOT;
  page->data = at;
  page->number = number;
  orl_count (me->ledger, ORL_HITS, 1);
  ORL_POINT ("pin.moved");
  return ORL_LIKELY (atomic_load_explicit (&f->ref, memory_order_relaxed))
             ? ORL_HIT
             : ORL_HIT_FIRST;
}

/* The end of a pin that was taken so, in whatever thread.  False: it wants
 * orl_unpin(), nothing was done. */
ORL_INLINE bool
orl_hit_end (oriel_page *page)
{
  orl_a32 *entry = (orl_a32 *) page->ledger_entry;
  uint32_t frame = page->frame;
  uint32_t pin = atomic_load_explicit (entry, memory_order_relaxed);

  if (!ORL_LIKELY (((pin ^ (frame + 1)) & ORL_PIN_FRAME) == 0)
      || !ORL_LIKELY (!(page->flags
                        & (ORIEL_WRITE | ORIEL_ANYTHREAD | ORL_PAGE_COPY
                           | ORL_PAGE_GRANT)))
      || !ORL_LIKELY (!(atomic_load_explicit (&page->file->frames[frame].state,
                                              memory_order_relaxed)
                        & ORL_LOST)))
    return false;
  page->ledger_entry = NULL;
  page->data = NULL;
  atomic_store_explicit (entry, 0, memory_order_release);
  return true;
}

#endif /* ORL_PIN_HIT_H */
