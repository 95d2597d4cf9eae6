/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flush-chunk.c - some dirty pages of a file on their way to its store
 *
 * The first way.  For each page:
 *   1. pin it with a shared latch (ledger): no one changes it meanwhile.  If its
 *      log is not durable give it up: the caller has the log flushed first;
 *   2. VALID|DIRTY to WRITING, without DIRTY (in this ledger's work first);
 *   3. write;
 *   4. clear its bit in the dirty map, then WRITING to VALID; or, after an
 *      error, to VALID|DIRTY with the bit as it is.
 * The second way, where pages are changed all the time or no one should wait:
 *   1. pin and latch it, copy it, note its version and lsns, let it go; when all
 *      are copied the caller has the log flushed up to the greatest lsn;
 *   2. VALID|DIRTY to WRITING, with DIRTY.  As long as firsts[] is what it was,
 *      or its version, no one has written what is newer than our copy, and now no
 *      one else writes it;
 *   3. write the copy;
 *   4. latch it once more, if no one has it: if it is what was copied, clear its
 *      bit and DIRTY.  Else it stays DIRTY, and what the store has not begins
 *      behind the copy's lsn, and behind what of the log was durable then, as
 *      its record was written later.  WRITING to VALID.
 * A stranger, if we die in 2 to 4: WRITING goes to VALID|DIRTY, bit set.
 *
 * Nothing that is WRITING by us is touched where its memory may be missing: that
 * would wait for whoever gives it back, who waits for us (lost.c).
 *
 * Locks: none; shared latches, in the first way during 3.
 */
#include <errno.h>
#include <string.h>

#include "cut.h"
#include "error.h"
#include "evict.h"
#include "flush-chunk.h"
#include "flush-ring.h"
#include "hooks.h"
#include "latch.h"
#include "log.h"
#include "lost.h"
#include "point.h"
#include "seen.h"
#include "table.h"
#include "torn.h"

_Static_assert (ORL_CHUNK + ORL_BATCH <= ORL_WORK, "room in ledger.work");
_Static_assert (ORL_CHUNK <= ORL_DW_MAX, "a chunk is a batch of the area");

/* Runs that are worth a ring: it saves a third of the CPU time (src/README.md). */
#define TOGETHER_MIN 16

/* Pages of a run that fail one by one, before the rest is not tried: a device that
 * is gone may take its time to say so. */
#define APART_TRIES 4

static bool
is_to_write (const struct oriel_file *file, const struct orl_item *it,
             uint64_t word)
{
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_frame *f = &shm->frames[it->frame];

  return (word & (ORL_DIRTY | ORL_INDOUBT)) == ORL_DIRTY
         && orl_state (word) >= ORL_VALID && !orl_frame_is_dead (shm, f, word)
         && (uint32_t) atomic_load (&f->file) == file->index
         && atomic_load (&f->page) == it->page;
}

/* A page with a shared latch. */
struct held {
  int entry;
  bool sole;
  uint64_t word;
};

static void
let_go (struct orl_thread *me, uint32_t frame, const struct held *h)
{
  if (h->sole)
    orl_latch_sole_end (&me->pool->shm.frames[frame].latch);
  ORL_POINT ("flush.unlatched");
  orl_ledger_clear (me->ledger, h->entry);
  ORL_POINT ("flush.unpinned");
}

/* -ENOENT: not dirty any more; -EAGAIN: busy; -ENOBUFS. */
static int
hold (struct orl_thread *me, const struct orl_chunk *c,
      const struct orl_item *it, struct held *h)
{
  struct orl_frame *f = &me->pool->shm.frames[it->frame];
  int r = -EAGAIN;

  h->sole = false;
  h->entry = orl_ledger_room (me->ledger);
  if (h->entry < 0)
    return h->entry;
  orl_ledger_write (me->ledger, h->entry, ORL_PIN_SHARED, it->frame);
  ORL_POINT ("flush.held");
  orl_barrier_pin (&me->pool->shm);
  h->word = atomic_load_explicit (&f->state, memory_order_acquire);
  if (orl_state (h->word) != ORL_WRITING
      && !is_to_write (c->file, it, h->word))
    r = -ENOENT;
  else if (orl_state (h->word) == ORL_VALID)
    r = orl_latch_sole (&f->latch, &h->sole);
  if (r < 0)
    orl_ledger_clear (me->ledger, h->entry);
  else
    ORL_POINT ("flush.latched");
  return r;
}

/* ------------------------------------------------------------------ */
/* The first way                                                      */

/* The content of a page that no one changes now: in the window if a slot shows
 * it, else, or if it has to be private memory, a copy, so that no slot is taken
 * from those who pin. */
static int
content (struct orl_thread *me, struct orl_chunk *c, uint32_t frame,
         bool private, void **at)
{
  struct orl_window *w = me->pool->window;
  const struct orl_geometry *geo = &me->pool->shm.geo;
  unsigned char *bounce;
  int r;

  *at = orl_window_find (w, frame);
  if (*at && !private)
    return 0;
  if (c->bounced == ORL_BATCH)
    return -ENOBUFS;
  bounce = orl_thread_bounce (me);
  if (!bounce)
    return private ? -ENOMEM : orl_window_show (w, me->ledger, frame, at);
  bounce += (size_t) c->bounced++ << geo->page_shift;
  *at = bounce;
  if (orl_lost_peek (me->pool, frame, *at))
    return 0;
  /* Its memory may be missing.  What is done about that has to wait until we
   * write no page (lost.c). */
  if (geo->block == 4096)
    return -EFAULT;
  r = orl_window_show (w, me->ledger, frame, at);
  if (r < 0 || !private)
    return r;
  /* If its memory is missing the frame is LOST then, and begun no more. */
  memcpy (bounce, *at, geo->page_size);
  *at = bounce;
  return 0;
}

/* Steps 1 and 2. */
static int
begin (struct orl_thread *me, struct orl_chunk *c, const struct orl_item *it)
{
  struct orl_frame *f = &me->pool->shm.frames[it->frame];
  bool private = orl_hooks_copy (c->file) || orl_torn_copies (c->file);
  uint32_t bounced = c->bounced;
  struct held h;
  uint64_t lsn;
  void *at;
  int r = hold (me, c, it, &h);

  if (r < 0)
    return r;
  lsn = atomic_load (&f->lsn);
  if (!orl_log_is_durable (c->file->rec, lsn))
    {
      if (c->lsn < lsn)
        c->lsn = lsn;
      r = -ENOTCONN;
    }
  /* Old kernels (seen: 3.16), which have no userfaultfd either, clear what a write
   * does not reach, in the file's own page, when its source is cut off under it:
   * then the page is neither here nor there. */
  if (r == 0)
    {
      r = content (me, c, it->frame, private || me->pool->shm.uffd < 0, &at);
      if (r == -ENOMEM && !private)
        r = content (me, c, it->frame, false, &at);
    }
  if (r == 0)
    r = orl_work_begin (me->ledger, it->frame);
  if (r == 0
      && !orl_frame_move (f, &h.word, ORL_WRITING, me->owner, 0, ORL_DIRTY))
    {
      orl_work_end (me->ledger, it->frame);
      r = -EAGAIN;
    }
  if (r < 0)
    {
      c->bounced = bounced;
      let_go (me, it->frame, &h);
      return r;
    }
  ORL_POINT ("flush.begun");
  c->entry[c->n] = h.entry;
  c->sole[c->n] = h.sole;
  c->at[c->n] = at;
  return 0;
}

/* Step 4.  A touch may wait for whoever gives missing memory back, and that one
 * waits until no one writes it (lost.c): so no page is in step 3 then. */
static void
end (struct orl_thread *me, struct orl_chunk *c)
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
      const struct held h = { .entry = c->entry[i], .sole = c->sole[i] };

      if (c->faulted[i])
        orl_lost_touch (c->at[i], shm->geo.page_size);
      let_go (me, c->item[i].frame, &h);
    }
}

