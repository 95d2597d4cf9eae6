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
 * the process that has them; whoever waits in vain asks Oriel if that one lives.
 *
 * Order of locks: checkpoint, log, the pages' latches, sync.
 */
#ifndef KV_IMPL_H
#define KV_IMPL_H

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "kv.h"

/* Tests die at each of these. */
#ifndef KV_POINT
# define KV_POINT(name) ((void) 0)
#endif

/* An error is given on to the caller: it returns from the function it is in. */
#define KV_TRY(call) \
  do { \
    int r_ = (call); \
    if (r_ < 0) \
      return r_; \
  } while (0)

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
  uint32_t begin;
} __attribute__ ((packed, aligned (2)));

/* Key and value follow; an inner page's value is the number of the page with
 * this key and those behind it. */
struct kv_cell {
  uint16_t key_length, length;
};

struct kv_meta {
  struct kv_head head;          /* link: the first free page */
  uint64_t pages;               /* that the file has */
};

/* A cell that was found; or that is to be put. */
struct kv_item {
  const unsigned char *key;
  const unsigned char *value;
  uint16_t key_length, length;
};

#define kv_head(page) ((struct kv_head *) (page))
#define kv_slots(page) ((struct kv_slot *) (kv_head (page) + 1))

/* Of a page that others may be changing: read once. */
#define kv_u16(at) __atomic_load_n (at, __ATOMIC_RELAXED)

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
/* The first cell that is not less than key; *found: it is the key.  -EBADMSG. */
int kv_page_search (const void *page, size_t size, const void *key,
                    size_t key_length, bool *found);
void kv_page_init (void *page, size_t size, unsigned level);
/* There has to be room. */
void kv_page_insert (void *page, size_t size, unsigned i,
                     const struct kv_item *item);
void kv_page_remove (void *page, size_t size, unsigned i);
/* The child that is i-th, 0 the one before the first key. */
uint64_t kv_page_child (const void *page, size_t size, unsigned i);
/* Put bytes into a page of the pool, at which others may be looking. */
void kv_page_show (void *at, const void *from, size_t length);

/* ------------------------------------------------------------------ */
/* What is shared                                                     */

struct kv_lock {
  _Atomic uint64_t owner;       /* oriel_self() of the process, or 0 */
  _Atomic uint32_t sleepers;    /* 1: there may be some; their futex */
};

enum { KV_NEW, KV_READY, KV_BROKEN };

/* Positions in the log only grow; the log is a ring. */
struct kv_shared {
  /* written by every change */
  struct kv_lock log;           /* who commits */
  struct kv_lock sync;          /* who makes the log durable for all */
  _Atomic uint64_t log_end;     /* behind the last whole record */
  _Atomic uint64_t applied;     /* what is before it is in the pages, or will be
                                   by who has the log */
  _Atomic uint64_t syncing;     /* what is before it is being made durable */
  _Atomic uint32_t waits;       /* for a sync, so far */
  _Atomic uint32_t synced;      /* of them, when the last sync began */
  /* seldom written: all that a reader looks at */
  _Atomic uint64_t state;       /* KV_NEW: it has to be recovered */
  _Atomic uint64_t changes;     /* odd: pages are changing together */
  _Atomic uint64_t log_start;   /* the file's pages have what is before it */
  _Atomic uint64_t log_size;    /* of the ring */
  struct kv_lock checkpoint;    /* and recovery */
  /* written by every sync */
  _Atomic uint32_t wanted;      /* waits, before the next one begins */
  _Atomic uint32_t turn[3];     /* kv-log.c */
};

_Static_assert (sizeof (struct kv_shared) <= ORIEL_FILE_WORDS * 8,
                "too many words");

/* Pages that are changed together: copies, until all is done. */
struct kv_txn {
  unsigned n, most;
  bool locked;                  /* we have the log */
  struct kv_change {
    uint64_t page, lsn;         /* as it was */
    unsigned char *data;        /* the copy; NULL: of store->copy */
    oriel_page pin;             /* while it is committed */
  } *change;
};

#define KV_HINTS 65536
/* The longest record: of each page all, and what says where it was. */
#define KV_RECORD (KV_PAGES * (KV_PAGE_MAX + KV_PAGE_MAX / 2) + KV_PAGE_MAX)

