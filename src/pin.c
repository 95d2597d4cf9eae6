/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin.c - make a page resident, protect it, and give it back
 *
 * A hit: find the frame in the page table; write it into this thread's ledger;
 * then (orl_barrier_pin) look at the frame's state.  If that has the generation
 * that had the key, and is usable, the page is ours until the entry is cleared:
 * whoever wants the frame marks it first and reads the ledgers after.  A shared
 * latch is the same entry with a mode, and one look at the latch word.  So a
 * hit writes nothing but the ledger (and ref, if no one did since the hand
 * passed), and runs no fence.
 *
 * A pin for any thread is the same in a ledger of the process, whose entries are
 * taken by compare-and-swap: each thread stays on the line where it gave one
 * back.  (By a mutex and a search from the start it was 60 ns more.)
 *
 * Everything else is off that path: pages in transition are waited for, missing
 * ones loaded, latches fought for (pin-latch.c), the dead repaired.
 *
 * Locks: none held on return but the page's latch.
 */
#include <errno.h>
#include <string.h>

#include "copy.h"
#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "image.h"
#include "indoubt.h"
#include "latch.h"
#include "load.h"
#include "lock.h"
#include "lost.h"
#include "pin.h"
#include "point.h"
#include "sys.h"
#include "table.h"
#include "window-grant.h"
#include "writeback.h"

static inline uint64_t
key_of (const struct oriel_file *file)
{
  return orl_file_key (file->index,
                       atomic_load_explicit (&file->rec->epoch,
                                             memory_order_acquire));
}

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

/* The page is hit, the first time since it was loaded or the hand passed.  That
 * it was loaded ahead and is wanted now does not make it one that is wanted
 * again. */
static __attribute__ ((noinline)) void
first_hit (struct orl_thread *me, struct oriel_file *file, uint64_t page,
           uint32_t frame)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];

  if (__builtin_expect (
          atomic_load_explicit (&f->ahead, memory_order_relaxed) != 0, 0))
    orl_load_marked (me, file, page, frame);
  else
    atomic_store_explicit (&f->ref, 1, memory_order_relaxed);
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
    first_hit (me, file, page, h->frame);
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
      uint64_t key = key_of (file);
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
      /* Whoever had the latch may have died and left no page behind. */
      if (!(atomic_load (&shm->frames[h->frame].state)
            & (ORL_STALE | ORL_INDOUBT)))
        return 0;
      orl_hold_end (shm, &me->ledger->pins[h->entry]);
      h->fresh = false;
    }
}

static int
no_slot (struct oriel_file *file, int r)
{
  if (r == -ENOBUFS)
    return orl_fail (r,
                     "%s: every slot of the window (%llu bytes) shows a pinned "
                     "page; unpin some or enlarge the window",
                     file->path,
                     (unsigned long long) file->pool->window->bytes);
  if (r < 0)
    return orl_fail (r,
                     "%s: a slot of the window cannot be remapped: the process "
                     "has no VMA left (vm.max_map_count), no memory, or no "
                     "more to lock (RLIMIT_MEMLOCK); unmap something, unlock "
                     "something, or unpin",
                     file->path);
  return 0;
}

int
orl_hold_show (struct orl_thread *me, struct oriel_file *file,
               const struct orl_hold *h, void **at)
{
  *at = orl_window_find (me->pool->window, h->frame);
  if (*at)
    return 0;
  return no_slot (file, orl_window_show (me->pool->window, me->ledger,
                                         h->frame, at));
}

