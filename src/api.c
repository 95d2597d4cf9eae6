/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api.c - the calls of oriel.h: arguments are checked here, and nothing else
 * is done
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "checkpoint.h"
#include "error.h"
#include "evict.h"
#include "file.h"
#include "flush.h"
#include "inspect.h"
#include "io.h"
#include "load.h"
#include "log.h"
#include "options.h"
#include "pin.h"
#include "pool.h"
#include "proc.h"
#include "resize.h"
#include "stats.h"
#include "thread.h"
#include "trace.h"
#include "view.h"
#include "writeback.h"

/* Pages' offsets must fit off_t, with room for a run behind them. */
#define OFFSET_MAX (UINT64_C (1) << 62)

#define OPEN_FLAGS                                                            \
  (ORIEL_CREATE | ORIEL_EXCL | ORIEL_RDONLY | ORIEL_BUFFERED                  \
   | ORIEL_DISCARD | ORIEL_FOREIGN | ORIEL_NO_IMAGES)
#define POOL_FLAGS                                                            \
  (ORIEL_ATTACH | ORIEL_EXCL | ORIEL_FENCE | ORIEL_NO_FAULT_HANDLER           \
   | ORIEL_WATCH | ORIEL_LAZY | ORIEL_PROTECT | ORIEL_RETIRE | ORIEL_HOLES \
   | ORIEL_TRY_LOCK | ORIEL_WRITEBACK)
#define PIN_FLAGS                                                             \
  (ORIEL_WRITE | ORIEL_FRESH | ORIEL_OPTIMISTIC | ORIEL_NOWAIT                \
   | ORIEL_ANYTHREAD | ORIEL_SHOWN)

static int
null (const char *call)
{
  return orl_fail (-EINVAL, "%s: null argument", call);
}

int
oriel_pool_open (const char *name, const oriel_options *opt, oriel_pool **pool)
{
  const char *trace = secure_getenv ("ORIEL_TRACE");
  oriel_options defaults;
  struct oriel_pool *made;
  int r;

  if (!name || !pool)
    return null ("oriel_pool_open");
  oriel_options_init (&defaults);
  if (!opt)
    opt = &defaults;
  if (opt->struct_size != sizeof *opt)
    return orl_fail (-EINVAL, "oriel_pool_open: options were not set up by "
                              "oriel_options_init()");
  if ((opt->flags & ~POOL_FLAGS)
      || ((opt->flags & ORIEL_EXCL)
          && (opt->flags & (ORIEL_ATTACH | ORIEL_WATCH)))
      || ((opt->flags & ORIEL_LAZY)
          && (opt->flags & (ORIEL_NO_FAULT_HANDLER | ORIEL_PROTECT
                            | ORIEL_RETIRE))))
    return orl_fail (-EINVAL, "%s: flags 0x%x are unknown or contradict each "
                              "other",
                     name, opt->flags);
  if (opt->flags & ORIEL_WATCH)
    return orl_inspect_open (name, opt, pool);
  r = orl_options_check (opt);
  if (r == 0)
    r = orl_pool_open (name, opt, &made);
  if (r == 0 && trace && *trace && (r = orl_trace_start (made, trace)) < 0)
    orl_pool_close (made);
  if (r == 0)
    *pool = made;
  return r;
}

int
oriel_pool_close (oriel_pool *pool)
{
  return pool ? orl_pool_close (pool) : null ("oriel_pool_close");
}

int
oriel_window_trim (oriel_pool *pool)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return null ("oriel_window_trim");
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_window_trim (pool->window);
}

int
oriel_pool_destroy (const char *name, const char *directory, int force)
{
  return name ? orl_pool_destroy (name, directory, force)
              : null ("oriel_pool_destroy");
}

int
oriel_pool_resize (oriel_pool *pool, uint64_t bytes)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return null ("oriel_pool_resize");
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_resize (me, bytes);
}

int
oriel_pool_evict (oriel_pool *pool, oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return null ("oriel_pool_evict");
  if (file && file->pool != pool)
    return orl_fail (-EINVAL, "oriel_pool_evict: %s is open in another pool",
                     file->path);
  r = orl_thread_self (pool, &me);
  if (r == 0)
    orl_evict_all (me, file ? file->index : UINT32_MAX);
  return r;
}

int
oriel_pool_trace (oriel_pool *pool, const char *path)
{
  struct orl_thread *me;
  int r;

  if (!pool)
    return null ("oriel_pool_trace");
  if ((r = orl_thread_self (pool, &me)) < 0)
    return r;
  return path ? orl_trace_start (pool, path) : orl_trace_stop (pool);
}