/* ------------------------------------------------------------------ */
/* The second way                                                     */

/* Where the copy of the chunk's i-th page is to be. */
static void *
place (const struct orl_chunk *c, uint32_t i)
{
  return c->copies + ((size_t) i << c->file->pool->shm.geo.page_shift);
}

/* Step 1. */
static int
copy (struct orl_thread *me, struct orl_chunk *c, const struct orl_item *it)
{
  const struct orl_geometry *geo = &me->pool->shm.geo;
  const struct orl_frame *f = &me->pool->shm.frames[it->frame];
  void *to = place (c, c->n);
  struct held h;
  void *at;
  int r = hold (me, c, it, &h);

  if (r < 0)
    return r;
  at = orl_window_find (me->pool->window, it->frame);
  if (!at && !orl_lost_peek (me->pool, it->frame, to))
    r = geo->block > 4096
            ? orl_window_show (me->pool->window, me->ledger, it->frame, &at)
            : -EFAULT;
  if (r == 0 && at)
    memcpy (to, at, geo->page_size);
  c->at[c->n] = to;
  c->version[c->n] = atomic_load (&f->version);
  c->last[c->n] = atomic_load (&f->lsn);
  c->first[c->n] = atomic_load (&me->pool->shm.firsts[it->frame]);
  /* Later changes are logged later. */
  c->next[c->n] = atomic_load (&c->file->rec->durable);
  if (c->next[c->n] < c->last[c->n])
    c->next[c->n] = c->last[c->n];
  c->next[c->n]++;
  /* If its memory was missing, what was copied is none of it.  claim() does not find
   * that out: others may have read the page again, into the same frame, and redone
   * its changes from the log, with the same firsts[]. */
  if (r == 0 && (atomic_load (&f->state) & ORL_LOST))
    r = -ENOENT;
  ORL_POINT ("flush.copied");
  let_go (me, it->frame, &h);
  return r;
}

