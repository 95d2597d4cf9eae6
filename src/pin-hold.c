/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin-hold.c - hold a page in this thread's ledger, with its latch
 *
 * The long way: pages in transition are waited for, missing ones loaded, latches
 * fought for (pin-latch.c), the dead repaired.  The short one is in pin-hit.h.
 *
 * Locks: none held on return but the page's latch.
 */
#include <errno.h>

#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "image.h"
#include "indoubt.h"
#include "latch.h"
#include "load.h"
#include "lock.h"
#include "pin-hit.h"
#include "point.h"
#include "sys.h"
#include "table.h"
#include "writeback.h"

/* Someone else is at work on the frame.  0: look again. */
static int
wait_for_frame (struct orl_thread *me, struct oriel_file *file,
                uint64_t page, uint32_t frame, uint64_t word, unsigned flags,
                struct orl_doubt *doubt)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  if (orl_state (word) == ORL_LOADING)
    {
      if (atomic_load_explicit (&f->ahead, memory_order_relaxed) > ORL_AHEAD)
        orl_load_marked (me, file, page, frame);
      orl_load_wait (me, frame, word, (flags & ORIEL_NOWAIT) != 0);
    }
  if ((flags & ORIEL_NOWAIT)
      && orl_state (atomic_load (&f->state)) == orl_state (word))
    return orl_fail (-EAGAIN, "%s: page %llu is being moved or loaded",
                     file->path, (unsigned long long) page);
  if (flags & ORIEL_NOWAIT)
    return 0;
  if (orl_state (word) != ORL_LOADING)
    orl_backoff (96); /* EVICTING lasts some microseconds */
  orl_pin_waited (me, orl_state_owner (word));
  orl_doubt_state (&me->pool->shm, doubt, me->owner, frame, word);
  return 0;
}

int
orl_pin_first (struct orl_thread *me, struct oriel_file *file, uint64_t page,
               uint32_t frame)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  if (__builtin_expect (
          atomic_load_explicit (&f->ahead, memory_order_relaxed) != 0, 0))
    orl_load_marked (me, file, page, frame);
  else
    atomic_store_explicit (&f->ref, 1, memory_order_relaxed);
  return 0;
}

/* Hold the page if a frame has it.  1 done, 0 no frame has it, -EAGAIN the
 * frame changed, look again; -ENOBUFS. */
static inline int
hold_found (struct orl_thread *me, struct oriel_file *file, uint64_t key,
            uint64_t page, uint32_t mode, struct orl_hold *h, uint64_t *word)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f;
  uint64_t now;

  h->frame = orl_table_find (shm, key, page, word);
  if (h->frame == ORL_NO_FRAME)
    return 0;
  f = &shm->frames[h->frame];
  if (!orl_state_usable (*word))
    return -EAGAIN;
  h->entry = orl_ledger_room (me->ledger);
  if (h->entry < 0)
    return orl_fail (-ENOBUFS, "%s: this thread has %d pages pinned; unpin some",
                     file->path, ORL_PINS);
  orl_ledger_write (me->ledger, h->entry, mode, h->frame);
  ORL_POINT ("pin.said");
  orl_barrier_pin (shm);
  now = atomic_load_explicit (&f->state, memory_order_acquire);
  if (orl_state_gen (now) != orl_state_gen (*word) || !orl_state_usable (now))
    {
      orl_ledger_clear (me->ledger, h->entry);
      *word = now;
      return -EAGAIN;
    }
  if (!atomic_load_explicit (&f->ref, memory_order_relaxed))
    orl_pin_first (me, file, page, h->frame);
  orl_count (me->ledger, ORL_HITS, 1);
  return 1;
}

/* The page is in no frame, or not in a usable one.  1: held, and if it was
 * fresh also latched; 0: look again. */
static int
hold_missing (struct orl_thread *me, struct oriel_file *file, uint64_t key,
              uint64_t page, unsigned flags, struct orl_hold *h)
{
  int r;

  if ((flags & ORIEL_NOWAIT) && !(flags & ORIEL_FRESH))
    return orl_fail (-EAGAIN, "%s: page %llu is not in the pool", file->path,
                     (unsigned long long) page);
  r = orl_load (me, file, key, page, (flags & ORIEL_FRESH) != 0,
                !(flags & ORL_HOLD_COPY), &h->frame, &h->entry);
  if (r == -EEXIST)
    return 0;
  h->fresh = (flags & ORIEL_FRESH) != 0;
  return r < 0 ? r : 1;
}

/* 1, or an error and the hold is gone. */
static int
latch_by_flags (struct orl_thread *me, struct oriel_file *file,
                struct orl_hold *h, unsigned flags)
{
  int r;

  if (flags & ORIEL_OPTIMISTIC)
    return 1;
  r = flags & ORIEL_WRITE ? orl_pin_exclusive (me, file, h, flags)
                          : orl_pin_shared (me, file, h, flags);
  if (r < 0)
    orl_ledger_clear (me->ledger, h->entry);
  return r < 0 ? r : 1;
}

/* The file is being cut before the page, which is held for writing. */
static int
wait_for_cut (struct orl_thread *me, struct oriel_file *file, uint64_t page,
              unsigned flags, struct orl_hold *h)
{
  orl_hold_drop (me, h);
  h->fresh = false;
  if (flags & ORIEL_NOWAIT)
    return orl_fail (-EAGAIN, "%s: page %llu is being cut off", file->path,
                     (unsigned long long) page);
  orl_cut_await (me, file, page);
  return 0;
}

