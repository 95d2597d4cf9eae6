/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.c - write dirty pages to their stores
 *
 * Pages are sorted and cut into chunks that the ledger and the window can take;
 * flush-chunk.c has the steps for one of them.
 *
 * The log comes first: it is flushed for all pages of a call at once, then for
 * those of a chunk that have changed since.  Pages that change so fast that their
 * log is never durable when they are looked at are written as copies.
 *
 * No latch is waited for while another is held, nor while the log is flushed:
 * pages that are busy are tried again when the rest has been written.
 *
 * Locks: none; those of flush-chunk.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "flush-chunk.h"
#include "flush.h"
#include "hooks.h"
#include "indoubt.h"
#include "latch.h"
#include "lock.h"
#include "log.h"
#include "lost.h"
#include "sys.h"
#include "table.h"
#include "torn.h"

/* Of the rounds in which busy pages are tried again: one of so many goes the
 * other way.  A page that has no lsn, and changes all the time, cannot be
 * written as a copy; one that has one cannot be written otherwise. */
#define OTHER_WAY 4

static int
by_page (const void *a, const void *b)
{
  const struct orl_item *x = a, *y = b;

  return x->page < y->page ? -1 : x->page > y->page;
}

/* Have the log flushed for those of the items that want it.  0 also if this
 * process cannot, unless it is told to say so. */
static int
log_first (struct orl_thread *me, struct oriel_file *file,
           const struct orl_item *items, size_t n, bool say)
{
  uint64_t lsn = 0;

  for (size_t i = 0; i < n; i++)
    {
      uint64_t its = orl_log_of (file, items[i].frame, items[i].page);

      if (its > lsn)
        lsn = its;
    }
  return say || orl_log_can_flush (me, file->index)
             ? orl_log_flush (me, file, lsn)
             : 0;
}

/* What is copied: the same. */
static int
log_of_copies (struct orl_thread *me, const struct orl_chunk *c)
{
  uint64_t lsn = 0;

  for (uint32_t i = 0; i < c->n; i++)
    if (c->last[i] > lsn)
      lsn = c->last[i];
  return orl_log_can_flush (me, c->file->index)
             ? orl_log_flush (me, c->file, lsn)
             : 0;
}

/* The next chunk of the n items, from *i on.  Those that were busy go to left;
 * the frames to gap whose memory has to be looked at.  The first error, of the
 * page *i - 1. */
static int
gather (struct orl_thread *me, struct orl_chunk *c,
        const struct orl_item *items, size_t n, size_t *i,
        struct orl_item *left, size_t *nleft, uint32_t gap[ORL_CHUNK],
        uint32_t *ngaps)
{
  for (c->n = c->bounced = *ngaps = 0;
       *i < n && c->n < ORL_CHUNK && *ngaps < ORL_CHUNK;)
    {
      const struct orl_item it = items[*i];
      int r = orl_chunk_begin (me, c, &it);

      /* Out of slots or entries: write what there is, then it may fit. */
      if (r == -ENOBUFS && c->n > 0)
        return 0;
      ++*i;
      if (r == -EFAULT)
        gap[(*ngaps)++] = it.frame;
      if (r == -EAGAIN || r == -EFAULT || r == -ENOTCONN)
        left[(*nleft)++] = it;
      else if (r < 0 && r != -ENOENT)
        return orl_fail (r, "%s: page %llu cannot be shown to write it",
                         c->file->path, (unsigned long long) it.page);
    }
  return 0;
}

/* Write the n items, sorted here, as copies if there is room for those, and runs
 * together if they are to be durable soon: page by page the page cache is
 * quicker.  What was busy, or has changed and wants the log flushed again, is
 * left at the front, *busy of them.  The first error. */
