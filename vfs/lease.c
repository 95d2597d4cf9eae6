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
 * ATTEMPT names the last attempt of a user of the pool at a checkpoint; it is
 *         noted at its end, and until then coherence.c's WRITING says whose it
 *         is: else there were no leases while a checkpoint waits for the disk.
 *         Who makes the wal-index anew notes it, too, as SQLite writes there
 *         that all was tried; and ends a recall, whose process was killed;
 * COMMIT  and how many commits there had been at its last: more are strangers'.
 *
 * A thread of the process serves recalls, and gives back what is idle.  It is
 * started with the first lease, sleeps while there is none, and uses the
 * default VFS's files beside their connections' threads.  os_unix allows that
 * of xShmLock: it has a mutex, unless SQLite has none.  Above any other VFS,
 * and without mutexes, we keep no lease.
 *
 * Here are the states and what is kept; lease-thread.c has the thread, and
 * lease-recall.c the recalls.
 *
 * Locks: the list's mutex (lease-thread.c), for all connections that ever had a
 * lease.  It is held while leases are given back, so fork() finds none GOING.
 */
#include <string.h>

#include "lease.h"

/* A recall older than this was posted by a process that is dead. */
#define RECALL_DEAD_MS 1000

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

void
vfs_lease_say_given (const struct vfs_file *f)
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
void
vfs_lease_give_back (struct vfs_connection *c, int lock)
{
  vfs_fetch_return (c);
  count (c->shared, lock, -1);
  c->lower->pMethods->xShmLock (c->lower, lock, 1,
                                SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  atomic_store (&c->lease.word, word_of (NONE, 0));
  vfs_lease_say_given (c->shared);
}

/* SQLite has it, and will unlock it itself. */
bool
vfs_lease_make_plain (struct vfs_connection *c, uint32_t word)
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
        vfs_lease_give_back (c, lock_of (word));
      else if (state_of (word) == USED)
        vfs_lease_make_plain (c, word);
      else if (state_of (word) == GOING)
        vfs_lease_settle (); /* whoever makes it go has the mutex meanwhile */
      word = atomic_load (&c->lease.word);
    }
}

bool
vfs_lease_is_idle (const struct vfs_connection *c)
{
  int state = state_of (atomic_load_explicit (&c->lease.word,
                                              memory_order_acquire));

  return state == IDLE || state == GOING;
}

bool
vfs_lease_take (struct vfs_connection *c, int lock)
{
  uint32_t word = word_of (IDLE, lock);

  /* Acquire: what the thread has given back for us is fetch.c's again. */
  if (atomic_load_explicit (&c->lease.word, memory_order_acquire)
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
  c->over_unix = strncmp (vfs_lower->zName, "unix", 4) == 0;
  if (idle_ms > 0 && vfs_has_pool (c) && c->over_unix && has_mutexes ())
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

/* While one of us copies the log no stranger does, so the attempt is his. */
bool
vfs_lease_ok (const struct vfs_file *f, const volatile void *index, int lock)
{
  uint64_t attempt;

  if (lock == VFS_SHM_READ) /* it holds up nothing, as all is copied */
    return vfs_wal_lease_ok (index, 0, 0);
  attempt = __atomic_load_n (&f->words[ATTEMPT], __ATOMIC_RELAXED);
  if (index && vfs_is_written (f))
    attempt = vfs_wal_attempt (index);
  return vfs_wal_lease_ok (index, lock - VFS_SHM_READ, attempt);
}

static bool
may_keep (struct vfs_connection *c, int lock)
{
  if (c->lease.idle_us == 0 || !vfs_has_pool (c)
      || c->lock != SQLITE_LOCK_SHARED || c->shm_read_only
      || c->nregions == 0 || c->nfetched > 0)
    return false;
  if (is_recalled (c->shared))
    {
      doubt_recall (c);
      return false;
    }
  return vfs_lease_ok (c->shared, c->region[0], lock);
}

/* A lease where there was none. */
static bool
begin (struct vfs_connection *c, int lock)
{
  if (!vfs_lease_enlist (c) || !count (c->shared, lock, 1))
    return false;
  atomic_store (&c->lease.index, c->region[0]);
  atomic_store_explicit (&c->lease.fresh, true, memory_order_relaxed);
  atomic_store (&c->lease.word, word_of (IDLE, lock));
  vfs_lease_rouse ();
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
        vfs_lease_make_plain (c, word);
      return false;
    }
  vfs_fetch_turn (c);
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
    vfs_lease_say_given (c->shared);
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
    __atomic_store_n (&c->shared->words[COMMIT], vfs_wal_commits (c->region[0]),
                      __ATOMIC_RELAXED);
}