/* Is the chunk's i-th page, which we have WRITING, still as old in the store as it
 * was when it was copied? */
static bool
is_news (const struct orl_shm *shm, const struct orl_chunk *c, uint32_t i)
{
  uint32_t frame = c->item[i].frame;

  return c->first[i] != 0
             ? atomic_load (&shm->firsts[frame]) == c->first[i]
             : atomic_load (&shm->frames[frame].version) == c->version[i];
}

/* Step 2.  -ENOENT: it needs no writing any more, or may not be written;
 * -EAGAIN. */
static int
claim (struct orl_thread *me, struct orl_chunk *c, uint32_t i)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[c->item[i].frame];
  uint64_t word = atomic_load (&f->state);

  if (!orl_log_is_durable (c->file->rec, c->last[i]))
    return -EAGAIN;
  if (orl_state (word) != ORL_VALID)
    return -EAGAIN;
  if (!is_to_write (c->file, &c->item[i], word))
    return -ENOENT;
  if (orl_work_begin (me->ledger, c->item[i].frame) < 0)
    return -EAGAIN;
  ORL_POINT ("flush.copy.said");
  if (orl_frame_move (f, &word, ORL_WRITING, me->owner, 0, 0))
    {
      ORL_POINT ("flush.copy.begun");
      if (is_news (shm, c, i))
        return 0;
      orl_frame_settle (f, ORL_VALID, 0, 0, 0);
    }
  ORL_POINT ("flush.copy.given-up");
  orl_work_end (me->ledger, c->item[i].frame);
  return c->first[i] != 0
                 && atomic_load (&shm->firsts[c->item[i].frame])
                        != c->first[i]
             ? -ENOENT
             : -EAGAIN;
}

