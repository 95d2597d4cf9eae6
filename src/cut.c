/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cut.c - where a file ends: drop pages, truncate, grow
 *
 * Growing: a writer says in its frame how long the file is to be (end), and the
 * size follows when the version is even again, that is when the change is whole.
 * A stranger: version odd, the change is undone and end forgotten; version even,
 * the size is made what end says.
 *
 * Truncating, to fewer or to more bytes, of a file that is not foreign, by one
 * process at a time (cutter, an owner; said in its ledger before):
 *   1. cut_bytes is written, and 0 to cut_old; cut_phase becomes odd; if the size
 *      is still what it was, that goes into cut_old: from here on no page behind
 *      cut_bytes is written to the store.  If it is not, cut_phase becomes even,
 *      and all begins anew;
 *   2. what was being written behind has been, also of the page that the end lies
 *      in, as the writer of a copy has no latch; and the store gets its length.
 *      If that fails cut_phase becomes even, and nothing was done;
 *   3. the pages behind are STALE; who was just making the file longer for one of
 *      them (orl_grow()) has done so, or will not.  Whoever wants one of them for
 *      writing waits until 6 (orl_cut_covers()): so he finds the new size, and
 *      makes the file longer.  With the old one he would not, and what he wrote
 *      would be seen when another does;
 *   4. the page that the end lies in gets zeroes behind it;
 *   5. size goes from cut_old to bytes; if it has changed, someone grew the file
 *      meanwhile, which is as if it had been cut just before.  But not if that
 *      was for the page that was the last one, and that was dropped in 3;
 *   6. cut_phase becomes even; cutter = 0.
 * Of a file that gets longer there are no steps 3 and 4, and if someone grew it
 * meanwhile beyond bytes, that is its size.
 *
 * A stranger, if we die in 2 to 5: leaves a longer file as it is (6); a shorter
 * one it cuts, but has no descriptor of the store.  So it says cut = bytes + 1:
 * what the store has behind counts no more.  Who loads from there finds zeroes,
 * and who has the file open and wants to write there cuts the store first
 * (orl_cut_settle()).  It goes on with 3 (recover.c gives the page of 4 its image
 * back, and the zeroes).  No one grows a file of size cut_bytes that is being cut
 * without making cut_phase even, so that a stranger never cuts what was written
 * after 5.
 *
 * Who finds cut_phase odd, and the cutter dead, in a pin that is no hit, repairs
 * first.
 *
 * Locks: none.  The cutter may have a page latched, which it took before.
 */
#include <errno.h>
#include <string.h>

#include "cut.h"
#include "doubt.h"
#include "error.h"
#include "evict.h"
#include "frame.h"
#include "image.h"
#include "latch.h"
#include "lock.h"
#include "lost.h"
#include "point.h"
#include "seen.h"
#include "sys.h"
#include "table.h"
#include "torn.h"

/* Rounds of orl_backoff(): some seconds. */
#define GROW_ROUNDS 2000

#define TAKE_ROUNDS 150         /* some 25 ms */

#define TAIL_TRIES 3

/* ------------------------------------------------------------------ */
/* Pages                                                              */

/* The frame is STALE now.  Whoever looked at that before, in orl_grow(), has the
 * latch and an even version until the size is what it wants: a few instructions.
 * One that is stopped among them is not waited for long. */
static void
wait_grown (const struct orl_shm *shm, uint32_t frame, bool repair)
{
  const struct orl_frame *f = &shm->frames[frame];

  for (unsigned round = 0; round < GROW_ROUNDS; round++)
    {
      uint32_t owner = orl_latch_owner (atomic_load (&f->latch));

      if (owner == 0 || (atomic_load (&f->version) & 1)
          || atomic_load (&f->end) == 0
          || (!orl_owner_alive (shm, owner)
              && (repair || !orl_in_repair (shm, owner))))
        return;
      orl_backoff (round);
    }
}

/* Set STALE if the frame has a page of the file in [first, end).  True if someone
 * was just writing it to the store; *its: which one.  repair: we do it for the dead,
 * and wait for no other repair. */
