/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lost.c - frames whose memory was taken away
 *
 * Someone may cut the pool's file or punch holes into it, and memory may fail.
 * The next touch of a mapping is then a SIGBUS; what is read through the
 * descriptor is short, or zeroes.  Whoever comes upon it first does this:
 *   1. where a page was dirty, its file's record gets ORL_IO_LOST: every flush
 *      and sync says so, until the file is closed by all and opened again;
 *   2. the frames get STALE and LOST: no new pin finds them, and all who have
 *      them pinned are told at their unpin;
 *   3. when no one writes them to their stores any more,
 *   4. the file gets its blocks, and its length, back.  They are zeroes.
 * Everyone may do so anew if we die at any step: nothing reads as zeroes before
 * the frame says LOST, because step 4 comes last.
 *
 * The frame is then like any other STALE one: the next pin of the page loads it
 * into another frame.  FREE and RESERVED ones have no content, and need no mark.
 *
 * All of it is async-signal-safe: the fault handler calls it.
 *
 * Locks: one repair at a time, by a byte of the pool's file and, in this
 * process, a spin lock: else a late one would take new pages for lost ones.
 * Who has them waits for nothing else, and runs no handler of the application:
 * signals are blocked meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evict.h"
#include "ledger.h"
#include "lost.h"
#include "mapping.h"
#include "point.h"
#include "sys.h"

#define LOCK_AT (((off_t) 1 << 59) + 1) /* behind the gate of poolfile.c */

/* Another process may be stopped in the middle of a repair: after some seconds
 * we go on without it. */
#define LOCK_ROUNDS 2000

/* So who has the lock waits for writers less long than others wait for it. */
#define WRITTEN_ROUNDS (LOCK_ROUNDS / 2)

/* Looks for frames that have got a page meanwhile. */
#define MARK_ROUNDS 8

static _Atomic uintptr_t repairer; /* a thread of this process */

static uintptr_t
self (void)
{
  return (uintptr_t) &orl_thread_cache;
}

/* All but those that an instruction raises. */
static void
block_signals (sigset_t *before)
{
  static const int raised[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP };
  sigset_t all;

  sigfillset (&all);
  for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
    sigdelset (&all, raised[i]);
  pthread_sigmask (SIG_BLOCK, &all, before);
}

/* Where there are no OFD locks (before Linux 3.15) a POSIX lock does: it is of
 * another byte than those of sys-lock.c, whose list is not async-signal-safe,
 * and threads of one process exclude each other by repairer.  Two who mend the
 * file at once would let it be cut once more between them, and no one be told:
 * one gives it its length back, and then the other, who found an older cut. */
static int
lock_byte (const struct orl_shm *shm, int type)
{
  struct flock fl = { .l_type = (short) type,
                      .l_whence = SEEK_SET,
                      .l_start = LOCK_AT,
                      .l_len = 1 };
  int r = orl_sys.fcntl_lock (shm->fd, F_OFD_SETLK, &fl);

  return r == -EINVAL || r == -ENOSYS || r == -EPERM
             ? orl_sys.fcntl_lock (shm->fd, F_SETLK, &fl)
             : r;
}

/* False: this thread is in the middle of it already. */
static bool
lock (const struct orl_shm *shm, sigset_t *before)
{
  uintptr_t none = 0;

  if (atomic_load (&repairer) == self ())
    return false;
  block_signals (before);
  for (unsigned round = 0;
       !atomic_compare_exchange_strong (&repairer, &none, self ()); round++)
    {
      none = 0;
      orl_backoff (round);
    }
  for (unsigned round = 0; round < LOCK_ROUNDS; round++)
    {
      int r = lock_byte (shm, F_WRLCK);

      if (r != -EAGAIN && r != -EACCES)
        break;
      orl_backoff (round);
    }
  return true;
}

static void
unlock (const struct orl_shm *shm, const sigset_t *before)
{
  lock_byte (shm, F_UNLCK);
  atomic_store (&repairer, 0);
  pthread_sigmask (SIG_SETMASK, before, NULL);
}

void
orl_lost_forked (void)
{
  atomic_store (&repairer, 0);
}

/* Steps 1 and 2 for one frame. */
static bool
mark (const struct orl_shm *shm, uint32_t frame)
{
  struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load (&f->state);

  while (orl_state (word) > ORL_RESERVED && !(word & ORL_LOST))
    {
      uint32_t file = (uint32_t) atomic_load (&f->file);

      if (((word & ORL_DIRTY) || orl_state (word) == ORL_WRITING)
          && !orl_frame_is_dead (shm, f, word))
        {
          atomic_fetch_or (&shm->files[file].io_error, ORL_IO_LOST);
          ORL_POINT ("lost.said");
        }
      if (atomic_compare_exchange_strong (&f->state, &word,
                                          word | ORL_STALE | ORL_LOST))
        {
          ORL_POINT ("lost.marked");
          return true;
        }
    }
  return false;
}

