/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease.c - read marks that stay locked between transactions
 *
 * An autocommit read with a log takes a read mark of the wal-index and gives
 * it back: two system calls, and as much time as the rest of a point select.
 * So when SQLite unlocks a mark, we keep the lock of the default VFS as a
 * lease, and when it locks the same mark again, that is a compare-and-swap.
 *
 * To everyone else a lease is a reader that is still reading.  That is always
 * safe, as nothing may change under a locked mark; what it can do is hold up a
 * checkpoint, or the restart of the log.  Therefore:
 *
 * - Only the mark that SQLite would choose again is kept: not if the log has
 *   grown or has been copied meanwhile (vfs_wal_lease_ok()).
 * - A user of the pool that finds a mark busy, and wants to checkpoint or to
 *   restart the log, recalls all leases on the file, and waits until those on
 *   the mark are gone; marks that are in use are busy as ever.
 * - Strangers cannot ask.  When one has tried to checkpoint, no mark of frames
 *   is kept until the log starts anew.  And a lease that was not used for some
 *   milliseconds, or is not what SQLite would choose now, is given back.
 *
 * STATES of a connection's lease, in one word with the number of the lock:
 *
 *   NONE --- vfs_lease_keep() ---> IDLE --- vfs_lease_take() ---> USED
 *    ^ ^                          |   ^                          |  |
 *    | +-- give_back() -- GOING <-+   +----- vfs_lease_keep() ---+  |
 *    +------------------- make_plain() -----------------------------+
 *
 * IDLE: SQLite has unlocked it, we have not.  USED: SQLite has it, and it is
 * ours already.  GOING: someone is unlocking it.  NONE: if SQLite has the mark,
 * then by a lock of its own.  The connection's thread makes NONE to IDLE and
 * IDLE to USED and back; whoever swaps IDLE for GOING gives it back, and USED
 * becomes NONE, by the connection or by who serves a recall.
 *
 * THE WORDS, in the memory of the pool, are all hints.  Whatever they say, the
 * lock of the default VFS decides, and all waits have an end.
 *
 * LEASES  the leases on each of the five marks, IDLE or USED, 12 bits each.
 *         Those of a process that was killed stay counted until someone has the
 *         mark's lock alone, and then there are none.
 * RECALL  odd while someone wants the leases back; a futex of those who serve.
 * GIVEN   counts what was given back meanwhile; a futex of who recalls.
 * ATTEMPT names the last attempt of a user of the pool at a checkpoint,
 * COMMIT  and its last commit: others are strangers'.
 *
 * A thread of the process serves recalls, and gives back what is idle.  It is
 * started with the first lease, sleeps while there is none, and uses the
 * default VFS's files beside their connections' threads.  os_unix allows that
 * of xShmLock: it has a mutex, unless SQLite has none.  Above any other VFS,
 * and without mutexes, we keep no lease.
 *
 * Locks: the list's mutex, for all connections that ever had a lease.  It is
 * held while leases are given back, so fork() finds none GOING.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "vfs.h"

enum { NONE, IDLE, USED, GOING };

#define LEASES 4                /* words, after those of coherence.c */
#define SIGNALS 5
#define ATTEMPT 6
#define COMMIT 7

#define MARKS 5                 /* of the wal-index */
#define COUNT_BITS 12
#define COUNT_MAX ((1u << COUNT_BITS) - 1)

/* How often the thread looks at leases: a stranger's checkpoint waits for idle
 * ones so long, and each look costs some 5 us. */
#define TICK_US 2000

/* And while strangers commit: in 2 ms one can append a hundred frames to a log
 * that it cannot start anew for our leases. */
#define SHORT_TICK_US 500
#define STRANGE_US 100000

/* Looks without any lease before the thread sleeps: to wake it costs more. */
#define QUIET_TICKS 25

/* How long a recall waits.  A thread wakes within 0.1 ms, on a busy machine
 * within some; one that is stopped does not. */
#define RECALL_US 10000
#define RECALL_NAP_US 1000

/* Nor does it within this time. */
#define DEAF_US 1000000

/* A recall older than this was posted by a process that is dead. */
#define RECALL_DEAD_MS 1000

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

/* ------------------------------------------------------------------ */
/* Words                                                              */

static uint32_t
word_of (int state, int lock)
{
  return (uint32_t) state | (uint32_t) lock << 8;
}

static int
state_of (uint32_t word)
{
  return (int) (word & 0xff);
}

static int
lock_of (uint32_t word)
{
  return (int) (word >> 8);
}

static uint32_t *
recall_word (const struct vfs_file *f)
{
  return (uint32_t *) &f->words[SIGNALS];
}

static uint32_t *
given_word (const struct vfs_file *f)
{
  return recall_word (f) + 1;
}

