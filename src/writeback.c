/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * writeback.c - write dirty pages before anyone has to wait for it
 *
 * Above the low bound dirty pages are written as fast as the rate allows; below
 * it some now and then, if since the last look no page was loaded and no more
 * have become dirty.  The pages are listed and sorted once, and the list is
 * written from one end to the other before there is a new one: so the store sees
 * long ascending runs, and each page is written at most once a round, however
 * often it changes.  They are written as copies (flush-chunk.c).
 *
 * Above the high bound whoever pins pages for writing writes a chunk itself, or
 * waits some milliseconds if another is at it.  That is asked once for as many
 * pins as a sweep takes frames, since the pages are counted by the dirty map: 8
 * bytes for 64 of them.
 *
 * One thread at a time writes back, of all processes: its owner number is in
 * super.writer, with a count of the turns, so that no CAS takes one turn for
 * another.  Who has it says so in its ledger (locks), from before until after; a
 * word whose owner is dead, or does not say so, is anyone's.  What the dead one
 * had WRITING is repaired as everywhere.  Should two write, nothing is wrong but
 * the order.
 *
 * The thread blocks all signals but those that an instruction raises.  A forked
 * child has no such thread, and does not wait for it.
 *
 * Locks: the writeback's own mutex, then pool->lock; the first is held while
 * pages are written and the log is flushed, so it is only tried.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "error.h"
#include "flush.h"
#include "load-async.h"
#include "lock.h"
#include "log.h"
#include "point.h"
#include "sys.h"
#include "writeback.h"

#define TICK_MS 100
#define SECOND 1000000000u      /* ns */

/* Pages of one turn: others want theirs, and who stops the thread waits. */
#define TURN 2048

/* Rounds of orl_backoff(), of 1 ms at most, that who makes pages dirty waits for
 * another to write some. */
#define HELP_ROUNDS 10

/* Permille of the frames. */
#define LOW_DEFAULT 100

struct spot {
  uint32_t file;
  struct orl_item item;
};

struct orl_writeback {
  /* constant */
  uint32_t low, high;           /* permille of the frames; high: 0, none */
  uint64_t rate;                /* bytes a second, 0: any */
  /* under lock */
  pthread_mutex_t lock;
  unsigned char *copies;
  struct spot *spots;
  size_t at, n, room;
  uint64_t then;                /* ns, of the last turn */
  uint64_t credit;              /* bytes that may be written */
  uint64_t dirty;               /* pages, at the last turn */
  uint32_t clock;               /* pages loaded, likewise */
  /* the thread */
  pthread_t thread;
  bool started;
  bool stop;                    /* under wake_lock */
  pthread_mutex_t wake_lock;
  pthread_cond_t wake;
};

/* ------------------------------------------------------------------ */
/* Whose turn it is                                                   */

static bool
take_turn (struct orl_thread *me)
{
  struct orl_shm *shm = &me->pool->shm;
  orl_a64 *writer = &shm->super->writer;
  uint64_t word = atomic_load (writer);
  uint32_t owner = (uint32_t) word & 0xffff;

  atomic_fetch_or (&me->ledger->locks, ORL_HAS_WRITER);
  ORL_POINT ("writeback.said");
  if ((owner == 0 || owner == me->owner || !orl_owner_alive (shm, owner)
       || !(atomic_load (&shm->ledgers[owner - 1].locks) & ORL_HAS_WRITER))
      && atomic_compare_exchange_strong (
          writer, &word, ((word >> 16) + 1) << 16 | me->owner))
    {
      ORL_POINT ("writeback.taken");
      return true;
    }
  atomic_fetch_and (&me->ledger->locks, ~ORL_HAS_WRITER);
  return false;
}

static void
give_turn (struct orl_thread *me)
{
  orl_a64 *writer = &me->pool->shm.super->writer;
  uint64_t word = atomic_load (writer);

  if ((uint32_t) (word & 0xffff) == me->owner)
    atomic_compare_exchange_strong (writer, &word,
                                    word & ~UINT64_C (0xffff));
  ORL_POINT ("writeback.given");
  atomic_fetch_and (&me->ledger->locks, ~ORL_HAS_WRITER);
}

/* ------------------------------------------------------------------ */
/* Which pages                                                        */

static uint64_t
count_dirty (const struct orl_shm *shm)
{
  uint64_t n = 0;

  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    n += (uint64_t) __builtin_popcountll (
        atomic_load_explicit (&shm->dirty[w], memory_order_relaxed));
  return n;
}

static int
by_place (const void *a, const void *b)
{
  const struct spot *x = a, *y = b;

  if (x->file != y->file)
    return x->file < y->file ? -1 : 1;
  return x->item.page < y->item.page ? -1 : x->item.page > y->item.page;
}

static int
add_spot (struct orl_writeback *wb, struct spot spot)
{
  if (wb->n == wb->room)
    {
      size_t room = wb->room ? wb->room * 2 : 256;
      struct spot *more = realloc (wb->spots, room * sizeof *more);

      if (!more)
        return orl_fail (-ENOMEM, "no memory to list dirty pages");
      wb->spots = more;
      wb->room = room;
    }
  wb->spots[wb->n++] = spot;
  return 0;
}

