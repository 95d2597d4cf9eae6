/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-txn.c - one change of the store
 *
 * Writers take turns, by a lock that they have for some microseconds and never
 * while the log is made durable.  A change goes so:
 *   1. each page that it touches is pinned with ORIEL_WRITE, and a private copy
 *      is changed; nothing that others see has changed, so any error, and death,
 *      ends it here;
 *   2. what differs is written to the log as one record, and log_end moves
 *      behind it: from here on the change happens;
 *   3. if readers could see half of it, shared->changes becomes odd;
 *   4. the copies go to the pages, each is marked dirty and unpinned;
 *   5. shared->changes becomes even, applied follows log_end.
 * Who dies in 2 to 5 leaves a record behind applied: the next who takes the lock
 * finds the owner dead and does the record again (kv_log_redo()), whatever of it
 * is in the pages.  A record is bytes to put at places, so that is no harm.
 * Pages that the dead one had pinned are what they were, by Oriel.
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

#define SPINS 200               /* about as long as a change takes */
#define PATIENCE 5              /* ms, until the owner is asked for */

/* ------------------------------------------------------------------ */
/* Locks                                                              */

void
kv_sleep (_Atomic uint32_t *word, uint32_t value)
{
  struct timespec ts = { 0, PATIENCE * 1000000L };

  syscall (SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0);
}

void
kv_wake (_Atomic uint32_t *word, int n)
{
  atomic_fetch_add (word, 1);
  syscall (SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}

bool
kv_trylock (kv *store, struct kv_lock *lock)
{
  uint64_t none = 0;

  return atomic_load_explicit (&lock->owner, memory_order_relaxed) == 0
         && atomic_compare_exchange_strong (&lock->owner, &none, store->self);
}

int
kv_lock (kv *store, struct kv_lock *lock)
{
  for (unsigned i = 0; i < SPINS; i++) {
    if (kv_trylock (store, lock))
      return 0;
    if (i % 32 == 31)
      sched_yield ();
    else
      __asm__ volatile ("" ::: "memory");
  }
  for (;;) {
    uint32_t turn = atomic_load (&lock->turn);
    uint64_t owner;

    atomic_store (&lock->sleepers, 1);
    owner = atomic_load (&lock->owner);
    if (owner != 0)
      kv_sleep (&lock->turn, turn);
    /* Others may sleep: whoever unlocks is to look. */
    atomic_store (&lock->sleepers, 1);
    if (kv_trylock (store, lock))
      return 0;
    owner = atomic_load (&lock->owner);
    if (owner != 0 && owner != store->self
        && !oriel_alive (store->pool, owner)
        && atomic_compare_exchange_strong (&lock->owner, &owner, store->self))
      return 1;
  }
}

void
kv_unlock (struct kv_lock *lock)
{
  atomic_store (&lock->owner, 0);
  if (atomic_load (&lock->sleepers) && atomic_exchange (&lock->sleepers, 0))
    kv_wake (&lock->turn, 1);
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

int
kv_look (kv *store, uint64_t page, bool writing, struct kv_view *view)
{
  int r;

  view->pinned = false;
  for (unsigned i = 0; writing && i < store->txn.n; i++)
    if (store->txn.change[i].pin.number == page) {
      view->data = store->txn.change[i].copy;
      return 0;
    }
  r = pin (store, page, ORIEL_OPTIMISTIC, &view->pin);
  if (r < 0)
    return r;
  view->pinned = true;
  view->data = view->pin.data;
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

/* ------------------------------------------------------------------ */
/* Changing                                                           */

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

int
kv_begin (kv *store)
{
  int r;

  if (kv_lock (store, &store->shared->writer)) {
    KV_POINT ("begin.inherited");
    r = kv_log_redo (store);
    if (r < 0)
      atomic_store (&store->shared->state, KV_BROKEN);
  }
  store->txn.n = 0;
  store->txn.batch = false;
  if (atomic_load (&store->shared->state) != KV_BROKEN)
    return 0;
  kv_unlock (&store->shared->writer);
  return -EIO;
}

void
kv_end (kv *store)
{
  for (unsigned i = 0; i < store->txn.n; i++)
    oriel_unpin (&store->txn.change[i].pin);
  store->txn.n = 0;
  kv_unlock (&store->shared->writer);
}

int
kv_edit (kv *store, uint64_t page, unsigned char **copy)
{
  struct kv_txn *t = &store->txn;
  struct kv_change *c;
  int r;

  for (unsigned i = 0; i < t->n; i++)
    if (t->change[i].pin.number == page) {
      *copy = t->change[i].copy;
      return 0;
    }
  if (t->n == KV_PAGES)
    return -E2BIG;
  c = &t->change[t->n];
  if (!t->copy[t->n] && !(t->copy[t->n] = malloc (store->size)))
    return -ENOMEM;
  c->copy = t->copy[t->n];
  r = pin (store, page, ORIEL_WRITE, &c->pin);
  if (r < 0)
    return r;
  memcpy (c->copy, c->pin.data, store->size);
  t->n++;
  *copy = c->copy;
  return 0;
}

int
kv_alloc (kv *store, unsigned level, uint64_t *page, unsigned char **copy)
{
  unsigned char *meta;
  uint64_t number;
  int r = kv_edit (store, KV_META, &meta);

  if (r < 0)
    return r;
  number = kv_head (meta)->link;
  if (number == 0)
    number = ((struct kv_meta *) meta)->pages++;
  r = kv_edit (store, number, copy);
  if (r < 0)
    return r;
  if (number == kv_head (meta)->link) {
    if (kv_head (*copy)->level != KV_FREE)
      return -EBADMSG;
    kv_head (meta)->link = kv_head (*copy)->link;
  }
  kv_page_init (*copy, store->size, level);
  *page = number;
  return 0;
}

int
kv_free (kv *store, uint64_t page)
{
  unsigned char *meta, *copy;
  int r = kv_edit (store, KV_META, &meta);

  if (r == 0)
    r = kv_edit (store, page, &copy);
  if (r < 0)
    return r;
  kv_page_init (copy, store->size, KV_FREE);
  kv_head (copy)->link = kv_head (meta)->link;
  kv_head (meta)->link = page;
  return 0;
}

int
kv_commit (kv *store, uint64_t *end)
{
  struct kv_shared *s = store->shared;
  struct kv_txn *t = &store->txn;
  int r = t->n > 0 ? kv_log_append (store) : 0;
  bool lost = false;

  *end = atomic_load (&s->log_end);
  if (r < 0 || t->n == 0) {
    kv_end (store);
    return r;
  }
  KV_POINT ("commit.logged");
  if (t->batch || t->n > 1)
    kv_begin_together (store);
  KV_POINT ("commit.begun");
  for (unsigned i = 0; i < t->n; i++) {
    struct kv_change *c = &t->change[i];

    memcpy (c->pin.data, c->copy, store->size);
    KV_POINT ("commit.copied");
    lost |= oriel_dirty (&c->pin, *end) < 0;
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
  kv_unlock (&s->writer);
  return lost ? -EIO : 0;
}
