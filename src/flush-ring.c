/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush-ring.c - writes of many runs of pages at once, by io_uring
 *
 * Runs of a page or a few are slow one by one: the device has a single request
 * then.  So those of a chunk go to a ring together, past the page cache, and
 * their thread waits for all.
 *
 * The ring is one of its own.  Who reaps the ring of the reads may have to touch
 * memory that is missing, and no thread that has a page WRITING may do that
 * (lost.c).
 *
 * If the process is killed the kernel goes on with what it was sent, for some 20
 * to 40 ms (uring.c).  So:
 *   - the thread says in its ledger that it has writes there (ORL_HAS_WRITES),
 *     from before they are sent until all have ended;
 *   - the ring keeps a description of the pool's file with a lock of its own.
 *     As long as that is held who repairs leaves such a ledger as it is, and the
 *     frames stay WRITING (orl_proc_io_is_on());
 *   - who opens a file, or forgets pages without a look at their frames, waits
 *     for the lock (orl_proc_settle()); so does who takes over a double-write
 *     area.
 * Files that others change without Oriel are not written so: their locks, of
 * which we know nothing, are gone before the writes have ended.
 *
 * What the ring has not written whole, for whatever reason, the caller writes
 * again by the store, and has its error.
 *
 * Locks: the ring's.
 */
#include <errno.h>

#include "flush-ring.h"
#include "point.h"
#include "proc.h"
#include "sys.h"

/* Of making one; as that of load-async.c. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static int
make (struct oriel_pool *pool)
{
  struct orl_uring *u;
  int fd = orl_proc_io_open (&pool->shm, ORL_PROC_WRITES);
  int r = fd < 0 ? fd : orl_uring_open (fd, &u);

  /* The ring keeps the description, and forked children do not. */
  if (fd >= 0)
    orl_sys.close (fd);
  if (r == 0)
    atomic_store (&pool->writes, u);
  return r;
}

void
orl_ring_before_fork (void)
{
  pthread_mutex_lock (&making);
}

void
orl_ring_after_fork (void)
{
  pthread_mutex_unlock (&making);
}

bool
orl_ring_ready (struct orl_thread *me, struct oriel_file *file)
{
  struct oriel_pool *pool = me->pool;
  struct orl_uring *u = atomic_load (&pool->writes);

  if (!file->store->ops->aim || file->store->direct < 0
      || (file->flags & ORIEL_FOREIGN) || atomic_load (&file->rec->foreign))
    return false;
  if (!u && atomic_load (&pool->no_writes) == 0)
    {
      pthread_mutex_lock (&making);
      if (!atomic_load (&pool->writes) && atomic_load (&pool->no_writes) == 0)
        atomic_store (&pool->no_writes, make (pool));
      pthread_mutex_unlock (&making);
      u = atomic_load (&pool->writes);
    }
  return u && !orl_uring_is_broken (u);
}

/* What makes a file longer the page cache does better: direct writes there wait
 * for each other.  And nothing that shares with others' pages what that cache
 * reads and writes as one: a direct write that no one waits for in the kernel
 * has no lock of the file, so who writes a neighbour through the cache meanwhile
 * reads ours as it was, and writes it back so; the kernel says EIO at the next
 * sync. */
bool
orl_ring_takes (const struct oriel_file *file, uint64_t size,
                const struct orl_ring_write *w)
{
  uint64_t unit = file->store->unit;

  return w->at % unit == 0 && w->bytes % unit == 0 && w->at + w->bytes <= size
         && orl_store_fits_direct (file->store, w->iov, w->n, w->at);
}

static void
done (struct orl_io *io, int64_t got, void *who)
{
  struct orl_ring_write *w = (struct orl_ring_write *) io;

  (void) who;
  w->whole = got >= 0 && (uint64_t) got == w->bytes;
  --*w->left;
}

void
orl_ring_write (struct orl_thread *me, struct oriel_file *file,
                struct orl_ring_write *w, uint32_t n)
{
  struct orl_uring *u = atomic_load (&me->pool->writes);
  uint32_t left = 0;

  atomic_fetch_or (&me->ledger->locks, ORL_HAS_WRITES);
  ORL_POINT ("flush.ring.said");
  for (uint32_t i = 0; i < n; i++)
    w[i].whole = false;
  orl_uring_lock (u);
  for (uint32_t i = 0; i < n; i++)
    {
      w[i].left = &left;
      w[i].io = (struct orl_io){ .fd = file->store->direct,
                                 .place = -1,
                                 .write = true,
                                 .n = w[i].n,
                                 .iov = w[i].iov,
                                 .at = w[i].at,
                                 .done = done };
      while (orl_uring_room (u) == 0 && orl_uring_wait (u, me))
        ;
      if (orl_uring_room (u) == 0) /* it is broken */
        break;
      left++;
      orl_uring_add (u, &w[i].io);
    }
  orl_uring_send (u, me);
  ORL_POINT ("flush.ring.sent");
  while (left > 0 && orl_uring_wait (u, me))
    ;
  orl_uring_unlock (u);
  ORL_POINT ("flush.ring.done");
  atomic_fetch_and (&me->ledger->locks, ~ORL_HAS_WRITES);
}