static bool
drop_frame (const struct orl_shm *shm, uint32_t frame, uint64_t key,
            uint64_t first, uint64_t end, bool repair, uint64_t *its)
{
  struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load (&f->state);

  for (;;)
    {
      uint64_t page = atomic_load (&f->page);

      if (orl_state (word) <= ORL_RESERVED || (word & ORL_STALE)
          || atomic_load (&f->file) != key || page < first || page >= end)
        return false;
      /* The generation in the word vouches for the key. */
      if (atomic_compare_exchange_weak (&f->state, &word, word | ORL_STALE))
        {
          *its = page;
          ORL_POINT ("file.drop.stale");
          wait_grown (shm, frame, repair);
          return orl_state (word) == ORL_WRITING;
        }
    }
}

/* Was it being written? */
static bool
wait_written (struct orl_thread *me, uint32_t frame)
{
  struct orl_shm *shm = &me->pool->shm;
  struct orl_doubt doubt = { 0 };

  for (bool was = false;; was = true)
    {
      uint64_t word = atomic_load (&shm->frames[frame].state);
      uint32_t owner = orl_state_owner (word);

      if (orl_state (word) != ORL_WRITING)
        return was;
      orl_frame_wait (&shm->frames[frame], word);
      if (!orl_owner_alive (shm, owner))
        me->pool->repair (me->pool, me->owner, owner - 1);
      orl_doubt_state (shm, &doubt, me->owner, frame, word);
    }
}

/* True if it was being written when it was dropped. */
static bool
drop_page (struct orl_thread *me, uint64_t key, uint64_t page)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t word;
  uint32_t frame = orl_table_find (shm, key, page, &word);

  if (frame == ORL_NO_FRAME
      || !drop_frame (shm, frame, key, page, page + 1, false, &page))
    return false;
  wait_written (me, frame);
  return true;
}

void
orl_drop_pages (struct orl_thread *me, struct oriel_file *file,
                uint64_t first, uint64_t count)
{
  struct orl_shm *shm = &me->pool->shm;
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  uint64_t end = first + count;
  uint64_t page;

  /* Who loaded a page again while it was still being written may have half of
   * it, also if the write has ended since: that goes, too. */
  if (count < orl_frames (shm) / 8)
    {
      for (page = first; page < end; page++)
        while (drop_page (me, key, page))
          ;
      return;
    }
  for (uint32_t frame = 0; frame < orl_span (shm); frame++)
    if (drop_frame (shm, frame, key, first, end, false, &page))
      {
        wait_written (me, frame);
        while (drop_page (me, key, page))
          ;
      }
}

static uint64_t
pages_of (const struct orl_shm *shm, uint64_t bytes)
{
  return (bytes + shm->geo.page_size - 1) >> shm->geo.page_shift;
}

/* ------------------------------------------------------------------ */
/* Who cuts                                                           */

/* False, without wait: another has it who lives, and has had it for a while. */
static bool
take (struct orl_thread *me, struct oriel_file *file, bool wait)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frec *rec = file->rec;

  atomic_store (&me->ledger->cutting, file->index + 1);
  ORL_POINT ("cut.said");
  for (unsigned round = 0;; round++)
    {
      uint32_t w = 0;

      if (atomic_compare_exchange_strong (&rec->cutter, &w, me->owner))
        break;
      if (w != me->owner && orl_owner_alive (shm, w)
          && atomic_load (&shm->ledgers[w - 1].cutting) == file->index + 1)
        {
          if (!wait && round >= TAKE_ROUNDS)
            {
              atomic_store (&me->ledger->cutting, 0);
              return false;
            }
          orl_backoff (round);
          continue;
        }
      if (w - 1 < shm->geo.nledgers && w != me->owner)
        me->pool->repair (me->pool, me->owner, w - 1);
      /* A number that is no one's is damage; and one that has let go of it just
       * now is not there any more. */
      if (!orl_in_repair (shm, w)
          && atomic_compare_exchange_strong (&rec->cutter, &w, me->owner))
        break;
      orl_backoff (round);
    }
  ORL_POINT ("cut.taken");
  if (atomic_load (&rec->cut_phase) & 1)
    orl_cut_repair (shm, file->index);
  return true;
}

