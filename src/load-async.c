/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-async.c - pages that are read while no one waits for them
 *
 * Steps 1 to 3 of load.c are the thread's, as ever.  Then
 *   a. each frame enters the work of the process's ledger, and LOADING changes
 *      its owner from the thread to the process, under the ring's lock;
 *   b. the read is added to the ring, and sent;
 *   c. the thread forgets the frames: it may go, the process stays.
 *   d. Whoever reaps, a thread that waits for a page or passes by, ends the
 *      read: LOADING to VALID, or out of the table and FREE if it failed, so
 *      that who wants the page reads it and is told.
 * A stranger, if the process dies: before a the frames are the thread's and
 * after it the process's, in whose work they are; either way they go out of the
 * table and become FREE.  The kernel may still write them when the process is
 * dead: so those of the process wait until its ring is gone (uring.c), which
 * keeps a description of the pool's file with a lock of its own (proc.c).
 *
 * No one reaps for a process that does nothing.  So another process that wants a
 * page which such a process began to read waits a little and then makes the
 * frame STALE and reads the page itself: the first frame's content goes
 * nowhere, and the frame stays that process's until it reaps.  Who makes the
 * pool smaller does so with frames that are to go; it waits for those no more,
 * and gives their memory back: the kernel reads into pages of memory that are
 * no one's then.
 *
 * Where it is read to: in a linear window the frame; where slots are swapped,
 * private memory, as a slot that has to stay until the read has ended would be
 * one less for pins.
 *
 * A file that others change without Oriel is read under locks of the caller's.
 * Of that one nothing is under way when a call returns, but for windows read
 * ahead if the caller says for how long it has the lock (oriel_file_stable()):
 * then it is the call that ends this which waits.  Of several such callers of a
 * process the last one waits, as the lock of any keeps the file as it is; and it
 * stops when there is another one, so who reads on and on has no one wait.
 *
 * Locks: the ring's, under which the process's work is changed, and in it the
 * window's or a partition's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "evict.h"
#include "load-async.h"
#include "load-run.h"
#include "load.h"
#include "lost.h"
#include "point.h"
#include "proc.h"
#include "sys.h"
#include "table.h"
#include "torn.h"
#include "uring.h"

/* Pages in private memory at once. */
#define BOUNCES ORL_URING_DEPTH

#define TRIES 100               /* of slots that are taken away as we read */

struct flight {
  struct orl_io io;             /* the first field */
  struct flight *next;          /* free */
  struct oriel_file *file;
  struct orl_run run;
  struct iovec iov[ORL_RUN_MAX];
};

/* Constant but for what is under the ring's lock. */
struct orl_flights {
  struct orl_uring *ring;
  struct orl_ledger *ledger;    /* the process's */
  uint32_t owner;
  /* under its lock */
  struct flight *spare;
  orl_a32 pages;                /* under way; read by all */
  unsigned char *bounce;
  uint32_t nbounce;
  uint32_t bounces[BOUNCES];    /* free */
};

struct orl_uring *
orl_flights_ring (const struct orl_flights *fl)
{
  return fl->ring;
}

bool
orl_flights_own (const struct orl_flights *fl, uint64_t word)
{
  return orl_state_owner (word) == fl->owner;
}

/* Of making one.  Held at a fork(): the child would keep the descriptors of one
 * that no one knows of yet, and with them our locks. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------ */
/* The ring                                                           */

static int
make (struct oriel_pool *pool)
{
  struct orl_flights *fl = calloc (1, sizeof *fl);
  uint32_t index = pool->shm.geo.nthreads + pool->shm.proc;
  int fd = fl ? orl_proc_io_open (&pool->shm, ORL_PROC_READS) : -ENOMEM;
  int r = fd < 0 ? fd : orl_uring_open (fd, &fl->ring);

  /* The ring keeps the description, and forked children do not. */
  if (fd >= 0)
    orl_sys.close (fd);
  if (r < 0)
    {
      free (fl);
      return r;
    }
  fl->ledger = &pool->shm.ledgers[index];
  fl->owner = index + 1;
  atomic_store (&pool->flights, fl);
  return 0;
}

