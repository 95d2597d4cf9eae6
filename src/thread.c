/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - what a thread has in a pool
 *
 * A pthread key per pool finds it and frees it when the thread ends; the cache
 * of the last pool used makes the common case one comparison.
 */
#include <errno.h>
#include <stdlib.h>

#include "copy.h"
#include "error.h"
#include "frame.h"
#include "guard.h"
#include "point.h"
#include "thread.h"
#include "trace.h"
#include "window-view.h"

_Thread_local struct orl_thread_cache orl_thread_cache = { ORL_NO_ID, NULL };

static void
unlink_thread (struct orl_thread *me)
{
  struct orl_thread **p;

  pthread_mutex_lock (&me->pool->lock);
  for (p = &me->pool->threads; *p; p = &(*p)->next)
    if (*p == me)
      {
        *p = me->next;
        break;
      }
  orl_trace_end (me);
  pthread_mutex_unlock (&me->pool->lock);
}

static void
on_exit_of_thread (void *arg)
{
  struct orl_thread *me = arg;
  struct oriel_pool *pool = me->pool;

  if (!orl_forked (pool))
    {
      ORL_POINT ("thread.exit");
      orl_thread_unstash (me);
      orl_copies_give (pool->copies, me->owner); /* as long as it is ours */
      orl_views_forget (pool->window, me->owner);
      pool->repair (pool, me->owner, me->owner - 1);
    }
  if (orl_thread_cache.thread == me)
    orl_thread_forget ();
  unlink_thread (me);
  free (me->bounce);
  free (me);
}

int
orl_thread_key (struct oriel_pool *pool)
{
  return -pthread_key_create (&pool->key, on_exit_of_thread);
}

void
orl_thread_end_all (struct oriel_pool *pool)
{
  pthread_key_delete (pool->key);
  while (pool->threads)
    {
      struct orl_thread *t = pool->threads;

      pool->threads = t->next;
      orl_trace_end (t);
      if (!orl_forked (pool))
        {
          orl_thread_unstash (t);
          orl_ledger_release (&pool->shm, t->owner - 1);
        }
      free (t->bounce);
      free (t);
    }
}

void
orl_thread_forget (void)
{
  orl_thread_cache.id = ORL_NO_ID;
  orl_thread_cache.thread = NULL;
}

static int
make (struct oriel_pool *pool, struct orl_thread **thread)
{
  struct orl_thread *me = calloc (1, sizeof *me);
  uint32_t index;
  int r;

  if (!me)
    return orl_fail (-ENOMEM, "%s: no memory for a thread", pool->path);
  if (pool->shm.handled)
    orl_guard_let_come ();
  r = orl_ledger_claim (&pool->shm, false, &index);
  if (r < 0)
    {
      /* The dead may have them all. */
      pthread_mutex_lock (&pool->lock); /* for the process's own ledger */
      pool->repair (pool, pool->shared[0] + 1, ORL_ALL_DEAD);
      pthread_mutex_unlock (&pool->lock);
      r = orl_ledger_claim (&pool->shm, false, &index);
    }
  if (r < 0)
    {
      free (me);
      return orl_fail (r,
                       "%s: all %u thread places are taken; create the pool "
                       "with a larger max_threads",
                       pool->path, pool->shm.geo.nthreads);
    }
  me->pool = pool;
  me->ledger = &pool->shm.ledgers[index];
  me->owner = index + 1;
  me->entry = me->ledger->pins;
  r = -pthread_setspecific (pool->key, me);
  if (r < 0)
    {
      orl_ledger_release (&pool->shm, index);
      free (me);
      return orl_fail (r, "%s: no memory for a thread", pool->path);
    }
  pthread_mutex_lock (&pool->lock);
  me->next = pool->threads;
  pool->threads = me;
  pthread_mutex_unlock (&pool->lock);
  *thread = me;
  return 0;
}

int
orl_thread_enter (struct oriel_pool *pool, struct orl_thread **me)
{
  *me = NULL;
  if (atomic_load_explicit (&pool->gone, memory_order_relaxed))
    return orl_pool_gone (pool);
  return orl_thread_any (pool, me);
}

int
orl_thread_any (struct oriel_pool *pool, struct orl_thread **me)
{
  struct orl_thread *found;
  uint64_t id = __atomic_load_n (pool->id, __ATOMIC_SEQ_CST);
  int r;

  *me = NULL;
  if (orl_forked (pool))
    return orl_fail (-EOWNERDEAD,
                     "%s: the pool was opened before fork(); a child opens it "
                     "anew",
                     pool->path);
  if (pool->watch)
    return orl_fail (-EACCES,
                     "%s: the pool was opened to watch it; open it without "
                     "ORIEL_WATCH",
                     pool->path);
  found = pthread_getspecific (pool->key);
  if (!found && (r = make (pool, &found)) < 0)
    return r;
  /* In a strict window each pin takes the long way, where its caller is noted;
   * so it does in a process that is traced.  An id that was read before tracing
   * began is old by now. */
  if (!pool->window->grants && !atomic_load (&pool->tracing)
      && id < ORL_NO_ID)
    {
      orl_thread_cache.id = id;
      orl_thread_cache.thread = found;
    }
  *me = found;
  return 0;
}

unsigned char *
orl_thread_bounce (struct orl_thread *me)
{
  if (!me->bounce)
    me->bounce = aligned_alloc (
        65536, (size_t) ORL_BATCH << me->pool->shm.geo.page_shift < 65536
                   ? 65536
                   : (size_t) ORL_BATCH << me->pool->shm.geo.page_shift);
  return me->bounce;
}

void
orl_thread_unstash (struct orl_thread *me)
{
  struct orl_shm *shm = &me->pool->shm;

  while (me->nstash > 0)
    {
      uint32_t frame = me->stash[--me->nstash];

      orl_frame_settle (&shm->frames[frame], ORL_FREE, 0, 0, ORL_FLAGS);
      ORL_POINT ("thread.unstashed");
      orl_work_end (me->ledger, frame);
    }
}
