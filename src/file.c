/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - files in the pool: open, close, change of length
 *
 * What all processes know of a file is its record (file-record.c); this
 * process's handle is in pool->files at the record's place.
 *
 * Locks: pool->lock, then file_lock, then a partition's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "error.h"
#include "file-record.h"
#include "file.h"
#include "flush.h"
#include "latch.h"
#include "load.h"
#include "log.h"
#include "pin.h"
#include "point.h"
#include "proc.h"
#include "seen.h"
#include "sync.h"
#include "sys.h"
#include "torn.h"

/* Rounds of orl_backoff() for those who write pages back: some seconds. */
#define PIN_ROUNDS 4000

/* What file the path names, looked at through O_PATH, because closing any other
 * descriptor would drop POSIX locks.  False: none, or not a regular one. */
static bool
look_at (const char *path, struct orl_store_id *id)
{
  struct orl_store look = { .fd = orl_sys.open (path, O_PATH, 0) };
  struct stat st;
  bool good;

  if (look.fd < 0)
    return false;
  good = orl_sys.fstat (look.fd, &st) == 0 && S_ISREG (st.st_mode)
         && orl_store_identify (&look, id) == 0;
  orl_sys.close (look.fd);
  return good;
}

static struct oriel_file *
find_open (const struct oriel_pool *pool, const struct orl_store_id *id)
{
  for (uint32_t i = 0; i < pool->shm.geo.nfiles; i++)
    if (pool->files[i] && orl_file_is_same (pool->files[i]->rec, id))
      return pool->files[i];
  return NULL;
}

static int
open_again (struct oriel_file *file, const oriel_file_options *opt)
{
  unsigned flags = opt->flags;
  uint32_t torn = oriel_file_torn (file);
  int r;

  if ((file->flags & ORIEL_RDONLY) && !(flags & ORIEL_RDONLY))
    return orl_fail (-EACCES,
                     "%s: this process has the file open read-only; close it "
                     "first",
                     file->path);
  if (flags & ORIEL_EXCL)
    return orl_fail (-EEXIST, "%s: the file is there", file->path);
  if (opt->torn != ORIEL_TORN_DEFAULT && opt->torn != torn
      && (opt->torn != ORIEL_TORN_AUTO || torn == ORIEL_TORN_NONE))
    return orl_fail (-EBUSY, "%s: is open with torn=%s; close it first",
                     file->path, oriel_torn_name (torn));
  r = orl_torn_open_again (file, opt);
  if (r < 0)
    return r;
  if (flags & ORIEL_DISCARD)
    {
      orl_torn_settle (file);
      orl_file_discard (file->rec);
    }
  file->opens++;
  return 0;
}

/* Open the store and enter the file into the pool.  A file that is there, as
 * known says, is entered first: where the pool has no place for it, no
 * descriptor is opened that would have to be closed again. */
static int
open_store (struct orl_thread *me, struct oriel_file *f,
            const struct orl_store_id *known)
{
  const struct orl_store_options opt = {
    .create = (f->flags & ORIEL_CREATE) != 0,
    .exclusive = (f->flags & ORIEL_EXCL) != 0,
    .read_only = (f->flags & ORIEL_RDONLY) != 0,
    .buffered = (f->flags & ORIEL_BUFFERED) != 0,
  };
  struct orl_store_id id;
  bool entered = known != NULL;
  int r = 0;

  if (entered)
    r = orl_file_enter (me, f->path, f->flags, known, true, &f->index);
  if (r != 0)
    return r;
  r = me->pool->store == ORIEL_STORE_PMEM && !(f->flags & ORIEL_FOREIGN)
          ? orl_store_pmem_open (f->path, &opt, &f->store)
      : me->pool->store == ORIEL_STORE_POSIX
          ? orl_store_posix_open (f->path, &opt, &f->store)
          : orl_store_uring_open (f->path, &opt, &f->store);
  if (r == 0 && (r = orl_store_identify (f->store, &id)) < 0)
    orl_fail (r, "%s: cannot be looked at", f->path);
  if (entered
      && (r < 0 || id.dev != known->dev || id.ino != known->ino
          || id.birth != known->birth))
    {
      orl_file_leave (me, f->index);
      entered = false;
    }
  if (r == 0 && !entered)
    r = orl_file_enter (me, f->path, f->flags, &id, false, &f->index);
  return r;
}