int
orl_async_open (struct oriel_pool *pool)
{
  int r = 0;

  pthread_mutex_lock (&making);
  if (!atomic_load (&pool->flights) && pool->ring >= 0)
    pool->ring = make (pool);
  if (!atomic_load (&pool->flights))
    r = pool->ring;
  pthread_mutex_unlock (&making);
  if (r == -ENOSYS)
    return orl_fail (-EOPNOTSUPP,
                     "%s: store uring: neither kernel nor sandbox, or not this "
                     "build of Oriel, has io_uring; choose auto or posix",
                     pool->path);
  if (r == -EPERM || r == -EACCES)
    return orl_fail (-EOPNOTSUPP,
                     "%s: store uring: io_uring is forbidden here "
                     "(kernel.io_uring_disabled, or a sandbox); choose auto or "
                     "posix",
                     pool->path);
  if (r < 0)
    return orl_fail (-EOPNOTSUPP,
                     "%s: store uring: the kernel makes no ring (error %d); "
                     "choose auto or posix",
                     pool->path, -r);
  return 0;
}

void
orl_async_before_fork (void)
{
  pthread_mutex_lock (&making);
}

void
orl_async_after_fork (void)
{
  pthread_mutex_unlock (&making);
}

bool
orl_async_works (struct oriel_pool *pool)
{
  struct orl_flights *fl = atomic_load (&pool->flights);
  int r = fl ? 0 : pool->ring;

  if (!fl && r == 0 && (r = orl_uring_probe ()) < 0)
    pool->ring = r;
  return fl ? !orl_uring_is_broken (fl->ring) : r == 0;
}

bool
orl_async_ready (struct orl_thread *me, struct oriel_file *file)
{
  struct oriel_pool *pool = me->pool;
  struct orl_flights *fl
      = atomic_load_explicit (&pool->flights, memory_order_acquire);

  if (!file->store->ops->aim)
    return false;
  if (fl)
    return !orl_uring_is_broken (fl->ring);
  return pool->ring == 0 && orl_async_open (pool) == 0;
}

void
orl_async_close (struct oriel_pool *pool)
{
  struct orl_flights *fl = atomic_load (&pool->flights);

  if (!orl_forked (pool))
    orl_uring_close (atomic_load (&pool->writes)); /* flush-ring.c */
  if (!fl)
    return;
  if (!orl_forked (pool))
    orl_uring_close (fl->ring);
  while (fl->spare)
    {
      struct flight *f = fl->spare;

      fl->spare = f->next;
      free (f);
    }
  if (fl->bounce && !orl_forked (pool))
    orl_sys.munmap (fl->bounce, (size_t) BOUNCES << pool->shm.geo.page_shift);
  free (fl);
  atomic_store (&pool->flights, NULL);
}

void
orl_async_forked (struct oriel_pool *pool)
{
  struct orl_flights *fl = atomic_load (&pool->flights);

  orl_uring_forked (atomic_load (&pool->writes));
  if (fl)
    orl_uring_forked (fl->ring);
}

/* ------------------------------------------------------------------ */
/* Private memory                                                     */

/* False: none.  A child of fork() has no part in it, as it would be copied while
 * the device writes. */
