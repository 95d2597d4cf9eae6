/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-txn.c - locks; looking at pages, and changing some together
 *
 * A change goes so:
 *   1. copies are made of the pages that it touches, and changed;
 *   2. with the log's lock, the pages are latched.  Have they changed since, it is
 *      begun anew.  Any error ends it here, and nothing was done;
 *   3. what differs is written to the log as one record, and log_end moves behind
 *      it: from here on the change happens;
 *   4. if readers could see half of it, shared->changes becomes odd;
 *   5. the copies become the pages, which are marked dirty and unpinned;
 *   6. shared->changes becomes even, applied follows log_end.
 * Who dies in 3 to 6 leaves a record behind applied, and pages of which some, by
 * Oriel, are what they were.  The next who takes the log's lock does the record
 * again (kv_log_redo()): it is bytes to put at places, so it does no harm where
 * that was done before.
 *
 * Who has the log has it for some microseconds, or until a page is read that is to
 * be freed or used anew, and never while it is made durable; who waits for it has no
 * latch.  What stays in one leaf is prepared without it, so writers meet only in 2
 * to 6.
 */
#include <sched.h>
#include <time.h>

#include "kv-impl.h"

#define SPINS 200               /* about as long as a commit takes */
#define PATIENCE 5              /* ms, until the owner is asked for */
#define SLOW 500000             /* ns that a yield takes if others have much to do */
#define CROWDED 300             /* yields that are left out then */

/* ------------------------------------------------------------------ */
/* Locks                                                              */

bool
kv_yield (kv *store)
{
  struct timespec was, is;

  if (store->crowded > 0 && store->crowded-- > 0)
    return false;
  clock_gettime (CLOCK_MONOTONIC, &was);
  sched_yield ();
  clock_gettime (CLOCK_MONOTONIC, &is);
  if ((is.tv_nsec - was.tv_nsec + 1000000000) % 1000000000 > SLOW)
    store->crowded = CROWDED;
  return true;
}

int
kv_lock_soon (kv *store, struct kv_lock *lock, unsigned spins,
              _Atomic uint32_t *futex, uint32_t value)
{
  const struct timespec patience = { 0, PATIENCE * 1000000L };
  uint64_t owner = 0;

  for (unsigned i = 0; i < spins; i++, owner = 0) {
    if (atomic_load_explicit (&lock->owner, memory_order_relaxed) == 0
        && atomic_compare_exchange_strong (&lock->owner, &owner, store->self))
      return 0;
    if (i % 32 == 31 && !kv_yield (store))
      break;
  }
  lock->sleepers = 1;
  owner = lock->owner;
  if (owner != 0
      && syscall (SYS_futex, futex, FUTEX_WAIT, value, &patience, NULL, 0) < 0
      && owner != store->self && !oriel_alive (store->pool, owner)
      && atomic_compare_exchange_strong (&lock->owner, &owner, store->self))
    return 1;
  return -EAGAIN;
}

int
kv_lock (kv *store, struct kv_lock *lock)
{
  for (int r;;)
    if ((r = kv_lock_soon (store, lock, SPINS, &lock->sleepers, 1)) >= 0)
      return r;
}

void
kv_unlock (struct kv_lock *lock)
{
  lock->owner = 0;
  if (lock->sleepers && atomic_exchange (&lock->sleepers, 0))
    kv_wake (&lock->sleepers, INT_MAX);
}

int
kv_take_log (kv *store)
{
  struct kv_shared *s = store->shared;
  int r = kv_lock (store, &s->log);

  if (r == 1 || s->applied != s->log_end)
    r = kv_log_redo (store);
  if (r == 0 && s->state == KV_BROKEN)
    r = -EIO;
  if (r < 0)
    kv_unlock (&s->log);
  return r;
}

/* ------------------------------------------------------------------ */
/* Looking                                                            */

int
kv_look (kv *store, const struct kv_txn *t, uint64_t page, struct kv_view *view)
{
  view->pinned = false;
  for (unsigned i = 0; t && i < t->n; i++)
    if (t->change[i].page == page) {
      view->data = t->change[i].data;
      return 0;
    }
  KV_TRY (oriel_pin (store->file, page, ORIEL_OPTIMISTIC, &view->pin));
  view->pinned = true;
  view->data = view->pin.data;
  /* Where a search of a leaf begins: fetched while the rest is. */
  __builtin_prefetch (view->data + 64);
  __builtin_prefetch (view->data + 128);
  view->version = oriel_read_begin (&view->pin);
  if (!(view->version & 1))
    return 0;
  kv_unlook (view);
  return -EAGAIN;
}

int
kv_unlook (struct kv_view *view)
{
  bool seen = !view->pinned || oriel_read_validate (&view->pin, view->version);

  if (view->pinned)
    oriel_unpin (&view->pin);
  return seen ? 0 : -EAGAIN;
}

