/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-txn.c - locks; looking at pages, and changing some together
 *
 * A change goes so:
 *   1. each page that it touches is pinned with ORIEL_WRITE, so no one else sees
 *      it, and changed.  Any error ends it here, and what the pages were is put
 *      back; if the process dies, Oriel does so;
 *   2. with the log's lock, what differs is written to the log as one record, and
 *      log_end moves behind it: from here on the change happens;
 *   3. if readers could see half of it, shared->changes becomes odd;
 *   4. the pages are marked dirty and unpinned;
 *   5. shared->changes becomes even, applied follows log_end.
 * Who dies in 2 to 5 leaves a record behind applied, and pages of which some, by
 * Oriel, are what they were.  The next who takes the log's lock finds the owner
 * dead and does the record again (kv_log_redo()): it is bytes to put at places,
 * so it does no harm where that was done before.
 *
 * Writers in different leaves meet only at the log, which each has for some
 * microseconds and never while it is made durable.  Who changes one leaf latches
 * no other page.  Who changes more has the tree's lock; it waits for latches
 * of the former while it has some, and they never for its.
 *
 * Who waits for the log has latches, and who does a record again, with the log,
 * wants them, so the wait has an end: then the change is undone, and begun anew.
 * This is also what becomes of changes that were made to pages before the record
 * of one who died was done again.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kv-impl.h"

#define SPINS 200               /* about as long as a commit takes */
#define PATIENCE 5              /* ms, until the owner is asked for */

/* ------------------------------------------------------------------ */
/* Locks                                                              */

int
kv_lock_soon (kv *store, struct kv_lock *lock, unsigned spins)
{
  const struct timespec patience = { 0, PATIENCE * 1000000L };
  uint64_t owner = 0;
  uint32_t turn;

  for (unsigned i = 0; i < spins; i++, owner = 0) {
    if (atomic_load_explicit (&lock->owner, memory_order_relaxed) == 0
        && atomic_compare_exchange_strong (&lock->owner, &owner, store->self))
      return 0;
    if (i % 32 == 31)
      sched_yield ();
  }
  turn = atomic_load (&lock->turn);
  atomic_store (&lock->sleepers, 1);
  owner = atomic_load (&lock->owner);
  if (owner == 0)
    return -EAGAIN;
  syscall (SYS_futex, &lock->turn, FUTEX_WAIT, turn, &patience, NULL, 0);
  return atomic_load (&lock->turn) == turn && owner != store->self
                 && !oriel_alive (store->pool, owner)
                 && atomic_compare_exchange_strong (&lock->owner, &owner,
                                                    store->self)
             ? 1
             : -EAGAIN;
}

int
kv_lock (kv *store, struct kv_lock *lock)
{
  int r;

  do
    r = kv_lock_soon (store, lock, SPINS);
  while (r == -EAGAIN);
  return r;
}