/* Whose ledger is it? */
static uint32_t
owner_of (const struct orl_shm *shm, const orl_a32 *entry)
{
  return (uint32_t) (((uintptr_t) entry - (uintptr_t) shm->ledgers)
                     / sizeof (struct orl_ledger))
         + 1;
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
      orl_image_end (shm, owner_of (shm, entry), frame);
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

/* A shared ledger with room, claimed if there is none; under pool->lock. */
static int
shared_room (struct oriel_pool *pool, struct orl_ledger **ledger)
{
  uint32_t index;
  int r;

  for (uint32_t i = 0; i < pool->nshared; i++)
    {
      *ledger = &pool->shm.ledgers[pool->shared[i]];
      r = orl_ledger_room (*ledger);
      if (r >= 0)
        return r;
    }
  if (pool->nshared == ORL_SHARED_LEDGERS)
    return -ENOBUFS;
  if (orl_ledger_claim (&pool->shm, true, &index) < 0)
    {
      /* The dead may have them all. */
      pool->repair (pool, pool->shared[0] + 1, ORL_ALL_DEAD);
      if (orl_ledger_claim (&pool->shm, true, &index) < 0)
        return -ENOBUFS;
    }
  pool->shared[pool->nshared++] = index;
  *ledger = &pool->shm.ledgers[index];
  return orl_ledger_room (*ledger);
}

/* The first entries of a line are in use: so may all of it be, without a look at
 * high (pin_hit()). */
static void
open_line (struct orl_ledger *ledger, uint32_t entry)
{
  const uint32_t n = ORL_LINE / sizeof (orl_a32);
  uint32_t end = (entry / n + 1) * n;

  if (atomic_load_explicit (&ledger->high, memory_order_relaxed) < end)
    atomic_store_explicit (&ledger->high, end, memory_order_release);
}

/* Move a hold without latch to the process's ledgers.  -ENOBUFS. */
static int
share (struct orl_thread *me, const struct orl_hold *h, orl_a32 **entry)
{
  struct oriel_pool *pool = me->pool;
  struct orl_ledger *ledger;
  int r;

  pthread_mutex_lock (&pool->lock);
  do
    if ((r = shared_room (pool, &ledger)) >= 0)
      open_line (ledger, (uint32_t) r);
  while (r >= 0
         && !orl_ledger_take (&ledger->pins[r], ORL_PIN_PLAIN, h->frame));
  pthread_mutex_unlock (&pool->lock);
  if (r < 0)
    return orl_fail (r, "%s: this process has too many pages pinned for any "
                        "thread; unpin some",
                     pool->path);
  /* Held twice until here, so never not at all. */
  ORL_POINT ("pin.share.twice");
  orl_ledger_clear (me->ledger, h->entry);
  ORL_POINT ("pin.shared");
  *entry = &ledger->pins[r];
  return 0;
}

/* Have the frame's descriptor and the page's head, of which each may be in no
 * cache of the processor's, fetched at the same time: what follows is a locked
 * instruction, past which nothing is read ahead. */
static inline void
expect (struct orl_window *w, const struct orl_frame *f, uint32_t frame)
{
  const void *at = orl_window_find (w, frame);

  __builtin_prefetch (f);
  if (at)
    __builtin_prefetch (at);
}

/* An entry for a pin that any thread may end, with the pin in it; NULL: there is
 * none near. */
static inline orl_a32 *
take_near (const struct orl_thread *me, uint32_t frame)
{
  for (size_t i = 0; me->line && i < ORL_LINE / sizeof *me->line; i++)
    if (orl_ledger_take (&me->line[i], ORL_PIN_PLAIN, frame))
      return &me->line[i];
  return NULL;
}

/* A hit from end to end, if nothing is in the way: true, or nothing done.  That
 * the frame has the page is a guess, the page table's tag or the caller's hint;
 * key and state are looked at when the frame can no longer be taken away.  STALE
 * is asked for again behind the latch: a writer that died may have left it in
 * between. */
static inline bool __attribute__ ((always_inline))
pin_hit (struct orl_thread *me, struct oriel_file *file, uint64_t key,
         uint64_t number, uint32_t frame, unsigned flags, bool any_thread,
         oriel_page *page)
{
  const struct orl_shm *shm = &file->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  orl_a32 *entry;
  uint32_t mode = flags & ORIEL_OPTIMISTIC ? ORL_PIN_PLAIN : ORL_PIN_SHARED;
  uint64_t word;
  void *at;

  if (any_thread)
    {
      expect (file->pool->window, f, frame);
      entry = take_near (me, frame);
      if (!entry)
        return false;
    }
  else
    {
      entry = &me->ledger->pins[me->hint];
      if (atomic_load_explicit (entry, memory_order_relaxed) != 0)
        return false;
      atomic_store_explicit (entry, mode | (frame + 1), memory_order_release);
    }
  ORL_POINT ("pin.hit.said");
  orl_barrier_pin (shm);
  word = atomic_load_explicit (&f->state, memory_order_acquire);
  if (!orl_state_usable (word)
      || atomic_load_explicit (&f->page, memory_order_relaxed) != number
      || atomic_load_explicit (&f->file, memory_order_relaxed) != key
      || (mode == ORL_PIN_SHARED
          && ((atomic_load_explicit (&f->latch, memory_order_acquire)
               & (ORL_LATCH_BIAS | ORL_LATCH_X))
                  != ORL_LATCH_BIAS
              || (atomic_load_explicit (&f->state, memory_order_relaxed)
                  & (ORL_STALE | ORL_INDOUBT))))
      || (at = orl_window_find (file->pool->window, frame)) == NULL)
    {
      ORL_POINT ("pin.hit.missed");
      atomic_store_explicit (entry, 0, memory_order_release);
      return false;
    }
  if (!atomic_load_explicit (&f->ref, memory_order_relaxed))
    first_hit (me, file, number, frame);
  orl_count (me->ledger, ORL_HITS, 1);
  page->data = at;
  page->number = number;
  page->file = file;
  page->ledger_entry = (uint32_t *) entry;
  page->frame = frame;
  page->flags = flags;
  ORL_POINT ("pin.hit");
  return true;
}

/* A page that is pinned for reading does not change, so a copy of it in private
 * memory will do. */
static void *
copy (struct orl_thread *me, const struct orl_hold *h, unsigned *flags)
{
  struct oriel_pool *pool = me->pool;
  uint32_t place;
  void *at = orl_copy_take (pool->copies, me->owner, &place);

  if (at
      && !orl_lost_copy_out (pool, h->frame, 0, at, pool->shm.geo.page_size))
    {
      orl_copy_give (pool->copies, place);
      at = NULL;
    }
  if (!at)
    return NULL;
  orl_count (me->ledger, ORL_COPIES, 1);
  *flags |= ORL_PAGE_COPY | place << ORL_PAGE_SHIFT;
  return at;
}

/* An address for a page that no slot shows.  A swap costs more than a copy,
 * unless the page's extent is wanted often. */
static int
place (struct orl_thread *me, struct oriel_file *file,
       const struct orl_hold *h, unsigned *flags, void **at)
{
  struct orl_window *w = me->pool->window;
  bool may_copy
      = !(*flags & (ORIEL_WRITE | ORIEL_OPTIMISTIC)) && !w->grants;
  int r = 0;

  *at = NULL;
  if (may_copy && !orl_window_worth (w, h->frame))
    *at = copy (me, h, flags);
  if (!*at)
    r = orl_window_show_many (w, me->ledger, &h->frame, 1, at);
  if (r < 0 && may_copy)
    *at = copy (me, h, flags);
  return *at ? 0 : no_slot (file, r);
}

int
orl_pin_reach (struct orl_thread *me, struct oriel_file *file, uint64_t number,
               unsigned flags, const struct orl_hold *h, void *at,
               oriel_page *page)
{
  struct orl_window *w = me->pool->window;
  const struct orl_geometry *geo = &me->pool->shm.geo;
  orl_a32 *entry = &me->ledger->pins[h->entry];
  bool granted = false;
  int r = 0;

  if (!at)
    r = place (me, file, h, &flags, &at);
  if (r == 0 && w->grants)
    {
      r = orl_grant (w, h->frame, (flags & ORIEL_WRITE) != 0, file->index,
                     number, me->caller);
      granted = r == 0;
      flags |= ORL_PAGE_GRANT;
      if (r < 0)
        orl_fail (r, "%s: page %llu: the kernel refuses to let it be accessed",
                  file->path, (unsigned long long) number);
    }
  if (r == 0 && (flags & ORIEL_ANYTHREAD))
    r = share (me, h, &entry);
  if (r < 0)
    {
      if (granted)
        orl_grant_end (w, h->frame, (flags & ORIEL_WRITE) != 0);
      orl_hold_drop (me, h);
      return r;
    }
  if (flags & ORIEL_FRESH)
    {
      memset (at, 0, geo->page_size);
      orl_hold_dirty (file, h->frame, (number + 1) << geo->page_shift, 0);
    }
  page->data = at;
  page->number = number;
  page->file = file;
  page->ledger_entry = (uint32_t *) entry;
  page->frame = h->frame;
  page->flags = flags;
  return 0;
}

/* Any other pin. */
static int __attribute__ ((noinline))
pin_any (struct orl_thread *me, struct oriel_file *file, uint64_t number,
         unsigned flags, oriel_page *page)
{
  struct orl_hold h;
  int r = orl_hold (me, file, number, flags, &h);

  if (r < 0)
    return r;
  return orl_pin_reach (me, file, number, flags, &h,
                        orl_window_find (me->pool->window, h.frame), page);
}

/* With ORIEL_ANYTHREAD, or ORIEL_SHOWN.  hint: ORL_NO_FRAME, or where it was. */
static int __attribute__ ((noinline))
pin_special (struct orl_thread *me, struct oriel_file *file, uint64_t number,
             uint32_t hint, unsigned flags, oriel_page *page)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint64_t key = key_of (file);
  uint32_t frame = hint;

  for (int turn = 0; turn < 2; turn++)
    {
      if (frame < orl_span (shm)
          && (flags & ORIEL_ANYTHREAD
                  ? pin_hit (me, file, key, number, frame, flags, true, page)
                  : pin_hit (me, file, key, number, frame, flags, false,
                             page)))
        return 0;
      if (turn == 0)
        frame = orl_table_guess (shm, key, number);
    }
  if (!(flags & ORIEL_SHOWN))
    return pin_any (me, file, number, flags, page);
  if (frame == ORL_NO_FRAME
      || !orl_window_find (file->pool->window, frame))
    return orl_decline (-EAGAIN,
                        "the page is not in the pool, or no slot shows it");
  return pin_any (me, file, number, flags | ORIEL_NOWAIT, page);
}