static int
write_items (struct orl_thread *me, struct oriel_file *file,
             struct orl_item *items, size_t n, unsigned char *copies,
             bool together, size_t *busy)
{
  struct orl_chunk c = { .file = file, .copies = copies, .together = together };
  uint32_t gap[ORL_CHUNK];
  uint32_t gaps;
  int result = 0;
  size_t left = 0;

  qsort (items, n, sizeof *items, by_page);
  for (size_t i = 0; i < n;)
    {
      int r = orl_cut_settle (me, file, false);

      if (r < 0)
        return r;
      if (!copies)
        {
          r = log_first (me, file, &items[i],
                         n - i < ORL_CHUNK ? n - i : ORL_CHUNK, false);
          if (result == 0)
            result = r;
        }
      r = gather (me, &c, items, n, &i, items, &left, gap, &gaps);
      if (result == 0)
        result = r;
      if (copies)
        {
          r = log_of_copies (me, &c);
          if (result == 0)
            result = r;
          orl_chunk_claim (me, &c, items, &left);
        }
      r = orl_chunk_write (me, &c);
      if (result == 0)
        result = r;
      for (uint32_t k = 0; k < c.n; k++)
        if (c.faulted[k])
          items[left++] = c.item[k];
      while (gaps > 0)
        {
          r = orl_lost_mend (me->pool, gap[--gaps], orl_thread_bounce (me));
          if (r < 0 && result == 0)
            result = orl_fail (r, "%s: a dirty page cannot be read from the "
                                  "pool; it stays dirty",
                               file->path);
        }
    }
  *busy = left;
  return result;
}

/* Pages that are to be written. */
struct list {
  struct orl_item few[ORL_CHUNK];
  struct orl_item *item;        /* few, or allocated */
  size_t n;
  size_t room;
};

static bool
has_room (struct list *l)
{
  struct orl_item *more;

  if (l->n < l->room)
    return true;
  more = realloc (l->item == l->few ? NULL : l->item,
                  l->room * 2 * sizeof *more);
  if (!more)
    return false;
  if (l->item == l->few)
    memcpy (more, l->few, sizeof l->few);
  l->item = more;
  l->room *= 2;
  return true;
}

/* The dirty pages of the file, by the dirty map, from this frame on: as many as
 * there is memory to list.  Returns the first frame that was not looked at. */
static uint64_t
collect (const struct oriel_file *file, uint64_t from, struct list *l)
{
  const struct orl_shm *shm = &file->pool->shm;
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  uint64_t span = orl_span (shm);

  l->n = 0;
  for (uint64_t w = from / 64; w < (span + 63) / 64; w++)
    {
      uint64_t bits = atomic_load_explicit (&shm->dirty[w],
                                            memory_order_acquire);

      if (w == from / 64)
        bits &= UINT64_MAX << from % 64;
      for (; bits; bits &= bits - 1)
        {
          uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
          struct orl_frame *f;

          if (frame >= span)
            break;
          f = &shm->frames[frame];
          if (atomic_load_explicit (&f->file, memory_order_relaxed) != key)
            continue;
          if (!has_room (l))
            return frame;
          l->item[l->n].frame = (uint32_t) frame;
          l->item[l->n++].page
              = atomic_load_explicit (&f->page, memory_order_relaxed);
        }
    }
  return span;
}

/* Wait for whoever has the page, with no latch held. */
static int
wait_for (struct orl_thread *me, struct oriel_file *file,
          const struct orl_item *it, unsigned round, struct orl_doubt doubt[2])
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[it->frame];
  uint64_t word = atomic_load (&f->state);
  uint32_t latch = atomic_load (&f->latch);
  uint32_t owner = orl_latch_owner (latch);

  if (owner == me->owner)
    return orl_fail (-EDEADLK,
                     "%s: page %llu is pinned for writing by this thread; "
                     "unpin it before flushing",
                     file->path, (unsigned long long) it->page);
  if (owner)
    orl_latch_wait (&f->latch);
  else if (orl_state (word) == ORL_WRITING || orl_state (word) == ORL_EVICTING)
    {
      owner = orl_state_owner (word);
      orl_frame_wait (f, word);
    }
  else
    orl_backoff (round);
  if (owner && !orl_owner_alive (shm, owner))
    me->pool->repair (me->pool, me->owner, owner - 1);
  orl_doubt_state (shm, &doubt[0], me->owner, it->frame, word);
  orl_doubt_latch (shm, &doubt[1], me->owner, it->frame, latch);
  return 0;
}