/* The frames that lie, with a byte at least, in [from, end) of the file: how many
 * were not LOST before. */
static uint64_t
mark_range (const struct orl_shm *shm, uint64_t from, uint64_t end)
{
  uint32_t own = shm->geo.nthreads + shm->proc;
  uint64_t n = 0;

  if (from < shm->geo.data)
    from = shm->geo.data;
  for (uint64_t i = (from - shm->geo.data) >> shm->geo.page_shift;
       i < orl_span (shm)
       && shm->geo.data + (i << shm->geo.page_shift) < end;
       i++)
    n += mark (shm, (uint32_t) i);
  /* Any thread may come here, with a ledger or without. */
  atomic_fetch_add_explicit (&shm->ledgers[own].stat[ORL_FRAMES_LOST], n,
                             memory_order_relaxed);
  return n;
}

/* Wait until no one writes the frames to their stores: a write that comes upon
 * the gap fails, but what we fill it with it would take for the page.  Who is
 * stopped does not write, and for the dead only the kernel may, which has hold of
 * the pages that it writes: so it is a matter of moments, or in vain.  *round
 * counts for all waits of one give_up(): others wait LOCK_ROUNDS for the lock. */
static void
wait_written (const struct orl_shm *shm, uint64_t from, uint64_t end,
              unsigned *round)
{
  if (from < shm->geo.data)
    from = shm->geo.data;
  for (uint64_t i = (from - shm->geo.data) >> shm->geo.page_shift;
       i < orl_span (shm)
       && shm->geo.data + (i << shm->geo.page_shift) < end;
       i++)
    while (orl_state (atomic_load (&shm->frames[i].state)) == ORL_WRITING
           && *round < WRITTEN_ROUNDS)
      orl_backoff ((*round)++);
}

/* Steps 1 to 3.  A block that looks like a hole may have been reserved only: what
 * had no page when we looked may have got one there meanwhile. */
static void
give_up (const struct orl_shm *shm, uint64_t from, uint64_t end)
{
  unsigned round = 0;
  uint64_t n;

  for (int i = 0; i < MARK_ROUNDS; i++)
    {
      n = mark_range (shm, from, end);
      wait_written (shm, from, end, &round);
      if (n == 0)
        break;
    }
}

/* What is missing, or broken. */
struct gap {
  uint64_t at;                  /* offsets in the file: what is wanted now, */
  uint64_t end;
  uint64_t from;                /* and all that was found */
  uint64_t to;
};

/* Step 4.  Blocks for all that is missing, or at least for what is wanted.  Where a
 * file system cannot reserve them, or a sandbox does not know the call (EPERM), a
 * touch gives them.  The file's length is another matter. */
static int
refill (const struct orl_shm *shm, const struct gap *g)
{
  int r = orl_sys.fallocate (shm->fd, FALLOC_FL_KEEP_SIZE, (off_t) g->from,
                             (off_t) (g->to - g->from));

  if (r < 0)
    r = orl_sys.fallocate (shm->fd, FALLOC_FL_KEEP_SIZE, (off_t) g->at,
                           (off_t) (g->end - g->at));
  if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM)
    r = 0;
  ORL_POINT ("lost.filled");
  /* And what was taken away just then is filled, too. */
  mark_range (shm, g->from, g->to);
  return r;
}

/* The new size is seen before the pages are gone.  Whoever changes the file has
 * it locked, so after a call that wants the lock, too, they are: a frame that gets
 * content only now does not get it in a page that goes.  Where there is no such
 * call (tmpfs before Linux 3.5), to write nothing takes the lock, too. */
static void
await_cut (const struct orl_shm *shm)
{
  static const char none;

  if (orl_sys.fallocate (shm->fd, FALLOC_FL_KEEP_SIZE, 0,
                         (off_t) shm->geo.block)
      < 0)
    orl_sys.pwrite (shm->fd, &none, 0, 0);
}

/* Steps 1 to 4. */
static int
replace (const struct orl_shm *shm, struct gap *g)
{
  give_up (shm, g->from, g->to);
  ORL_POINT ("lost.cut");
  return g->from < g->to ? refill (shm, g) : 0;
}

/* The file ends at size: all behind it is lost.  It gets its length back last: a
 * touch of what was cut is no signal from then on, so what is cut off meanwhile
 * must not be behind that end.  If it happened just before, there are holes, which
 * most kernels tell whoever touches them; we look for them at once.  (Blocks that
 * are reserved, and were not touched since, look the same: nothing is in them.)
 */