static void
take_out (struct orl_chunk *c, uint32_t i)
{
  uint32_t last = --c->n;
  uint32_t rest = last - i;

  memmove (&c->item[i], &c->item[i + 1], rest * sizeof c->item[0]);
  memmove (&c->at[i], &c->at[i + 1], rest * sizeof c->at[0]);
  memmove (&c->version[i], &c->version[i + 1], rest * sizeof c->version[0]);
  memmove (&c->last[i], &c->last[i + 1], rest * sizeof c->last[0]);
  memmove (&c->first[i], &c->first[i + 1], rest * sizeof c->first[0]);
  memmove (&c->next[i], &c->next[i + 1], rest * sizeof c->next[0]);
}

void
orl_chunk_claim (struct orl_thread *me, struct orl_chunk *c,
                 struct orl_item *left, size_t *n)
{
  for (uint32_t i = 0; i < c->n;)
    {
      int r = claim (me, c, i);

      if (r == 0)
        {
          i++;
          continue;
        }
      if (r == -EAGAIN)
        left[(*n)++] = c->item[i];
      take_out (c, i);
    }
}

/* Step 4's half that makes it clean.  False: someone has it, or has changed
 * it. */
static bool
make_clean (struct orl_thread *me, struct orl_chunk *c, uint32_t i)
{
  struct orl_shm *shm = &me->pool->shm;
  uint32_t frame = c->item[i].frame;
  struct orl_frame *f = &shm->frames[frame];
  struct held h = { .entry = orl_ledger_room (me->ledger) };
  bool clean = false;

  if (h.entry < 0)
    return false;
  orl_ledger_write (me->ledger, h.entry, ORL_PIN_SHARED, frame);
  ORL_POINT ("flush.copy.held");
  orl_barrier_pin (shm);
  if (orl_latch_sole (&f->latch, &h.sole) == 0
      && atomic_load (&f->version) == c->version[i])
    {
      orl_frame_mark_dirty (shm, frame, false);
      ORL_POINT ("flush.copy.cleaned");
      orl_frame_settle (f, ORL_VALID, 0, 0, ORL_DIRTY);
      clean = true;
    }
  let_go (me, frame, &h);
  return clean;
}

/* Step 4. */
static void
end_copies (struct orl_thread *me, struct orl_chunk *c)
{
  struct orl_shm *shm = &me->pool->shm;

  for (uint32_t i = 0; i < c->n; i++)
    {
      uint32_t frame = c->item[i].frame;

      if (c->failed[i] || !make_clean (me, c, i))
        {
          if (!c->failed[i] && c->first[i] != 0)
            atomic_store (&shm->firsts[frame], c->next[i]);
          ORL_POINT ("flush.copy.older");
          orl_frame_settle (&shm->frames[frame], ORL_VALID, 0, 0, 0);
        }
      ORL_POINT ("flush.copy.settled");
      orl_work_end (me->ledger, frame);
    }
}

/* ------------------------------------------------------------------ */
/* Both                                                               */

int
orl_chunk_begin (struct orl_thread *me, struct orl_chunk *c,
                 const struct orl_item *it)
{
  int r = c->copies ? copy (me, c, it) : begin (me, c, it);

  if (r < 0)
    return r;
  c->item[c->n] = *it;
  c->faulted[c->n] = false;
  c->failed[c->n++] = false;
  return 0;
}

static void
fail_run (struct orl_chunk *c, uint32_t first, uint32_t last, int r,
          int *result)
{
  bool again = r == -EFAULT || r == -EAGAIN;

  if (!again)
    atomic_store (&c->file->rec->write_error, (uint32_t) -r);
  for (uint32_t i = first; i < last; i++)
    {
      c->failed[i] = true;
      c->faulted[i] = again;
    }
  if (*result == 0 && !again)
    *result = r;
}