/* Leave out what wants more of the log than there is. */
static size_t
leave_undurable (const struct oriel_file *file, struct orl_item *items,
                 size_t n)
{
  size_t left = 0;

  for (size_t i = 0; i < n; i++)
    if (orl_log_is_durable (file->rec,
                            orl_log_of (file, items[i].frame, items[i].page)))
      items[left++] = items[i];
  return left;
}

/* Write what is listed.  *refused: why not all could be, for want of its log. */
static int
write_list (struct orl_thread *me, struct oriel_file *file,
            unsigned char *copies, struct list *l, int *refused)
{
  unsigned char *own = NULL;
  struct orl_item *items = l->item;
  size_t n = l->n;
  int result = 0;
  int r = log_first (me, file, items, n, true);
  struct orl_doubt doubt[2] = { { 0 } };

  if (*refused == 0)
    *refused = r;
  for (unsigned round = 0; result == 0 && n > 0; round++)
    {
      bool other = round % OTHER_WAY == OTHER_WAY - 1;

      if (*refused < 0)
        n = leave_undurable (file, items, n);
      if (other && !copies && !own)
        own = orl_flush_room (me->pool);
      result = write_items (me, file, items, n,
                            copies && !other ? copies : other ? own : NULL,
                            true, &n);
      /* What has changed since the begin, and no one has said that its log is
       * durable now. */
      if (result == 0 && n > 0 && other && *refused == 0
          && !orl_log_can_flush (me, file->index))
        *refused = log_first (me, file, items, n, true);
      if (result == 0)
        result = orl_pool_gone (me->pool);
      if (result == 0 && n > 0)
        result = wait_for (me, file, &items[0], round, doubt);
    }
  free (own);
  return result;
}

/* Write what is dirty now. */
static int
flush_once (struct orl_thread *me, struct oriel_file *file,
            unsigned char *copies)
{
  struct list list = { .item = list.few, .room = ORL_CHUNK };
  uint64_t at = 0;
  int refused = 0;
  int result = 0;

  while (result == 0 && at < orl_span (&me->pool->shm))
    {
      at = collect (file, at, &list);
      result = write_list (me, file, copies, &list, &refused);
    }
  if (list.item != list.few)
    free (list.item);
  if (result == 0)
    result = refused;
  if (result == 0 && (atomic_load (&file->rec->io_error) & ORL_IO_LOST))
    {
      atomic_fetch_or (&file->rec->io_error, ORL_IO_TOLD);
      result = orl_fail (-EIO,
                         "%s: the memory of dirty pages was taken away, so what "
                         "was written to them is lost; close the file "
                         "everywhere and check it",
                         file->path);
    }
  /* In the zeroes that lie there now nothing is dirty. */
  return result == 0 ? orl_pool_gone (me->pool) : result;
}

unsigned char *
orl_flush_room (const struct oriel_pool *pool)
{
  size_t n = (size_t) ORL_CHUNK << pool->shm.geo.page_shift;

  return aligned_alloc (65536, n < 65536 ? 65536 : n);
}

int
orl_flush_file (struct orl_thread *me, struct oriel_file *file, bool copies)
{
  /* With a double-write area, and what no slot shows, has to be copied anyway: so
   * rather all of a chunk, and without latches. */
  unsigned char *room = copies || orl_torn_copies (file)
                                || !me->pool->window->linear
                            ? orl_flush_room (me->pool)
                            : NULL;
  int r = orl_cut_settle (me, file, false);
  int settled;

  /* A wait for a writer that is dead may leave its page in doubt. */
  do
    {
      settled = 0;
      if (r == 0)
        r = flush_once (me, file, room);
      if (r == 0 && atomic_load (&file->rec->indoubt))
        settled = orl_indoubt_settle_all (me, file);
    }
  while (settled > 0);
  free (room);
  if (r == 0 && settled == 0)
    atomic_store (&file->rec->write_error, 0);
  return r < 0 ? r : settled;
}