/* A new list. */
static int
list_dirty (struct orl_writeback *wb, const struct orl_shm *shm)
{
  int r = 0;

  wb->at = wb->n = 0;
  for (uint64_t w = 0; w < (orl_span (shm) + 63) / 64; w++)
    for (uint64_t bits = atomic_load (&shm->dirty[w]); bits && r == 0;
         bits &= bits - 1)
      {
        uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
        const struct orl_frame *f = &shm->frames[frame];
        uint64_t word;

        if (frame >= orl_span (shm))
          break;
        word = atomic_load (&f->state);
        if ((word & ORL_DIRTY) && !orl_frame_is_dead (shm, f, word))
          r = add_spot (wb, (struct spot) {
                                (uint32_t) atomic_load (&f->file),
                                { atomic_load (&f->page), (uint32_t) frame } });
      }
  if (wb->n > 0)
    qsort (wb->spots, wb->n, sizeof *wb->spots, by_place);
  return r;
}

/* ------------------------------------------------------------------ */
/* Writing                                                            */

/* The next chunk of the list, of one file. */
static int
write_chunk (struct orl_thread *me, struct orl_writeback *wb, uint64_t most)
{
  struct orl_item items[ORL_CHUNK];
  uint32_t index = wb->spots[wb->at].file;
  struct oriel_file *file;
  size_t n = 0;
  int r = 0;

  while (wb->at < wb->n && n < ORL_CHUNK && n < most
         && wb->spots[wb->at].file == index)
    items[n++] = wb->spots[wb->at++].item;
  file = index < me->pool->shm.geo.nfiles ? orl_file_hold (me->pool, index)
                                          : NULL;
  if (!file)
    return 0;
  if (orl_flush_may (file))
    r = orl_flush_items (me, file, items, n, wb->copies);
  orl_file_unhold (file);
  return r;
}

/* With the turn: write most pages, if there are so many.  Of those that cannot be
 * written the first error is told, and the others are. */
static int
write_some (struct orl_thread *me, struct orl_writeback *wb, uint64_t most,
            uint64_t *pages)
{
  orl_a64 *written = &me->ledger->stat[ORL_WRITEBACKS];
  uint64_t from = atomic_load_explicit (written, memory_order_relaxed);
  bool listed = false;
  int result = 0;

  if (!wb->copies)
    wb->copies = orl_flush_room (me->pool);
  for (*pages = 0; *pages < most && !orl_pool_gone (me->pool);)
    {
      int r;

      if (wb->at == wb->n)
        {
          if (listed)
            break;
          listed = true;
          if ((r = list_dirty (wb, &me->pool->shm)) < 0)
            return r;
          if (wb->n == 0)
            break;
        }
      r = write_chunk (me, wb, most - *pages);
      if (result == 0)
        result = r;
      *pages = atomic_load_explicit (written, memory_order_relaxed) - from;
    }
  return result;
}

static uint64_t
permille_of (uint64_t n, uint32_t permille)
{
  return n / 1000 * permille + n % 1000 * permille / 1000;
}

/* How many pages are to be written now. */
static uint64_t
how_many (struct orl_writeback *wb, const struct orl_shm *shm)
{
  uint64_t dirty = count_dirty (shm);
  uint32_t clock = atomic_load_explicit (&shm->super->clock,
                                         memory_order_relaxed);
  bool idle = clock == wb->clock && dirty <= wb->dirty;
  uint64_t low = permille_of (orl_frames (shm), wb->low);
  uint64_t n = dirty > low ? dirty - low : idle ? ORL_BATCH : 0;
  uint64_t now = orl_now_ns ();
  uint64_t passed = now - wb->then;

  wb->clock = clock;
  wb->dirty = dirty;
  wb->then = now;
  if (n > dirty)
    n = dirty;
  if (wb->rate > 0)
    {
      /* Of what was not written in a second nothing is caught up on, but for
       * one page, which may take longer. */
      uint64_t most
          = wb->rate > shm->geo.page_size ? wb->rate : shm->geo.page_size;
      double credit = (double) wb->credit
                      + (double) wb->rate * (double) passed / SECOND;

      wb->credit = credit < (double) most ? (uint64_t) credit : most;
      if (n > wb->credit >> shm->geo.page_shift)
        n = wb->credit >> shm->geo.page_shift;
    }
  return n < TURN ? n : TURN;
}

/* One turn, if it can be had.  *more: there is more to do at once. */
static int
work (struct orl_thread *me, uint64_t *pages, bool *more)
{
  struct orl_writeback *wb = me->pool->writeback;
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t want;
  int r = 0;

  *pages = 0;
  *more = false;
  orl_async_reap (me); /* for who makes no other calls */
  if (pthread_mutex_trylock (&wb->lock) != 0)
    return 0;
  want = how_many (wb, shm);
  if (want > 0 && take_turn (me))
    {
      uint64_t bytes;

      r = write_some (me, wb, want, pages);
      give_turn (me);
      bytes = *pages << shm->geo.page_shift;
      wb->credit -= bytes < wb->credit ? bytes : wb->credit;
      *more = r == 0 && *pages > 0 && want == TURN;
    }
  pthread_mutex_unlock (&wb->lock);
  return r;
}