static int
open_new (struct orl_thread *me, const char *path,
          const oriel_file_options *opt, const struct orl_store_id *known,
          struct oriel_file **file)
{
  struct oriel_pool *pool = me->pool;
  struct oriel_file *f = calloc (1, sizeof *f);
  int r;

  if (f)
    f->path = strdup (path);
  if (!f || !f->path)
    {
      r = orl_fail (-ENOMEM, "%s: no memory", path);
      goto out;
    }
  f->flags = opt->flags;
  r = open_store (me, f, known);
  if (r == 0 && pool->files[f->index])
    r = orl_fail (-EPROTO,
                  "%s: its place in the pool is that of %s, which is open: the "
                  "pool is damaged; close all and destroy it",
                  path, pool->files[f->index]->path);
  if (r != 0)
    goto out;
  f->pool = pool;
  f->id = pool->id;
  f->rec = &pool->shm.files[f->index];
  f->frames = pool->shm.frames;
  f->base = pool->shm.fence || !pool->window->linear ? NULL
                                                     : pool->window->base;
  f->page_size = pool->shm.geo.page_size;
  f->opens = 1;
  r = orl_torn_open (me, f, opt);
  if (r < 0)
    {
      orl_torn_close (f, false);
      orl_file_leave (me, f->index);
      goto out;
    }
  pool->files[f->index] = f;
  *file = f;
out:
  if (r != 0 && f)
    {
      if (f->store)
        f->store->ops->close (f->store);
      free (f->path);
      free (f);
    }
  return r;
}

/* 1: to be tried again, when the dead have no more writes under way. */
static int
open_once (struct orl_thread *me, const char *path,
           const oriel_file_options *opt, struct oriel_file **file)
{
  struct oriel_pool *pool = me->pool;
  struct oriel_file *f = NULL;
  struct orl_store_id id;
  bool known;
  int r;

  pthread_mutex_lock (&pool->lock);
  for (unsigned round = 0;; round++)
    {
      known = look_at (path, &id);
      f = known ? find_open (pool, &id) : NULL;
      if (!f || f->opens > 0)
        break;
      if (me->in_log)
        {
          /* That one may wait for this thread, which flushes its pages. */
          r = orl_fail (-EDEADLK,
                        "%s: is just being closed; a callback that flushes the "
                        "log cannot wait for that",
                        path);
          pthread_mutex_unlock (&pool->lock);
          return r;
        }
      /* Another thread is closing it. */
      pthread_mutex_unlock (&pool->lock);
      orl_backoff (round);
      pthread_mutex_lock (&pool->lock);
    }
  if (!f)
    r = open_new (me, path, opt, known ? &id : NULL, file);
  else if ((r = open_again (f, opt)) == 0)
    *file = f;
  pthread_mutex_unlock (&pool->lock);
  return r;
}

int
orl_file_open (struct orl_thread *me, const char *path,
               const oriel_file_options *opt, struct oriel_file **file)
{
  int r;

  /* What the dead were writing changes what is there.  Someone may die at any
   * time: who finds itself alone with the file looks once more. */
  do
    {
      orl_proc_settle (&me->pool->shm);
      r = open_once (me, path, opt, file);
    }
  while (r == 1);
  /* If this fails, it will in the first flush. */
  if (r == 0 && !((*file)->flags & ORIEL_RDONLY))
    orl_cut_settle (me, *file, false);
  return r;
}

struct pins {
  const struct orl_shm *shm;
  uint32_t index;
  uint64_t n;
};

static void
see_pin (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  struct pins *p = arg;

  (void) ledger;
  (void) mode;
  p->n += (uint32_t) atomic_load (&p->shm->frames[frame].file) == p->index;
}

/* The last handle of all goes: what is dirty in a file that others may change
 * is worth nothing then. */
static void
drop_foreign (struct orl_thread *me, struct oriel_file *file)
{
  struct orl_shm *shm = &me->pool->shm;

  orl_file_lock (me);
  if (atomic_load (&file->rec->foreign)
      && !orl_file_is_open_elsewhere (shm, file->index))
    orl_file_drop_dirty (shm, file->index);
  orl_file_unlock (me);
}

