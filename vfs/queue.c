/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.c - writers wait their turn
 *
 * One connection at a time may write: with a log who has the wal-index's write
 * lock, else who has RESERVED.  SQLite's busy handler waits for it by
 * sleeping, 1 ms at first and 100 in the end, and whoever comes by when it is
 * free has it. Here it sleeps until it is its turn.
 *
 * The handler's sleep is xSleep of the VFS, and that is where we wait, for no
 * longer than it asks.  What follows from that:
 * - It is bounded by the busy timeout, as SQLite counts it.  Without a handler
 *   no one waits, and a handler of the program's own sleeps as it likes.
 * - SQLite gives up the read mark, or SHARED, before it calls the handler, and
 *   begins anew after it.  So no one waits with a snapshot that grows old, or
 *   with a lock that another waiter needs; a reader that wants to write is
 *   told SQLITE_BUSY at once, as SQLite calls no handler for it.
 * - A sleep that ends early counts in full against the timeout.  So it ends
 *   early only when the lock is ours to have; and no more so when the sleeps
 *   were shorter by LENIENT_US than they were to be.
 *
 * THE WORDS, in the memory of the pool.  They are hints: the lock of the
 * default VFS decides, and who waits sleeps as long as SQLite asked at most.
 *
 * HELD      token of the process that has the lock; 0 none, or a stranger.
 * COPIES    token of the process that copies the log, else 0; with PAUSED, others
 *           are not to write meanwhile.
 * TAIL      the next ticket.  Who sleeps takes one.
 * HEAD      the ticket whose turn it is.  HEAD = TAIL: no one waits.
 * ACQUIRED  counts locks taken.
 * RELEASED  counts the times that the lock was left to HEAD; a futex, of which
 *           each ticket waits for one bit, so that one waiter wakes.
 * LEFT_TO   the ticket that it was left to, plus 1.
 * SEEN      when someone last waited, in ms: tickets of processes that were
 *           killed, or gave up, count while others wait, and not after that.
 *
 * FAIRNESS.  Turns go by tickets.  A writer that comes back for its next
 * transaction right away keeps its turn for a while, as its caches are warm, and
 * a change of writers costs more than a transaction.  Between its transactions
 * the lock is free, and whoever wakes then, since SQLite asked for no longer
 * sleep, would have it one time in three: so a connection that is known to sleep
 * is told BUSY without a try while someone else is at work.  (8 writers here: 0.5%
 * of their transactions waited for more than 1 ms; 1.1% without that.)  One that
 * did not sleep when told BUSY, as it has no handler, or had read before, always
 * tries.  A turn that no one takes goes to the next after GRACE_US.  Strangers
 * have whatever they can get: with a log that is as much as ever; without one they
 * have to find a moment when no one reads or writes, which those who queue leave
 * them seldom.  So without a log there is a queue only for who asks for it.
 *
 * A CHECKPOINT copies what is there when it begins.  SQLite starts the log anew
 * only if all of it was copied when the next writer comes; and of more than 1000
 * frames each commit tries to copy.  One who copies and syncs is no faster than one
 * who writes meanwhile, so if all write on, then one checkpoint follows the other
 * and the log grows for ever.  So others write during a checkpoint, until the log
 * has become long; then, or where little is left, whoever is known to sleep does
 * not begin to write before the rest is copied.  That it takes no longer than it
 * has to, write.c syncs what the checkpoints before have copied.
 *
 * WHO DIES, or is stopped:
 * - with the lock: the kernel releases it if it was killed.  Waiters look at
 *   HELD after a nap.
 * - while it copies the log: others wait no longer than PAUSE_US, and not for the
 *   dead; the next that copies says so in its place.
 * - waiting, as first or later: no one takes its turn, and others do without
 *   it.
 * - in between two words: each word is right by itself.  A lock that was taken
 *   and not yet told of is that of a stranger; HEAD that was not moved is a
 *   turn that no one takes.
 *
 * What a thread waits for is in its own memory, as xSleep is not told whose
 * sleep it is: it is the connection's that was BUSY last in this thread, if it
 * has not had a lock since.
 *
 * Locks: none.
 */
#include <unistd.h>

#include "vfs.h"

enum { HELD = VFS_WORDS_QUEUE, TICKETS, TURNS, TIMES,
       COPIES = VFS_WORDS_COPIES };
