/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - note which pages are used
 *
 * A thread notes into a buffer of its own, which is written to the file when it
 * is full, when the thread ends and when the trace does.  Who is killed loses
 * what is in its buffers.
 *
 * While a pool is not traced nothing of this is on the way of a hit: a traced
 * process is one whose threads never remember the pool's id, so that all its
 * calls take the long way, as in strict windows (thread.c).  Beginning and
 * ending change the id, so that all threads find theirs old.
 *
 * Locks: pool->lock, then a buffer's.  What is written is written under the
 * buffer's lock, and only while the pool is traced; so once the flag is down
 * and each lock has been had, no one writes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "sys.h"
#include "thread.h"
#include "trace.h"

/* Ids of pools are numbers from 1 on. */
#define ANOTHER_ID (UINT64_C (1) << 32)

struct orl_trace {
  pthread_mutex_t lock;         /* who ends a trace and the thread */
  struct orl_trace_block block;
  struct orl_trace_record record[ORL_TRACE_ROOM];
};

static void
change_id (struct oriel_pool *pool)
{
  uint64_t id = __atomic_load_n (pool->id, __ATOMIC_RELAXED);

  /* Not that of a pool that is gone, or of a forked child. */
  while (id != 0 && id < ORL_NO_ID
         && !__atomic_compare_exchange_n (pool->id, &id, id + ANOTHER_ID, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
}

/* Under both locks, or the buffer's alone. */
static void
write_out (struct orl_thread *me, struct orl_trace *t)
{
  struct oriel_pool *pool = me->pool;
  size_t n = sizeof t->block + t->block.records * sizeof t->record[0];
  ssize_t r;

  if (t->block.records > 0 && atomic_load (&pool->tracing)
      && atomic_load (&pool->trace_error) == 0)
    {
      /* O_APPEND: on Linux it goes to the end, wherever we say. */
      r = orl_sys.pwrite (pool->trace_fd, &t->block, n, 0);
      if (r != (ssize_t) n)
        atomic_store (&pool->trace_error, r < 0 ? (int) r : -ENOSPC);
    }
  t->block.records = 0;
}

int
orl_trace_start (struct oriel_pool *pool, const char *path)
{
  int r;

  pthread_mutex_lock (&pool->lock);
  if (atomic_load (&pool->tracing))
    r = orl_fail (-EBUSY, "%s: is being traced already", pool->path);
  else
    {
      r = orl_sys.open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (r < 0)
        orl_fail (r, "%s: the trace cannot be written", path);
      else
        {
          pool->trace_fd = r;
          atomic_store (&pool->trace_error, 0);
          atomic_store (&pool->tracing, true);
          change_id (pool);
          r = 0;
        }
    }
  pthread_mutex_unlock (&pool->lock);
  return r;
}

int
orl_trace_stop (struct oriel_pool *pool)
{
  int r = 0;

  pthread_mutex_lock (&pool->lock);
  if (atomic_load (&pool->tracing))
    {
      for (struct orl_thread *me = pool->threads; me; me = me->next)
        if (me->trace)
          {
            pthread_mutex_lock (&me->trace->lock);
            write_out (me, me->trace);
            pthread_mutex_unlock (&me->trace->lock);
          }
      atomic_store (&pool->tracing, false);
      for (struct orl_thread *me = pool->threads; me; me = me->next)
        if (me->trace)
          {
            pthread_mutex_lock (&me->trace->lock);
            me->trace->block.records = 0;
            pthread_mutex_unlock (&me->trace->lock);
          }
      orl_sys.close (pool->trace_fd);
      change_id (pool);
      r = atomic_load (&pool->trace_error);
      if (r < 0)
        orl_fail (r, "%s: part of the trace could not be written", pool->path);
    }
  pthread_mutex_unlock (&pool->lock);
  return r;
}

/* The thread's buffer, made at first use; NULL: no memory. */
static struct orl_trace *
buffer (struct orl_thread *me)
{
  struct orl_trace *t = me->trace ? me->trace : calloc (1, sizeof *t);

  if (!t || me->trace)
    return t;
  pthread_mutex_init (&t->lock, NULL);
  memcpy (t->block.magic, ORL_TRACE_MAGIC, sizeof t->block.magic);
  t->block.order = ORL_TRACE_ORDER;
  t->block.pid = (uint32_t) getpid ();
  t->block.owner = me->owner;
  t->block.page_size = me->pool->shm.geo.page_size;
  pthread_mutex_lock (&me->pool->lock);
  me->trace = t;
  pthread_mutex_unlock (&me->pool->lock);
  return t;
}

void
orl_trace_note (struct orl_thread *me, uint32_t file, uint64_t page)
{
  struct orl_trace *t = buffer (me);
  uint64_t now;

  if (!t)
    {
      atomic_store (&me->pool->trace_error, -ENOMEM);
      return;
    }
  now = orl_now_ns ();
  pthread_mutex_lock (&t->lock);
  /* A trace that has just ended wants no more; the next begins empty. */
  if (atomic_load (&me->pool->tracing))
    t->record[t->block.records++] = (struct orl_trace_record){
      .ns = now,
      .page = (uint64_t) file << ORL_TRACE_PAGE_BITS
              | (page & ((UINT64_C (1) << ORL_TRACE_PAGE_BITS) - 1)),
    };
  if (t->block.records == ORL_TRACE_ROOM)
    write_out (me, t);
  pthread_mutex_unlock (&t->lock);
}

void
orl_trace_end (struct orl_thread *me)
{
  struct orl_trace *t = me->trace;

  if (!t)
    return;
  me->trace = NULL;
  if (!orl_forked (me->pool))
    write_out (me, t);
  pthread_mutex_destroy (&t->lock);
  free (t);
}

void
orl_trace_close (struct oriel_pool *pool)
{
  if (atomic_load (&pool->tracing))
    orl_sys.close (pool->trace_fd);
}
