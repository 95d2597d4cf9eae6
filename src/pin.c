/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin.c - make a page resident, protect it, and give it back
 *
 * Most hits never come here: pin-hit.h is all of them.  What does: pages that
 * this thread has not pinned lately, which the page table finds; pins for any
 * thread; everything that has to be waited for, loaded or latched exclusively
 * (pin-hold.c); and addresses for pages that no slot shows.
 *
 * A pin for any thread is a hit in a ledger of the process, whose entries are
 * taken by compare-and-swap: each thread stays on the line where it gave one
 * back.  (By a mutex and a search from the start it was 60 ns more.)
 *
 * Locks: none held on return but the page's latch.
 */
#include <errno.h>
#include <string.h>

#include "copy.h"
#include "doubt.h"
#include "error.h"
#include "latch.h"
#include "lock.h"
#include "load-room.h"
#include "lost.h"
#include "pin-hit.h"
#include "point.h"
#include "sys.h"
#include "table.h"
#include "window-grant.h"

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

/* The page in a slot, which others may have to give back first. */
static int
show (struct orl_thread *me, struct oriel_file *file, const struct orl_hold *h,
      unsigned flags, void **at)
{
  struct orl_window *w = me->pool->window;
  struct orl_wait wait = { 0 };
  int r;

  while ((r = orl_window_show_many (w, me->ledger, &h->frame, 1, at)) == -ENOBUFS)
    if (flags & ORIEL_NOWAIT)
      {
        if (orl_room_comes (me))
          return orl_decline (-EAGAIN, "every slot shows a page that is pinned, "
                                       "some while they are read or written");
        break;
      }
    else if (!orl_room_in_window (me, &wait))
      break;
  return no_slot (file, r);
}