/* Under pool->lock, which is given up while flushers use the file. */
static void
close_last (struct orl_thread *me, struct oriel_file *file)
{
  struct oriel_pool *pool = me->pool;

  /* It keeps its place: who opens it meanwhile waits (orl_file_open()), else its
   * new open would go with this one. */
  atomic_store (&pool->logs[file->index], false);
  for (unsigned round = 0; file->holds > 0; round++)
    {
      pthread_mutex_unlock (&pool->lock);
      orl_backoff (round);
      pthread_mutex_lock (&pool->lock);
    }
  drop_foreign (me, file);
  orl_torn_close (file, true);
  orl_file_leave (me, file->index);
  pool->files[file->index] = NULL;
  file->store->ops->close (file->store);
  free (file->path);
  free (file);
}

/* The process's pins on the file, but for those of its threads that are just
 * writing pages of it back, unless there are always some.  Under pool->lock,
 * which is given up meanwhile. */
static void
count_pins (struct oriel_pool *pool, const struct oriel_file *file,
            struct pins *pins)
{
  for (unsigned round = 0; round < PIN_ROUNDS; round++)
    {
      pins->n = 0;
      orl_ledger_scan (&pool->shm, pool->shm.token, see_pin, pins);
      if (pins->n == 0 || file->holds == 0)
        return;
      pthread_mutex_unlock (&pool->lock);
      orl_backoff (round);
      pthread_mutex_lock (&pool->lock);
    }
}

int
orl_file_close (struct orl_thread *me, struct oriel_file *file, bool write)
{
  struct oriel_pool *pool = me->pool;
  struct pins pins = { .shm = &pool->shm, .index = file->index };
  int r = 0;

  if (write && !(file->flags & ORIEL_RDONLY))
    r = orl_flush_file (me, file, false);
  /* Pages in doubt stay in the pool for who knows what to make of them. */
  if (r < 0 && r != -ENOTRECOVERABLE)
    return r;
  r = 0;
  pthread_mutex_lock (&pool->lock);
  if (me->in_log && file->opens == 1 && file->holds > 0)
    {
      pthread_mutex_unlock (&pool->lock);
      return orl_fail (-EDEADLK,
                       "%s: pages of it are just being written; the callback "
                       "that flushes their log cannot close it",
                       file->path);
    }
  if (file->opens == 1)
    orl_load_drain (me, file); /* reads that are under way keep pins */
  if (file->opens == 1)
    count_pins (pool, file, &pins);
  if (pins.n > 0)
    r = orl_fail (-EBUSY, "%s: %llu pages are pinned; unpin them first",
                  file->path, (unsigned long long) pins.n);
  else if (--file->opens == 0)
    close_last (me, file);
  pthread_mutex_unlock (&pool->lock);
  return r;
}

void
orl_file_drop_pages (struct orl_thread *me, struct oriel_file *file,
                     uint64_t first, uint64_t count)
{
  orl_torn_settle (file);
  orl_drop_pages (me, file, first, count);
  /* Of a writer that died while we waited for it. */
  orl_torn_settle (file);
}

/* Change the length of a foreign file: others look after that one.  The size
 * goes first: from then on no flusher writes behind it.  1: it was not old any
 * more. */
static int
set_size (struct orl_thread *me, struct oriel_file *file, uint64_t old,
          uint64_t bytes)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  struct orl_frec *rec = file->rec;
  uint64_t first = (bytes + geo->page_size - 1) >> geo->page_shift;
  uint64_t end = (old + geo->page_size - 1) >> geo->page_shift;
  int r;

  if (!atomic_compare_exchange_strong (&rec->size, &old, bytes))
    return 1;
  ORL_POINT ("file.resize.sized");
  if (first < end)
    orl_drop_pages (me, file, first, end - first);
  ORL_POINT ("file.resize.dropped");
  if (bytes < old)
    orl_cut_wait (me, file, bytes);
  orl_seen_begin (file);
  r = file->store->ops->truncate (file->store, bytes);
  ORL_POINT ("file.resize.store");
  orl_seen_end (file);
  if (r < 0)
    {
      atomic_compare_exchange_strong (&rec->size, &bytes, old);
      return orl_fail (r, "%s: cannot be made %llu bytes long", file->path,
                       (unsigned long long) bytes);
    }
  return 0;
}