/* Step 3's beginning: what of items first to last - 1, which are neighbours, is to
 * be written, and how much.  Those that their hook refuses fail, alone. */
static void
prepare_run (struct orl_chunk *c, uint32_t first, uint32_t last, int *result)
{
  const struct orl_shm *shm = &c->file->pool->shm;
  const struct orl_geometry *geo = &shm->geo;
  struct oriel_file *file = c->file;
  uint64_t at = c->item[first].page << geo->page_shift;
  uint64_t size = atomic_load (&file->rec->size);

  for (uint32_t i = first; i < last; i++)
    c->length[i] = 0;
  /* WRITING before this look: who cuts says so first, and waits for us then.  The
   * store has to be cut before; what lies before the cut need not wait. */
  while (last > first
         && !orl_cut_lets (file->rec, at + ((uint64_t) (last - first)
                                            << geo->page_shift)))
    {
      last--;
      fail_run (c, last, last + 1, -EAGAIN, result);
    }
  for (uint32_t i = first; i < last && at < size; i++, at += geo->page_size)
    {
      const struct orl_frame *f = &shm->frames[c->item[i].frame];
      uint64_t left = size - at;
      size_t n = left < geo->page_size ? (size_t) left : geo->page_size;
      /* Who drops the file gives it another epoch, and then waits for what is
       * WRITING: so here it is looked at once more. */
      int r = orl_frame_is_dead (shm, f, atomic_load (&f->state))
                  ? -EAGAIN
                  : orl_hooks_before_write (file, c->item[i].page, c->at[i],
                                            n);

      if (r < 0)
        fail_run (c, i, i + 1, r, result);
      else
        c->length[i] = n;
    }
}

/* What of items first to last - 1 is to be written: how many parts. */
static int
vector (const struct orl_chunk *c, uint32_t first, uint32_t last,
        struct iovec *iov, uint64_t *bytes)
{
  int n = 0;

  *bytes = 0;
  for (uint32_t i = first; i < last && c->length[i] > 0; i++)
    {
      iov[n].iov_base = c->at[i];
      iov[n].iov_len = c->length[i];
      *bytes += iov[n++].iov_len;
    }
  return n;
}

static void
count_write (struct orl_thread *me, uint64_t bytes)
{
  orl_count (me->ledger, ORL_WRITES, 1);
  orl_count (me->ledger, ORL_WRITE_BYTES, bytes);
}

static int
write_run (struct orl_thread *me, struct orl_chunk *c, uint32_t first,
           uint32_t last)
{
  struct oriel_file *file = c->file;
  uint64_t at = c->item[first].page << me->pool->shm.geo.page_shift;
  struct iovec iov[ORL_CHUNK];
  uint64_t bytes;
  int n = vector (c, first, last, iov, &bytes);
  int r;

  if (n == 0) /* cut off meanwhile */
    return 0;
  ORL_POINT ("flush.write");
  r = orl_torn_write (file, iov, n, at);
  ORL_POINT ("flush.written");
  count_write (me, r < 0 ? 0 : bytes);
  if (r < 0)
    return orl_fail (r, "%s: writing %llu bytes at %llu failed; the pages stay "
                        "dirty",
                     file->path, (unsigned long long) bytes,
                     (unsigned long long) at);
  return 0;
}

/* Behind the last of the items that follow each other from first on, and have
 * failed, or have not, as that one. */
static uint32_t
end_of_run (const struct orl_chunk *c, uint32_t first)
{
  uint32_t last = first + 1;

  while (last < c->n && c->item[last].page == c->item[last - 1].page + 1
         && c->failed[last] == c->failed[first])
    last++;
  return last;
}

/* Write what can be written together; written[first] says of which runs that was
 * so.  How many pages they have. */