bool
orl_flush_may (const struct oriel_file *file)
{
  return !(file->flags & ORIEL_RDONLY) && orl_hooks_match (file)
         && (!atomic_load (&file->rec->foreign)
             || atomic_load (&file->rec->dirtied_by)
                    == file->pool->shm.token);
}

/* A sweep asks, which has frames EVICTING that others wait for: so this waits for
 * no one who opens or closes a file.  Then it may be: who writes looks again. */
bool
orl_flush_may_frame (struct orl_thread *me, uint32_t frame)
{
  struct oriel_pool *pool = me->pool;
  uint32_t index = (uint32_t) atomic_load (&pool->shm.frames[frame].file);
  const struct oriel_file *file;
  bool may;

  if (index >= pool->shm.geo.nfiles)
    return false;
  if (pthread_mutex_trylock (&pool->lock) != 0)
    return true;
  file = pool->files[index];
  may = file && file->opens > 0 && orl_flush_may (file);
  pthread_mutex_unlock (&pool->lock);
  return may;
}

/* What the dead were writing no one else can: for the next time. */
static void
repair_busy (struct orl_thread *me, const struct orl_item *items, size_t n)
{
  const struct orl_shm *shm = &me->pool->shm;

  for (size_t i = 0; i < n; i++)
    {
      uint64_t word = atomic_load (&shm->frames[items[i].frame].state);
      uint32_t owner = orl_state_owner (word);

      if (orl_state (word) == ORL_WRITING && owner != 0
          && !orl_owner_alive (shm, owner))
        me->pool->repair (me->pool, me->owner, owner - 1);
    }
}

int
orl_flush_items (struct orl_thread *me, struct oriel_file *file,
                 struct orl_item *items, size_t n, unsigned char *copies)
{
  size_t left = 0;
  int r;

  for (size_t i = 0; i < n; i++)
    if (orl_log_lets (me, items[i].frame))
      items[left++] = items[i];
  r = write_items (me, file, items, left, copies, copies != NULL, &left);
  repair_busy (me, items, left);
  return r;
}

int
orl_flush_list (struct orl_thread *me, const struct orl_dirty_list *list)
{
  struct orl_shm *shm = &me->pool->shm;
  uint64_t before = atomic_load_explicit (&me->ledger->stat[ORL_WRITEBACKS],
                                          memory_order_relaxed);
  bool done[ORL_BATCH] = { false };
  int result = 0;

  for (uint32_t i = 0; i < list->n; i++)
    {
      uint32_t index = (uint32_t) atomic_load (
          &shm->frames[list->frame[i]].file);
      struct oriel_file *file;
      struct orl_item items[ORL_BATCH];
      size_t n = 0;
      int r;

      if (done[i] || index >= shm->geo.nfiles
          || !(file = orl_file_hold (me->pool, index)))
        continue;
      if (!orl_flush_may (file))
        {
          orl_file_unhold (file);
          continue;
        }
      for (uint32_t j = i; j < list->n; j++)
        {
          struct orl_frame *f = &shm->frames[list->frame[j]];

          if (done[j] || (uint32_t) atomic_load (&f->file) != index)
            continue;
          done[j] = true;
          items[n].frame = list->frame[j];
          items[n++].page = atomic_load (&f->page);
        }
      r = orl_flush_items (me, file, items, n, NULL);
      orl_file_unhold (file);
      if (result == 0)
        result = r;
    }
  before = atomic_load_explicit (&me->ledger->stat[ORL_WRITEBACKS],
                                 memory_order_relaxed)
           - before;
  return before > 0 ? (int) before : result;
}