int
orl_pin (struct orl_thread *me, struct oriel_file *file, uint64_t number,
         unsigned flags, oriel_page *page)
{
  uint64_t key;
  uint32_t frame;

  if (flags & ORIEL_WRITE)
    return pin_any (me, file, number, flags, page);
  if (__builtin_expect (flags & (ORIEL_ANYTHREAD | ORIEL_SHOWN), 0))
    return pin_special (me, file, number, ORL_NO_FRAME, flags, page);
  key = key_of (file);
  frame = orl_table_guess (&file->pool->shm, key, number);
  if (frame != ORL_NO_FRAME
      && pin_hit (me, file, key, number, frame, flags, false, page))
    return 0;
  return pin_any (me, file, number, flags, page);
}

int
orl_pin_hint (struct orl_thread *me, struct oriel_file *file, uint64_t number,
              uint32_t hint, unsigned flags, oriel_page *page)
{
  if (flags & (ORIEL_ANYTHREAD | ORIEL_SHOWN))
    return pin_special (me, file, number, hint, flags, page);
  if (!(flags & ORIEL_WRITE) && hint < orl_span (&file->pool->shm)
      && pin_hit (me, file, key_of (file), number, hint, flags, false, page))
    return 0;
  return orl_pin (me, file, number, flags, page);
}

