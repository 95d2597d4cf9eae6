/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-impl.h - what the parts of the store share
 *
 *   kv.c        opening and closing
 *   kv-page.c   cells in a page
 *   kv-log.c    the write-ahead log: group commit, checkpoints, recovery
 *   kv-txn.c    one change of the store: locks, pages, the way of a commit
 *   kv-tree.c   the tree: finding, putting, deleting, splitting
 *   kv-cursor.c cursors
 *
 * All that processes share lies in the pool: the pages, and in the file's words
 * a struct kv_shared, so it lives as long as what is dirty.  Locks there name
 * the process that has them; whoever waits in vain asks Oriel if that one lives,
 * and puts right what it left.
 *
 * Order of locks: checkpoint, writer, a page's latch, sync.
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
  uint64_t magic;
  uint64_t pages;               /* that the file has */
  uint64_t page_size;
};

#define KV_MAGIC UINT64_C (0x766b2d6c6569726f) /* "oriel-kv" */

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
  return (struct kv_slot *) ((unsigned char *) page + sizeof (struct kv_head));
}

/* A cell, if it lies inside the page. */
struct kv_item {
  const unsigned char *key;
  const unsigned char *value;
  uint16_t key_length;
  uint16_t length;
};

static inline size_t
kv_cell_size (const struct kv_item *item)
{
  return (sizeof (struct kv_cell) + item->key_length + item->length + 1u)
         & ~(size_t) 1;
}

static inline bool
kv_page_item (const void *page, size_t size, unsigned i, struct kv_item *item)
{
  const struct kv_slot *slot = kv_slots (page) + i;
  const struct kv_cell *cell;
  size_t at;

  *item = (struct kv_item) { NULL, NULL, 0, 0 };
  if ((const unsigned char *) (slot + 1) > (const unsigned char *) page + size)
    return false;
  at = kv_u16 (&slot->at) & ~1u;
  if (at + sizeof *cell > size)
    return false;
  cell = (const void *) ((const unsigned char *) page + at);
  item->key_length = kv_u16 (&cell->key_length);
  item->length = kv_u16 (&cell->length);
  item->key = (const unsigned char *) (cell + 1);
  item->value = item->key + item->key_length;
  return at + sizeof *cell + item->key_length + item->length <= size;
}

/* The first cell that is not less than key, or with after, that is greater.
 * *found: one is the key.  -EBADMSG. */
int kv_page_search (const void *page, size_t size, const void *key,
                    size_t key_length, bool after, bool *found);
void kv_page_init (void *page, size_t size, unsigned level);
/* For a cell, with its slot taken into account. */
size_t kv_page_room (const void *page);
/* There has to be room. */
void kv_page_insert (void *page, size_t size, unsigned i,
                     const struct kv_item *item);
void kv_page_remove (void *page, size_t size, unsigned i);
/* The child that is i-th, 0 the one before the first key. */
uint64_t kv_page_child (const void *page, size_t size, unsigned i);

/* ------------------------------------------------------------------ */
/* What is shared                                                     */

/* Zero: free.  See kv_lock(). */
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
  struct kv_lock writer;
  struct kv_lock sync;          /* who makes the log durable for all */
  _Atomic uint64_t log_end;     /* behind the last whole record */
  _Atomic uint64_t applied;     /* what is before it is in the pages, or will be
                                   by who has the writer's lock */
  uint64_t unused[2];
  /* seldom written: all that a reader looks at */
  _Atomic uint64_t state;       /* 0, who recovers, KV_READY, KV_BROKEN */
  _Atomic uint64_t changes;     /* odd: pages are changing together */
  _Atomic uint64_t redo;        /* a page's first change behind it is logged as
                                   the whole page */
  _Atomic uint64_t log_start;   /* the file's pages have what is before it */
  _Atomic uint64_t salt;        /* of the records' sums */
  struct kv_lock checkpoint;
};

_Static_assert (sizeof (struct kv_shared) <= ORIEL_FILE_WORDS * 8,
                "too many words");

