/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.h - this process's attachment to a pool, and the files it has open
 *
 * The public handles.  Everything in them is private to the process.
 */
#ifndef ORL_ATTACH_H
#define ORL_ATTACH_H

#include <pthread.h>

#include "layout.h"
#include "oriel.h"
#include "store.h"
#include "stream.h"
#include "window.h"

struct orl_copies;
struct orl_flights;
struct orl_thread;
struct orl_torn;
struct orl_writeback;

#define ORL_SHARED_LEDGERS 16   /* for ORIEL_ANYTHREAD pins */
#define ORL_ALL_DEAD UINT32_MAX /* for repair: every ledger of the dead */

/* Why a process can use a pool no more. */
enum orl_gone {
  ORL_GONE_TABLES = 1,          /* they were cut away: zeroes lie there now */
  ORL_GONE_ROOM                 /* pages were cut away, and there is no memory to
                                   put in their place */
};

struct oriel_pool {
  /* constant after open */
  struct orl_shm shm;
  struct orl_window *window;
  struct orl_copies *copies;    /* copy.h */
  uint64_t *id;                 /* never used twice in a process; that of no
                                   pool once gone is set, so that no call takes
                                   the short way.  In a page that a child finds
                                   wiped, so 0 there, also where no fork handler
                                   ran: clone(2), _Fork() */
  char *path;
  pthread_key_t key;            /* each thread's struct orl_thread */
  uint32_t store;               /* ORIEL_STORE_* */
  bool watch;                   /* ORIEL_WATCH: neither window nor place, and
                                   the metadata is mapped read-only */
  /* recover.c, which is above those who need it: put right what the ledger's
   * thread left, if its process is dead or it is this process's own thread that
   * ends.  owner: the caller's. */
  void (*repair) (struct oriel_pool *pool, uint32_t owner, uint32_t ledger);
  /* set once, in a forked child */
  bool forked;
  /* set once, by load-async.c */
  struct orl_flights *_Atomic flights; /* NULL: no ring yet, */
  _Atomic int ring;             /* < 0: and this is why there will be none */
  /* set once, by flush-ring.c */
  struct orl_uring *_Atomic writes; /* NULL: no ring for writes yet, */
  _Atomic int no_writes;        /* < 0: and this is why there will be none */
  /* a trace (trace.c); changed under lock */
  _Atomic bool tracing;
  _Atomic int trace_error;
  int trace_fd;
  _Atomic bool *logs;           /* [nfiles] this process can flush its log */
  struct orl_writeback *writeback; /* writeback.c; NULL: nothing of it yet */
  /* set once, by the fault handler */
  _Atomic int gone;             /* ORL_GONE_* */
  /* under lock */
  pthread_mutex_t lock;
  struct oriel_file **files;    /* [nfiles] */
  struct orl_thread *threads;   /* thread.h */
  uint32_t nshared;
  uint32_t shared[ORL_SHARED_LEDGERS];
  /* under the list's own lock (pool.c) */
  bool entered;                 /* the window, for a fork() */
  bool kept;                    /* the window is the parent's alone */
  struct oriel_pool *next;
};

/* The pool's id: others change it to have calls take the long way. */
static inline uint64_t
orl_pool_id (const uint64_t *id)
{
  return __atomic_load_n (id, __ATOMIC_RELAXED);
}

/* Is this a child that has its parent's object? */
static inline bool
orl_forked (const struct oriel_pool *pool)
{
  return pool->forked || orl_pool_id (pool->id) == 0;
}

struct oriel_file {
  /* constant after open; first what a hit reads */
  struct oriel_pool *pool;
  struct orl_frec *rec;
  uint64_t *id;                 /* the pool's */
  struct orl_frame *frames;     /* likewise */
  unsigned char *base;          /* of the window, where that is linear and a pin
                                   wants no fence; else NULL */
  uint64_t page_size;
  uint32_t index;
  uint32_t flags;               /* ORIEL_* of the first open */
  struct orl_store *store;
  struct orl_torn *torn;        /* torn.h; NULL: a foreign one */
  char *path;
  /* by all threads */
  struct orl_streams streams;
  orl_a32 flying;               /* reads under way by the ring */
  orl_a32 stable;               /* oriel_file_stable() calls not ended */
  /* under pool->lock */
  uint32_t opens;
  uint32_t holds;               /* flushers of other files that use it */
  /* oriel_file_on_indoubt(), before others use it */
  int (*indoubt) (void *arg, oriel_page *page, uint64_t lsn);
  void *indoubt_arg;
  oriel_hooks hooks;            /* likewise; id 0: none */
  /* oriel_file_on_flush_log(), likewise; NULL: none */
  int (*_Atomic flush_log) (void *arg, uint64_t lsn);
  void *flush_log_arg;
};

/* The file with this index if the process has it open, kept from being closed
 * until orl_file_unhold(); else NULL. */
struct oriel_file *orl_file_hold (struct oriel_pool *pool, uint32_t index);
void orl_file_unhold (struct oriel_file *file);

/* 0, or -EIO and the text if the pool's memory is gone. */
int orl_pool_gone (const struct oriel_pool *pool);

#endif /* ORL_ATTACH_H */