uint32_t
oriel_pool_page_size (const oriel_pool *pool)
{
  return pool ? pool->shm.geo.page_size : 0;
}

uint64_t
oriel_pool_frames (const oriel_pool *pool)
{
  return pool ? orl_frames (&pool->shm) : 0;
}

int
oriel_file_open (oriel_pool *pool, const char *path, unsigned flags,
                 oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.flags = flags;
  return oriel_file_open_with (pool, path, &opt, file);
}

int
oriel_file_open_with (oriel_pool *pool, const char *path,
                      const oriel_file_options *opt, oriel_file **file)
{
  struct orl_thread *me;
  int r;

  if (!pool || !path || !opt || !file)
    return null ("oriel_file_open");
  if (opt->struct_size != sizeof *opt)
    return orl_fail (-EINVAL,
                     "oriel_file_open_with: options were not set up by "
                     "oriel_file_options_init()");
  if ((opt->flags & ~OPEN_FLAGS)
      || ((opt->flags & ORIEL_RDONLY)
          && (opt->flags & (ORIEL_CREATE | ORIEL_EXCL)))
      || ((opt->flags & ORIEL_EXCL) && !(opt->flags & ORIEL_CREATE))
      || opt->torn > ORIEL_TORN_DOUBLE || opt->adopt > 1
      || ((opt->flags & ORIEL_FOREIGN) && opt->torn > ORIEL_TORN_NONE))
    return orl_fail (-EINVAL, "%s: flags 0x%x or torn=%s are unknown or "
                              "contradict each other",
                     path, opt->flags, oriel_torn_name (opt->torn));
  r = orl_thread_self (pool, &me);
  return r < 0 ? r : orl_file_open (me, path, opt, file);
}

uint32_t
oriel_file_torn (const oriel_file *file)
{
  return !file                            ? ORIEL_TORN_DEFAULT
         : (file->flags & ORIEL_FOREIGN) ? ORIEL_TORN_NONE
                                         : atomic_load (&file->rec->torn);
}

int
oriel_file_close (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_close");
  r = orl_thread_self (file->pool, &me);
  return r < 0 ? r : orl_file_close (me, file, true);
}

int
oriel_file_abandon (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_abandon");
  r = orl_thread_any (file->pool, &me);
  return r < 0 ? r : orl_file_close (me, file, false);
}

uint64_t
oriel_file_size (const oriel_file *file)
{
  return file ? atomic_load (&file->rec->size) : 0;
}

static int
writable (const oriel_file *file)
{
  return file->flags & ORIEL_RDONLY
             ? orl_fail (-EACCES, "%s: is open read-only", file->path)
             : 0;
}

int
oriel_file_truncate (oriel_file *file, uint64_t bytes)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_truncate");
  if (bytes > OFFSET_MAX)
    return orl_fail (-EFBIG, "%s: cannot be so long", file->path);
  if ((r = orl_thread_self (file->pool, &me)) < 0 || (r = writable (file)) < 0)
    return r;
  return orl_file_truncate (me, file, bytes);
}

int
oriel_file_refresh (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_refresh");
  r = orl_thread_self (file->pool, &me);
  return r < 0 ? r : orl_file_refresh (me, file);
}

int
oriel_file_drop (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_drop");
  r = orl_thread_self (file->pool, &me);
  if (r == 0)
    orl_file_drop (me, file);
  return r;
}

int
oriel_file_drop_pages (oriel_file *file, uint64_t first, uint64_t count)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_drop_pages");
  if (first + count < first)
    return orl_fail (-EINVAL, "%s: there are no %llu pages from %llu on",
                     file->path, (unsigned long long) count,
                     (unsigned long long) first);
  r = orl_thread_self (file->pool, &me);
  if (r == 0)
    orl_file_drop_pages (me, file, first, count);
  return r;
}

int
oriel_file_on_indoubt (oriel_file *file,
                       int (*indoubt) (void *arg, oriel_page *page,
                                       uint64_t lsn),
                       void *arg)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_on_indoubt");
  if ((r = orl_thread_self (file->pool, &me)) < 0 || (r = writable (file)) < 0)
    return r;
  if (file->flags & ORIEL_FOREIGN)
    return orl_fail (-EINVAL,
                     "%s: was opened with ORIEL_FOREIGN, so what a dead writer "
                     "left is for no one",
                     file->path);
  orl_file_on_indoubt (file, indoubt, arg);
  return 0;
}

