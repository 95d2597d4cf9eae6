/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn.c - write pages so that none is torn
 *
 * The file's record says how: `torn' is set by the first who opens the file to
 * write it, `dw_ready' when what a crash left in the area was looked at.  Both
 * are 0 again when the next first one comes (file-record.c).
 *
 * With a double-write area each batch of pages does this:
 *   1. take the area: its holder is a word of the record;
 *   2. write the batch to the area at dw_at, durable;
 *   3. dw_busy = ORL_DW_OURS; write the pages in place;
 *   4. dw_at goes behind the batch; dw_busy = 0; give the area back.
 * A stranger, if we die in 2: overwrites it, as nothing was written in place.
 * In 3: the pages may be half-written.  They are dirty in the pool, and will be
 * written again some day, but the area's place may be needed before: so who has
 * the area next writes the batch again, from the area, if dw_busy is set.  So
 * does it after an error in 3, and says that error if it still holds.  In 4: it
 * looks for a batch behind, and finds none of this lap.
 *
 * Until then who reads such a page from the store, because the pool has lost it,
 * takes it from the area (orl_torn_left()).  That a batch was left is said before
 * the area is taken: dw_busy = DW_LEFT.
 *
 * Locks: a mutex of the process, then the holder's word, which names a process;
 * of a dead one it is taken.  Who has it does I/O, and waits for nothing else:
 * the one place where a process that is stopped has others wait, who flush the
 * same file.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "point.h"
#include "proc.h"
#include "seen.h"
#include "sys.h"
#include "torn-area.h"
#include "torn.h"

/* Looks at the word before its owner is asked for. */
#define ROUNDS 100

/* dw_busy. */
enum { DW_WHOLE, DW_OURS, DW_LEFT };

struct orl_torn {
  struct orl_dw *dw;            /* NULL: no area */
  char *path;                   /* where it is, or would be */
  bool adopt;
  pthread_mutex_t lock;
  uint64_t need;                /* bytes of the batch that is on its way */
};

/* What others make of a file that is foreign to this process is not for it. */
static uint32_t
mode_of (const struct oriel_file *file)
{
  return file->torn ? atomic_load (&file->rec->torn) : ORIEL_TORN_NONE;
}

/* ------------------------------------------------------------------ */
/* Who has the area                                                   */

static void
take (struct oriel_file *file)
{
  const struct orl_shm *shm = &file->pool->shm;
  orl_a64 *holder = &file->rec->dw_holder;

  pthread_mutex_lock (&file->torn->lock);
  for (unsigned round = 0;; round++)
    {
      uint64_t w = atomic_load (holder);
      uint32_t busy = DW_OURS;

      /* What the dead one was writing may still be under way; then there is a
       * copy of it in the area. */
      if (w == 0
          || (round % ROUNDS == ROUNDS - 1 && !orl_proc_alive (shm, w)
              && !orl_proc_writes_go_on (shm, w)))
        {
          /* If another has it just now, and it is that one's, a few reads look
           * in vain. */
          atomic_compare_exchange_strong (&file->rec->dw_busy, &busy, DW_LEFT);
          ORL_POINT ("torn.left");
          if (atomic_compare_exchange_strong (holder, &w, shm->token))
            break;
        }
      orl_backoff (round);
    }
  ORL_POINT ("torn.taken");
}

static void
give (struct oriel_file *file)
{
  ORL_POINT ("torn.give");
  atomic_store (&file->rec->dw_holder, 0);
  pthread_mutex_unlock (&file->torn->lock);
}

/* ------------------------------------------------------------------ */
/* Batches, by who has the area                                       */

/* A sync of the file that fails is remembered, as in file.c: what the kernel no
 * longer has is in the area, which is not overwritten then. */
static int
sync_file (struct oriel_file *file)
{
  orl_a32 *io_error = &file->rec->io_error;
  uint32_t was = atomic_load (io_error);
  int r = was & 0xffff ? -EIO : file->store->ops->sync (file->store);

  if (r == 0)
    return 0;
  while (!(was & 0xffff)
         && !atomic_compare_exchange_weak (io_error, &was,
                                           was | (uint32_t) -r))
    ;
  return orl_fail (r, "%s: sync failed", file->path);
}

/* What was not written in place by who had the area before, as far as it lies
 * before this byte: of what is to be cut off nothing is wanted, and there may be no
 * room for it. */
static int
finish (struct oriel_file *file, uint64_t upto)
{
  struct orl_frec *rec = file->rec;
  uint64_t end;
  int r;

  if (!atomic_load (&rec->dw_busy))
    return 0;
  orl_seen_begin (file);
  r = orl_dw_redo (file->torn->dw, file->store, atomic_load (&rec->dw_lap),
                   atomic_load (&rec->dw_at), upto, &end);
  orl_seen_end (file);
  ORL_POINT ("torn.redone");
  if (r < 0)
    return orl_fail (r, "%s: pages that were not written whole cannot be "
                        "written again; nothing else is before that",
                     file->path);
  atomic_store (&rec->dw_at, end);
  ORL_POINT ("torn.redo.past");
  atomic_store (&rec->dw_busy, DW_WHOLE);
  return 0;
}

/* Make what was written in place durable, and begin at the area's beginning.  A
 * stranger, in between: begins it anew. */
static int
turn (struct oriel_file *file)
{
  struct orl_frec *rec = file->rec;
  uint64_t lap = atomic_load (&rec->dw_lap) + 1;
  int r = sync_file (file);

  if (r < 0)
    return r;
  /* No batch has room, so whoever comes next turns, too. */
  atomic_store (&rec->dw_at, file->torn->dw->bytes);
  ORL_POINT ("torn.turn");
  r = orl_dw_turn (file->torn->dw, lap);
  ORL_POINT ("torn.turned");
  if (r < 0)
    return orl_fail (r, "%s: the double-write area cannot be written",
                     file->torn->dw->path);
  atomic_store (&rec->dw_lap, lap);
  ORL_POINT ("torn.turned.said");
  atomic_store (&rec->dw_at, ORL_DW_FIRST);
  return 0;
}

int
orl_torn_begin (struct oriel_file *file, const struct orl_dw_page *pages,
                uint32_t n)
{
  struct orl_frec *rec = file->rec;
  struct orl_dw *dw;
  int r;

  if (mode_of (file) != ORIEL_TORN_DOUBLE || n == 0)
    return 0;
  dw = file->torn->dw;
  take (file);
  r = finish (file, UINT64_MAX);
  if (r == 0
      && atomic_load (&rec->dw_at) + orl_dw_need (dw, n) > dw->bytes)
    r = turn (file);
  if (r == 0)
    {
      r = orl_dw_put (dw, atomic_load (&rec->dw_lap),
                      atomic_load (&rec->dw_at), pages, n);
      ORL_POINT ("torn.put");
      if (r < 0)
        orl_fail (r,
                  "%s: the double-write area cannot be written; the pages stay "
                  "dirty",
                  dw->path);
    }
  if (r < 0)
    {
      give (file);
      return r;
    }
  file->torn->need = orl_dw_need (dw, n);
  atomic_store (&rec->dw_busy, DW_OURS);
  ORL_POINT ("torn.busy");
  return 0;
}

void
orl_torn_end (struct oriel_file *file, bool whole)
{
  struct orl_frec *rec = file->rec;

  if (mode_of (file) != ORIEL_TORN_DOUBLE)
    return;
  if (whole)
    {
      atomic_store (&rec->dw_at, atomic_load (&rec->dw_at)
                                     + file->torn->need);
      ORL_POINT ("torn.past");
      atomic_store (&rec->dw_busy, DW_WHOLE);
    }
  give (file);
}

void
orl_torn_settle (struct oriel_file *file)
{
  if (mode_of (file) != ORIEL_TORN_DOUBLE || (file->flags & ORIEL_RDONLY)
      || !atomic_load (&file->rec->dw_busy))
    return;
  take (file);
  finish (file, UINT64_MAX);
  give (file);
}

bool
orl_torn_copies (const struct oriel_file *file)
{
  /* A mapped store touches what it copies from. */
  return mode_of (file) == ORIEL_TORN_DOUBLE || file->store->map;
}

bool
orl_torn_alone (const struct oriel_file *file)
{
  return mode_of (file) == ORIEL_TORN_ATOMIC;
}

/* ------------------------------------------------------------------ */
/* Writes in place                                                    */

/* Each page by a call of its own, as a part of the vector has one each. */
static int
write_atomic (struct oriel_file *file, const struct iovec *iov, int n,
              uint64_t at)
{
  uint32_t size = file->pool->shm.geo.page_size;
  struct orl_store *s = file->store;

  for (int i = 0; i < n; at += iov[i++].iov_len)
    {
      ssize_t r;

      if (iov[i].iov_len != size)
        r = s->ops->write (s, &iov[i], 1, at);
      else if ((r = orl_sys.pwrite_atomic (s->direct, iov[i].iov_base, size,
                                           (off_t) at))
               >= 0)
        r = (size_t) r == size ? 0 : -EIO;
      if (r < 0)
        return (int) r;
    }
  return 0;
}

int
orl_torn_write (struct oriel_file *file, const struct iovec *iov, int n,
                uint64_t at)
{
  if (mode_of (file) == ORIEL_TORN_ATOMIC)
    return write_atomic (file, iov, n, at);
  return file->store->ops->write (file->store, iov, n, at);
}

int
orl_torn_truncate (struct oriel_file *file, uint64_t bytes)
{
  int r;

  if (mode_of (file) != ORIEL_TORN_DOUBLE)
    return file->store->ops->truncate (file->store, bytes);
  /* Copies of what is cut off must not come back. */
  take (file);
  r = finish (file, bytes);
  if (r == 0)
    r = turn (file);
  if (r == 0)
    r = file->store->ops->truncate (file->store, bytes);
  give (file);
  return r;
}

/* ------------------------------------------------------------------ */
/* Open                                                               */

/* A file whose direct writes can be atomic refuses three bytes as no power of
 * two; others refuse the flag, first.  Nothing is written. */
static bool
writes_atomically (const struct oriel_file *file)
{
  uint32_t size = file->pool->shm.geo.page_size;
  uint32_t min = 0, max = 0;

  return file->store->direct >= 0
         && orl_sys.atomic_unit (file->store->direct, &min, &max) == 0
         && min > 0 && min <= size && size <= max
         && orl_sys.pwrite_atomic (file->store->direct, "no!", 3, 0)
                == -EINVAL;
}

/* What is wanted of those that a file can be. */
static int
resolve (const struct oriel_file *file, uint32_t *want)
{
  if (*want == ORIEL_TORN_DEFAULT)
    *want = file->store->map && orl_dw_works () ? ORIEL_TORN_DOUBLE
                                                : ORIEL_TORN_NONE;
  if (*want == ORIEL_TORN_AUTO)
    *want = writes_atomically (file) ? ORIEL_TORN_ATOMIC : ORIEL_TORN_DOUBLE;
  else if (*want == ORIEL_TORN_ATOMIC && !writes_atomically (file))
    return orl_fail (-EOPNOTSUPP,
                     "%s: neither file system nor device, or not both, write "
                     "pages of %u bytes atomically; open it with torn=double",
                     file->path, file->pool->shm.geo.page_size);
  if (*want == ORIEL_TORN_DOUBLE && !orl_dw_works ())
    return orl_fail (-EOPNOTSUPP,
                     "%s: torn=double: this build of Oriel has no xxHash",
                     file->path);
  return 0;
}

/* One file, one area, by whichever link it is opened. */
static int
name_area (struct oriel_file *file, const oriel_file_options *opt)
{
  struct orl_torn *t = file->torn;
  char *whole = opt->area ? NULL : realpath (file->path, NULL);
  const char *base = whole ? whole : file->path;
  size_t n = strlen (base) + sizeof ".dw";

  t->adopt = opt->adopt != 0;
  t->path = opt->area ? strdup (opt->area) : malloc (n);
  if (t->path && !opt->area)
    snprintf (t->path, n, "%s.dw", base);
  free (whole);
  return t->path ? 0 : orl_fail (-ENOMEM, "%s: no memory", file->path);
}

/* writes: the file is written by it, and it is made if there is none. */
static int
open_area (struct oriel_file *file, bool writes)
{
  struct orl_dw_options how = { .create = writes
                                          && !atomic_load (
                                              &file->rec->dw_ready),
                                .read_only
                                = (file->flags & ORIEL_RDONLY) != 0,
                                .adopt = file->torn->adopt,
                                .mapped = file->store->map != NULL,
                                .page_size = file->pool->shm.geo.page_size,
                                .claim = writes ? orl_area_claim : NULL,
                                .arg = file };
  int r = orl_store_identify (file->store, &how.id);

  if (r < 0)
    return orl_fail (r, "%s: cannot be looked at", file->path);
  r = orl_dw_open (file->torn->path, &how, &file->torn->dw);
  /* Others have one, so it is another. */
  if (r == -ENOENT && writes && !how.create)
    r = orl_area_wrong (file, file->torn->path);
  if (r == 0 && !writes && !how.read_only)
    r = orl_area_alone (file, file->torn->dw->area, file->torn->path);
  return r;
}

/* Look once at what the last who had the file open left. */
static int
settle (struct oriel_file *file)
{
  struct orl_frec *rec = file->rec;
  struct orl_dw *dw = file->torn->dw;
  bool look = (file->flags & ORIEL_RDONLY) != 0;
  int r;

  if (atomic_load (&rec->dw_ready))
    return 0;
  r = orl_area_recover (file, dw);
  if (r < 0 || (look && dw))
    return r;
  if (dw)
    {
      atomic_store (&rec->dw_lap, dw->lap);
      atomic_store (&rec->dw_at, ORL_DW_FIRST);
    }
  atomic_store (&rec->dw_busy, DW_WHOLE);
  ORL_POINT ("torn.recovered");
  if (!look)
    atomic_store (&rec->dw_ready, 1);
  return 0;
}

int
orl_torn_open (struct orl_thread *me, struct oriel_file *file,
               const oriel_file_options *opt)
{
  bool read_only = (file->flags & ORIEL_RDONLY) != 0;
  struct orl_frec *rec = file->rec;
  uint32_t want = opt->torn;
  uint32_t none = 0;
  int r;

  (void) me;
  if (file->flags & ORIEL_FOREIGN)
    return 0;
  file->torn = calloc (1, sizeof *file->torn);
  if (!file->torn)
    return orl_fail (-ENOMEM, "%s: no memory", file->path);
  pthread_mutex_init (&file->torn->lock, NULL);
  r = name_area (file, opt);
  if (r < 0)
    return r;
  if (atomic_load (&rec->torn) == 0 && !read_only)
    {
      r = resolve (file, &want);
      if (r < 0)
        return r;
      atomic_compare_exchange_strong (&rec->torn, &none, want);
      ORL_POINT ("torn.decided");
    }
  want = atomic_load (&rec->torn);
  if (want != 0 && opt->torn != ORIEL_TORN_DEFAULT && opt->torn != want
      && (opt->torn != ORIEL_TORN_AUTO || want == ORIEL_TORN_NONE))
    return orl_fail (-EBUSY, "%s: is open with torn=%s; close it everywhere",
                     file->path, oriel_torn_name (want));
  /* One at a time makes an area, or takes it away again. */
  take (file);
  r = open_area (file, want == ORIEL_TORN_DOUBLE && !read_only);
  if (r == -ENOENT && (want != ORIEL_TORN_DOUBLE || read_only))
    r = 0;
  else if ((r == -EPROTO || r == -EISDIR || r == -EINVAL)
           && want != ORIEL_TORN_DOUBLE && !opt->area)
    r = 0; /* some other file of that name */
  else if (r == -ENOENT)
    orl_fail (r, "%s: the double-write area's directory is not there",
              file->path);
  if (r == 0)
    r = settle (file);
  if (r < 0 && r != -EBUSY && file->torn->dw && file->torn->dw->made)
    orl_sys.unlink (file->torn->dw->path);
  give (file);
  if (r == 0 && want != ORIEL_TORN_DOUBLE && file->torn->dw && !read_only)
    {
      /* From now on what it has is older than what is in place. */
      orl_dw_close (file->torn->dw);
      file->torn->dw = NULL;
    }
  return r;
}

int
orl_torn_open_again (const struct oriel_file *file,
                     const oriel_file_options *opt)
{
  struct stat st;
  int fd, r;

  if (!opt->area || mode_of (file) != ORIEL_TORN_DOUBLE)
    return 0;
  r = fd = orl_sys.open (opt->area, O_PATH, 0);
  if (r >= 0)
    {
      r = orl_sys.fstat (fd, &st);
      orl_sys.close (fd);
    }
  return r == 0 && st.st_dev == atomic_load (&file->rec->dw_dev)
                 && st.st_ino == atomic_load (&file->rec->dw_ino)
             ? 0
             : orl_area_wrong (file, opt->area);
}

void
orl_torn_forked (struct oriel_file *file)
{
  struct orl_dw *dw = file->torn ? file->torn->dw : NULL;

  if (dw && dw->area->fd >= 0)
    {
      orl_sys.close (dw->area->fd);
      dw->area->fd = -1;
    }
}

/* Whether others have it open is not asked for: two may close it at once, and who
 * stays may be one who only reads. */
void
orl_torn_close (struct oriel_file *file, bool opened)
{
  struct orl_torn *t;

  if (!file->torn)
    return;
  if (opened && file->torn->dw && mode_of (file) == ORIEL_TORN_DOUBLE
      && !(file->flags & ORIEL_RDONLY) && atomic_load (&file->rec->dw_ready))
    {
      take (file);
      if (finish (file, UINT64_MAX) == 0
          && atomic_load (&file->rec->dw_at) != ORL_DW_FIRST)
        turn (file);
      give (file);
    }
  /* Who forks just now looks for it in the child. */
  t = file->torn;
  file->torn = NULL;
  orl_dw_close (t->dw);
  pthread_mutex_destroy (&t->lock);
  free (t->path);
  free (t);
}

/* ------------------------------------------------------------------ */
/* Reads of what may be half-written                                  */

/* The holder before dw_busy: who takes the area from the dead changes that
 * first. */
struct orl_torn_left
orl_torn_left (const struct oriel_file *file)
{
  struct orl_torn_left left = { 0 };
  uint64_t holder;
  uint32_t busy;

  if (mode_of (file) != ORIEL_TORN_DOUBLE)
    return left;
  holder = atomic_load (&file->rec->dw_holder);
  ORL_POINT ("torn.looked");
  busy = atomic_load (&file->rec->dw_busy);
  left.lap = atomic_load (&file->rec->dw_lap);
  left.at = atomic_load (&file->rec->dw_at);
  left.any = busy == DW_LEFT
             || (busy != DW_WHOLE
                 && !orl_proc_alive (&file->pool->shm, holder));
  return left;
}

/* The area that the writers have, also for who came before them to read. */
static int
know_area (struct oriel_file *file)
{
  const struct orl_frec *rec = file->rec;
  struct orl_torn *t = file->torn;
  struct orl_store_id id;
  int r = 0;

  pthread_mutex_lock (&t->lock);
  if (!t->dw)
    r = open_area (file, false);
  if (r == 0)
    r = orl_store_identify (t->dw->area, &id);
  if (r == 0
      && (id.dev != atomic_load (&rec->dw_dev)
          || id.ino != atomic_load (&rec->dw_ino)))
    r = -ENOENT;
  pthread_mutex_unlock (&t->lock);
  return r;
}

int
orl_torn_mend (struct oriel_file *file, const struct orl_torn_left *left,
               uint64_t first, uint32_t n, void *const *to, int64_t *got)
{
  struct orl_torn_left now;
  int r = file->flags & ORIEL_RDONLY ? know_area (file) : 0;

  if (r < 0)
    return orl_fail (-EIO,
                     "%s: a process that died may have left page %llu half "
                     "written, and %s is not the double-write area that has "
                     "the whole one; have the file opened with that one, to "
                     "write it",
                     file->path, (unsigned long long) first,
                     file->torn->path);
  r = orl_dw_copy (file->torn->dw, left->lap, left->at, first, n, to, got);
  if (r < 0)
    return orl_fail (r, "%s: page %llu cannot be read from the double-write "
                        "area %s",
                     file->path, (unsigned long long) first,
                     file->torn->path);
  now = orl_torn_left (file);
  return !now.any || now.lap != left->lap || now.at != left->at;
}
