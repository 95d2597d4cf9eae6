/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease-thread.c - the thread that gives read marks back
 *
 * One for the process, started with the first lease; lease.c says what for.  It
 * looks at all connections that ever had a lease, each time that one of their
 * files' words changes, and at times, and sleeps while there is none.
 *
 * Locks: the list's mutex.
 */
#include <signal.h>
#include <unistd.h>

#include "lease.h"

/* How often the thread looks at leases: a stranger's checkpoint waits for idle
 * ones so long, and each look costs some 5 us. */
#define TICK_US 2000

/* And while strangers commit: in 2 ms one can append a hundred frames to a log
 * that it cannot start anew for our leases. */
#define SHORT_TICK_US 500
#define STRANGE_US 100000

/* Looks without any lease before the thread sleeps: to wake it costs as much as
 * some looks. */
#define QUIET_TICKS 3

#define STACK_BYTES (128 * 1024)

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct vfs_connection *first;
  bool started;
  bool refused;                 /* the thread could not be started */
  uint64_t strange_until;       /* strangers have committed lately */
  _Atomic bool asleep;
} list = { .mutex = PTHREAD_MUTEX_INITIALIZER,
           .wake = PTHREAD_COND_INITIALIZER };

/*
 * With the mutex.  Has a stranger committed since we looked?  COMMIT follows a
 * commit of ours after a moment: so one that it does not know of is none,
 * unless another follows.
 */
static void
look_for_strangers (struct vfs_connection *c, uint64_t now)
{
  uint32_t commits = vfs_wal_commits (atomic_load (&c->lease.index));
  uint32_t ours = (uint32_t) __atomic_load_n (&c->shared->words[COMMIT],
                                              __ATOMIC_RELAXED);

  if (commits != c->lease.commits && c->lease.commits
      && (int32_t) (commits - ours) > 1)
    list.strange_until = now + STRANGE_US;
  c->lease.commits = commits;
}

/* With the mutex.  Give the lease back, if recalled or if its time has come.
 * true: the connection still has one. */
static bool
look_at (struct vfs_connection *c, bool recalled, uint64_t now)
{
  uint32_t word = atomic_load (&c->lease.word);

  if (recalled && state_of (word) == USED && vfs_lease_make_plain (c, word))
    {
      vfs_lease_say_given (c->shared);
      return false;
    }
  if (state_of (word) == NONE)
    return false;
  look_for_strangers (c, now);
  if (atomic_exchange_explicit (&c->lease.fresh, false, memory_order_relaxed))
    c->lease.idle_since = now;
  if (state_of (word) == IDLE
      && (recalled || now - c->lease.idle_since >= c->lease.idle_us
          || !vfs_lease_ok (c->shared, atomic_load (&c->lease.index),
                            lock_of (word)))
      && change (c, &word, word_of (GOING, lock_of (word))))
    {
      vfs_lease_give_back (c, lock_of (word));
      return false;
    }
  return true;
}

/* Look at all leases.  The file of one, or NULL if there are none. */
static struct vfs_file *
look (void)
{
  struct vfs_file *f = NULL;
  uint64_t now = vfs_now_us ();

  for (struct vfs_connection *c = list.first; c; c = c->lease.next)
    if (look_at (c, is_recalled (c->shared), now))
      f = c->shared;
  return f;
}

/*
 * The thread waits at one file's word: processes that read several databases at
 * once serve the others' recalls at the next tick.
 */
static void *
serve (void *arg)
{
  uint32_t *at = NULL;
  unsigned quiet = 0;

  pthread_mutex_lock (&list.mutex);
  for (;;)
    {
      uint32_t value = at ? __atomic_load_n (at, __ATOMIC_SEQ_CST) : 0;
      struct vfs_file *f = look ();
      unsigned tick;

      quiet = f ? 0 : quiet + 1;
      if (f && at != recall_word (f))
        {
          at = recall_word (f);
          continue;
        }
      if (quiet > QUIET_TICKS)
        {
          atomic_store (&list.asleep, true);
          if (!look ())
            pthread_cond_wait (&list.wake, &list.mutex);
          atomic_store (&list.asleep, false);
          quiet = 0;
          continue;
        }
      tick = vfs_now_us () < list.strange_until ? SHORT_TICK_US : TICK_US;
      pthread_mutex_unlock (&list.mutex);
      if (at)
        vfs_futex_wait (at, value, UINT32_MAX, tick);
      else
        usleep (tick);
      pthread_mutex_lock (&list.mutex);
    }
  return arg;
}

static bool
start (void)
{
  pthread_attr_t attr;
  pthread_t thread;
  sigset_t all, old;
  int r;

  sigfillset (&all);
  /* Oriel answers faults in the pool's memory, in the thread that faults. */
  sigdelset (&all, SIGBUS);
  sigdelset (&all, SIGSEGV);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  pthread_attr_init (&attr);
  pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize (&attr, STACK_BYTES);
  r = pthread_create (&thread, &attr, serve, NULL);
  pthread_attr_destroy (&attr);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return r == 0;
}

bool
vfs_lease_enlist (struct vfs_connection *c)
{
  if (c->lease.listed)
    return true;
  pthread_mutex_lock (&list.mutex);
  if (!list.started && !list.refused)
    {
      list.started = start ();
      list.refused = !list.started;
    }
  if (list.started)
    {
      c->lease.next = list.first;
      list.first = c;
      c->lease.listed = true;
    }
  pthread_mutex_unlock (&list.mutex);
  return c->lease.listed;
}

void
vfs_lease_rouse (void)
{
  if (!atomic_load (&list.asleep))
    return;
  pthread_mutex_lock (&list.mutex);
  pthread_cond_signal (&list.wake);
  pthread_mutex_unlock (&list.mutex);
}

void
vfs_lease_settle (void)
{
  pthread_mutex_lock (&list.mutex);
  pthread_mutex_unlock (&list.mutex);
}

void
vfs_lease_serve (const struct vfs_file *f)
{
  uint64_t now = vfs_now_us ();

  pthread_mutex_lock (&list.mutex);
  for (struct vfs_connection *c = list.first; c; c = c->lease.next)
    if (c->shared == f)
      look_at (c, true, now);
  pthread_mutex_unlock (&list.mutex);
}

/* ------------------------------------------------------------------ */
/* Closing and forking                                                */

void
vfs_lease_close (struct vfs_connection *c)
{
  vfs_lease_end (c);
  if (!c->lease.listed || !vfs_is_ours (c))
    return;
  pthread_mutex_lock (&list.mutex);
  for (struct vfs_connection **at = &list.first; *at; at = &(*at)->lease.next)
    if (*at == c)
      {
        *at = c->lease.next;
        break;
      }
  c->lease.listed = false;
  pthread_mutex_unlock (&list.mutex);
}

void
vfs_lease_lock (void)
{
  pthread_mutex_lock (&list.mutex);
}

void
vfs_lease_unlock (void)
{
  pthread_mutex_unlock (&list.mutex);
}

void
vfs_lease_forget (void)
{
  list.first = NULL;
  list.started = false;
  list.refused = false;
  atomic_store (&list.asleep, false);
  pthread_cond_init (&list.wake, NULL);
}