/* 1: the size was not old any more. */
static int
truncate_from (struct orl_thread *me, struct oriel_file *file, uint64_t old,
               uint64_t bytes)
{
  const struct orl_shm *shm = &me->pool->shm;
  bool foreign = (file->flags & ORIEL_FOREIGN) != 0;
  size_t keep = (size_t) (bytes & (shm->geo.page_size - 1));
  struct orl_window *w = me->pool->window;
  struct orl_cut_page last = { 0 };
  struct orl_hold h;
  void *at;
  int r;

  if (bytes >= old || keep == 0)
    return foreign ? set_size (me, file, old, bytes)
                   : orl_cut (me, file, bytes, &last);
  /* Hold it before, so that this cannot fail after. */
  r = orl_hold (me, file, bytes >> shm->geo.page_shift, ORIEL_WRITE, &h);
  if (r < 0)
    return r;
  at = orl_window_find (w, h.frame);
  last.held = true;
  last.frame = h.frame;
  /* hugetlbfs does not write */
  if (!at && (!orl_thread_bounce (me) || shm->geo.block > 4096))
    r = orl_hold_show (me, file, &h, &at);
  last.at = at;
  if (r == 0 && !foreign)
    r = orl_cut (me, file, bytes, &last);
  else if (r == 0 && (r = set_size (me, file, old, bytes)) == 0)
    r = orl_cut_tail (me, file, &last, keep);
  ORL_POINT ("file.resize.zeroed");
  /* Of a page whose change is whole there is nothing but the latch. */
  if (atomic_load (&shm->frames[h.frame].version) & 1)
    orl_hold_end (shm, &me->ledger->pins[h.entry]);
  else
    {
      orl_latch_release (&shm->frames[h.frame].latch, false);
      ORL_POINT ("file.cut.released");
      orl_ledger_clear (me->ledger, h.entry);
    }
  return r;
}

int
orl_file_truncate (struct orl_thread *me, struct oriel_file *file,
                   uint64_t bytes)
{
  unsigned shift = me->pool->shm.geo.page_shift;
  int r;

  /* What is cut off the store may be of what a log wants to be undone. */
  r = orl_log_flush (me, file, orl_log_look (file, bytes >> shift).last);
  if (r < 0)
    return r;
  do
    r = truncate_from (me, file, atomic_load (&file->rec->size), bytes);
  while (r == 1);
  return r;
}

int
orl_file_refresh (struct orl_thread *me, struct oriel_file *file)
{
  struct orl_store_id id;
  int r = file->flags & ORIEL_RDONLY ? 0 : orl_cut_settle (me, file, true);

  if (r == 0)
    r = orl_store_identify (file->store, &id);
  if (r < 0)
    return orl_fail (r, "%s: cannot be looked at", file->path);
  atomic_store (&file->rec->size, id.size);
  return 0;
}

void
orl_file_on_indoubt (struct oriel_file *file,
                     int (*indoubt) (void *arg, oriel_page *page,
                                     uint64_t lsn),
                     void *arg)
{
  file->indoubt_arg = arg;
  file->indoubt = indoubt;
  atomic_store (&file->rec->indoubt, indoubt != NULL);
}

/* All pages, and not before what was just being written has ended: nor is that
 * written once more, if who wrote it died. */
static void
forget_all (struct orl_thread *me, struct oriel_file *file)
{
  struct orl_frec *rec = file->rec;
  uint64_t done = atomic_load (&rec->done);
  bool any;

  atomic_fetch_add (&rec->epoch, 1);
  ORL_POINT ("file.drop.epoch");
  any = atomic_load (&rec->begun) != done;
  if (orl_cut_wait (me, file, 0) || any)
    {
      orl_torn_settle (file);
      /* Who read a page again meanwhile may have half of it. */
      orl_drop_pages (me, file, 0, UINT64_MAX);
    }
}

void
orl_file_drop (struct orl_thread *me, struct oriel_file *file)
{
  /* Of a file that is others' as well, what was lost is forgotten with all the
   * rest: its store is what counts. */
  if (file->flags & ORIEL_FOREIGN)
    atomic_fetch_and (&file->rec->io_error, 0xffffu);
  else
    /* What a dead process was writing must not come behind what is written
     * next, and what it wrote half is in the store alone then. */
    {
      orl_proc_settle (&me->pool->shm);
      orl_torn_settle (file);
    }
  if (file->flags & ORIEL_FOREIGN)
    atomic_fetch_add (&file->rec->epoch, 1);
  else
    forget_all (me, file);
  ORL_POINT ("file.dropped");
  orl_count (me->ledger, ORL_DROPS, 1);
}

int
orl_file_sync (struct orl_thread *me, struct oriel_file *file)
{
  int r = orl_sync_check (file);

  if (r == 0)
    r = orl_flush_file (me, file, false);
  return r < 0 ? r : orl_sync_store (me, file);
}