/* Of its memory little is touched. */
struct kv {
  oriel_pool *pool;
  oriel_file *file;
  struct kv_shared *shared;
  size_t size;                  /* of a page */
  uint64_t self;
  int log;                      /* descriptor */
  _Atomic uint32_t hint[KV_HINTS]; /* in what frame a page was, by the number's
                                      low bits */
  /* for who has the log */
  struct kv_change change[KV_PAGES];
  unsigned char copy[KV_PAGES][KV_PAGE_MAX];
  _Alignas (8) unsigned char record[KV_RECORD];
  unsigned char scratch[3][KV_PAGE_MAX];
  struct kv_item item[2 * KV_PAGE_MAX / sizeof (struct kv_slot) + 1];
};

/* A page that is looked at without a latch. */
struct kv_view {
  oriel_page pin;
  unsigned char *data;          /* not to be changed: kv_copy() */
  uint64_t version;
  bool pinned;                  /* else it is a transaction's copy */
};

/* The way to a leaf. */
struct kv_path {
  unsigned depth;               /* of the leaf */
  unsigned fixed;               /* so many steps are not to be looked for */
  struct {
    uint64_t page;
    unsigned at, n;             /* the child taken, and the last */
  } step[KV_DEPTH];
};

/* kv-txn.c */
/* 1: its owner had died; -EAGAIN: we have waited, for some ms at most, as long as
 * the futex was value and no one woke it. */
int kv_lock_soon (kv *store, struct kv_lock *lock, unsigned spins,
                  _Atomic uint32_t *futex, uint32_t value);
int kv_lock (kv *store, struct kv_lock *lock);
void kv_unlock (struct kv_lock *lock);
void kv_wake (_Atomic uint32_t *futex, int most);
/* Take the log, and finish what one began who died with it. */
int kv_take_log (kv *store);
/* Look at a page; at t's copy, if it has one.  -EAGAIN: again from the root. */
int kv_look (kv *store, const struct kv_txn *t, uint64_t page,
             struct kv_view *view);
/* -EAGAIN: it has changed meanwhile, so what was seen of it means nothing. */
int kv_unlook (struct kv_view *view);
/* A moment at which no pages are changing together. */
int kv_moment (kv *store, uint64_t *moment);
bool kv_is_moment (kv *store, uint64_t moment);
/* A copy of the page, to be changed; kv_copy() ends the view. */
int kv_copy (kv *store, struct kv_txn *t, struct kv_view *view,
             unsigned char **data);
int kv_edit (kv *store, struct kv_txn *t, uint64_t page, unsigned char **data);
int kv_alloc (kv *store, struct kv_txn *t, unsigned level, uint64_t *page,
              unsigned char **data);
int kv_free (kv *store, struct kv_txn *t, uint64_t page);
/* Log it, and let others see it; together: readers must not see part of it.  The
 * log is ours after it, if t->locked.  -EAGAIN: the pages have changed. */
int kv_commit (kv *store, struct kv_txn *t, bool together);

/* kv-log.c */
/* All but the first 8 bytes. */
uint64_t kv_sum (const void *data, size_t length, uint64_t seed);
/* Make the pages what the log says, and the shared words.  size is that of a log
 * that is new, 0: the usual one. */
int kv_log_recover (kv *store, uint64_t size);
/* Do the records again that are behind what is applied. */
int kv_log_redo (kv *store);
/* For who has it.  -EXFULL: a checkpoint has to be made first (-ENOSPC is the
 * disk's). */
int kv_log_append (kv *store, const struct kv_txn *t);
int kv_log_sync (void *store, uint64_t end);
/* Without need: if it is time, and no other is at it. */
int kv_log_checkpoint (kv *store, bool need);

/* kv-find.c */
bool kv_is_key (const kv *store, const void *key, size_t length);
/* The leaf where key belongs, looked at, and the way to it; key NULL: the first
 * under the steps that are fixed, or the last.  -EAGAIN. */
int kv_find (kv *store, const struct kv_txn *t, const void *key,
             size_t key_length, bool last, struct kv_path *path,
             struct kv_view *leaf);

#endif /* KV_IMPL_H */