int
kv_moment (kv *store, uint64_t *moment)
{
  struct kv_shared *s = store->shared;

  for (unsigned i = 0; (*moment = s->changes) & 1; i++) {
    if (i < 20 && kv_yield (store))
      continue;
    KV_TRY (kv_take_log (store)); /* who changed them may be dead */
    kv_unlock (&s->log);
  }
  return s->state == KV_BROKEN ? -EIO : 0;
}

bool
kv_is_moment (kv *store, uint64_t moment)
{
  atomic_thread_fence (memory_order_acquire);
  return atomic_load_explicit (&store->shared->changes, memory_order_relaxed)
         == moment;
}

/* ------------------------------------------------------------------ */
/* Changing                                                           */

int
kv_copy (kv *store, struct kv_txn *t, struct kv_view *view,
         unsigned char **data)
{
  struct kv_change *c = &t->change[t->n];

  if (view->pinned) {
    if (t->n == t->most) {
      kv_unlook (view);
      return -E2BIG;
    }
    if (!c->data)
      c->data = store->copy[t->n];
    memcpy (c->data, view->data, store->size);
    if (kv_head (c->data)->heap == 0) /* never written: an empty leaf */
      kv_page_init (c->data, store->size, 0);
    c->page = view->pin.number;
    c->lsn = kv_head (c->data)->lsn;
    KV_TRY (kv_unlook (view));
    t->n++;
    view->data = c->data;
  }
  *data = view->data;
  return 0;
}

int
kv_edit (kv *store, struct kv_txn *t, uint64_t page, unsigned char **data)
{
  struct kv_view view;

  KV_TRY (kv_look (store, t, page, &view));
  return kv_copy (store, t, &view, data);
}

int
kv_alloc (kv *store, struct kv_txn *t, unsigned level, uint32_t *page,
          unsigned char **data)
{
  struct kv_meta *meta;

  KV_TRY (kv_edit (store, t, KV_META, (unsigned char **) &meta));
  if (meta->pages == 0)
    meta->pages = KV_ROOT + 1;
  if (meta->pages > UINT32_MAX && meta->head.link == 0)
    return -EFBIG;
  *page = meta->head.link ? meta->head.link : (uint32_t) meta->pages++;
  KV_TRY (kv_edit (store, t, *page, data));
  if (*page == meta->head.link) {
    if (kv_head (*data)->level != KV_FREE)
      return -EBADMSG;
    meta->head.link = kv_head (*data)->link;
  }
  kv_page_init (*data, store->size, level);
  return 0;
}

int
kv_free (kv *store, struct kv_txn *t, uint32_t page)
{
  unsigned char *meta, *data;

  KV_TRY (kv_edit (store, t, KV_META, &meta));
  KV_TRY (kv_edit (store, t, page, &data));
  kv_page_init (data, store->size, KV_FREE);
  kv_head (data)->link = kv_head (meta)->link;
  kv_head (meta)->link = page;
  return 0;
}

void
kv_page_show (void *at, const void *from, size_t length)
{
  memcpy (at, from, length);
}

int
kv_commit (kv *store, struct kv_txn *t, bool together)
{
  struct kv_shared *s = store->shared;
  unsigned pinned = 0;
  bool lost = false;
  uint64_t end;
  int r = 0;

  if (!t->locked)
    KV_TRY (kv_take_log (store));
  t->locked = true;
  together |= t->n > 1;
  while (r == 0 && pinned < t->n) {
    struct kv_change *c = &t->change[pinned];

    r = oriel_pin (store->file, c->page, ORIEL_WRITE, &c->pin);
    pinned += r == 0;
    if (r == 0 && kv_head (c->pin.data)->lsn != c->lsn)
      r = -EAGAIN;
  }
  if (r == 0)
    KV_STEP ("commit.logged", r = kv_log_append (store, t));
  end = s->log_end;
  if (r == 0 && together)
    KV_STEP ("commit.begun", atomic_fetch_or (&s->changes, 1));
  for (unsigned i = 0; r == 0 && i < pinned; i++) {
    kv_page_show (t->change[i].pin.data, t->change[i].data, store->size);
    KV_STEP ("commit.dirtied",
             lost |= oriel_dirty (&t->change[i].pin, end) < 0);
  }
  for (unsigned i = 0; i < pinned; i++) {
    KV_POINT ("commit.unpinning");
    lost |= oriel_unpin (&t->change[i].pin) < 0;
  }
  KV_POINT ("commit.unpinned");
  if (r < 0)
    return r;
  if (lost) /* the pool's memory was taken away */
    s->state = KV_BROKEN;
  if (together)
    KV_STEP ("commit.seen", atomic_fetch_add (&s->changes, 1));
  KV_STEP ("commit.applied", s->applied = end);
  return lost ? -EIO : 0;
}