static bool
map_bounces (struct orl_flights *fl, const struct orl_geometry *geo)
{
  size_t bytes = (size_t) BOUNCES << geo->page_shift;
  void *at;

  if (fl->bounce)
    return true;
  at = orl_sys.mmap (NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    return false;
  orl_sys.madvise (at, bytes, MADV_DONTFORK);
  fl->bounce = at;
  for (fl->nbounce = 0; fl->nbounce < BOUNCES; fl->nbounce++)
    fl->bounces[fl->nbounce] = BOUNCES - 1 - fl->nbounce;
  return true;
}

static void *
take_bounce (struct orl_flights *fl, const struct orl_geometry *geo)
{
  if (!map_bounces (fl, geo) || fl->nbounce == 0)
    return NULL;
  return fl->bounce
         + ((size_t) fl->bounces[--fl->nbounce] << geo->page_shift);
}

static void
give_bounce (struct orl_flights *fl, const struct orl_geometry *geo, void *at)
{
  size_t i = (size_t) ((unsigned char *) at - fl->bounce) >> geo->page_shift;

  fl->bounces[fl->nbounce++] = (uint32_t) i;
}

/* ------------------------------------------------------------------ */
/* The end of a read                                                  */

/* Out of the table, and FREE. */
static void
fail_page (struct orl_thread *me, struct orl_flights *fl, uint32_t frame)
{
  const struct orl_shm *shm = &me->pool->shm;

  orl_table_remove (shm, me->owner, frame);
  ORL_POINT ("load.async.removed");
  orl_frame_settle (&shm->frames[frame], ORL_FREE, 0, 0, ORL_FLAGS);
  ORL_POINT ("load.async.freed");
  orl_work_end (fl->ledger, frame);
}

/* Read by the store what of the run is not yet there: how much is then.  What was
 * read short ends at the end of the file, most likely. */
static int64_t
read_from (struct oriel_file *file, const struct orl_run *run, int64_t got)
{
  const struct orl_geometry *geo = &file->pool->shm.geo;
  struct iovec iov[ORL_RUN_MAX];
  size_t skip = (size_t) got & (geo->page_size - 1);
  int64_t more;
  int n = 0;

  for (uint32_t i = (uint32_t) (got >> geo->page_shift); i < run->n; i++)
    {
      iov[n].iov_base = (char *) run->at[i] + skip;
      iov[n++].iov_len = geo->page_size - skip;
      skip = 0;
    }
  if (n == 0)
    return got;
  more = file->store->ops->read (file->store, iov, n,
                                 (run->page << geo->page_shift)
                                     + (uint64_t) got);
  return more < 0 ? more : got + more;
}

/* Hold the frames while they are touched, as many as the ledger has room for:
 * slots that show them have to stay, and so have the frames.  Who takes those
 * from the pool that are STALE, as no one waits for them any more (resize.c),
 * runs a barrier then, and reads the ledgers.  The number of STALE ones, which
 * may not be touched; -ENOBUFS not one is held. */
static int
hold (struct orl_thread *me, struct orl_run *run, bool stale[ORL_RUN_MAX])
{
  const struct orl_shm *shm = &me->pool->shm;
  uint32_t held = 0;
  int count = 0;

  for (; held < run->n; held++)
    {
      int entry = orl_ledger_room (me->ledger);

      if (entry < 0)
        break;
      orl_ledger_write (me->ledger, entry, ORL_PIN_PLAIN, run->frame[held]);
      run->entry[held] = entry;
    }
  if (held == 0)
    return -ENOBUFS;
  run->n = held;
  ORL_POINT ("load.async.held");
  orl_barrier_pin (shm);
  for (uint32_t i = 0; i < held; i++)
    {
      stale[i] = (atomic_load (&shm->frames[run->frame[i]].state) & ORL_STALE)
                 != 0;
      count += stale[i];
    }
  return count;
}

/* What was read is what is wanted: how much of it there is, or -errno. */
static int64_t
complete (struct orl_thread *me, struct oriel_file *file, struct orl_run *run,
          int64_t got)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;

  /* The store may do otherwise what the ring could not. */
  if (got == -EINVAL)
    got = read_from (file, run, 0);
  /* A slot that is not mapped, or has no memory behind it, wants a touch. */
  for (int k = 0; k < TRIES && got == -EFAULT; k++)
    {
      for (uint32_t i = 0; i < run->n; i++)
        orl_lost_touch (run->at[i], geo->page_size);
      got = read_from (file, run, 0);
    }
  if (got >= 0)
    got = read_from (file, run, got);
  if (got < 0)
    return got;
  orl_count (me->ledger, ORL_READ_BYTES, (uint64_t) got);
  return orl_run_end (geo, run, got);
}

/* What all of them are, from page first on. */
static void
take_part (const struct orl_run *all, uint32_t first, struct orl_run *run)
{
  run->page = all->page + first;
  run->cut = all->cut;
  run->n = all->n - first;
  memcpy (run->frame, &all->frame[first], run->n * sizeof *run->frame);
  memcpy (run->at, &all->at[first], run->n * sizeof *run->at);
  memcpy (run->bounced, &all->bounced[first], run->n * sizeof *run->bounced);
}

/* The flight's pages from first on, as many as can be held; got is the flight's.
 * How many. */