/* ------------------------------------------------------------------ */
/* One change                                                         */

struct kv_change {
  oriel_page pin;               /* with ORIEL_WRITE; unchanged until commit */
  unsigned char *copy;          /* as it will be */
};

struct kv_txn {
  unsigned n;
  bool batch;                   /* readers must not see part of it */
  struct kv_change change[KV_PAGES];
  unsigned char *copy[KV_PAGES];
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
  uint64_t log_size;            /* of the ring */
  /* for who has the writer's lock */
  struct kv_txn txn;
  unsigned char *scratch;       /* two pages */
  unsigned char *record;        /* kv_record_room() */
};

/* Of the most pages, where each sixteenth byte differs. */
static inline size_t
kv_record_room (const kv *store)
{
  return KV_PAGES * 2 * store->size;
}

/* A page that is looked at without a latch. */
struct kv_view {
  oriel_page pin;
  const unsigned char *data;
  uint64_t version;
  bool pinned;
};

struct kv_step {
  uint64_t page;
  unsigned at;                  /* the child taken, or in the leaf the cell */
};

struct kv_path {
  unsigned depth;               /* of the leaf */
  bool last;                    /* no leaf is behind it */
  struct kv_step step[KV_DEPTH];
};

/* What keys a leaf can have: from low on, before high. */
struct kv_bounds {
  size_t low_length, high_length; /* 0: no bound */
  unsigned char *low, *high;
};

/* kv-log.c */
int kv_log_open (kv *store, const char *path, uint64_t size);
/* Make the pages what the log says, and the shared words. */
int kv_log_recover (kv *store);
/* Where that has been done. */
int kv_log_join (kv *store);
/* Done again or finished by a stranger: what is in the log, and not in pages. */
int kv_log_redo (kv *store);
/* The record of store->txn; -ENOSPC: a checkpoint has to be made first. */
int kv_log_append (kv *store);
int kv_log_sync (kv *store, uint64_t end);
/* Unless another is at it and need is not set. */
int kv_log_checkpoint (kv *store, bool need);
bool kv_log_wants_checkpoint (const kv *store);

/* kv-txn.c */
/* 1 if its owner had died. */
int kv_lock (kv *store, struct kv_lock *lock);
bool kv_trylock (kv *store, struct kv_lock *lock);
void kv_unlock (struct kv_lock *lock);
/* Until the word is not value, or some ms. */
void kv_sleep (_Atomic uint32_t *word, uint32_t value);
void kv_wake (_Atomic uint32_t *word, int n);
/* Take the writer's lock; put right what the last one left who died with it. */
int kv_begin (kv *store);
void kv_end (kv *store);
/* The page as it will be, to change it. */
int kv_edit (kv *store, uint64_t page, unsigned char **copy);
/* Log it, change the pages, give the lock back; on error too. */
int kv_commit (kv *store, uint64_t *end);
/* To call for the pages that a record changes, and after. */
void kv_begin_together (kv *store);
void kv_end_together (kv *store);
int kv_alloc (kv *store, unsigned level, uint64_t *page,
              unsigned char **copy);
int kv_free (kv *store, uint64_t page);
/* Look at a page; with writing, as it will be.  -EAGAIN: again from the root. */
int kv_look (kv *store, uint64_t page, bool writing, struct kv_view *view);
bool kv_seen (const struct kv_view *view);
void kv_unlook (struct kv_view *view);

/* kv-tree.c */
/* The leaf where key belongs, looked at; with before, where keys just before it
 * do.  key NULL: behind all.  path and bounds may be NULL.  -EAGAIN. */
int kv_find (kv *store, const void *key, size_t key_length, bool before,
             bool writing, struct kv_path *path, struct kv_bounds *bounds,
             struct kv_view *leaf);
/* A moment at which no pages are changing together; -EIO the store is closed. */
int kv_moment (kv *store, uint64_t *moment);
bool kv_is_moment (kv *store, uint64_t moment);

#endif /* KV_IMPL_H */