static uint32_t
write_together (struct orl_thread *me, struct orl_chunk *c,
                bool written[ORL_CHUNK])
{
  unsigned shift = me->pool->shm.geo.page_shift;
  struct orl_ring_write w[ORL_CHUNK];
  struct iovec iov[ORL_CHUNK];
  struct orl_store_id id;
  uint32_t n = 0, pages = 0;

  if (orl_torn_alone (c->file) || !orl_ring_ready (me, c->file)
      || orl_store_times (c->file->store, &id) < 0)
    return 0;
  for (uint32_t first = 0, last; first < c->n; first = last)
    {
      last = end_of_run (c, first);
      w[n].at = c->item[first].page << shift;
      w[n].iov = &iov[first];
      w[n].n = vector (c, first, last, &iov[first], &w[n].bytes);
      w[n].first = first;
      w[n].last = last;
      if (w[n].n > 0 && orl_ring_takes (c->file, id.size, &w[n]))
        n++;
    }
  if (n < TOGETHER_MIN)
    return 0;
  orl_ring_write (me, c->file, w, n);
  for (uint32_t i = 0; i < n; i++)
    if (w[i].whole)
      {
        written[w[i].first] = true;
        pages += w[i].last - w[i].first;
        count_write (me, w[i].bytes);
      }
  return pages;
}

/* A run of several pages failed: each alone, so that one that cannot be written
 * keeps no others dirty.  How many were written. */
static uint32_t
write_apart (struct orl_thread *me, struct orl_chunk *c, uint32_t first,
             uint32_t last, int *result)
{
  unsigned tries = APART_TRIES;
  uint32_t written = 0;
  int r = 0;

  for (uint32_t i = first; i < last; i++)
    {
      if (tries > 0)
        r = write_run (me, c, i, i + 1);
      if (r == 0)
        written++;
      else
        {
          fail_run (c, i, i + 1, r, result);
          tries -= tries > 0;
        }
    }
  return written;
}

/* Step 3.  How many were written. */
static uint32_t
write_all (struct orl_thread *me, struct orl_chunk *c, int *result)
{
  struct orl_dw_page pages[ORL_CHUNK];
  bool by_ring[ORL_CHUNK] = { false };
  uint32_t written = 0;
  uint32_t last, n = 0;
  bool whole = true;
  int r;

  for (uint32_t first = 0; first < c->n; first = last)
    {
      last = end_of_run (c, first);
      prepare_run (c, first, last, result);
      for (uint32_t i = first; i < last; i++)
        if (c->length[i] > 0)
          pages[n++] = (struct orl_dw_page){ c->item[i].page, c->at[i],
                                             c->length[i] };
    }
  r = orl_torn_begin (c->file, pages, n);
  if (r < 0)
    {
      fail_run (c, 0, c->n, r, result);
      return 0;
    }
  if (c->together && c->n >= TOGETHER_MIN)
    written = write_together (me, c, by_ring);
  for (uint32_t first = 0; first < c->n; first = last)
    {
      last = end_of_run (c, first);
      if (c->failed[first] || by_ring[first])
        continue;
      r = write_run (me, c, first, last);
      whole = whole && r == 0;
      if (r == 0)
        written += last - first;
      else if (last == first + 1 || r == -EFAULT || r == -EAGAIN)
        fail_run (c, first, last, r, result);
      else
        written += write_apart (me, c, first, last, result);
    }
  if (n > 0)
    orl_torn_end (c->file, whole);
  return written;
}

/* Steps 3 and 4. */
int
orl_chunk_write (struct orl_thread *me, struct orl_chunk *c)
{
  uint32_t written;
  int result = 0;

  if (c->n == 0)
    return 0;
  orl_seen_begin (c->file);
  written = write_all (me, c, &result);
  orl_seen_end (c->file);
  if (c->copies)
    end_copies (me, c);
  else
    end (me, c);
  orl_count (me->ledger, ORL_WRITEBACKS, written);
  atomic_fetch_add_explicit (&c->file->rec->writebacks, written,
                             memory_order_relaxed);
  return result;
}
