/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush.c - write dirty pages to their stores
 *
 * Pages are sorted, cut into chunks that the ledger and the window can take,
 * and each chunk's neighbours go out in one vectored write.  For each page:
 *   1. pin it with a shared latch (ledger): no one changes it meanwhile;
 *   2. VALID|DIRTY to WRITING, without DIRTY (in this ledger's work first);
 *   3. write;
 *   4. clear its bit in the dirty map, then WRITING to VALID; or, after an
 *      error, to VALID|DIRTY with the bit as it is.
 * A stranger, if we die in 2 to 4: WRITING goes to VALID|DIRTY, bit set.
 *
 * No latch is waited for while another is held: pages that are busy are tried
 * again when the rest has been written.
 *
 * Locks: none; shared latches in step 1.
 */
#include <errno.h>
#include <stdlib.h>

#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "flush.h"
#include "indoubt.h"
#include "latch.h"
#include "lock.h"
#include "lost.h"
#include "point.h"
#include "seen.h"
#include "sys.h"
#include "table.h"

#define CHUNK ORL_BATCH         /* with the stash, what ledger.work holds */

struct item {
  uint64_t page;
  uint32_t frame;
};

struct chunk {
  struct oriel_file *file;
  uint32_t n;
  struct item item[CHUNK];
  int entry[CHUNK];             /* in the ledger */
  void *at[CHUNK];
  bool sole[CHUNK];             /* the latch wants to be told the end */
  bool failed[CHUNK];
  bool faulted[CHUNK];          /* failed, since the slot wants a touch, or the
                                   store has to be cut first */
};

static bool
is_to_write (const struct oriel_file *file, const struct item *it,
             uint64_t word)
{
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_frame *f = &shm->frames[it->frame];

  return (word & (ORL_DIRTY | ORL_INDOUBT)) == ORL_DIRTY
         && orl_state (word) >= ORL_VALID && !orl_frame_is_dead (shm, f, word)
         && (uint32_t) atomic_load (&f->file) == file->index
         && atomic_load (&f->page) == it->page;
}

/* The content of a page that no one changes now: in the window if a slot shows
 * it, else a copy, so that no slot is taken from those who pin. */
static int
content (struct orl_thread *me, uint32_t i, uint32_t frame, void **at)
{
  struct orl_window *w = me->pool->window;
  const struct orl_geometry *geo = &me->pool->shm.geo;
  unsigned char *bounce;

  *at = orl_window_find (w, frame);
  if (*at)
    return 0;
  bounce = orl_thread_bounce (me);
  if (!bounce)
    return orl_window_show (w, me->ledger, frame, at);
  *at = bounce + ((size_t) i << geo->page_shift);
  if (orl_lost_peek (me->pool, frame, *at))
    return 0;
  /* Its memory may be missing.  What is done about that has to wait until we
   * write no page (lost.c). */
  return geo->block > 4096 ? orl_window_show (w, me->ledger, frame, at)
                           : -EFAULT;
}

/* Steps 1 and 2.  -ENOENT: not dirty any more; -EAGAIN: busy. */
static int
begin (struct orl_thread *me, struct chunk *c, const struct item *it)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[it->frame];
  int entry = orl_ledger_room (me->ledger);
  uint64_t word;
  bool sole = false;
  void *at;
  int r = -EAGAIN;

  if (entry < 0)
    return entry;
  orl_ledger_write (me->ledger, entry, ORL_PIN_SHARED, it->frame);
  ORL_POINT ("flush.held");
  orl_barrier_pin (shm);
  word = atomic_load_explicit (&f->state, memory_order_acquire);
  if (orl_state (word) != ORL_WRITING && !is_to_write (c->file, it, word))
    r = -ENOENT;
  else if (orl_state (word) == ORL_VALID
           && orl_latch_sole (&f->latch, &sole) == 0)
    {
      ORL_POINT ("flush.latched");
      r = content (me, c->n, it->frame, &at);
      if (r == 0)
        r = orl_work_begin (me->ledger, it->frame);
      if (r == 0
          && !orl_frame_move (f, &word, ORL_WRITING, me->owner, 0, ORL_DIRTY))
        {
          orl_work_end (me->ledger, it->frame);
          r = -EAGAIN;
        }
    }
  if (r < 0)
    {
      if (sole)
        orl_latch_sole_end (&f->latch);
      orl_ledger_clear (me->ledger, entry);
      return r;
    }
  ORL_POINT ("flush.begun");
  c->item[c->n] = *it;
  c->entry[c->n] = entry;
  c->at[c->n] = at;
  c->sole[c->n] = sole;
  c->faulted[c->n] = false;
  c->failed[c->n++] = false;
  return 0;
}

