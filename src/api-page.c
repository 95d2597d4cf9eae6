/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api-page.c - the calls of oriel.h on pages: pins, views, copies
 */
#include <errno.h>

#include "api.h"
#include "error.h"
#include "io.h"
#include "load.h"
#include "pin-hit.h"
#include "pool.h"
#include "trace.h"
#include "view.h"

#define PIN_FLAGS                                                             \
  (ORIEL_WRITE | ORIEL_FRESH | ORIEL_OPTIMISTIC | ORIEL_NOWAIT                \
   | ORIEL_ANYTHREAD | ORIEL_SHOWN)

static int
check_pin (const oriel_file *file, uint64_t number, unsigned flags)
{
  if ((flags & ~PIN_FLAGS)
      || ((flags & ORIEL_OPTIMISTIC) && (flags & ORIEL_WRITE))
      || ((flags & ORIEL_FRESH) && !(flags & ORIEL_WRITE))
      || ((flags & ORIEL_SHOWN) && (flags & ORIEL_WRITE))
      || ((flags & ORIEL_ANYTHREAD) && !(flags & ORIEL_OPTIMISTIC)))
    return orl_fail (-EINVAL, "%s: pin flags 0x%x are unknown or contradict "
                              "each other",
                     file->path, flags);
  if (number >= ORL_OFFSET_MAX >> file->pool->shm.geo.page_shift)
    return orl_fail (-EFBIG, "%s: has no page %llu", file->path,
                     (unsigned long long) number);
  return flags & ORIEL_WRITE ? orl_api_writable (file) : 0;
}

/* For the trace, if there is one. */
static inline void
note (struct orl_thread *me, const struct oriel_file *file, uint64_t page,
      uint64_t count)
{
  if (__builtin_expect (
          atomic_load_explicit (&me->pool->tracing, memory_order_relaxed), 0))
    for (uint64_t i = 0; i < count; i++)
      orl_trace_note (me, file->index, page + i);
}

/* Likewise, the pages of a range of bytes. */
static inline void
note_bytes (struct orl_thread *me, const struct oriel_file *file,
            uint64_t offset, size_t length)
{
  unsigned shift = me->pool->shm.geo.page_shift;

  if (length > 0)
    note (me, file, offset >> shift,
          ((offset + length - 1) >> shift) - (offset >> shift) + 1);
}

