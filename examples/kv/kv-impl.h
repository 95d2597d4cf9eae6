/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-impl.h - what the parts of the store share
 *
 *   kv.c        opening and closing, what Oriel asks of us
 *   kv-page.h   cells in a page
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

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kv-page.h"

/* Tests die at each of these points; a step has one behind it. */
#ifndef KV_POINT
# define KV_POINT(name) ((void) 0)
#endif
#define KV_STEP(name, what) do { what; KV_POINT (name); } while (0)

/* An error is given on to the caller: it returns from the function it is in. */
#define KV_TRY(call) \
  do { int r_ = (call); if (r_ < 0) return r_; } while (0)

struct kv_meta {
  struct kv_head head;          /* link: the first free page */
  uint64_t pages;               /* that the file has */
};

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
  _Atomic int crowded;          /* yields to be left out */
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
  bool found;                   /* the leaf has the key */
  struct {
    uint64_t page;
    unsigned at, n;             /* the child taken, and the last; in the leaf the
                                   first cell not less than the key */
  } step[KV_DEPTH];
};

/* kv-txn.c */
/* Let others have the processor, who soon give it back.  False, and nothing done: of
 * late someone kept it, so to sleep is better. */
bool kv_yield (kv *store);
/* 1: its owner had died; -EAGAIN: we have waited, for some ms at most, as long as
 * the futex was value and no one woke it. */
int kv_lock_soon (kv *store, struct kv_lock *lock, unsigned spins,
                  _Atomic uint32_t *futex, uint32_t value);
int kv_lock (kv *store, struct kv_lock *lock);
void kv_unlock (struct kv_lock *lock);
#define kv_wake(futex, most) \
  syscall (SYS_futex, futex, FUTEX_WAKE, most, NULL, NULL, 0)
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
int kv_alloc (kv *store, struct kv_txn *t, unsigned level, uint32_t *page,
              unsigned char **data);
int kv_free (kv *store, struct kv_txn *t, uint32_t page);
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
#define kv_is_key(store, key, length) \
  ((key) && (length) > 0 && (length) <= kv_key_max (store))
/* The leaf where key belongs, looked at, and the way to it; key NULL: the first
 * under the steps that are fixed, or the last.  -EAGAIN. */
int kv_find (kv *store, const struct kv_txn *t, const void *key,
             size_t key_length, bool last, struct kv_path *path,
             struct kv_view *leaf);

#endif /* KV_IMPL_H */
