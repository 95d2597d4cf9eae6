/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-impl.h - what the parts of the store share
 *
 *   kv.c        opening and closing, what Oriel asks of us
 *   kv-page.c   cells in a page
 *   kv-txn.c    locks; looking at pages, and changing some together
 *   kv-log.c    the write-ahead log: group commit, checkpoints, recovery
 *   kv-find.c   finding: gets and cursors
 *   kv-tree.c   changing: puts, deletes, batches
 *
 * All that processes share lies in the pool: the pages, and in the file's words
 * a struct kv_shared, so it lives as long as what is dirty.  Locks there name
 * the process that has them; whoever waits in vain asks Oriel if that one lives,
 * and puts right what it left.
 *
 * Order of locks: checkpoint, tree, the pages' latches, log, sync.
 */
#ifndef KV_IMPL_H
#define KV_IMPL_H

#include <stdatomic.h>
#include <string.h>

#include "kv.h"

/* Tests die at each of these. */
#ifndef KV_POINT
# define KV_POINT(name) ((void) 0)
#endif

/* ------------------------------------------------------------------ */
/* Pages                                                              */

#define KV_META 0               /* page numbers */
#define KV_ROOT 1               /* always: a root that is split moves down */
#define KV_FREE 0xffff          /* the level of a page that is not in use */
#define KV_DEPTH 16
#define KV_PAGE_MAX 16384

/* The cells' places follow it, in the order of keys; the cells are at the end. */
struct kv_head {
  uint64_t sum;                 /* of the rest, in the file */
  uint64_t lsn;                 /* where the record of its last change begins,
                                   plus 1 */
  uint64_t link;                /* inner: the child before the first key; free:
                                   the next free page or 0 */
  uint16_t n;                   /* cells */
  uint16_t level;               /* 0: leaf */
  uint16_t heap;                /* where the cells begin */
  uint16_t prefix;              /* bytes that all keys have in common */
};

/* Where a cell is, and of its key the bytes behind the common ones, as most keys
 * differ there: so a search comes to few cells. */
struct kv_slot {
  uint16_t at;
  unsigned char begin[4];
};

/* Key and value follow; an inner page's value is the number of the page with
 * this key and those behind it. */
struct kv_cell {
  uint16_t key_length;
  uint16_t length;
};

struct kv_meta {
  struct kv_head head;          /* link: the first free page */
  uint64_t pages;               /* that the file has */
};

/* A cell that was found; or that is to be put. */
struct kv_item {
  const unsigned char *key;
  const unsigned char *value;
  uint16_t key_length;
  uint16_t length;
};

/* Of a page that others may be changing: read once. */
static inline uint16_t
kv_u16 (const uint16_t *at)
{
  return __atomic_load_n (at, __ATOMIC_RELAXED);
}

static inline struct kv_head *
kv_head (const void *page)
{
  return (struct kv_head *) page;
}

static inline struct kv_slot *
kv_slots (const void *page)
{
  return (struct kv_slot *) (kv_head (page) + 1);
}

/* What the cell takes, and with its slot. */
static inline size_t
kv_cell_size (const struct kv_item *item)
{
  return (sizeof (struct kv_cell) + item->key_length + item->length + 1u)
         & ~(size_t) 1;
}

static inline size_t
kv_item_size (const struct kv_item *item)
{
  return kv_cell_size (item) + sizeof (struct kv_slot);
}

/* Bytes between slots and cells. */
static inline size_t
kv_page_room (const void *page)
{
  return kv_head (page)->heap - sizeof (struct kv_head)
         - kv_head (page)->n * sizeof (struct kv_slot);
}

/* False: it does not lie inside the page. */
bool kv_page_item (const void *page, size_t size, unsigned i,
                   struct kv_item *item);
/* The first cell that is not less than key, or with after, that is greater.
 * *found: one is the key.  -EBADMSG. */
int kv_page_search (const void *page, size_t size, const void *key,
                    size_t key_length, bool after, bool *found);
void kv_page_init (void *page, size_t size, unsigned level);
/* There has to be room. */
void kv_page_insert (void *page, size_t size, unsigned i,
                     const struct kv_item *item);
void kv_page_remove (void *page, size_t size, unsigned i);
/* The child that is i-th, 0 the one before the first key. */
uint64_t kv_page_child (const void *page, size_t size, unsigned i);

/* ------------------------------------------------------------------ */
/* What is shared                                                     */

struct kv_lock {
  _Atomic uint64_t owner;       /* oriel_self() of the process, or 0 */
  _Atomic uint32_t turn;        /* of the futex */
  _Atomic uint32_t sleepers;    /* 1: there may be some */
};

#define KV_READY UINT64_MAX
#define KV_BROKEN (UINT64_MAX - 1)