/* Step 4.  A touch may wait for whoever gives missing memory back, and that one
 * waits until no one writes it (lost.c): so no page is in step 3 then. */
static void
end (struct orl_thread *me, struct chunk *c)
{
  struct orl_shm *shm = &me->pool->shm;

  for (uint32_t i = 0; i < c->n; i++)
    {
      uint32_t frame = c->item[i].frame;

      if (!c->failed[i])
        orl_frame_mark_dirty (shm, frame, false);
      ORL_POINT ("flush.cleaned");
      orl_frame_settle (&shm->frames[frame], ORL_VALID, 0,
                        c->failed[i] ? ORL_DIRTY : 0, 0);
      ORL_POINT ("flush.settled");
      orl_work_end (me->ledger, frame);
    }
  for (uint32_t i = 0; i < c->n; i++)
    {
      if (c->faulted[i])
        orl_lost_touch (c->at[i], shm->geo.page_size);
      if (c->sole[i])
        orl_latch_sole_end (&shm->frames[c->item[i].frame].latch);
      ORL_POINT ("flush.unlatched");
      orl_ledger_clear (me->ledger, c->entry[i]);
      ORL_POINT ("flush.unpinned");
      if (!c->failed[i])
        {
          orl_count (me->ledger, ORL_WRITEBACKS, 1);
          atomic_fetch_add_explicit (&c->file->rec->writebacks, 1,
                                     memory_order_relaxed);
        }
    }
}

/* Write items first to last - 1 of the chunk, which are neighbours.  -EAGAIN: the
 * store has to be cut first. */
static int
write_run (struct orl_thread *me, struct chunk *c, uint32_t first,
           uint32_t last)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  struct oriel_file *file = c->file;
  uint64_t at = c->item[first].page << geo->page_shift;
  uint64_t size = atomic_load (&file->rec->size);
  struct iovec iov[CHUNK];
  uint64_t bytes = 0;
  int n = 0;
  int r;

  /* WRITING before this look: who cuts says so first, and waits for us then. */
  if (!orl_cut_lets (file->rec,
                     at + ((uint64_t) (last - first) << geo->page_shift)))
    return -EAGAIN;

  for (uint32_t i = first; i < last && at + bytes < size; i++)
    {
      uint64_t left = size - at - bytes;

      iov[n].iov_base = c->at[i];
      iov[n].iov_len = left < geo->page_size ? left : geo->page_size;
      bytes += iov[n++].iov_len;
    }
  if (n == 0) /* cut off meanwhile */
    return 0;
  ORL_POINT ("flush.write");
  r = file->store->ops->write (file->store, iov, n, at);
  ORL_POINT ("flush.written");
  orl_count (me->ledger, ORL_WRITES, 1);
  if (r < 0)
    return orl_fail (r, "%s: writing %llu bytes at %llu failed; the pages stay "
                        "dirty",
                     file->path, (unsigned long long) bytes,
                     (unsigned long long) at);
  orl_count (me->ledger, ORL_WRITE_BYTES, bytes);
  return 0;
}

/* Step 3, for the chunk's runs. */
static int
write_chunk (struct orl_thread *me, struct chunk *c)
{
  uint32_t last;
  int result = 0;

  if (c->n == 0)
    return 0;
  orl_seen_begin (c->file);
  for (uint32_t first = 0; first < c->n; first = last)
    {
      int r;

      last = first + 1;
      while (last < c->n
             && c->item[last].page == c->item[last - 1].page + 1)
        last++;
      r = write_run (me, c, first, last);
      for (uint32_t i = first; r < 0 && i < last; i++)
        {
          c->failed[i] = true;
          c->faulted[i] = r == -EFAULT || r == -EAGAIN;
        }
      if (r == -EFAULT || r == -EAGAIN)
        r = 0;
      if (result == 0)
        result = r;
    }
  orl_seen_end (c->file);
  end (me, c);
  return result;
}

static int
by_page (const void *a, const void *b)
{
  const struct item *x = a, *y = b;

  return x->page < y->page ? -1 : x->page > y->page;
}

/* Write the n items, sorted here.  Those that were busy are left at the front,
 * *busy of them.  The first error. */
static int
write_items (struct orl_thread *me, struct oriel_file *file,
             struct item *items, size_t n, size_t *busy)
{
  struct chunk c = { .file = file };
  uint32_t gap[CHUNK];
  uint32_t gaps;
  int result = 0;
  size_t left = 0;

