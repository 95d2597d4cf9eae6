/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - what a thread has in a pool: its ledger and its spare frames
 */
#ifndef ORL_THREAD_H
#define ORL_THREAD_H

#include "attach.h"
#include "ledger.h"

#define ORL_BATCH 32            /* of ORL_WORK: the rest is for loads */

/* Frames that a sweep takes at once.  They share one barrier; but no thread may
 * hoard what the others need, so a small pool has small batches. */
static inline uint32_t
orl_batch (const struct oriel_pool *pool)
{
  uint32_t n = orl_frames (&pool->shm) / 256;

  return n < 1 ? 1 : n > ORL_BATCH ? ORL_BATCH : n;
}

/* A hot page that was not used; heat.c. */
#define ORL_COOL 32

struct orl_cool {
  uint64_t gap;                 /* when it was listed */
  uint32_t frame;
  uint32_t since;
  uint32_t seen;
  bool marked;                  /* ORL_HEAT_MARGINAL */
};

/* Pages that a thread remembers: 4 KiB, so that it fits the processor's first
 * cache beside what is worked on. */
#define ORL_RECENT 512

struct orl_recent {
  uint32_t number;              /* its lower bits */
  uint32_t frame;               /* where it was; 0 from the start, as good as any */
};

struct orl_thread {
  struct oriel_pool *pool;
  struct orl_ledger *ledger;
  uint32_t owner;               /* the ledger's index + 1 */
  orl_a32 *entry;               /* of pins, likely to be free; with the others of
                                   its line, below high */
  struct orl_recent recent[ORL_RECENT]; /* orl_recent_at() in pin-hit.h */
  orl_a32 *line;                /* of a process's ledger, ORL_LINE bytes where
                                   ORIEL_ANYTHREAD pins of this thread fit */
  uint32_t copy;                /* a place for one that this thread keeps, + 1;
                                   copy.h */
  const void *caller;           /* of the pin that is being made; only kept up in
                                   a strict window */
  struct orl_thread *next;      /* of the pool's; under pool->lock */
  unsigned char *bounce;        /* ORL_BATCH pages, for orl_thread_bounce() */
  struct orl_trace *trace;      /* trace.h; NULL until something is noted */
  bool in_log;                  /* in a callback that flushes the log */
  uint32_t dirtied;             /* pages pinned for writing since this thread
                                   last looked how many are dirty */
  uint32_t hot_seen;            /* pages, by this sweep */
  uint32_t ncool;
  struct orl_cool cool[ORL_COOL]; /* longest gap first */
  uint32_t nstash;
  uint32_t stash[ORL_BATCH];    /* RESERVED frames, in the ledger's work */
};

/* The last pool that this thread used.  The static TLS model saves a call per
 * pin; 16 bytes of it fit what libc keeps for modules loaded late. */
#define ORL_NO_ID (UINT64_MAX - 1)
struct orl_thread_cache {
  uint64_t id;
  struct orl_thread *thread;
};
extern _Thread_local struct orl_thread_cache orl_thread_cache
    __attribute__ ((tls_model ("initial-exec"), visibility ("hidden")));

/* The thread's part in the pool, made at first use.  -EOWNERDEAD in a forked
 * child, -EACCES for who watches, -EUSERS no ledger is free, -ENOMEM, -EIO the
 * pool's memory is gone; with the text. */
int orl_thread_enter (struct oriel_pool *pool, struct orl_thread **me);

/* The same for who closes: also when the pool's memory is gone. */
int orl_thread_any (struct oriel_pool *pool, struct orl_thread **me);

/* Room for ORL_BATCH pages of private memory, aligned for O_DIRECT, to carry
 * pages between store and pool that no slot shows.  NULL: no memory. */
unsigned char *orl_thread_bounce (struct orl_thread *me);

/* A forked child's thread has no part in any pool. */
void orl_thread_forget (void);

/* Give spare frames back (before the ledger is released). */
void orl_thread_unstash (struct orl_thread *me);

/* Prepare a new pool for threads. */
int orl_thread_key (struct oriel_pool *pool);

/* The pool is being closed: free what its threads have, ledgers included
 * (clean: their pins are checked by the caller). */
void orl_thread_end_all (struct oriel_pool *pool);

static inline int
orl_thread_self (struct oriel_pool *pool, struct orl_thread **me)
{
  struct orl_thread *found;
  int r;

  if (__builtin_expect (orl_thread_cache.id == orl_pool_id (pool->id), 1))
    {
      *me = orl_thread_cache.thread;
      return 0;
    }
  r = orl_thread_enter (pool, &found);
  *me = found;
  return r;
}

#endif /* ORL_THREAD_H */