void
kv_unlock (struct kv_lock *lock)
{
  atomic_store (&lock->owner, 0);
  if (atomic_load (&lock->sleepers) && atomic_exchange (&lock->sleepers, 0)) {
    atomic_fetch_add (&lock->turn, 1);
    syscall (SYS_futex, &lock->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
  }
}

/* ------------------------------------------------------------------ */
/* Looking                                                            */

static int
pin (kv *store, uint64_t page, unsigned flags, oriel_page *pinned)
{
  _Atomic uint32_t *hint = &store->hint[page % KV_HINTS];
  uint32_t frame = atomic_load_explicit (hint, memory_order_relaxed);
  int r = oriel_pin_hint (store->file, page, frame, flags, pinned);

  if (r == 0 && pinned->frame != frame)
    atomic_store_explicit (hint, pinned->frame, memory_order_relaxed);
  return r;
}

static struct kv_change *
find_change (const struct kv_txn *t, uint64_t page)
{
  for (unsigned i = 0; t && i < t->n; i++)
    if (t->change[i].pin.number == page)
      return &t->change[i];
  return NULL;
}

int
kv_look (kv *store, const struct kv_txn *t, uint64_t page,
         struct kv_view *view)
{
  const struct kv_change *ours = find_change (t, page);
  int r;

  view->pinned = !ours;
  if (ours) {
    view->data = ours->pin.data;
    return 0;
  }
  r = pin (store, page, ORIEL_OPTIMISTIC, &view->pin);
  if (r < 0)
    return r;
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

bool
kv_seen (const struct kv_view *view)
{
  return !view->pinned || oriel_read_validate (&view->pin, view->version);
}

void
kv_unlook (struct kv_view *view)
{
  if (view->pinned)
    oriel_unpin (&view->pin);
  view->pinned = false;
}

int
kv_moment (kv *store, uint64_t *moment)
{
  for (unsigned i = 0;; i++) {
    *moment = atomic_load (&store->shared->changes);
    if (atomic_load_explicit (&store->shared->state, memory_order_relaxed)
        == KV_BROKEN)
      return -EIO;
    if (!(*moment & 1))
      return 0;
    if (i < 20)
      sched_yield ();
    else if (kv_take_log (store) == 0) /* who changed them may be dead */
      kv_unlock (&store->shared->log);
  }
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
kv_edit (kv *store, struct kv_txn *t, uint64_t page, unsigned char **data)
{
  struct kv_change *c = find_change (t, page);
  int r;

  if (!c) {
    if (t->n == t->most)
      return -E2BIG;
    c = &t->change[t->n];
    if (!c->old && !(c->old = malloc (store->size)))
      return -ENOMEM;
    r = pin (store, page, ORIEL_WRITE, &c->pin);
    if (r < 0)
      return r;
    memcpy (c->old, c->pin.data, store->size);
    t->n++;
  }
  *data = c->pin.data;
  return 0;
}

int
kv_alloc (kv *store, struct kv_txn *t, unsigned level, uint64_t *page,
          unsigned char **data)
{
  unsigned char *meta;
  uint64_t number;
  int r = kv_edit (store, t, KV_META, &meta);

  if (r < 0)
    return r;
  number = kv_head (meta)->link;
  if (number == 0)
    number = ((struct kv_meta *) meta)->pages++;
  r = kv_edit (store, t, number, data);
  if (r < 0)
    return r;
  if (number == kv_head (meta)->link) {
    if (kv_head (*data)->level != KV_FREE)
      return -EBADMSG;
    kv_head (meta)->link = kv_head (*data)->link;
  }
  kv_page_init (*data, store->size, level);
  *page = number;
  return 0;
}

int
kv_free (kv *store, struct kv_txn *t, uint64_t page)
{
  unsigned char *meta, *data;
  int r = kv_edit (store, t, KV_META, &meta);

  if (r == 0)
    r = kv_edit (store, t, page, &data);
  if (r < 0)
    return r;
  kv_page_init (data, store->size, KV_FREE);
  kv_head (data)->link = kv_head (meta)->link;
  kv_head (meta)->link = page;
  return 0;
}

void
kv_undo (kv *store, struct kv_txn *t)
{
  for (; t->n > 0; t->n--) {
    struct kv_change *c = &t->change[t->n - 1];

    memcpy (c->pin.data, c->old, store->size);
    oriel_unpin (&c->pin);
  }
}

/* ------------------------------------------------------------------ */
/* Committing                                                         */

void
kv_begin_together (kv *store)
{
  atomic_fetch_or (&store->shared->changes, 1);
}

void
kv_end_together (kv *store)
{
  uint64_t changes = atomic_load (&store->shared->changes);

  if (changes & 1)
    atomic_store (&store->shared->changes, changes + 1);
}

/* We have the log, and if died is set, from one who had died. */
static int
enter (kv *store, bool died)
{
  struct kv_shared *s = store->shared;

  if (died) {
    KV_POINT ("begin.inherited");
    if (kv_log_redo (store) < 0)
      atomic_store (&s->state, KV_BROKEN);
  }
  if (atomic_load (&s->state) != KV_BROKEN)
    return 0;
  kv_unlock (&s->log);
  return -EIO;
}

int
kv_take_log (kv *store)
{
  return enter (store, kv_lock (store, &store->shared->log) == 1);
}

/* The same, with pages: they are given up if the log is not to be had soon, or
 * from a dead one. */
static int
take_log_with (kv *store, struct kv_txn *t)
{
  struct kv_lock *log = &store->shared->log;
  int r = -EAGAIN;

  for (unsigned tries = 0; r == -EAGAIN && tries < 4; tries++)
    r = kv_lock_soon (store, log, SPINS);
  if (r == 0 && (r = enter (store, false)) == 0)
    return 0;
  kv_undo (store, t);
  if (r < 0 && r != -EAGAIN)
    return r;
  r = r == 1 ? enter (store, true) : kv_take_log (store);
  if (r < 0)
    return r;
  kv_unlock (log);
  return -EAGAIN;
}

int
kv_commit (kv *store, struct kv_txn *t, uint64_t *end)
{
  struct kv_shared *s = store->shared;
  bool lost = false;
  int r;

  *end = atomic_load (&s->log_end); /* what made it nothing is durable, too */
  if (t->n == 0)
    return 0;
  r = take_log_with (store, t);
  if (r < 0)
    return r;
  r = kv_log_append (store, t);
  if (r < 0) {
    kv_unlock (&s->log);
    kv_undo (store, t);
    return r;
  }
  *end = atomic_load (&s->log_end);
  KV_POINT ("commit.logged");
  if (t->batch || t->n > 1)
    kv_begin_together (store);
  KV_POINT ("commit.begun");
  for (unsigned i = 0; i < t->n; i++) {
    lost |= oriel_dirty (&t->change[i].pin, *end) < 0;
    KV_POINT ("commit.dirtied");
  }
  for (unsigned i = 0; i < t->n; i++) {
    KV_POINT ("commit.unpinning");
    lost |= oriel_unpin (&t->change[i].pin) < 0;
  }
  KV_POINT ("commit.unpinned");
  t->n = 0;
  if (lost) /* the pool's memory was taken away */
    atomic_store (&s->state, KV_BROKEN);
  kv_end_together (store);
  KV_POINT ("commit.seen");
  atomic_store (&s->applied, *end);
  KV_POINT ("commit.applied");
  kv_unlock (&s->log);
  return lost ? -EIO : 0;
}