static int
repair_cut (const struct orl_shm *shm, uint64_t size, struct gap *g)
{
  const struct orl_geometry *geo = &shm->geo;
  struct stat st;
  off_t at, end;
  int r;

  g->to = geo->data + orl_backed_bytes (shm);
  for (;;)
    {
      if (size < geo->meta_bytes)
        return -ENODATA;
      g->from = size & ~(uint64_t) (geo->block - 1);
      if (g->from < geo->data)
        g->from = geo->data;
      r = replace (shm, g);
      if (orl_sys.fstat (shm->fd, &st) < 0 || (uint64_t) st.st_size >= size)
        break;
      size = (uint64_t) st.st_size;
      await_cut (shm);
    }
  /* Whatever came of it, nothing lies behind the end: a touch finds a hole. */
  orl_sys.ftruncate (shm->fd, (off_t) geo->file_bytes);
  ORL_POINT ("lost.whole");
  end = (off_t) g->from;
  for (at = (off_t) geo->data;
       (at = orl_sys.hole (shm->fd, at)) >= 0 && at < end; at = (off_t) g->to)
    {
      off_t next = orl_sys.data (shm->fd, at);

      if (next == -ENXIO) /* what is reserved looks like a hole, too */
        next = end;
      if (next <= at)
        break;
      g->from = (uint64_t) at & ~(uint64_t) (geo->block - 1);
      g->to = (uint64_t) (next < end ? next : end);
      if (replace (shm, g) < 0)
        r = -ENOSPC;
    }
  return r;
}

/* A hole from at on?  Then *end is its end. */
static bool
is_hole (const struct orl_shm *shm, uint64_t at, uint64_t *end)
{
  off_t next;

  if (shm->geo.block > 4096) /* hugetlbfs does not say */
    return true;
  next = orl_sys.data (shm->fd, (off_t) at);
  if (next == -ENXIO)
    next = (off_t) shm->geo.file_bytes;
  if (next < 0 || (uint64_t) next <= at)
    return false;
  *end = (uint64_t) next;
  return true;
}

static int
repair (const struct orl_shm *shm, struct gap *g, bool broken)
{
  const struct orl_geometry *geo = &shm->geo;
  struct stat st;
  int r;

  if (orl_sys.fstat (shm->fd, &st) < 0)
    return 0;
  if ((uint64_t) st.st_size < geo->meta_bytes)
    return -ENODATA;
  await_cut (shm);
  if ((uint64_t) st.st_size < geo->file_bytes)
    {
      r = repair_cut (shm, (uint64_t) st.st_size, g);
      if (r < 0 || g->at >= (uint64_t) st.st_size)
        return r == -ENODATA ? r : r < 0 ? -ENOSPC : 1;
    }
  g->from = g->at;
  g->to = g->end;
  /* What no frame has any more is a hole, as it should be. */
  if (g->at >= geo->data + orl_backed_bytes (shm))
    return 0;
  if (!broken && !is_hole (shm, g->at, &g->to))
    return 0;
  give_up (shm, g->from, g->to);
  ORL_POINT ("lost.hole");
  if (broken)
    orl_sys.fallocate (shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t) g->at, (off_t) (g->end - g->at));
  ORL_POINT ("lost.punched");
  return refill (shm, g) < 0 ? -ENOSPC : 1;
}

int
orl_lost_repair (const struct orl_shm *shm, uint64_t at, uint64_t bytes,
                 bool broken)
{
  uint64_t block = shm->geo.block;
  struct gap g = { .at = at & ~(block - 1),
                   .end = (at + bytes + block - 1) & ~(block - 1) };
  sigset_t before;
  int r;

  if (!lock (shm, &before))
    return 0;
  r = repair (shm, &g, broken);
  unlock (shm, &before);
  return r;
}

/* The file says so to who opens it: it may be as long as ever by now, as a write
 * of a page makes it long again. */
static void
note_cut (const struct oriel_pool *pool)
{
  const uint32_t yes = 1;

  if (!pool->watch)
    orl_sys.pwrite (pool->shm.fd, &yes, sizeof yes,
                    (off_t) offsetof (struct orl_super, cut));
}

void
orl_lost_pool (struct oriel_pool *pool, int why)
{
  struct orl_shm *shm = &pool->shm;
  int none = 0;
  bool first = atomic_compare_exchange_strong (&pool->gone, &none, why);

  __atomic_store_n (pool->id, UINT64_MAX, __ATOMIC_SEQ_CST);
  if (why != ORL_GONE_TABLES)
    return;
  if (!first)
    {
      none = ORL_GONE_ROOM;
      first = atomic_compare_exchange_strong (&pool->gone, &none, why);
    }
  if (first)
    note_cut (pool);
  /* Who is not the first may come back here until he was. */
  if (first)
    orl_sys.mmap (shm->map, orl_mapping_bytes (&shm->geo),
                  pool->watch ? PROT_READ : PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                  0);
}