int
orl_writeback (struct orl_thread *me, uint64_t *pages)
{
  bool more;

  return work (me, pages, &more);
}

/* A chunk, if no one else is at it: 1; 0 someone is; an error. */
static int
write_one (struct orl_thread *me, struct orl_writeback *wb)
{
  uint64_t pages;
  int r = 0;

  if (pthread_mutex_trylock (&wb->lock) != 0)
    return 0;
  if (take_turn (me))
    {
      r = write_some (me, wb, ORL_BATCH, &pages);
      give_turn (me);
      if (r == 0)
        r = pages > 0;
    }
  pthread_mutex_unlock (&wb->lock);
  return r;
}

void
orl_writeback_help (struct orl_thread *me)
{
  struct orl_writeback *wb = me->pool->writeback;
  const struct orl_shm *shm = &me->pool->shm;

  if (wb->high == 0 || ++me->dirtied < orl_batch (me->pool) || me->in_log)
    return;
  me->dirtied = 0;
  for (unsigned round = 0; round < HELP_ROUNDS
                           && count_dirty (shm)
                                  > permille_of (orl_frames (shm), wb->high);
       round++)
    {
      if (write_one (me, wb) != 0)
        return;
      orl_backoff (1000); /* the longest */
    }
}

/* ------------------------------------------------------------------ */
/* The thread                                                         */

/* False: stop. */
static bool
rest (struct orl_writeback *wb)
{
  struct timespec until;
  bool stop;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_nsec += TICK_MS * 1000000l;
  if (until.tv_nsec >= (long) SECOND)
    {
      until.tv_sec++;
      until.tv_nsec -= (long) SECOND;
    }
  pthread_mutex_lock (&wb->wake_lock);
  if (!wb->stop)
    pthread_cond_timedwait (&wb->wake, &wb->wake_lock, &until);
  stop = wb->stop;
  pthread_mutex_unlock (&wb->wake_lock);
  return !stop;
}

static bool
is_to_stop (struct orl_writeback *wb)
{
  bool stop;

  pthread_mutex_lock (&wb->wake_lock);
  stop = wb->stop;
  pthread_mutex_unlock (&wb->wake_lock);
  return stop;
}

/* What fails stays dirty, and is told by who asks for it. */
static void *
serve (void *arg)
{
  struct oriel_pool *pool = arg;

  while (rest (pool->writeback))
    {
      struct orl_thread *me;
      uint64_t pages;
      bool more;

      do
        more = orl_thread_self (pool, &me) == 0
               && work (me, &pages, &more) == 0 && more;
      while (more && !is_to_stop (pool->writeback));
    }
  return NULL;
}

int
orl_writeback_start (struct oriel_pool *pool)
{
  static const int raised[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP };
  struct orl_writeback *wb = pool->writeback;
  sigset_t all, old;
  int r;

  sigfillset (&all);
  for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
    sigdelset (&all, raised[i]);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  r = -pthread_create (&wb->thread, NULL, serve, pool);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (r < 0)
    return orl_fail (r, "%s: no thread can be started to write back",
                     pool->path);
  wb->started = true;
  return 0;
}

void
orl_writeback_stop (struct oriel_pool *pool)
{
  struct orl_writeback *wb = pool->writeback;
  int was;

  if (!wb || !wb->started || orl_forked (pool))
    return;
  pthread_mutex_lock (&wb->wake_lock);
  wb->stop = true;
  pthread_cond_signal (&wb->wake);
  pthread_mutex_unlock (&wb->wake_lock);
  was = orl_cancel_off ();
  pthread_join (wb->thread, NULL);
  orl_cancel_back (was);
  wb->started = false;
}

/* ------------------------------------------------------------------ */

int
orl_writeback_open (struct oriel_pool *pool, const oriel_options *opt)
{
  struct orl_writeback *wb = calloc (1, sizeof *wb);
  pthread_condattr_t attr;

  if (!wb)
    return orl_fail (-ENOMEM, "%s: no memory", pool->path);
  wb->low = opt->dirty_low ? opt->dirty_low : LOW_DEFAULT;
  wb->high = opt->dirty_high;
  if (wb->high > 0 && wb->low > wb->high)
    wb->low = wb->high;
  wb->rate = opt->writeback_rate;
  wb->then = orl_now_ns ();
  pthread_mutex_init (&wb->lock, NULL);
  pthread_mutex_init (&wb->wake_lock, NULL);
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (&wb->wake, &attr);
  pthread_condattr_destroy (&attr);
  pool->writeback = wb;
  return 0;
}

void
orl_writeback_close (struct oriel_pool *pool)
{
  struct orl_writeback *wb = pool->writeback;

  /* A child whose parent was just writing leaves it as it is. */
  if (!wb || pthread_mutex_trylock (&wb->lock) != 0)
    return;
  free (wb->copies);
  free (wb->spots);
  pthread_mutex_unlock (&wb->lock);
  free (wb);
  pool->writeback = NULL;
}