static void
give (struct orl_thread *me, struct oriel_file *file)
{
  ORL_POINT ("cut.give");
  atomic_store (&file->rec->cutter, 0);
  ORL_POINT ("cut.given");
  atomic_store (&me->ledger->cutting, 0);
}

/* Step 1.  With no old size it is none that cuts: a stranger does nothing until
 * the size was looked at behind the odd phase. */
static void
begin (struct orl_frec *rec, uint64_t bytes)
{
  atomic_store (&rec->cut_old, 0);
  atomic_store (&rec->cut_bytes, bytes);
  ORL_POINT ("cut.written");
  atomic_fetch_add (&rec->cut_phase, 1);
  ORL_POINT ("cut.begun");
}

/* Step 6. */
static void
end (struct orl_frec *rec)
{
  uint64_t phase = atomic_load (&rec->cut_phase);

  if (phase & 1)
    atomic_compare_exchange_strong (&rec->cut_phase, &phase, phase + 1);
  ORL_POINT ("cut.even");
}

static bool
gets_shorter (const struct orl_frec *rec)
{
  return atomic_load (&rec->cut_bytes) < atomic_load (&rec->cut_old);
}

/* Did the file grow to size for its old last page, and that is gone? */
static bool
grew_in_vain (const struct orl_shm *shm, uint32_t index, uint64_t size)
{
  const struct orl_frec *rec = &shm->files[index];
  uint64_t key = orl_file_key (index, atomic_load (&rec->epoch));
  uint64_t old = atomic_load (&rec->cut_old);
  uint64_t end = pages_of (shm, old);
  uint64_t word = 0;

  return old < size && pages_of (shm, size) == end
         && (orl_table_find (shm, key, end - 1, &word) == ORL_NO_FRAME
             || (word & ORL_STALE));
}

/* Steps 5 and 6 of a file that gets shorter. */
static void
finish (const struct orl_shm *shm, uint32_t index)
{
  struct orl_frec *rec = &shm->files[index];
  uint64_t size = atomic_load (&rec->cut_old);

  if (!(atomic_load (&rec->cut_phase) & 1))
    return;
  while (!atomic_compare_exchange_strong (&rec->size, &size,
                                          atomic_load (&rec->cut_bytes))
         && grew_in_vain (shm, index, size))
    ;
  ORL_POINT ("cut.sized");
  end (rec);
}

void
orl_cut_repair (const struct orl_shm *shm, uint32_t index)
{
  struct orl_frec *rec = &shm->files[index];
  uint64_t key = orl_file_key (index, atomic_load (&rec->epoch));
  uint64_t bytes = atomic_load (&rec->cut_bytes);
  uint64_t page;

  if (!(atomic_load (&rec->cut_phase) & 1))
    return;
  if (!gets_shorter (rec))
    {
      end (rec);
      return;
    }
  atomic_store (&rec->cut, bytes + 1);
  ORL_POINT ("cut.repair.void");
  for (uint32_t frame = 0; frame < orl_span (shm); frame++)
    drop_frame (shm, frame, key, pages_of (shm, bytes),
                pages_of (shm, atomic_load (&rec->cut_old)), true, &page);
  finish (shm, index);
}

size_t
orl_cut_keeps (const struct orl_shm *shm, uint32_t dead, uint32_t frame)
{
  uint32_t index = atomic_load (&shm->ledgers[dead - 1].cutting) - 1;
  const struct orl_frec *rec = &shm->files[index];
  const struct orl_frame *f = &shm->frames[frame];
  uint64_t bytes;

  if (index >= shm->geo.nfiles || atomic_load (&rec->cutter) != dead
      || !(atomic_load (&rec->cut_phase) & 1) || !gets_shorter (rec)
      || (uint32_t) atomic_load (&f->file) != index)
    return SIZE_MAX;
  bytes = atomic_load (&rec->cut_bytes);
  return atomic_load (&f->page) == bytes >> shm->geo.page_shift
             ? (size_t) (bytes & (shm->geo.page_size - 1))
             : SIZE_MAX;
}