int
orl_hold_show (struct orl_thread *me, struct oriel_file *file,
               const struct orl_hold *h, void **at)
{
  struct orl_window *w = me->pool->window;

  *at = orl_window_find (w, h->frame);
  if (*at)
    return 0;
  return w->grants ? no_slot (file, -ENOMEM) : show (me, file, h, 0, at);
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

/* Move a hold without latch to the process's ledgers.  -ENOBUFS. */
static int
share (struct orl_thread *me, const struct orl_hold *h, orl_a32 **entry)
{
  struct oriel_pool *pool = me->pool;
  struct orl_ledger *ledger;
  int r;

  pthread_mutex_lock (&pool->lock);
  do
    r = shared_room (pool, &ledger);
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

/* A hit whose entry lies in a ledger that threads share. */
static bool
hit_any_thread (struct orl_thread *me, struct oriel_file *file,
                uint64_t number, uint32_t frame, unsigned flags,
                oriel_page *page)
{
  const struct orl_shm *shm = &file->pool->shm;
  struct orl_frame *f = &shm->frames[frame];
  orl_a32 *entry;
  void *at;

  expect (file->pool->window, f, frame);
  entry = take_near (me, frame);
  if (!entry)
    return false;
  ORL_POINT ("pin.hit.said");
  orl_barrier_pin (shm);
  if (!orl_hit_holds (f, file, number, ORL_PIN_PLAIN)
      || !orl_hit_at (file, frame, false, &at))
    {
      ORL_POINT ("pin.hit.missed");
      atomic_store_explicit (entry, 0, memory_order_release);
      return false;
    }
  orl_hit_fill (page, file, number, frame, flags, entry, at);
  orl_count (me->ledger, ORL_HITS, 1);
  if (!atomic_load_explicit (&f->ref, memory_order_relaxed))
    orl_pin_first (me, file, number, frame);
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
  void *at = orl_copy_take (pool->copies, me->owner, &me->copy, &place);

  if (at
      && !orl_lost_copy_out (pool, h->frame, 0, at, pool->shm.geo.page_size))
    {
      orl_copy_give (pool->copies, me->owner, true, place);
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

  *at = NULL;
  if (may_copy && !orl_window_worth (w, h->frame))
    *at = copy (me, h, flags);
  if (!*at && may_copy && orl_window_show (w, me->ledger, h->frame, at) < 0)
    *at = copy (me, h, flags);
  return *at ? 0 : show (me, file, h, *flags, at);
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

/* The line that pins of this thread fall into is full. */
static void __attribute__ ((noinline))
turn_page (struct orl_thread *me)
{
  int entry = orl_ledger_room (me->ledger);

  if (entry >= 0)
    me->entry = &me->ledger->pins[entry];
}

/* Not a hit. */
static int __attribute__ ((noinline))
pin_late (struct orl_thread *me, struct oriel_file *file, uint64_t number,
          unsigned flags, oriel_page *page)
{
  if (atomic_load_explicit (me->entry, memory_order_relaxed) != 0)
    turn_page (me);
  return pin_any (me, file, number, flags, page);
}

/* A hit but for the address. */
static int __attribute__ ((noinline))
pin_hidden (struct orl_thread *me, struct oriel_file *file, uint64_t number,
            uint32_t frame, unsigned flags, oriel_page *page)
{
  const struct orl_hold h = {
    .frame = frame,
    .entry = (int) ((orl_a32 *) page->ledger_entry - me->ledger->pins),
  };

  page->ledger_entry = NULL;
  if (!atomic_load_explicit (&file->frames[frame].ref, memory_order_relaxed))
    orl_pin_first (me, file, number, frame);
  orl_count (me->ledger, ORL_HITS, 1);
  return orl_pin_reach (me, file, number, flags, &h, NULL, page);
}

int
orl_pin_look (struct orl_thread *me, struct oriel_file *file,
              uint64_t number, unsigned flags, oriel_page *page)
{
  uint32_t frame
      = orl_table_guess (&file->pool->shm, orl_key_of (file), number);

  if (ORL_LIKELY (frame != ORL_NO_FRAME))
    {
      *orl_recent_at (me, file, number)
          = (struct orl_recent){ (uint32_t) number, frame };
      switch (orl_hit (me, file, number, frame, flags, false, page))
        {
        case ORL_HIT:
          return 0;
        case ORL_HIT_FIRST:
          return orl_pin_first (me, file, number, frame);
        case ORL_HIT_HIDDEN:
          return pin_hidden (me, file, number, frame, flags, page);
        case ORL_HIT_NOT:
          break;
        }
    }
  return pin_late (me, file, number, flags, page);
}

int
orl_pin_again (struct orl_thread *me, struct oriel_file *file,
               uint64_t number, uint32_t frame, unsigned flags,
               oriel_page *page)
{
  switch (orl_hit (me, file, number, frame, flags, false, page))
    {
    case ORL_HIT:
      return 0;
    case ORL_HIT_FIRST:
      return orl_pin_first (me, file, number, frame);
    case ORL_HIT_HIDDEN:
      return pin_hidden (me, file, number, frame, flags, page);
    case ORL_HIT_NOT:
      break;
    }
  return orl_pin_look (me, file, number, flags, page);
}

/* A hit whose entry is the thread's. */
static bool
hit_shown (struct orl_thread *me, struct oriel_file *file, uint64_t number,
           uint32_t frame, unsigned flags, oriel_page *page)
{
  enum orl_hit hit = orl_hit (me, file, number, frame, flags, false, page);

  if (hit == ORL_HIT_FIRST)
    orl_pin_first (me, file, number, frame);
  if (hit == ORL_HIT_HIDDEN)
    {
      orl_hold_end (&me->pool->shm, (orl_a32 *) page->ledger_entry);
      page->ledger_entry = NULL;
    }
  return hit == ORL_HIT || hit == ORL_HIT_FIRST;
}

/* With ORIEL_ANYTHREAD, or ORIEL_SHOWN.  hint: ORL_NO_FRAME, or where it was. */
static int __attribute__ ((noinline))
pin_special (struct orl_thread *me, struct oriel_file *file, uint64_t number,
             uint32_t hint, unsigned flags, oriel_page *page)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint32_t frame = hint;

  for (int turn = 0; turn < 2; turn++)
    {
      if (frame < orl_span (shm)
          && (flags & ORIEL_ANYTHREAD
                  ? hit_any_thread (me, file, number, frame, flags, page)
                  : hit_shown (me, file, number, frame, flags, page)))
        return 0;
      if (turn == 0)
        frame = orl_table_guess (shm, orl_key_of (file), number);
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
  if (flags & ORIEL_WRITE)
    return pin_any (me, file, number, flags, page);
  if (flags & (ORIEL_ANYTHREAD | ORIEL_SHOWN))
    return pin_special (me, file, number, ORL_NO_FRAME, flags, page);
  return orl_pin_look (me, file, number, flags, page);
}

int
orl_pin_hint (struct orl_thread *me, struct oriel_file *file, uint64_t number,
              uint32_t hint, unsigned flags, oriel_page *page)
{
  if (flags & (ORIEL_ANYTHREAD | ORIEL_SHOWN))
    return pin_special (me, file, number, hint, flags, page);
  if (!(flags & ORIEL_WRITE) && hint < orl_span (&file->pool->shm))
    return orl_pin_again (me, file, number, hint, flags, page);
  return orl_pin (me, file, number, flags, page);
}

/* All but a plain pin's end: give back what else it has. */
static void __attribute__ ((noinline))
end_other (const struct orl_thread *me, oriel_page *page, orl_a32 *entry,
           uint32_t pin)
{
  struct oriel_pool *pool = page->file->pool;

  uint32_t owner = orl_ledger_owner (&pool->shm, entry);

  if (page->flags & ORL_PAGE_COPY)
    orl_copy_give (pool->copies, owner, me && me->owner == owner,
                   page->flags >> ORL_PAGE_SHIFT);
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
unpin_lost (const struct orl_thread *me, oriel_page *page, orl_a32 *entry,
            uint32_t pin)
{
  page->ledger_entry = NULL;
  page->data = NULL;
  end_other (me, page, entry, pin);
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

  if ((pin & ORL_PIN_FRAME) != page->frame + 1)
    return not_pinned (pool);
  if (orl_is_lost (&pool->shm, page->frame))
    return unpin_lost (me, page, entry, pin);
  page->ledger_entry = NULL;
  page->data = NULL;
  end_other (me, page, entry, pin);
  /* The next such pin of this thread finds its entry at once. */
  if (me && (page->flags & ORIEL_ANYTHREAD))
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