static bool
is_recalled (const struct vfs_file *f)
{
  return __atomic_load_n (recall_word (f), __ATOMIC_SEQ_CST) & 1;
}

static unsigned
shift_of (int lock)
{
  return (unsigned) (lock - VFS_SHM_READ) * COUNT_BITS;
}

/* Of n marks from lock on. */
static uint64_t
mask_of (int lock, int n)
{
  uint64_t mask = 0;

  for (int i = lock < VFS_SHM_READ ? VFS_SHM_READ : lock; i < lock + n; i++)
    mask |= (uint64_t) COUNT_MAX << shift_of (i);
  return mask;
}

static uint64_t
leases_on (const struct vfs_file *f, uint64_t mask)
{
  return __atomic_load_n (&f->words[LEASES], __ATOMIC_SEQ_CST) & mask;
}

/* Count a lease in, or out.  false: there are too many.  Of those that are not
 * there, as after damage to the pool, none is counted out. */
static bool
count (const struct vfs_file *f, int lock, int by)
{
  uint64_t old = __atomic_load_n (&f->words[LEASES], __ATOMIC_RELAXED);
  uint64_t one = (uint64_t) 1 << shift_of (lock);
  uint64_t mask = mask_of (lock, 1);

  do
    if ((old & mask) == (by > 0 ? mask : 0))
      return false;
  while (!__atomic_compare_exchange_n (&f->words[LEASES], &old,
                                       by > 0 ? old + one : old - one, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  return true;
}

/* The caller has these marks' locks alone: no one has a lease on them. */
static void
clear (const struct vfs_file *f, uint64_t mask)
{
  if (leases_on (f, mask))
    __atomic_fetch_and (&f->words[LEASES], ~mask, __ATOMIC_SEQ_CST);
}

static void
say_given (const struct vfs_file *f)
{
  if (!is_recalled (f))
    return;
  __atomic_fetch_add (given_word (f), 1, __ATOMIC_SEQ_CST);
  vfs_futex_wake (given_word (f), UINT32_MAX);
}

/* ------------------------------------------------------------------ */
/* Changes of state                                                   */

/* The lease is GOING, and the caller has made it so.  It is counted out before
 * the lock goes: who has the lock next counts all out. */
static void
give_back (struct vfs_connection *c, int lock)
{
  count (c->shared, lock, -1);
  c->lower->pMethods->xShmLock (c->lower, lock, 1,
                                SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  atomic_store (&c->lease.word, word_of (NONE, 0));
  say_given (c->shared);
}

static bool
change (struct vfs_connection *c, uint32_t *from, uint32_t to)
{
  return atomic_compare_exchange_strong (&c->lease.word, from, to);
}

/* SQLite has it, and will unlock it itself. */
static bool
make_plain (struct vfs_connection *c, uint32_t word)
{
  int lock = lock_of (word);

  if (!change (c, &word, word_of (NONE, 0)))
    return false;
  count (c->shared, lock, -1);
  return true;
}

void
vfs_lease_end (struct vfs_connection *c)
{
  uint32_t word = atomic_load (&c->lease.word);

  while (state_of (word) != NONE && vfs_is_ours (c))
    {
      if (state_of (word) == IDLE
          && change (c, &word, word_of (GOING, lock_of (word))))
        give_back (c, lock_of (word));
      else if (state_of (word) == USED)
        make_plain (c, word);
      else if (state_of (word) == GOING)
        {
          /* Whoever makes it go has the mutex meanwhile. */
          pthread_mutex_lock (&list.mutex);
          pthread_mutex_unlock (&list.mutex);
        }
      word = atomic_load (&c->lease.word);
    }
}

bool
vfs_lease_take (struct vfs_connection *c, int lock)
{
  uint32_t word = word_of (IDLE, lock);

  if (atomic_load_explicit (&c->lease.word, memory_order_relaxed)
          == word_of (NONE, 0)
      || !vfs_is_ours (c))
    return false;
  if (vfs_has_pool (c) && !is_recalled (c->shared)
      && change (c, &word, word_of (USED, lock)))
    {
      atomic_store_explicit (&c->lease.fresh, true, memory_order_relaxed);
      return true;
    }
  vfs_lease_end (c);
  return false;
}

/* ------------------------------------------------------------------ */
/* The thread                                                         */

/* With the mutex.  Has a stranger committed since we looked? */
static void
look_for_strangers (struct vfs_connection *c, uint64_t now)
{
  uint64_t commit = vfs_wal_commit (atomic_load (&c->lease.index));

  if (commit != c->lease.commit
      && commit != __atomic_load_n (&c->shared->words[COMMIT],
                                    __ATOMIC_RELAXED)
      && c->lease.commit)
    list.strange_until = now + STRANGE_US;
  c->lease.commit = commit;
}

/* With the mutex.  Give the lease back, if recalled or if its time has come.
 * true: the connection still has one. */
static bool
look_at (struct vfs_connection *c, bool recalled, uint64_t now)
{
  uint32_t word = atomic_load (&c->lease.word);

  if (recalled && state_of (word) == USED && make_plain (c, word))
    {
      say_given (c->shared);
      return false;
    }
  if (state_of (word) == NONE)
    return false;
  look_for_strangers (c, now);
  if (atomic_exchange_explicit (&c->lease.fresh, false, memory_order_relaxed))
    c->lease.idle_since = now;
  if (state_of (word) == IDLE
      && (recalled || now - c->lease.idle_since >= c->lease.idle_us
          || !vfs_wal_lease_ok (
              atomic_load (&c->lease.index), lock_of (word) - VFS_SHM_READ,
              __atomic_load_n (&c->shared->words[ATTEMPT], __ATOMIC_RELAXED)))
      && change (c, &word, word_of (GOING, lock_of (word))))
    {
      give_back (c, lock_of (word));
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

/* Have the connection listed, and the thread run. */
static bool
enlist (struct vfs_connection *c)
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

/* ------------------------------------------------------------------ */
/* Keeping                                                            */

/* Do SQLite's own mutexes lock?  A program that was built without them has
 * none, or no call for it; configured for one thread, SQLite has one for all,
 * which locks nothing.  These two are static: nothing is allocated. */
static bool
has_mutexes (void)
{
#ifdef SQLITE_CORE
  extern sqlite3_mutex *sqlite3_mutex_alloc (int) __attribute__ ((weak));
#endif
  sqlite3_mutex *m;

  if (!sqlite3_threadsafe () || !sqlite3_mutex_alloc)
    return false;
  m = sqlite3_mutex_alloc (SQLITE_MUTEX_STATIC_APP1);
  return m && m != sqlite3_mutex_alloc (SQLITE_MUTEX_STATIC_APP2);
}

void
vfs_lease_init (struct vfs_connection *c, unsigned idle_ms)
{
  if (idle_ms > 0 && vfs_has_pool (c)
      && strncmp (vfs_lower->zName, "unix", 4) == 0 && has_mutexes ())
    c->lease.idle_us = (uint64_t) idle_ms * 1000;
}

/* Whoever posted a recall that does not end was killed: end it. */
static void
doubt_recall (struct vfs_connection *c)
{
  uint32_t *at = recall_word (c->shared);
  uint32_t value = __atomic_load_n (at, __ATOMIC_SEQ_CST);
  uint64_t now = vfs_coarse_ms ();

  if (value != c->lease.recall)
    {
      c->lease.recall = value;
      c->lease.recall_since = now;
    }
  else if ((value & 1) && now - c->lease.recall_since > RECALL_DEAD_MS)
    __atomic_compare_exchange_n (at, &value, value + 1, false,
                                 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static bool
may_keep (struct vfs_connection *c, int lock)
{
  if (c->lease.idle_us == 0 || !vfs_has_pool (c)
      || c->lock != SQLITE_LOCK_SHARED || c->shm_read_only
      || c->nregions == 0)
    return false;
  if (is_recalled (c->shared))
    {
      doubt_recall (c);
      return false;
    }
  return vfs_wal_lease_ok (
      c->region[0], lock - VFS_SHM_READ,
      __atomic_load_n (&c->shared->words[ATTEMPT], __ATOMIC_RELAXED));
}

/* A lease where there was none. */
static bool
begin (struct vfs_connection *c, int lock)
{
  if (!enlist (c) || !count (c->shared, lock, 1))
    return false;
  atomic_store (&c->lease.index, c->region[0]);
  atomic_store_explicit (&c->lease.fresh, true, memory_order_relaxed);
  atomic_store (&c->lease.word, word_of (IDLE, lock));
  if (atomic_load (&list.asleep))
    {
      pthread_mutex_lock (&list.mutex);
      pthread_cond_signal (&list.wake);
      pthread_mutex_unlock (&list.mutex);
    }
  return true;
}

bool
vfs_lease_keep (struct vfs_connection *c, int lock)
{
  uint32_t word = atomic_load (&c->lease.word);
  bool kept;

  if (!may_keep (c, lock))
    {
      if (state_of (word) == USED)
        make_plain (c, word);
      return false;
    }
  kept = state_of (word) == USED ? change (c, &word, word_of (IDLE, lock))
                                 : begin (c, lock);
  /* A recall between the two looks may not have been served for this one. */
  if (kept && is_recalled (c->shared))
    vfs_lease_end (c);
  return kept;
}

void
vfs_lease_unlocked (struct vfs_connection *c)
{
  if (vfs_has_pool (c))
    say_given (c->shared);
}

void
vfs_lease_note_attempt (struct vfs_connection *c)
{
  if (vfs_has_pool (c) && c->nregions > 0 && c->region[0])
    __atomic_store_n (&c->shared->words[ATTEMPT],
                      vfs_wal_attempt (c->region[0]), __ATOMIC_RELAXED);
}

void
vfs_lease_note_commit (struct vfs_connection *c)
{
  if (vfs_has_pool (c) && c->nregions > 0 && c->region[0])
    __atomic_store_n (&c->shared->words[COMMIT], vfs_wal_commit (c->region[0]),
                      __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ */
/* Recalling                                                          */

/* What RECALL is then, which names this recall.  Another that ends may have
 * ended it for all, so who waits looks, and posts again. */
static uint32_t
post (const struct vfs_file *f)
{
  uint32_t *at = recall_word (f);
  uint32_t old = __atomic_load_n (at, __ATOMIC_RELAXED);

  while (!__atomic_compare_exchange_n (at, &old, (old + 2) | 1, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
  vfs_futex_wake (at, UINT32_MAX);
  return (old + 2) | 1;
}

/* Unless someone has posted since: then it goes on for him. */
static void
withdraw (const struct vfs_file *f, uint32_t posted)
{
  __atomic_compare_exchange_n (recall_word (f), &posted, posted & ~(uint32_t) 1,
                               false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Those of this process: no need to wake its thread. */
static void
serve_here (const struct vfs_file *f)
{
  uint64_t now = vfs_now_us ();

  pthread_mutex_lock (&list.mutex);
  for (struct vfs_connection *c = list.first; c; c = c->lease.next)
    if (c->shared == f)
      look_at (c, true, now);
  pthread_mutex_unlock (&list.mutex);
}

/* Try to lock until the leases on these marks are gone, at most so long. */
static int
await (struct vfs_connection *c, int first, int n, int flags, uint64_t us,
       uint32_t *posted)
{
  struct vfs_file *f = c->shared;
  uint64_t end = vfs_now_us () + us;

  for (bool last = false;;)
    {
      uint32_t given = __atomic_load_n (given_word (f), __ATOMIC_SEQ_CST);
      uint64_t there = leases_on (f, mask_of (first, n));
      int rc = c->lower->pMethods->xShmLock (c->lower, first, n, flags);

      /* Now what is locked is in use, as far as we know. */
      if (rc != SQLITE_BUSY || last)
        return rc;
      if (there && vfs_now_us () >= end)
        {
          /* Whose leases these are was stopped, or killed and others read.  Do
           * not wait for him again soon. */
          atomic_store (&f->deaf, there);
          atomic_store (&f->deaf_until, vfs_now_us () + DEAF_US);
          return rc;
        }
      if (!is_recalled (f))
        *posted = post (f);
      /* The last one is counted out a moment before it is unlocked. */
      last = !there;
      vfs_futex_wait (given_word (f), given, UINT32_MAX,
                      last ? RECALL_NAP_US / 10 : RECALL_NAP_US);
    }
}

int
vfs_lease_recall (struct vfs_connection *c, int first, int n, int flags)
{
  struct vfs_file *f = c->shared;
  uint64_t mask = mask_of (first, n);
  uint64_t there;
  uint32_t posted;
  bool deaf;
  int rc;

  if (!vfs_has_pool (c))
    return SQLITE_BUSY;
  there = leases_on (f, mask);
  if (!there)
    {
      /* The last one is counted out a moment before it is unlocked; our thread
       * has the mutex meanwhile. */
      pthread_mutex_lock (&list.mutex);
      pthread_mutex_unlock (&list.mutex);
      return c->lower->pMethods->xShmLock (c->lower, first, n, flags);
    }
  deaf = there == atomic_load (&f->deaf)
         && vfs_now_us () < atomic_load (&f->deaf_until);
  posted = post (f);
  serve_here (f);
  rc = await (c, first, n, flags, deaf ? 0 : RECALL_US, &posted);
  if (rc == SQLITE_OK)
    clear (f, mask);
  withdraw (f, posted);
  return rc;
}

void
vfs_lease_recall_all (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared;
  uint64_t mask = mask_of (VFS_SHM_READ, MARKS);
  uint64_t end = vfs_now_us () + RECALL_US;
  uint32_t posted;

  vfs_lease_end (c);
  if (!vfs_has_pool (c) || !leases_on (f, mask))
    return;
  posted = post (f);
  serve_here (f);
  for (;;)
    {
      uint32_t given = __atomic_load_n (given_word (f), __ATOMIC_SEQ_CST);

      if (!leases_on (f, mask) || vfs_now_us () >= end)
        break;
      if (!is_recalled (f))
        posted = post (f);
      vfs_futex_wait (given_word (f), given, UINT32_MAX, RECALL_NAP_US);
    }
  withdraw (f, posted);
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