/* All but a plain pin's end: give back what else it has. */
static void __attribute__ ((noinline))
end_other (oriel_page *page, orl_a32 *entry, uint32_t pin)
{
  struct oriel_pool *pool = page->file->pool;

  if (page->flags & ORL_PAGE_COPY)
    orl_copy_give (pool->copies, page->flags >> ORL_PAGE_SHIFT);
  else if (page->flags & ORL_PAGE_GRANT)
    orl_grant_end (pool->window, page->frame,
                   (page->flags & ORIEL_WRITE) != 0);
  if ((pin & ~ORL_PIN_FRAME) == ORL_PIN_EXCL)
    orl_hold_end (&pool->shm, entry);
  else
    atomic_store_explicit (entry, 0, memory_order_release);
}

static int __attribute__ ((noinline, cold))
not_pinned (const struct oriel_pool *pool)
{
  int r = orl_pool_gone (pool);

  return r < 0 ? r : orl_fail (-EINVAL, "oriel_unpin: the page is not pinned "
                                        "any more");
}

/* What was read, or written, through the pin is not to be believed. */
static int __attribute__ ((noinline, cold))
unpin_lost (oriel_page *page, orl_a32 *entry, uint32_t pin)
{
  page->ledger_entry = NULL;
  page->data = NULL;
  end_other (page, entry, pin);
  return orl_fail (-EIO,
                   "%s: page %llu: its memory was taken away while it was "
                   "pinned, what was read from it may be zeroes and what was "
                   "written is lost; pin it again",
                   page->file->path, (unsigned long long) page->number);
}