/* A pin that wants a closer look before it is made.  caller: who called. */
static int __attribute__ ((noinline))
pin_checked (oriel_file *file, uint64_t number, unsigned flags,
             oriel_page *page, const void *caller)
{
  struct orl_thread *me;
  int r;

  if (!file || !page)
    return orl_api_null ("oriel_pin");
  if ((r = check_pin (file, number, flags)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  me->caller = caller;
  r = orl_pin (me, file, number, flags, page);
  if (r == 0)
    note (me, file, number, 1);
  return r;
}

/* Those that need no look at whether they contradict each other. */
static inline bool
is_plain (unsigned flags)
{
  return !(flags & ~(ORIEL_OPTIMISTIC | ORIEL_SHOWN))
         || (flags & ~ORIEL_SHOWN) == (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD);
}

/* Is this the pool that the thread used last?  In a forked child, in a strict
 * window, while a trace is written, and when the pool is gone it is not. */
ORL_INLINE bool
is_at_hand (const oriel_file *file, const oriel_page *page)
{
  return ORL_LIKELY (file) && ORL_LIKELY (page)
         && ORL_LIKELY (orl_thread_cache.id == orl_pool_id (file->id));
}

/* A pin with ORIEL_READ or ORIEL_OPTIMISTIC, in such a pool, of a page that this
 * thread has pinned lately. */
ORL_INLINE int
pin_recent (oriel_file *file, uint64_t number, unsigned flags,
            oriel_page *page)
{
  struct orl_thread *me = orl_thread_cache.thread;
  const struct orl_recent *recent = orl_recent_at (me, file, number);

  if (ORL_LIKELY (recent->number == (uint32_t) number))
    {
      if (!ORL_LIKELY (file->base))
        return ORL_LIKELY (number < UINT32_MAX)
                   ? orl_pin_again (me, file, number, recent->frame, flags, page)
                   : pin_checked (file, number, flags, page,
                                  __builtin_return_address (0));
      switch (orl_hit (me, file, number, recent->frame, flags, true, page))
        {
        case ORL_HIT:
          return 0;
        case ORL_HIT_FIRST:
          return orl_pin_first (me, file, number, page->frame);
        case ORL_HIT_HIDDEN:
        case ORL_HIT_NOT:
          break;
        }
    }
  if (!ORL_LIKELY (number < UINT32_MAX))
    return pin_checked (file, number, flags, page,
                        __builtin_return_address (0));
  return orl_pin_look (me, file, number, flags, page);
}

int
oriel_pin (oriel_file *file, uint64_t number, unsigned flags, oriel_page *page)
{
  if (is_at_hand (file, page))
    {
      if (flags == ORIEL_OPTIMISTIC)
        return pin_recent (file, number, ORIEL_OPTIMISTIC, page);
      if (flags == ORIEL_READ)
        return pin_recent (file, number, ORIEL_READ, page);
      if (is_plain (flags) && number < UINT32_MAX)
        return orl_pin (orl_thread_cache.thread, file, number, flags, page);
    }
  return pin_checked (file, number, flags, page, __builtin_return_address (0));
}

int
oriel_pin_hint (oriel_file *file, uint64_t number, uint32_t hint,
                unsigned flags, oriel_page *page)
{
  if (is_at_hand (file, page) && is_plain (flags) && number < UINT32_MAX)
    return orl_pin_hint (orl_thread_cache.thread, file, number, hint, flags,
                         page);
  return pin_checked (file, number, flags, page, __builtin_return_address (0));
}

int
oriel_pin_many (oriel_file *file, const uint64_t *numbers, size_t count,
                unsigned flags, oriel_page *pages)
{
  const void *caller = __builtin_return_address (0);
  struct orl_thread *me;
  int r;

  if (!file || !numbers || !pages)
    return orl_api_null ("oriel_pin_many");
  if (flags & ORIEL_SHOWN)
    return orl_fail (-EINVAL, "%s: ORIEL_SHOWN is for one page", file->path);
  if (count > ORL_PINS)
    return orl_fail (-ENOBUFS, "%s: %zu pages at once, and a thread can have "
                               "%d pinned; pin fewer",
                     file->path, count, ORL_PINS);
  for (size_t i = 0; i < count; i++)
    if ((r = check_pin (file, numbers[i], flags)) < 0)
      return r;
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  me->caller = caller;
  r = orl_pin_many (me, file, numbers, (uint32_t) count, flags, pages);
  for (size_t i = 0; r == 0 && i < count; i++)
    note (me, file, numbers[i], 1);
  return r;
}

int
oriel_prefetch (oriel_file *file, uint64_t first, uint64_t count)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return orl_api_null ("oriel_prefetch");
  if (first > ORL_OFFSET_MAX || count > ORL_OFFSET_MAX - first)
    return orl_fail (-EINVAL, "%s: %llu pages from %llu on overflow",
                     file->path, (unsigned long long) count,
                     (unsigned long long) first);
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return orl_load_ahead (me, file, first, count);
}

int
oriel_prefetch_many (oriel_file *file, const uint64_t *numbers, size_t count)
{
  struct orl_thread *me;
  int r;

  if (!file || (count && !numbers))
    return orl_api_null ("oriel_prefetch_many");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return orl_load_list (me, file, numbers, count);
}

/* Is the page pinned, by this process? */
static int
check_page (const oriel_page *page, const char *call)
{
  if (__builtin_expect (!page, 0))
    return orl_api_null (call);
  if (__builtin_expect (!page->ledger_entry, 0))
    return orl_fail (-EINVAL, "%s: the page is not pinned", call);
  if (__builtin_expect (orl_forked (page->file->pool), 0))
    return orl_fail (-EOWNERDEAD, "%s: the page was pinned before fork(); it "
                                  "is the parent's",
                     call);
  if (__builtin_expect (atomic_load_explicit (&page->file->pool->gone,
                                              memory_order_relaxed)
                            == ORL_GONE_TABLES,
                        0))
    return orl_pool_gone (page->file->pool);
  return 0;
}

static int __attribute__ ((noinline))
unpin_checked (oriel_page *page)
{
  int r = check_page (page, "oriel_unpin");

  if (r < 0)
    return r;
  return orl_unpin (orl_thread_cache.id == orl_pool_id (page->file->id)
                        ? orl_thread_cache.thread
                        : NULL,
                    page);
}

int
oriel_view (oriel_file *file, uint64_t first, uint64_t count, unsigned flags,
            struct oriel_view *view)
{
  struct orl_thread *me;
  int r;

  if (!file || !view)
    return orl_api_null ("oriel_view");
  if (flags & ~(ORIEL_WRITE | ORIEL_NOWAIT))
    return orl_fail (-EINVAL, "%s: flags 0x%x: a view takes ORIEL_WRITE and "
                              "ORIEL_NOWAIT",
                     file->path, flags);
  if (count == 0 || first + count < first)
    return orl_fail (-EINVAL, "%s: there are no %llu pages from %llu on",
                     file->path, (unsigned long long) count,
                     (unsigned long long) first);
  if ((r = check_pin (file, first + count - 1, flags)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  r = orl_view (me, file, first, count, flags, view);
  if (r == 0)
    note (me, file, first, count);
  return r;
}

static int
check_view (const struct oriel_view *view, const char *call)
{
  if (!view || !view->file)
    return orl_api_null (call);
  if (orl_forked (view->file->pool))
    return orl_fail (-EOWNERDEAD, "%s: the view is the parent's", call);
  return 0;
}

int
oriel_view_dirty (struct oriel_view *view, uint64_t first, uint64_t count,
                  uint64_t lsn)
{
  int r = check_view (view, "oriel_view_dirty");

  return r < 0 ? r : orl_view_dirty (view, first, count, lsn);
}

int
oriel_view_end (struct oriel_view *view)
{
  int r = check_view (view, "oriel_view_end");

  return r < 0 ? r : orl_view_end (view);
}

int
oriel_unpin (oriel_page *page)
{
  /* A forked child's id is 0; that of a pool that is gone is negative here. */
  if (ORL_LIKELY (page) && ORL_LIKELY (page->ledger_entry)
      && ORL_LIKELY ((int64_t) orl_pool_id (page->file->id) > 0)
      && orl_hit_end (page))
    return 0;
  return unpin_checked (page);
}

int
oriel_pin_holds (const oriel_page *page)
{
  const struct oriel_file *file;
  struct orl_thread *me;

  /* In a pool that is not at hand a pin is told why. */
  if (!page || !page->ledger_entry || !is_at_hand (page->file, page))
    return 0;
  file = page->file;
  if (!orl_hit_still (file, page))
    return 0;
  me = orl_thread_cache.thread;
  orl_count (me->ledger, ORL_HITS, 1);
  if (!ORL_LIKELY (atomic_load_explicit (&file->frames[page->frame].ref,
                                         memory_order_relaxed)))
    orl_pin_first (me, page->file, page->number, page->frame);
  return 1;
}

/* The same by an unpin and a pin. */
static int __attribute__ ((noinline))
move_checked (oriel_page *page, uint64_t number, uint32_t hint,
              const void *caller)
{
  oriel_file *file = page ? page->file : NULL;
  unsigned flags = page ? page->flags & PIN_FLAGS : 0;
  struct orl_thread *me;
  int r = check_page (page, "oriel_pin_move");

  if (r == 0 && (flags & ORIEL_WRITE))
    r = orl_fail (-EINVAL, "%s: page %llu is pinned for writing: unpin it",
                  file->path, (unsigned long long) page->number);
  if (r < 0)
    return r;
  /* Lost memory is told to who looks, by oriel_read_validate(). */
  r = oriel_unpin (page);
  if ((r < 0 && r != -EIO) || (r = check_pin (file, number, flags)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  me->caller = caller;
  r = orl_pin_hint (me, file, number, hint, flags, page);
  if (r == 0)
    note (me, file, number, 1);
  return r;
}

/* Is it a pin without latch, and no more than that? */
ORL_INLINE bool
is_bare (const oriel_page *page)
{
  return (page->flags
          & (ORIEL_OPTIMISTIC | ORIEL_WRITE | ORL_PAGE_COPY | ORL_PAGE_GRANT))
         == ORIEL_OPTIMISTIC;
}

ORL_INLINE int
pin_move (oriel_page *page, uint64_t number, uint32_t hint, bool simple,
          const void *caller)
{
  struct orl_thread *me = orl_thread_cache.thread;

  switch (orl_hit_move (me, page, number, hint, simple))
    {
    case ORL_HIT:
      return 0;
    case ORL_HIT_FIRST:
      return orl_pin_first (me, page->file, number, hint);
    case ORL_HIT_HIDDEN:
    case ORL_HIT_NOT:
      break;
    }
  return move_checked (page, number, hint, caller);
}

/* In a window that is swapped. */
static int __attribute__ ((noinline))
move_shown (oriel_page *page, uint64_t number, uint32_t hint,
            const void *caller)
{
  return pin_move (page, number, hint, false, caller);
}

int
oriel_pin_move (oriel_page *page, uint64_t number, uint32_t hint)
{
  const void *caller = __builtin_return_address (0);

  if (!ORL_LIKELY (page) || !ORL_LIKELY (page->ledger_entry)
      || !is_at_hand (page->file, page) || !ORL_LIKELY (is_bare (page)))
    return move_checked (page, number, hint, caller);
  return ORL_LIKELY (page->file->base)
             ? pin_move (page, number, hint, true, caller)
             : move_shown (page, number, hint, caller);
}

int
oriel_dirty (oriel_page *page, uint64_t lsn)
{
  int r = check_page (page, "oriel_dirty");

  if (r < 0)
    return r;
  if (!(page->flags & ORIEL_WRITE))
    return orl_fail (-EINVAL, "%s: page %llu is not pinned for writing",
                     page->file->path, (unsigned long long) page->number);
  orl_hold_dirty (page->file, page->frame,
                  (page->number + 1) << page->file->pool->shm.geo.page_shift,
                  lsn);
  return 0;
}

uint64_t
oriel_read_begin (const oriel_page *page)
{
  if (check_page (page, "oriel_read_begin") < 0)
    return 1; /* odd: never valid */
  return orl_read_begin (page->file->pool, page->frame);
}

int
oriel_read_validate (const oriel_page *page, uint64_t version)
{
  if (check_page (page, "oriel_read_validate") < 0)
    return 0;
  return orl_read_validate (&page->file->pool->shm, page->frame, version);
}

static int
check_range (const oriel_file *file, uint64_t offset, size_t length)
{
  if (offset > ORL_OFFSET_MAX || length > ORL_OFFSET_MAX - offset)
    return orl_fail (-EFBIG, "%s: has no %zu bytes at %llu", file->path,
                     length, (unsigned long long) offset);
  return 0;
}

int
oriel_read (oriel_file *file, uint64_t offset, void *buffer, size_t length,
            size_t *got)
{
  struct orl_thread *me;
  uint64_t size;
  int r;

  if (!file || (!buffer && length > 0))
    return orl_api_null ("oriel_read");
  if ((r = check_range (file, offset, length)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_io_read (me, file, offset, buffer, length)) < 0
      || (r = orl_pool_gone (file->pool)) < 0)
    return r;
  note_bytes (me, file, offset, length);
  size = atomic_load (&file->rec->size);
  if (got)
    *got = offset >= size            ? 0
           : size - offset < length ? (size_t) (size - offset)
                                     : length;
  return 0;
}

int
oriel_write (oriel_file *file, uint64_t offset, const void *buffer,
             size_t length)
{
  struct orl_thread *me;
  int r;

  if (!file || (!buffer && length > 0))
    return orl_api_null ("oriel_write");
  if ((r = check_range (file, offset, length)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0
      || (r = orl_api_writable (file)) < 0)
    return r;
  r = orl_io_write (me, file, offset, buffer, length);
  if (r == 0)
    note_bytes (me, file, offset, length);
  return r;
}