static uint32_t
done_part (struct orl_thread *me, struct flight *f, uint32_t first,
           int64_t got)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  int64_t before = (int64_t) first << geo->page_shift;
  struct orl_flights *fl = me->pool->flights;
  bool stale[ORL_RUN_MAX] = { false };
  struct orl_run run;
  int64_t whole;
  int r;

  take_part (&f->run, first, &run);
  r = hold (me, &run, stale);
  whole = (int64_t) run.n << geo->page_shift;
  if (got >= 0)
    got = got <= before ? 0 : got - before < whole ? got - before : whole;
  /* What came short goes on where it ends, whatever is there. */
  if (r < 0 || (r > 0 && (run.cut != 0 || got != whole)))
    got = r < 0 ? r : -ECANCELED;
  else
    got = complete (me, f->file, &run, got);
  for (uint32_t i = 0; i < run.n; i++)
    {
      if (got < 0 || stale[i] || orl_run_hook (f->file, &run, i, got) < 0
          || (run.bounced[i] && orl_run_carry (me, f->file, &run, i) < 0))
        fail_page (me, fl, run.frame[i]);
      else
        orl_run_publish (me, fl->ledger, run.frame[i], 0);
      if (run.bounced[i])
        give_bounce (fl, geo, run.at[i]);
      if (r >= 0)
        orl_ledger_clear (me->ledger, run.entry[i]);
    }
  return run.n;
}

static void
done (struct orl_io *io, int64_t got, void *who)
{
  struct flight *f = (struct flight *) io;
  struct orl_thread *me = who;
  struct orl_flights *fl = me->pool->flights;

  ORL_POINT ("load.async.reaped");
  orl_count (me->ledger, ORL_READS, 1);
  for (uint32_t i = 0; i < f->run.n;)
    i += done_part (me, f, i, got);
  ORL_POINT ("load.async.let-go");
  atomic_fetch_sub (&fl->pages, f->run.n);
  atomic_fetch_sub (&f->file->flying, 1);
  f->next = fl->spare;
  fl->spare = f;
}

void
orl_async_reap (struct orl_thread *me)
{
  struct orl_flights *fl
      = atomic_load_explicit (&me->pool->flights, memory_order_acquire);

  if (!fl || atomic_load_explicit (&fl->pages, memory_order_relaxed) == 0)
    return;
  orl_uring_lock (fl->ring);
  orl_uring_reap (fl->ring, me);
  orl_uring_unlock (fl->ring);
}

bool
orl_async_settle (struct orl_thread *me)
{
  struct orl_flights *fl = atomic_load (&me->pool->flights);
  bool was;

  if (!fl)
    return false;
  orl_uring_lock (fl->ring);
  was = orl_uring_wait (fl->ring, me);
  orl_uring_unlock (fl->ring);
  return was;
}

/* ------------------------------------------------------------------ */
/* The begin of a read                                                */

/* Room for want pages, or for one at least: how many.  Under the lock. */
static uint32_t
room (struct orl_thread *me, struct orl_flights *fl, uint32_t want, bool stay)
{
  /* The frames are no one's meanwhile. */
  uint64_t quarter = orl_frames (&me->pool->shm) / 4;
  uint32_t limit = quarter < ORL_WORK ? (uint32_t) quarter : ORL_WORK;

  for (;;)
    {
      uint32_t pages = atomic_load_explicit (&fl->pages, memory_order_relaxed);
      uint32_t left = limit > pages ? limit - pages : 0;

      if (left > 0 && orl_uring_room (fl->ring) > 0)
        return left < want ? left : want;
      orl_uring_reap (fl->ring, me);
      if (atomic_load_explicit (&fl->pages, memory_order_relaxed) < pages)
        continue;
      if (!stay || !orl_uring_wait (fl->ring, me))
        return 0;
    }
}

/* Choose where each page of the run is read to, under the lock; how many have a
 * place. */
static uint32_t
aim (struct orl_flights *fl, struct orl_window *w,
     const struct orl_geometry *geo, struct orl_run *run)
{
  for (uint32_t i = 0; i < run->n; i++)
    {
      run->bounced[i] = !w->linear;
      run->at[i] = w->linear ? orl_window_find (w, run->frame[i])
                             : take_bounce (fl, geo);
      if (!run->at[i])
        return i;
    }
  return run->n;
}