int
oriel_file_hooks (oriel_file *file, const oriel_hooks *hooks)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_hooks");
  if (hooks
      && (hooks->struct_size != sizeof *hooks || hooks->reserved != 0
          || hooks->id == 0))
    return orl_fail (-EINVAL,
                     "oriel_file_hooks: %s",
                     hooks->id == 0 ? "the id is 0"
                                    : "the hooks are of another version");
  if (file->flags & ORIEL_FOREIGN)
    return orl_fail (-EINVAL,
                     "%s: was opened with ORIEL_FOREIGN: others read and write "
                     "its pages as they are",
                     file->path);
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return orl_file_hooks (me, file, hooks);
}

int
oriel_file_durable (oriel_file *file, uint64_t lsn)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_durable");
  if ((r = orl_thread_self (file->pool, &me)) < 0 || (r = writable (file)) < 0)
    return r;
  orl_log_tell (file->rec, lsn);
  return 0;
}

uint64_t
oriel_file_durable_lsn (const oriel_file *file)
{
  return file ? atomic_load (&file->rec->durable) : 0;
}

int
oriel_file_on_flush_log (oriel_file *file,
                         int (*flush) (void *arg, uint64_t lsn), void *arg)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_file_on_flush_log");
  if ((r = orl_thread_self (file->pool, &me)) < 0 || (r = writable (file)) < 0)
    return r;
  orl_log_on_flush (file, flush, arg);
  return 0;
}

int
oriel_writeback (oriel_pool *pool, uint64_t *pages)
{
  struct orl_thread *me;
  uint64_t n;
  int r;

  if (!pool)
    return null ("oriel_writeback");
  r = orl_thread_self (pool, &me);
  if (r < 0)
    return r;
  r = orl_writeback (me, &n);
  if (pages)
    *pages = n;
  return r;
}

int
oriel_checkpoint (oriel_pool *pool, oriel_file *file, uint64_t *lsn)
{
  struct orl_thread *me;
  uint64_t reached;
  int r;

  if (!pool)
    return null ("oriel_checkpoint");
  if (file && file->pool != pool)
    return orl_fail (-EINVAL, "oriel_checkpoint: %s is open in another pool",
                     file->path);
  if ((r = orl_thread_self (pool, &me)) < 0
      || (file && (r = writable (file)) < 0))
    return r;
  r = file ? orl_checkpoint (me, file, &reached)
           : orl_checkpoint_all (me, &reached);
  if (r == 0 && lsn)
    *lsn = reached;
  return r;
}

int
oriel_file_fd (const oriel_file *file)
{
  return file ? file->store->fd : -1;
}

uint32_t
oriel_file_store (const oriel_file *file)
{
  if (!file)
    return ORIEL_STORE_AUTO;
  if (file->store->map)
    return orl_store_is_persistent (file->store) ? ORIEL_STORE_PMEM
                                                 : ORIEL_STORE_MSYNC;
  return file->store->ops->aim ? ORIEL_STORE_URING : ORIEL_STORE_POSIX;
}

uint64_t *
oriel_file_words (oriel_file *file)
{
  return file ? (uint64_t *) file->rec->words : NULL;
}

uint64_t
oriel_self (const oriel_pool *pool)
{
  return pool ? pool->shm.token : 0;
}

int
oriel_alive (oriel_pool *pool, uint64_t token)
{
  return pool && !orl_forked (pool) && !atomic_load (&pool->gone)
         && orl_proc_alive (&pool->shm, token);
}

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
  if (number >= OFFSET_MAX >> file->pool->shm.geo.page_shift)
    return orl_fail (-EFBIG, "%s: has no page %llu", file->path,
                     (unsigned long long) number);
  return flags & ORIEL_WRITE ? writable (file) : 0;
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
    return null ("oriel_pin");
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
         || flags == (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD | ORIEL_SHOWN);
}

int
oriel_pin (oriel_file *file, uint64_t number, unsigned flags, oriel_page *page)
{
  if (__builtin_expect (file && page && is_plain (flags)
                            && number < UINT32_MAX
                            && orl_thread_cache.id == orl_pool_id (file->id),
                        1))
    return orl_pin (orl_thread_cache.thread, file, number, flags, page);
  return pin_checked (file, number, flags, page, __builtin_return_address (0));
}

int
oriel_pin_hint (oriel_file *file, uint64_t number, uint32_t hint,
                unsigned flags, oriel_page *page)
{
  if (__builtin_expect (file && page && is_plain (flags)
                            && number < UINT32_MAX
                            && orl_thread_cache.id == orl_pool_id (file->id),
                        1))
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
    return null ("oriel_pin_many");
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
    return null ("oriel_prefetch");
  if (first > OFFSET_MAX || count > OFFSET_MAX - first)
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
    return null ("oriel_prefetch_many");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return orl_load_list (me, file, numbers, count);
}