_Static_assert ((int) TIMES < VFS_WORDS_LOG && (int) COPIES < ORIEL_FILE_WORDS,
                "no word is another's");

#define PAUSED (1ull << 63)     /* no token has it */

/* How long to queue if no one says: longer than most busy timeouts. */
#define PRESET_US 10000000

/* How long a writer may keep its turn: for so many transactions, that much less
 * than one in a hundred has to wait, but no longer than so.  (8 writers here, 20
 * us a transaction: with turns of 2 ms three quarters of what 10 ms give; with 400
 * in a turn p99 was 53 us and TPC-C made 5890 a second, with 1000 44 us and 6250.) */
#define TURN_COUNT 1000
#define TURN_US 10000

/* Who comes back within this time is at work; a change of writers takes as
 * long.  Who did not so many times in a row will not. */
#define TIGHT_US 100
#define IDLE_GAPS 3

/* How long the first in the queue is waited for when the lock is free. */
#define GRACE_US 1000

/* Who has waited for so long tries the lock itself whenever it wakes: HELD may be
 * of one who only copies the log, slowly, or was stopped. */
#define OBEDIENT_US 100000

/* While others copy the rest of the log, who waits for nothing else tries after
 * this time.  (Most copies take 5 to 12 ms.) */
#define PAUSE_US 20000

/* And how often one looks whether he has it. */
#define POLL_US 50

/* What a last checkpoint may have left to copy: an eighth of the log. */
#define REST 8

/* A log that is this long is begun anew even so, if no more than that is left, and
 * half as much may come while it is copied: so many frames, or bytes, but not few
 * frames.  (Two terminals of TPC-C, writes of 8 processes, by 2000
 * frames: with 4000 1.10 and 1.15, with 8000 1.13 and 1.33, with 16,000 1.18.) */
#define LONG_LOG 8000
#define LONG_BYTES (32 << 20)
#define SHORT_LOG 2000

#define NAP_US 5000             /* then see who lives */
#define RECENT_MS 50            /* ten naps: whoever waits has been seen */
#define RANK_MAX 64

/* SQLite's own handler never sleeps longer; a program's sqlite3_sleep() may. */
#define HANDLER_US 100000
#define LENIENT_US 100000

/* What this thread waits for. */
static _Thread_local struct {
  const struct vfs_connection *c;
  struct vfs_pool *pool;        /* stays while the process does */
  uint64_t *words;              /* so do they */
  unsigned generation;
  bool pending;                 /* c was told BUSY, and has not slept since */
  bool queued;                  /* it has a ticket */
  bool patient;                 /* no longer: its wait was long enough */
  bool its_turn;                /* or so it seemed when the sleep ended */
  uint32_t ticket;
  uint32_t acquired;            /* last seen */
  uint64_t free_since;          /* the lock, as far as we saw */
  uint64_t since;               /* of the first sleep */
  uint64_t asked;               /* of all sleeps: us that SQLite asked for */
  uint64_t slept;               /* and got */
  uint64_t limit;
} self;

/* ------------------------------------------------------------------ */
/* Words                                                              */

static uint32_t *
half (uint64_t *words, int word, int which)
{
  return (uint32_t *) &words[word] + which;
}

#define TAIL(words) half (words, TICKETS, 0)
#define HEAD(words) half (words, TICKETS, 1)
#define RELEASED(words) half (words, TURNS, 0)
#define ACQUIRED(words) half (words, TURNS, 1)
#define SEEN(words) half (words, TIMES, 0)
#define LEFT_TO(words) half (words, TIMES, 1)

static uint32_t
load (uint32_t *word)
{
  return __atomic_load_n (word, __ATOMIC_SEQ_CST);
}

static void
store (uint32_t *word, uint32_t value)
{
  __atomic_store_n (word, value, __ATOMIC_SEQ_CST);
}

static uint64_t
token (uint64_t *words, int word)
{
  return __atomic_load_n (&words[word], __ATOMIC_SEQ_CST);
}

static void
set_token (uint64_t *words, int word, uint64_t value)
{
  __atomic_store_n (&words[word], value, __ATOMIC_SEQ_CST);
}