/* Step a, for one frame.  The process has room for it. */
static void
hand_over (struct orl_thread *me, struct orl_flights *fl, uint32_t frame)
{
  struct orl_frame *f = &me->pool->shm.frames[frame];
  uint64_t word = atomic_load_explicit (&f->state, memory_order_relaxed);

  orl_work_begin (fl->ledger, frame);
  ORL_POINT ("load.async.listed");
  /* Keeps WAITERS: they are woken when it is VALID. */
  while (!orl_frame_move (f, &word, ORL_LOADING, fl->owner, 0, 0))
    ;
  ORL_POINT ("load.async.handed");
  orl_work_end (me->ledger, frame);
}

/* Steps a to c; under the lock. */
static void
launch (struct orl_thread *me, struct orl_flights *fl, struct flight *f)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  struct orl_store *store = f->file->store;

  for (uint32_t i = 0; i < f->run.n; i++)
    {
      f->iov[i].iov_base = f->run.at[i];
      f->iov[i].iov_len = geo->page_size;
      hand_over (me, fl, f->run.frame[i]);
    }
  f->io.iov = f->iov;
  f->io.n = (int) f->run.n;
  f->io.at = f->run.page << geo->page_shift;
  f->io.write = false;
  f->io.done = done;
  store->ops->aim (store, fl->ring, &f->io);
  atomic_fetch_add (&fl->pages, f->run.n);
  atomic_fetch_add (&f->file->flying, 1);
  orl_uring_add (fl->ring, &f->io);
  ORL_POINT ("load.async.added");
  for (uint32_t i = 0; i < f->run.n; i++)
    orl_ledger_clear (me->ledger, f->run.entry[i]);
  ORL_POINT ("load.async.begun");
}

static struct flight *
take_flight (struct orl_flights *fl)
{
  struct flight *f = fl->spare;

  if (f)
    fl->spare = f->next;
  else
    f = malloc (sizeof *f);
  return f;
}

static void
give_flight (struct orl_flights *fl, struct flight *f)
{
  f->next = fl->spare;
  fl->spare = f;
}

int
orl_async_begin (struct orl_thread *me, struct oriel_file *file, uint64_t key,
                 uint64_t page, uint32_t want, uint8_t mark, bool stay,
                 uint32_t *n)
{
  struct orl_flights *fl = atomic_load (&me->pool->flights);
  const struct orl_geometry *geo = &me->pool->shm.geo;
  struct flight *f;
  uint32_t left;
  int r;

  orl_uring_lock (fl->ring);
  left = room (me, fl, want, stay);
  f = left > 0 ? take_flight (fl) : NULL;
  orl_uring_unlock (fl->ring);
  if (!f)
    return -EAGAIN;
  r = orl_run_gather (me, file, key, page, left, true, &f->run);
  if (r == 0 && orl_torn_left (file).any)
    {
      /* Who wants them reads them with what the area has. */
      orl_run_drop (me, &f->run);
      r = -EAGAIN;
    }
  if (r == 0)
    {
      f->file = file;
      if (mark)
        atomic_store_explicit (
            &me->pool->shm.frames[f->run.frame[0]].ahead, mark,
            memory_order_relaxed);
      /* Before the read: who cuts the store drops what is being loaded after it
       * has said so. */
      f->run.cut = atomic_load (&file->rec->cut);
    }
  orl_uring_lock (fl->ring);
  if (r == 0)
    {
      /* Others may have taken the room meanwhile. */
      left = room (me, fl, f->run.n, stay);
      while (f->run.n > left)
        orl_run_take_back (me, &f->run);
      left = aim (fl, me->pool->window, geo, &f->run);
      while (f->run.n > left)
        orl_run_take_back (me, &f->run);
      r = f->run.n > 0 ? 0 : -EAGAIN;
    }
  if (r == 0)
    {
      *n = f->run.n;
      launch (me, fl, f);
    }
  else
    give_flight (fl, f);
  orl_uring_unlock (fl->ring);
  if (r == 0)
    orl_run_count (me, file, *n);
  return r;
}

void
orl_async_send (struct orl_thread *me)
{
  struct orl_flights *fl = atomic_load (&me->pool->flights);

  if (!fl)
    return;
  orl_uring_lock (fl->ring);
  orl_uring_send (fl->ring, me);
  ORL_POINT ("load.async.sent");
  orl_uring_unlock (fl->ring);
}