  qsort (items, n, sizeof *items, by_page);
  for (size_t i = 0; i < n;)
    {
      int r = orl_cut_settle (me, file);

      if (r < 0)
        return r;
      for (c.n = gaps = 0; i < n && c.n < CHUNK; i++)
        {
          r = begin (me, &c, &items[i]);
          if (r == -EFAULT)
            gap[gaps++] = items[i].frame;
          if (r == -EAGAIN || r == -EFAULT)
            items[left++] = items[i];
          else if (r < 0 && r != -ENOENT)
            break;
          if (gaps == CHUNK)
            {
              i++;
              break;
            }
        }
      /* Out of slots or entries: write what there is, then it may fit. */
      if (r == -ENOBUFS && c.n > 0)
        r = 0;
      else if (r < 0 && r != -EAGAIN && r != -ENOENT && r != -EFAULT)
        {
          if (result == 0)
            result = orl_fail (r, "%s: page %llu cannot be shown to write it",
                               file->path, (unsigned long long) items[i].page);
          i++;
        }
      r = write_chunk (me, &c);
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

/* The dirty pages of the file, by the dirty map. */
static int
collect (struct oriel_file *file, struct item **items, size_t *n)
{
  struct orl_shm *shm = &file->pool->shm;
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  size_t room = 0;

  *items = NULL;
  *n = 0;
  for (uint64_t w = 0; w < (shm->geo.nframes + 63) / 64; w++)
    {
      uint64_t bits = atomic_load_explicit (&shm->dirty[w],
                                            memory_order_acquire);

      for (; bits; bits &= bits - 1)
        {
          uint64_t frame = w * 64 + (uint64_t) __builtin_ctzll (bits);
          struct orl_frame *f;

          if (frame >= shm->geo.nframes)
            break;
          f = &shm->frames[frame];
          if (atomic_load_explicit (&f->file, memory_order_relaxed) != key)
            continue;
          if (*n == room)
            {
              struct item *more;

              room = room ? room * 2 : 64;
              more = realloc (*items, room * sizeof **items);
              if (!more)
                return orl_fail (-ENOMEM, "%s: no memory to list dirty pages",
                                 file->path);
              *items = more;
            }
          (*items)[*n].frame = (uint32_t) frame;
          (*items)[(*n)++].page
              = atomic_load_explicit (&f->page, memory_order_relaxed);
        }
    }
  return 0;
}

/* Wait for whoever has the page, with no latch held. */
static int
wait_for (struct orl_thread *me, struct oriel_file *file,
          const struct item *it, unsigned round, struct orl_doubt doubt[2])
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

/* Write what is dirty now. */
static int
flush_once (struct orl_thread *me, struct oriel_file *file)
{
  struct item *items;
  size_t n;
  int result = collect (file, &items, &n);
  struct orl_doubt doubt[2] = { { 0 } };

  for (unsigned round = 0; result == 0 && n > 0; round++)
    {
      result = write_items (me, file, items, n, &n);
      if (result == 0)
        result = orl_pool_gone (me->pool);
      if (result == 0 && n > 0)
        result = wait_for (me, file, &items[0], round, doubt);
    }
  free (items);
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

int
orl_flush_file (struct orl_thread *me, struct oriel_file *file)
{
  int r = orl_cut_settle (me, file);
  int settled;

  if (r < 0)
    return r;
  /* A wait for a writer that is dead may leave its page in doubt. */
  do
    {
      settled = 0;
      r = flush_once (me, file);
      if (r == 0 && atomic_load (&file->rec->indoubt))
        settled = orl_indoubt_settle_all (me, file);
    }
  while (settled > 0);
  return r < 0 ? r : settled;
}

/* May this process write the file's pages unasked?  Where others change the file
 * without Oriel, dirty pages belong to whoever holds the lock that lets it
 * change them: once that one is dead they must never reach the file, which
 * others may have rolled back meanwhile. */
static bool
may_make_room (const struct oriel_file *file)
{
  return !atomic_load (&file->rec->foreign)
         || atomic_load (&file->rec->dirtied_by) == file->pool->shm.token;
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
      struct item items[ORL_BATCH];
      size_t n = 0;
      size_t busy;
      int r;

      if (done[i] || index >= shm->geo.nfiles
          || !(file = orl_file_hold (me->pool, index)))
        continue;
      if (!may_make_room (file))
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
      r = write_items (me, file, items, n, &busy);
      orl_file_unhold (file);
      if (result == 0)
        result = r;
    }
  before = atomic_load_explicit (&me->ledger->stat[ORL_WRITEBACKS],
                                 memory_order_relaxed)
           - before;
  return before > 0 ? (int) before : result;
}