void
orl_cut_help (struct orl_thread *me, struct oriel_file *file)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frec *rec = file->rec;

  for (unsigned round = 0; atomic_load (&rec->cut_phase) & 1; round++)
    {
      uint32_t owner = atomic_load (&rec->cutter);

      if (owner != 0 && orl_owner_alive (shm, owner)
          && atomic_load (&shm->ledgers[owner - 1].cutting)
                 == file->index + 1)
        return;
      /* With the cutter's word taken over it is made even. */
      if (!orl_in_repair (shm, owner))
        {
          if (take (me, file, false))
            give (me, file);
        }
      orl_backoff (round);
    }
}

/* Who has the latch, and finds no cut, has a frame that step 3 will find. */
bool
orl_cut_covers (const struct oriel_file *file, uint64_t page)
{
  const struct orl_shm *shm = &file->pool->shm;
  const struct orl_frec *rec = file->rec;

  return (atomic_load (&rec->cut_phase) & 1) && gets_shorter (rec)
         && page >= pages_of (shm, atomic_load (&rec->cut_bytes))
         && page < pages_of (shm, atomic_load (&rec->cut_old));
}

void
orl_cut_await (struct orl_thread *me, struct oriel_file *file, uint64_t page)
{
  for (unsigned round = 0; orl_cut_covers (file, page); round++)
    {
      orl_backoff (round);
      orl_cut_help (me, file);
    }
}

/* ------------------------------------------------------------------ */
/* The store                                                          */

/* What is WRITING has its bit in the dirty map. */
bool
orl_cut_wait (struct orl_thread *me, struct oriel_file *file, uint64_t bytes)
{
  const struct orl_shm *shm = &me->pool->shm;
  uint64_t first = bytes >> shm->geo.page_shift;

  bool any = false;

  for (uint32_t word = 0; word * 64 < orl_span (shm); word++)
    for (uint64_t bits = atomic_load (&shm->dirty[word]); bits;
         bits &= bits - 1)
      {
        uint32_t frame = word * 64 + (uint32_t) __builtin_ctzll (bits);

        if (frame < orl_span (shm)
            && (uint32_t) atomic_load (&shm->frames[frame].file)
                   == file->index
            && atomic_load (&shm->frames[frame].page) >= first
            && wait_written (me, frame))
          any = true;
      }
  return any;
}

static int
cut_store (struct oriel_file *file, uint64_t bytes)
{
  int r;

  orl_seen_begin (file);
  r = orl_torn_truncate (file, bytes);
  ORL_POINT ("cut.store");
  orl_seen_end (file);
  if (r < 0)
    return orl_fail (r, "%s: cannot be made %llu bytes long", file->path,
                     (unsigned long long) bytes);
  return 0;
}

/* What is behind the new end in the pool is new: it is not written before the
 * store is cut.  But old content may just be on its way there. */
static int
settle (struct orl_thread *me, struct oriel_file *file)
{
  uint64_t bytes = atomic_load (&file->rec->cut) - 1;
  int r;

  if (bytes == UINT64_MAX)
    return 0;
  orl_cut_wait (me, file, bytes);
  r = cut_store (file, bytes);
  if (r == 0)
    atomic_store (&file->rec->cut, 0);
  return r;
}

int
orl_cut_settle (struct orl_thread *me, struct oriel_file *file, bool wait)
{
  int r;

  if (atomic_load (&file->rec->cut) == 0
      && !(atomic_load (&file->rec->cut_phase) & 1))
    return 0;
  if (!take (me, file, wait))
    return 0;
  r = settle (me, file);
  give (me, file);
  return r;
}

int
orl_cut_tail (struct orl_thread *me, struct oriel_file *file,
              const struct orl_cut_page *last, size_t keep)
{
  /* Never written; a constant would take as much of the library's file. */
  static unsigned char zeroes[65536];
  size_t n = me->pool->shm.geo.page_size - keep;

  if (last->at)
    {
      memset ((char *) last->at + keep, 0, n);
      return 0;
    }
  /* A page whose memory is gone is LOST then: it is read again, from the store,
   * which is cut.  What takes it away while we copy is found the next time. */
  for (int i = 0; i < TAIL_TRIES; i++)
    if (orl_lost_copy_in (me, last->frame, keep, zeroes, n))
      return 0;
  return orl_fail (-EIO, "%s: what lies behind the new end of its last page "
                         "could not be cleared",
                   file->path);
}