static bool
change_token (uint64_t *words, int word, uint64_t from, uint64_t to)
{
  return __atomic_compare_exchange_n (&words[word], &from, to, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static bool
is_paused (uint64_t *words)
{
  return (token (words, COPIES) & PAUSED) != 0;
}

/* Has someone the lock, or are others not to have it? */
static bool
is_busy (uint64_t *words)
{
  return token (words, HELD) != 0 || is_paused (words);
}

static uint32_t
bit_of (uint32_t ticket)
{
  return 1u << (ticket & 31);
}

/* How many come before the ticket; none if its turn has been. */
static uint32_t
rank_of (uint64_t *words, uint32_t ticket)
{
  int32_t before = (int32_t) (ticket - load (HEAD (words)));

  return before > RANK_MAX ? RANK_MAX : before < 0 ? 0 : (uint32_t) before;
}

static bool
has_waiters (uint64_t *words)
{
  uint32_t head = load (HEAD (words));
  uint32_t tail = load (TAIL (words));

  if (head == tail)
    return false;
  if ((uint32_t) vfs_coarse_ms () - load (SEEN (words)) <= RECENT_MS)
    return true;
  /* All tickets are of those who went away. */
  __atomic_compare_exchange_n (HEAD (words), &head, tail, false,
                               __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
  return false;
}

/* The ticket's turn is over. */
static void
advance (uint64_t *words, uint32_t ticket)
{
  uint32_t head = load (HEAD (words));

  while ((int32_t) (ticket + 1 - head) > 0
         && !__atomic_compare_exchange_n (HEAD (words), &head, ticket + 1,
                                          false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED))
    ;
}

static void
wake_head (uint64_t *words)
{
  uint32_t head = load (HEAD (words));

  store (LEFT_TO (words), head + 1);
  __atomic_fetch_add (RELEASED (words), 1, __ATOMIC_SEQ_CST);
  vfs_futex_wake (RELEASED (words), bit_of (head));
}

/* ------------------------------------------------------------------ */
/* This thread's turn                                                 */

/* The dead keep nothing from others. */
static bool
is_paused_by_who_lives (oriel_pool *pool, uint64_t *words)
{
  uint64_t copies = token (words, COPIES);

  return (copies & PAUSED)
         && (oriel_alive (pool, copies & ~PAUSED)
             || !change_token (words, COPIES, copies, 0));
}

/* The lock is not held, or kept from others, by a user of the pool who lives. */
static bool
is_free (bool look)
{
  uint64_t held = token (self.words, HELD);

  if (look ? is_paused_by_who_lives (self.pool->pool, self.words)
           : is_paused (self.words))
    return false;
  return held == 0 || (look && !oriel_alive (self.pool->pool, held));
}

/* Has the lock been free for so long, as far as we saw?  look: ask whether its
 * holder lives. */
static bool
is_left_alone (uint64_t now, uint64_t us, bool look)
{
  uint32_t acquired = load (ACQUIRED (self.words));

  if (acquired != self.acquired || !is_free (look))
    {
      self.acquired = acquired;
      self.free_since = now;
    }
  return now - self.free_since >= us;
}

/* Is it time to try?  napped: a whole nap was slept. */
static bool
is_time (uint64_t now, bool napped)
{
  uint32_t rank = rank_of (self.words, self.ticket);

  if (rank == 0 && now - self.since >= PAUSE_US
      && token (self.words, HELD) == 0 && is_paused (self.words))
    return true;
  if (rank == 0 && load (LEFT_TO (self.words)) == self.ticket + 1
      && is_free (false))
    return true;
  if (!is_left_alone (now, (uint64_t) (rank + 1) * GRACE_US, napped))
    return false;
  /* No one takes the turn.  If it is not ours, try nevertheless. */
  self.patient = rank == 0;
  self.free_since = now;
  return true;
}

/* ------------------------------------------------------------------ */
/* Locking                                                            */

void
vfs_queue_init (struct vfs_connection *c, unsigned wait_ms)
{
  c->turn.log_only = wait_ms == VFS_WAIT_PRESET;
  c->turn.limit_us = c->turn.log_only ? PRESET_US : (uint64_t) wait_ms * 1000;
}

static bool
is_on (const struct vfs_connection *c)
{
  return c->turn.limit_us > 0 && vfs_has_pool (c)
         && (!c->turn.log_only || c->nregions > 0);
}

static bool
is_self (const struct vfs_connection *c)
{
  return self.c == c && self.generation == vfs_generation;
}

static void
measure_gap (struct vfs_connection *c, uint64_t now)
{
  if (c->turn.left_at && now - c->turn.left_at < TIGHT_US)
    c->turn.gaps = 0;
  else if (c->turn.left_at && c->turn.gaps < IDLE_GAPS)
    c->turn.gaps++;
  c->turn.left_at = 0;
}

/* It was the last to have the lock, and has a turn. */
static bool
keeps_turn (const struct vfs_connection *c)
{
  return c->turn.since
         && load (ACQUIRED (c->shared->words)) == c->turn.acquired;
}

static bool
is_over (const struct vfs_connection *c, uint64_t now)
{
  return c->turn.count >= TURN_COUNT || now - c->turn.since >= TURN_US
         || c->turn.gaps >= IDLE_GAPS;
}

static void
end_turn (struct vfs_connection *c)
{
  c->turn.since = 0;
  wake_head (c->shared->words);
}

/* It is another's turn: let him have the lock.  false: he does not come, and it
 * is free for all. */
static bool
let_go_first (uint64_t *words)
{
  uint32_t acquired = load (ACQUIRED (words));

  for (unsigned us = 0; us < GRACE_US; us += POLL_US)
    {
      if (is_busy (words) || load (ACQUIRED (words)) != acquired)
        return true;
      usleep (POLL_US);
    }
  return false;
}

bool
vfs_queue_try (struct vfs_connection *c)
{
  uint64_t *words;
  uint64_t now;
  bool waiters;

  if (!is_on (c) || c->turn.copies)
    return true;
  words = c->shared->words;
  waiters = has_waiters (words);
  if (!waiters
      && (!c->turn.sleeps
          || !is_paused_by_who_lives (c->shared->pool->pool, words)))
    return true;
  now = vfs_now_us ();
  measure_gap (c, now);
  if (is_self (c) && self.queued)
    return self.its_turn || !self.patient || now - self.since >= OBEDIENT_US
           || is_time (now, true);
  if (!waiters)
    return false;
  if (keeps_turn (c) && !is_over (c, now) && !is_paused (words))
    return true;
  if (keeps_turn (c))
    end_turn (c);
  else if (!c->turn.sleeps)
    return true;
  return !let_go_first (words) || !c->turn.sleeps;
}

/* Frames of a long log. */
static uint32_t
long_log (const struct vfs_connection *c)
{
  uint32_t page = vfs_wal_page_size (c);
  uint32_t most = page > 0 ? LONG_BYTES / page : LONG_LOG;

  return most > LONG_LOG ? LONG_LOG : most < SHORT_LOG ? SHORT_LOG : most;
}

/* Is this the checkpoint after which the log is to begin anew?  Not if that is
 * to take long. */
static bool
has_to_end (const struct vfs_connection *c)
{
  struct vfs_log log;
  uint32_t rest;

  if (!vfs_wal_look (c, &log) || vfs_wal_untried (c) == log.end)
    return false;
  rest = log.end - log.copied;
  return rest <= long_log (c)
         && (rest <= log.end / REST || log.end >= long_log (c));
}

void
vfs_queue_copies (struct vfs_connection *c)
{
  uint64_t *words;
  bool ends;

  if (!is_on (c))
    return;
  /* The checkpoint's lock is ours alone. */
  words = c->shared->words;
  ends = has_to_end (c);
  c->turn.copies = true;
  set_token (words, COPIES, c->shared->pool->self | (ends ? PAUSED : 0));
  if (!ends && has_waiters (words) && keeps_turn (c))
    end_turn (c);
}

void
vfs_queue_copied (struct vfs_connection *c)
{
  uint64_t old;

  if (!c->turn.copies || !vfs_has_pool (c))
    return;
  c->turn.copies = false;
  old = __atomic_exchange_n (&c->shared->words[COPIES], 0, __ATOMIC_SEQ_CST);
  if (old & PAUSED)
    end_turn (c);
}

void
vfs_queue_moved (struct vfs_connection *c)
{
  if (!is_self (c) || !self.pending)
    return;
  /* It was BUSY and did not sleep. */
  c->turn.sleeps = false;
  self.pending = false;
}

void
vfs_queue_busy (struct vfs_connection *c)
{
  uint64_t me;

  if (!is_on (c))
    return;
  /* Who waits itself has no one wait. */
  me = c->shared->pool->self;
  if (c->turn.copies)
    change_token (c->shared->words, COPIES, me | PAUSED, me);
  vfs_queue_moved (c);
  if (!is_self (c))
    {
      self.c = c;
      self.queued = false;
      self.generation = vfs_generation;
    }
  self.pool = c->shared->pool;
  self.words = c->shared->words;
  self.limit = c->turn.limit_us;
  self.pending = true;
  self.patient = true;
  self.its_turn = false;
}

void
vfs_queue_had (struct vfs_connection *c)
{
  uint64_t *words;

  if (!is_on (c))
    return;
  words = c->shared->words;
  set_token (words, HELD, c->shared->pool->self);
  if (!keeps_turn (c))
    c->turn.since = 0;
  c->turn.count++;
  c->turn.acquired = __atomic_add_fetch (ACQUIRED (words), 1,
                                         __ATOMIC_SEQ_CST);
  if (is_self (c))
    {
      if (self.queued)
        {
          advance (words, self.ticket);
          c->turn.sleeps = true;
        }
      self.queued = self.pending = false;
    }
}

/* While someone copies it the log grows: so much that it does not end. */
static void
pause_for (struct vfs_connection *c)
{
  uint64_t *words = c->shared->words;
  uint64_t who = token (words, COPIES);
  uint32_t untried;

  if (who == 0 || (who & PAUSED))
    return;
  untried = vfs_wal_untried (c);
  if (untried >= long_log (c) / 2 && untried < vfs_wal_frames (c))
    change_token (words, COPIES, who, who | PAUSED);
}

void
vfs_queue_leave (struct vfs_connection *c)
{
  if (!is_on (c))
    return;
  pause_for (c);
  set_token (c->shared->words, HELD, 0);
}

void
vfs_queue_left (struct vfs_connection *c)
{
  uint64_t *words;
  uint64_t now;

  if (!is_on (c) || !has_waiters (words = c->shared->words))
    return;
  now = vfs_now_us ();
  c->turn.left_at = now;
  if (!c->turn.since)
    {
      /* A turn begins when someone waits for it to end. */
      c->turn.since = now;
      c->turn.count = 1;
    }
  if (is_over (c, now))
    end_turn (c);
}

void
vfs_queue_ended (struct vfs_connection *c)
{
  if (!is_on (c) || !is_self (c) || !self.queued || self.pending)
    return;
  self.queued = false;
  if (rank_of (self.words, self.ticket) == 0)
    {
      advance (self.words, self.ticket);
      if (has_waiters (self.words) && !is_busy (self.words))
        wake_head (self.words);
    }
}

/* ------------------------------------------------------------------ */
/* Sleeping                                                           */

static void
join (uint64_t now)
{
  if (self.queued)
    return;
  self.ticket = __atomic_fetch_add (TAIL (self.words), 1, __ATOMIC_SEQ_CST);
  self.queued = true;
  self.acquired = load (ACQUIRED (self.words));
  self.free_since = self.since = now;
  self.asked = self.slept = 0;
}

/* Until it is our turn, or the end. */
static void
sleep_in_queue (uint64_t start, uint64_t us)
{
  bool may_be_early = self.asked <= self.slept + LENIENT_US;
  bool napped = false;

  for (uint64_t now = start; now < start + us; now = vfs_now_us ())
    {
      uint64_t nap = start + us - now;
      uint32_t released = load (RELEASED (self.words));

      store (SEEN (self.words), (uint32_t) vfs_coarse_ms ());
      if (may_be_early && is_time (now, napped))
        {
          self.its_turn = true;
          break;
        }
      if (rank_of (self.words, self.ticket) == 0 && nap > GRACE_US)
        nap = GRACE_US;
      else if (nap > NAP_US)
        nap = NAP_US;
      vfs_futex_wait (RELEASED (self.words), released, bit_of (self.ticket),
                      nap);
      napped = vfs_now_us () - now >= nap;
    }
}

bool
vfs_queue_sleep (int us)
{
  uint64_t start;

  if (!self.pending || us <= 0 || us > HANDLER_US
      || self.generation != vfs_generation)
    return false;
  self.pending = false;
  start = vfs_now_us ();
  join (start);
  if (start - self.since > self.limit)
    {
      self.patient = false;
      return false;
    }
  sleep_in_queue (start, (uint64_t) us);
  self.asked += (uint64_t) us;
  self.slept += vfs_now_us () - start;
  return true;
}

void
vfs_queue_close (struct vfs_connection *c)
{
  if (is_self (c))
    self.c = NULL;
}