int
orl_unpin (struct orl_thread *me, oriel_page *page)
{
  struct oriel_pool *pool = page->file->pool;
  orl_a32 *entry = (orl_a32 *) page->ledger_entry;
  uint32_t pin = atomic_load_explicit (entry, memory_order_relaxed);
  uintptr_t at;

  if (__builtin_expect ((pin & ORL_PIN_FRAME) != page->frame + 1, 0))
    return not_pinned (pool);
  if (__builtin_expect (orl_is_lost (&pool->shm, page->frame), 0))
    return unpin_lost (page, entry, pin);
  page->ledger_entry = NULL;
  page->data = NULL;
  if (__builtin_expect ((page->flags & (ORIEL_WRITE | ORL_PAGE_COPY
                                        | ORL_PAGE_GRANT))
                            == 0,
                        1))
    atomic_store_explicit (entry, 0, memory_order_release);
  else
    end_other (page, entry, pin);
  if (!me)
    return 0;
  /* The next pin of this thread finds its entry at once. */
  at = (uintptr_t) entry - (uintptr_t) me->ledger->pins;
  if (at < sizeof me->ledger->pins)
    {
      /* Mostly it is the same: a store would make the next pin's load wait. */
      if (me->hint != (uint32_t) (at / sizeof *entry))
        me->hint = (uint32_t) (at / sizeof *entry);
    }
  else if (page->flags & ORIEL_ANYTHREAD)
    me->line = entry - (uintptr_t) entry % ORL_LINE / sizeof *entry;
  return 0;
}

uint64_t
orl_read_begin (struct oriel_pool *pool, uint32_t frame)
{
  struct orl_frame *f = &pool->shm.frames[frame];
  struct orl_doubt doubt = { 0 };

  for (unsigned round = 0;; round++)
    {
      uint64_t v = atomic_load_explicit (&f->version, memory_order_acquire);
      struct orl_thread *me;
      uint32_t word, owner;

      /* While another latches what the dead left STALE, its version is even. */
      if (atomic_load (&f->state) & (ORL_STALE | ORL_INDOUBT))
        return v | 1;
      if (!(v & 1))
        return v;
      word = atomic_load (&f->latch);
      owner = orl_latch_owner (word);
      if (orl_thread_self (pool, &me) == 0 && owner == me->owner
          && orl_own_mode (me, frame, -1) == ORL_PIN_EXCL)
        return v;
      if (owner)
        orl_latch_wait (&f->latch);
      else
        orl_backoff (round);
      if (me)
        orl_pin_waited (me, owner);
      orl_doubt_latch (&pool->shm, &doubt, me ? me->owner : 0, frame, word);
      /* Being written by no one: only a damaged pool has such pages. */
      if (!owner && round > 1000)
        orl_frame_flag (f, ORL_STALE);
    }
}