int
orl_hold (struct orl_thread *me, struct oriel_file *file, uint64_t page,
          unsigned flags, struct orl_hold *h)
{
  const struct orl_shm *shm = &me->pool->shm;
  bool shared = !(flags & (ORIEL_WRITE | ORIEL_OPTIMISTIC));
  struct orl_doubt doubt = { 0 };

  if (atomic_load_explicit (&file->rec->cut_phase, memory_order_acquire) & 1)
    orl_cut_help (me, file);
  if ((flags & (ORIEL_WRITE | ORIEL_NOWAIT)) == ORIEL_WRITE)
    orl_writeback_help (me);
  h->fresh = false;
  for (;;)
    {
      uint64_t key = orl_key_of (file);
      uint64_t word = 0;
      int r = hold_found (me, file, key, page,
                          shared ? ORL_PIN_SHARED : ORL_PIN_PLAIN, h, &word);

      if (r == 0)
        r = hold_missing (me, file, key, page, flags, h);
      else if (r == -EAGAIN && orl_state_in_doubt (word))
        r = orl_indoubt_settle (me, file, h->frame, flags);
      else if (r == -EAGAIN)
        r = wait_for_frame (me, file, page, h->frame, word, flags, &doubt);
      if (r == 1 && !h->fresh)
        r = latch_by_flags (me, file, h, flags);
      if (r < 0)
        return r;
      if (r == 0)
        continue;
      if ((flags & ORIEL_WRITE) && orl_cut_covers (file, page))
        {
          r = wait_for_cut (me, file, page, flags, h);
          if (r < 0)
            return r;
          continue;
        }
      /* Whoever had the latch may have died and left no page behind. */
      if (!(atomic_load (&shm->frames[h->frame].state)
            & (ORL_STALE | ORL_INDOUBT)))
        return 0;
      orl_hold_end (shm, &me->ledger->pins[h->entry]);
      h->fresh = false;
    }
}

/* Give up the exclusive latch, if the pin has one. */
static __attribute__ ((noinline)) void
end_latch (const struct orl_shm *shm, orl_a32 *entry, uint32_t pin)
{
  uint32_t frame = (pin & ORL_PIN_FRAME) - 1;

  if ((pin & ~ORL_PIN_FRAME) == ORL_PIN_EXCL && frame < shm->geo.nframes)
    {
      struct orl_frame *f = &shm->frames[frame];

      /* An even version says that the change is whole. */
      ORL_POINT ("latch.release");
      atomic_fetch_add (&f->version, 1);
      ORL_POINT ("latch.release.even");
      orl_grow (shm, frame);
      orl_image_end (shm, orl_ledger_owner (shm, entry), frame);
      ORL_POINT ("latch.release.forgotten");
      orl_latch_release (&f->latch, false);
      ORL_POINT ("latch.released");
    }
}

void
orl_hold_end (const struct orl_shm *shm, orl_a32 *entry)
{
  end_latch (shm, entry, atomic_load_explicit (entry, memory_order_relaxed));
  atomic_store_explicit (entry, 0, memory_order_release);
  ORL_POINT ("pin.ended");
}

void
orl_hold_unlatch (const struct orl_shm *shm, orl_a32 *entry)
{
  uint32_t pin = atomic_load_explicit (entry, memory_order_relaxed);

  end_latch (shm, entry, pin);
  atomic_store_explicit (entry, (pin & ORL_PIN_FRAME) | ORL_PIN_PLAIN,
                         memory_order_release);
}

void
orl_hold_drop (struct orl_thread *me, const struct orl_hold *h)
{
  const struct orl_shm *shm = &me->pool->shm;

  if (h->fresh)
    orl_frame_flag (&shm->frames[h->frame], ORL_STALE);
  orl_hold_end (shm, &me->ledger->pins[h->entry]);
}

void
orl_hold_dirty (struct oriel_file *file, uint32_t frame, uint64_t end,
                uint64_t lsn)
{
  const struct orl_shm *shm = &file->pool->shm;
  struct orl_frame *f = &shm->frames[frame];

  /* The size follows when the page is given back: not before it is whole. */
  if (end > atomic_load_explicit (&f->end, memory_order_relaxed))
    atomic_store_explicit (&f->end, end, memory_order_relaxed);
  ORL_POINT ("dirty.ends");
  if ((file->flags & ORIEL_FOREIGN)
      && atomic_load_explicit (&file->rec->dirtied_by, memory_order_relaxed)
             != shm->token)
    atomic_store (&file->rec->dirtied_by, shm->token);
  if (lsn > atomic_load_explicit (&f->lsn, memory_order_relaxed))
    atomic_store_explicit (&f->lsn, lsn, memory_order_relaxed);
  if (lsn > 0
      && atomic_load_explicit (&shm->firsts[frame], memory_order_relaxed) == 0)
    {
      ORL_POINT ("dirty.lsn");
      atomic_store_explicit (&shm->firsts[frame], lsn, memory_order_relaxed);
    }
  if (atomic_load_explicit (&f->state, memory_order_relaxed) & ORL_DIRTY)
    return;
  orl_frame_mark_dirty (shm, frame, true);
  ORL_POINT ("dirty.marked");
  orl_frame_flag (f, ORL_DIRTY);
  ORL_POINT ("dirty.flagged");
}