/* Is the page pinned, by this process? */
static int
check_page (const oriel_page *page, const char *call)
{
  if (__builtin_expect (!page, 0))
    return null (call);
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

  return r < 0 ? r : orl_unpin (NULL, page);
}

int
oriel_view (oriel_file *file, uint64_t first, uint64_t count, unsigned flags,
            struct oriel_view *view)
{
  struct orl_thread *me;
  int r;

  if (!file || !view)
    return null ("oriel_view");
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
    return null (call);
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
  /* A forked child's cache is empty. */
  if (__builtin_expect (
          page && page->ledger_entry
              && orl_thread_cache.id == orl_pool_id (page->file->id),
          1))
    return orl_unpin (orl_thread_cache.thread, page);
  return unpin_checked (page);
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
  if (offset > OFFSET_MAX || length > OFFSET_MAX - offset)
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
    return null ("oriel_read");
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
    return null ("oriel_write");
  if ((r = check_range (file, offset, length)) < 0
      || (r = orl_thread_self (file->pool, &me)) < 0
      || (r = writable (file)) < 0)
    return r;
  r = orl_io_write (me, file, offset, buffer, length);
  if (r == 0)
    note_bytes (me, file, offset, length);
  return r;
}

int
oriel_flush (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_flush");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return file->flags & ORIEL_RDONLY ? 0 : orl_flush_file (me, file, false);
}

int
oriel_sync (oriel_file *file)
{
  struct orl_thread *me;
  int r;

  if (!file)
    return null ("oriel_sync");
  if ((r = orl_thread_self (file->pool, &me)) < 0)
    return r;
  return file->flags & ORIEL_RDONLY ? 0 : orl_file_sync (me, file);
}

static int
may_look (const oriel_pool *pool)
{
  if (orl_forked (pool))
    return orl_fail (-EOWNERDEAD, "%s: the pool was opened before fork()",
                     pool->path);
  return orl_pool_gone (pool);
}

/* r, unless what was seen are zeroes in place of tables that were cut off. */
static int
has_looked (const oriel_pool *pool, int r)
{
  int gone = orl_pool_gone (pool);

  return gone < 0 ? gone : r;
}

int
oriel_pool_stats (oriel_pool *pool, oriel_stats *stats)
{
  int r;

  if (!pool || !stats)
    return null ("oriel_pool_stats");
  if (stats->struct_size != sizeof *stats)
    return orl_fail (-EINVAL, "oriel_pool_stats: struct_size is %u and should "
                              "be %zu",
                     stats->struct_size, sizeof *stats);
  r = may_look (pool);
  if (r < 0)
    return r;
  orl_stats_read (pool, stats);
  return has_looked (pool, 0);
}

int
oriel_pool_files (oriel_pool *pool,
                  void (*each) (void *arg, const oriel_file_info *info),
                  void *arg)
{
  int r;

  if (!pool || !each)
    return null ("oriel_pool_files");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_inspect_files (pool, each, arg));
}

int
oriel_file_pages (oriel_file *file,
                  void (*each) (void *arg, const oriel_page_info *info),
                  void *arg)
{
  int r;

  if (!file || !each)
    return null ("oriel_file_pages");
  r = may_look (file->pool);
  return r < 0 ? r
               : has_looked (file->pool, orl_inspect_pages (file, each, arg));
}

int
oriel_pool_processes (oriel_pool *pool,
                      void (*each) (void *arg,
                                    const oriel_process_info *info),
                      void *arg)
{
  int r;

  if (!pool || !each)
    return null ("oriel_pool_processes");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_inspect_processes (pool, each, arg));
}

int
oriel_pool_check (oriel_pool *pool,
                  void (*problem) (void *arg, const char *text), void *arg)
{
  int r;

  if (!pool)
    return null ("oriel_pool_check");
  r = may_look (pool);
  return r < 0 ? r : has_looked (pool, orl_check (pool, problem, arg));
}

int
oriel_pool_list (const char *directory,
                 void (*each) (void *arg, const char *name, const char *path),
                 void *arg)
{
  return each ? orl_inspect_list (directory, each, arg)
              : null ("oriel_pool_list");
}

const char *
oriel_error (void)
{
  return orl_error_text ();
}

#define TEXT(n) #n
#define VERSION(a, b, c) TEXT (a) "." TEXT (b) "." TEXT (c)

const char *
oriel_version (void)
{
  return VERSION (ORIEL_VERSION_MAJOR, ORIEL_VERSION_MINOR,
                  ORIEL_VERSION_PATCH);
}