/* Step 4.  The page stays latched, but a stranger finds an even version: the
 * page as it is meant to be, and no image. */
static int
zero_tail (struct orl_thread *me, struct oriel_file *file,
           const struct orl_cut_page *last, size_t keep)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frame *f = &shm->frames[last->frame];
  int r = orl_cut_tail (me, file, last, keep);

  ORL_POINT ("cut.zeroed");
  atomic_fetch_add (&f->version, 1);
  ORL_POINT ("cut.zeroed.even");
  orl_image_end (shm, me->owner, last->frame);
  return r;
}

/* Steps 2 to 6. */
static int
shorten (struct orl_thread *me, struct oriel_file *file,
         const struct orl_cut_page *last)
{
  const struct orl_shm *shm = &me->pool->shm;
  struct orl_frec *rec = file->rec;
  uint64_t bytes = atomic_load (&rec->cut_bytes);
  uint64_t first = pages_of (shm, bytes);
  uint64_t count = pages_of (shm, atomic_load (&rec->cut_old)) - first;
  int r;

  orl_cut_wait (me, file, bytes);
  r = cut_store (file, bytes);
  if (r < 0)
    {
      end (rec);
      return r;
    }
  orl_drop_pages (me, file, first, count);
  ORL_POINT ("cut.dropped");
  if (last->held)
    r = zero_tail (me, file, last,
                   (size_t) (bytes & (shm->geo.page_size - 1)));
  finish (shm, file->index);
  return r;
}

static int
lengthen (struct oriel_file *file)
{
  struct orl_frec *rec = file->rec;
  uint64_t bytes = atomic_load (&rec->cut_bytes);
  uint64_t size = atomic_load (&rec->size);
  int r = cut_store (file, bytes);

  while (r == 0 && size < bytes
         && !atomic_compare_exchange_strong (&rec->size, &size, bytes))
    ;
  ORL_POINT ("cut.longer");
  end (rec);
  return r;
}

int
orl_cut (struct orl_thread *me, struct oriel_file *file, uint64_t bytes,
         const struct orl_cut_page *last)
{
  size_t keep = (size_t) (bytes & (me->pool->shm.geo.page_size - 1));
  struct orl_frec *rec = file->rec;
  uint64_t old;
  int r;

  take (me, file, true);
  /* What another left: so that there is one end to think of. */
  r = settle (me, file);
  while (r == 0)
    {
      old = atomic_load (&rec->size);
      if (bytes < old && keep > 0 && !last->held)
        {
          r = 1;
          break;
        }
      begin (rec, bytes);
      if (atomic_load (&rec->size) == old)
        {
          atomic_store (&rec->cut_old, old);
          ORL_POINT ("cut.checked");
          r = bytes < old ? shorten (me, file, last) : lengthen (file);
          break;
        }
      end (rec);
    }
  give (me, file);
  return r;
}

/* ------------------------------------------------------------------ */
/* Growth                                                             */

void
orl_grow (const struct orl_shm *shm, uint32_t frame)
{
  struct orl_frame *f = &shm->frames[frame];
  uint32_t index = (uint32_t) atomic_load (&f->file);
  uint64_t end = atomic_load (&f->end);
  struct orl_frec *rec;
  uint64_t size;

  if (end == 0)
    return;
  ORL_POINT ("grow.even");
  /* A page that was dropped while it was pinned makes no file longer; who drops
   * it now waits for us (wait_grown()). */
  if (index < shm->geo.nfiles
      && !orl_frame_is_dead (shm, f, atomic_load (&f->state)))
    {
      ORL_POINT ("grow.checked");
      rec = &shm->files[index];
      size = atomic_load (&rec->size);
      do
        {
          uint64_t phase = atomic_load (&rec->cut_phase);

          if (size >= end)
            break;
          /* Step 5 is done: no stranger may do it again. */
          if ((phase & 1) && gets_shorter (rec)
              && size == atomic_load (&rec->cut_bytes))
            atomic_compare_exchange_strong (&rec->cut_phase, &phase,
                                            phase + 1);
        }
      while (!atomic_compare_exchange_strong (&rec->size, &size, end));
    }
  ORL_POINT ("grow.sized");
  atomic_store (&f->end, 0);
}