/* Positions in the log only grow; the log is a ring. */
struct kv_shared {
  /* written by every change */
  struct kv_lock log;           /* who commits */
  struct kv_lock sync;          /* who makes the log durable for all */
  _Atomic uint64_t log_end;     /* behind the last whole record */
  _Atomic uint64_t applied;     /* what is before it is in the pages, or will be
                                   by who has the log */
  struct kv_lock tree;          /* who changes more than one leaf */
  /* seldom written: all that a reader looks at */
  _Atomic uint64_t state;       /* 0, who recovers, KV_READY, KV_BROKEN */
  _Atomic uint64_t changes;     /* odd: pages are changing together */
  _Atomic uint64_t log_start;   /* the file's pages have what is before it */
  _Atomic uint64_t log_size;    /* of the ring */
  _Atomic uint64_t salt;        /* of the records' sums */
  struct kv_lock checkpoint;
};

_Static_assert (sizeof (struct kv_shared) <= ORIEL_FILE_WORDS * 8,
                "too many words");

/* Pages that are changed together: latched, and what is pinned is changed. */
struct kv_txn {
  unsigned n, most;
  bool batch;                   /* readers must not see part of it */
  struct kv_change {
    oriel_page pin;
    unsigned char *old;         /* what it was */
  } *change;
};

#define KV_HINTS 65536

struct kv {
  oriel_pool *pool;
  oriel_file *file;
  struct kv_shared *shared;
  size_t size;                  /* of a page */
  uint64_t self;
  _Atomic uint32_t *hint;       /* in what frame a page was, by the number's
                                   low bits */
  int log;                      /* descriptor */
  unsigned char *record;        /* for who has the log: kv_record_room() */
  /* for who has the tree */
  struct kv_txn txn;
  unsigned char *scratch;       /* three pages */
  struct kv_item *items;        /* as many as two pages can have, and one */
};

/* A page that is looked at without a latch. */
struct kv_view {
  oriel_page pin;
  const unsigned char *data;
  uint64_t version;
  bool pinned;
};

/* The way to a leaf. */
struct kv_path {
  unsigned depth;               /* of the leaf */
  bool last;                    /* no leaf is behind it */
  struct {
    uint64_t page;
    unsigned at;                /* the child taken */
  } step[KV_DEPTH];
  /* What keys the leaf can have: from low on, before high.  Length 0: no bound;
   * NULL: not wanted. */
  unsigned char *low, *high;
  size_t low_length, high_length;
};

/* kv-txn.c */
/* 1 if its owner had died; -EAGAIN we have waited for some ms, and not got it. */
int kv_lock_soon (kv *store, struct kv_lock *lock, unsigned spins);
int kv_lock (kv *store, struct kv_lock *lock);
void kv_unlock (struct kv_lock *lock);
/* Look at a page; of those that t changes, as it will be.  -EAGAIN: again from
 * the root. */
int kv_look (kv *store, const struct kv_txn *t, uint64_t page,
             struct kv_view *view);
bool kv_seen (const struct kv_view *view);
void kv_unlook (struct kv_view *view);
/* A moment at which no pages are changing together. */
int kv_moment (kv *store, uint64_t *moment);
bool kv_is_moment (kv *store, uint64_t moment);
/* Latch the page to change it. */
int kv_edit (kv *store, struct kv_txn *t, uint64_t page, unsigned char **data);
int kv_alloc (kv *store, struct kv_txn *t, unsigned level, uint64_t *page,
              unsigned char **data);
int kv_free (kv *store, struct kv_txn *t, uint64_t page);
void kv_undo (kv *store, struct kv_txn *t);
/* Log it, and let others see it.  -EAGAIN: nothing was done, begin anew.  On
 * error it is undone. */
int kv_commit (kv *store, struct kv_txn *t, uint64_t *end);
/* Take the log, and finish what one began who died with it; with no page. */
int kv_take_log (kv *store);
/* To call for the pages that a record changes, and after. */
void kv_begin_together (kv *store);
void kv_end_together (kv *store);

/* kv-log.c */
int kv_log_open (kv *store, const char *path);
/* Make the pages what the log says, and the shared words.  size is that of a log
 * that is new, 0: the usual one. */
int kv_log_recover (kv *store, uint64_t size);
/* Do again what is in the log, and by a death not in the pages. */
int kv_log_redo (kv *store);
/* For who has it.  -ENOSPC: a checkpoint has to be made first. */
int kv_log_append (kv *store, const struct kv_txn *t);
int kv_log_sync (kv *store, uint64_t end);
/* Unless another is at it and need is not set. */
int kv_log_checkpoint (kv *store, bool need);
bool kv_log_wants_checkpoint (const kv *store);

/* The longest record: of each page all, and what says where it was. */
static inline size_t
kv_record_room (const kv *store)
{
  return KV_PAGES * (store->size + store->size / 2) + KV_PAGE_MAX;
}

/* kv-find.c */
bool kv_is_key (const kv *store, const void *key, size_t length);
/* The leaf where key belongs, looked at; with before, where keys just before it
 * do.  key NULL: behind all.  path may be NULL.  -EAGAIN. */
int kv_find (kv *store, const struct kv_txn *t, const void *key,
             size_t key_length, bool before, struct kv_path *path,
             struct kv_view *leaf);

#endif /* KV_IMPL_H */
