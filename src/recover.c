/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.c - put right what the dead left
 *
 * A thread says in its ledger what it is about to do before it does it: frames
 * in work, pages in pins, a partition in part.  So the repair of a dead thread
 * looks at these and not at the pool, and each of its steps leaves a state from
 * which it can be begun anew:
 *
 *   file_lock        given: what it protects is whole or free
 *   resizer          memory and number of frames are made to agree (size.h)
 *   partition lock   every prefix of a change is a valid table; count anew
 *   exclusive latch  version odd: the page gets its before-image back, with the
 *                    lsns that it had, and the version is made even; without
 *                    one (a fresh page, or
 *                    ORIEL_NO_IMAGES) it is made STALE, to be read again, or
 *                    INDOUBT, if the file's engine wants to be asked, and the
 *                    version stays odd for those who read it now.  If it is
 *                    even, the change is whole: the file grows as it wants.
 *                    Latch free
 *   truncation       made in the pool (cut.c)
 *   writer's word    given
 *   before-images    freed
 *   pins             cleared
 *   RESERVED         FREE
 *   LOADING          out of the table, FREE
 *   WRITING          VALID and DIRTY, its bit set: it is written again
 *   EVICTING         FREE if it is out of the table, else VALID
 *
 * Of the dead, each ledger is repaired by one survivor at a time (its repairer
 * word; lock.h).  If that one dies, another takes the word over and begins anew.
 * If it is stopped, no one waits for it but who wants what that very ledger
 * had: it may be in the middle of giving a page its image back, so none can go
 * past it.  Other ledgers are repaired by others meanwhile, and who only looks
 * for room passes it by after some milliseconds; who attaches, at once.
 *
 * A ledger may have frames that the kernel goes on to transfer for a while, reads
 * in a process's own (load-async.c), writes in a thread's (flush-ring.c): it is
 * repaired when that is over.
 *
 * Locks: a repairer word, then a partition's.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"
#include "cut.h"
#include "frame.h"
#include "guard.h"
#include "image.h"
#include "latch.h"
#include "ledger.h"
#include "lock.h"
#include "lost.h"
#include "point.h"
#include "proc.h"
#include "recover.h"
#include "size.h"
#include "sys.h"
#include "table.h"

/* Rounds of orl_backoff() for others' repairs, before a search for room goes on
 * without what they have: some 50 ms, where one takes far less than one. */
#define ROUNDS 170

static void
repair_partition (const struct orl_shm *shm, uint32_t owner,
                  struct orl_ledger *l, uint32_t dead)
{
  orl_a32 *own = &shm->ledgers[owner - 1].part;
  uint32_t part = atomic_load (&l->part) - 1;
  uint32_t w = dead;

  if (part < shm->geo.nparts)
    {
      /* Said before it is so, as everywhere: we may die, too. */
      atomic_store (own, part + 1);
      ORL_POINT ("recover.part.said");
      if (atomic_compare_exchange_strong (&shm->parts[part].lock, &w, owner))
        {
          ORL_POINT ("recover.part.taken");
          orl_table_repair (shm, part);
          ORL_POINT ("recover.part.repaired");
          orl_lock_give (&shm->parts[part].lock);
        }
      ORL_POINT ("recover.part.given");
      atomic_store (own, 0);
    }
  ORL_POINT ("recover.part.done");
  atomic_store (&l->part, 0);
}

/* A page is half-changed, and no one knows what it was: its file's engine may,
 * or the store has it. */
static void
leave_half (const struct orl_shm *shm, uint32_t frame)
{
  struct orl_frame *f = &shm->frames[frame];
  uint32_t index = (uint32_t) atomic_load (&f->file);

  if (index >= shm->geo.nfiles || !atomic_load (&shm->files[index].indoubt)
      || orl_is_lost (shm, frame))
    {
      orl_frame_flag (f, ORL_STALE);
      return;
    }
  orl_frame_mark_dirty (shm, frame, true);
  ORL_POINT ("recover.latch.marked");
  orl_frame_flag (f, ORL_INDOUBT | ORL_DIRTY);
  ORL_POINT ("recover.latch.in-doubt");
}

/* By a mapping.  -EIO: the memory is missing. */
static int
write_mapped (const struct orl_shm *shm, uint64_t at, const void *image)
{
  const struct orl_geometry *geo = &shm->geo;
  uint64_t block = geo->block > geo->page_size ? geo->block : geo->page_size;
  uint64_t skip = at & (block - 1);
  unsigned char *p = orl_sys.mmap (
      NULL, (size_t) block, PROT_READ | PROT_WRITE, MAP_SHARED,
      shm->look >= 0 ? shm->look : shm->fd, (off_t) (at - skip));
  bool done;

  if (p == MAP_FAILED)
    return -ENOMEM;
  done = orl_guard_copy (memcpy, p + skip, image, geo->page_size, p + skip);
  orl_sys.munmap (p, (size_t) block);
  return done ? 0 : -EIO;
}

/* Give a page its before-image, through the descriptor: the repair has no slot,
 * and a mapping could fault.  hugetlbfs wants one all the same; and where holes
 * do not fault a write could make some (window.c: orl_window_copy_in()). */
static int
restore (const struct orl_shm *shm, uint32_t frame, uint32_t dead,
         void *image)
{
  const struct orl_geometry *geo = &shm->geo;
  size_t keep = orl_cut_keeps (shm, dead, frame);
  uint64_t from = geo->data + ((uint64_t) frame << geo->page_shift);
  bool mapped = shm->uffd < 0 && shm->handled;
  int r = -ENOMEM;

  if (keep < geo->page_size)
    memset ((char *) image + keep, 0, geo->page_size - keep);
  if (orl_lost_look (shm, frame) < 0)
    return -EIO;
  if (mapped)
    r = write_mapped (shm, from, image);
  if (r == 0 || r == -EIO)
    return r;
  if (orl_sys.pwrite (shm->fd, image, geo->page_size, (off_t) from)
      == (ssize_t) geo->page_size)
    return 0;
  return mapped ? r : write_mapped (shm, from, image);
}

static void
repair_latch (const struct orl_shm *shm, uint32_t frame, uint32_t dead)
{
  struct orl_frame *f = &shm->frames[frame];
  uint64_t version = atomic_load (&f->version);
  void *image;

  if (orl_latch_owner (atomic_load (&f->latch)) != dead)
    return;
  if (version & 1)
    {
      atomic_store (&f->end, 0);
      image = orl_image_find (shm, dead, frame);
      ORL_POINT ("recover.latch.found");
      if (image && restore (shm, frame, dead, image) == 0)
        {
          ORL_POINT ("recover.latch.restored");
          orl_image_lsns (shm, dead, frame);
          ORL_POINT ("recover.latch.lsns");
          atomic_store (&f->version, version + 1);
        }
      else
        leave_half (shm, frame);
    }
  else
    orl_grow (shm, frame);
  ORL_POINT ("recover.latch");
  orl_latch_release (&f->latch, true);
  ORL_POINT ("recover.latch.released");
}

static void
repair_frame (const struct orl_shm *shm, uint32_t owner, uint32_t frame,
              uint32_t dead)
{
  struct orl_frame *f = &shm->frames[frame];
  uint64_t word = atomic_load (&f->state);

  if (orl_state_owner (word) != dead)
    return;
  switch (orl_state (word))
    {
    case ORL_LOADING:
      orl_table_remove (shm, owner, frame);
      ORL_POINT ("recover.loading.removed");
      /* fall through */
    case ORL_RESERVED:
      orl_frame_mark_dirty (shm, frame, false);
      ORL_POINT ("recover.reserved.cleaned");
      orl_frame_settle (f, ORL_FREE, 0, 0, ORL_FLAGS);
      break;
    case ORL_WRITING:
      orl_frame_mark_dirty (shm, frame, true);
      ORL_POINT ("recover.writing.marked");
      orl_frame_settle (f, ORL_VALID, 0, ORL_DIRTY, 0);
      break;
    case ORL_EVICTING:
      if (orl_table_holds (shm, frame))
        orl_frame_settle (f, ORL_VALID, 0, 0, 0);
      else
        {
          orl_frame_mark_dirty (shm, frame, false);
          ORL_POINT ("recover.evicting.cleaned");
          orl_frame_settle (f, ORL_FREE, 0, 0, ORL_FLAGS);
        }
      break;
    case ORL_FREE:
    case ORL_VALID:
      break;
    }
}

/* After its latches: the page that it had cut itself has its zeroes then. */
static void
repair_cut (const struct orl_shm *shm, struct orl_ledger *l, uint32_t dead)
{
  uint32_t index = atomic_load (&l->cutting) - 1;
  uint32_t w = dead;

  if (index < shm->geo.nfiles
      && atomic_load (&shm->files[index].cutter) == dead)
    {
      orl_cut_repair (shm, index);
      ORL_POINT ("recover.cut");
      atomic_compare_exchange_strong (&shm->files[index].cutter, &w, 0);
    }
  ORL_POINT ("recover.cut.done");
  atomic_store (&l->cutting, 0);
}

/* What the writer does are others' states, repaired with the rest. */
static void
repair_writer (const struct orl_shm *shm, struct orl_ledger *l, uint32_t dead)
{
  uint64_t word = atomic_load (&shm->super->writer);

  if ((word & 0xffff) == dead)
    atomic_compare_exchange_strong (&shm->super->writer, &word,
                                    word & ~UINT64_C (0xffff));
  ORL_POINT ("recover.writer");
  atomic_fetch_and (&l->locks, ~ORL_HAS_WRITER);
}

static void
repair_ledger (const struct orl_shm *shm, uint32_t owner, uint32_t index)
{
  struct orl_ledger *l = &shm->ledgers[index];
  uint32_t dead = index + 1;
  uint32_t w = dead;

  ORL_POINT ("recover.begin");
  /* What it protects is whole or free; but its next owner may have our dead's
   * number. */
  atomic_compare_exchange_strong (&shm->super->file_lock, &w, 0);
  repair_partition (shm, owner, l, dead);
  for (uint32_t i = 0; i < ORL_PINS; i++)
    {
      uint32_t frame = (atomic_load (&l->pins[i]) & ORL_PIN_FRAME) - 1;

      if (frame < shm->geo.nframes)
        {
          repair_latch (shm, frame, dead);
          ORL_POINT ("recover.pin");
        }
      atomic_store (&l->pins[i], 0);
    }
  ORL_POINT ("recover.pins.done");
  orl_image_end_all (shm, dead);
  ORL_POINT ("recover.images.done");
  repair_cut (shm, l, dead);
  orl_size_repair (shm, owner, dead);
  repair_writer (shm, l, dead);
  for (uint32_t i = 0; i < ORL_WORK; i++)
    {
      uint32_t frame = atomic_load (&l->work[i]) - 1;

      if (frame < shm->geo.nframes)
        {
          repair_frame (shm, owner, frame, dead);
          ORL_POINT ("recover.frame");
        }
      atomic_store (&l->work[i], 0);
    }
}

/* ------------------------------------------------------------------ */
/* Who repairs                                                        */

static bool
is_dead (const struct orl_shm *shm, uint32_t index)
{
  return atomic_load (&shm->tokens[index]) != 0
         && !orl_owner_alive (shm, index + 1);
}

/* Become the one who repairs what the token's process left in the ledger.  False:
 * another is, who lives. */
static bool
begin (const struct orl_shm *shm, uint32_t owner, uint32_t index,
       uint64_t token)
{
  struct orl_ledger *own = &shm->ledgers[owner - 1];
  orl_a64 *repairer = &shm->ledgers[index].repairer;
  uint64_t word = atomic_load (repairer);

  atomic_store (&own->repairing, index + 1);
  ORL_POINT ("recover.said");
  do
    if (orl_repair_is_at_work (shm, index, word, owner))
      {
        atomic_store (&own->repairing, 0);
        return false;
      }
  while (!atomic_compare_exchange_strong (
      repairer, &word, orl_repair_word (shm, token, owner)));
  ORL_POINT ("recover.taken");
  return true;
}

static void
end (const struct orl_shm *shm, uint32_t owner, uint32_t index,
     uint64_t token)
{
  uint64_t word = orl_repair_word (shm, token, owner);

  /* Another may have it by now: what it was about is done. */
  ORL_POINT ("recover.end");
  atomic_compare_exchange_strong (&shm->ledgers[index].repairer, &word, 0);
  ORL_POINT ("recover.ended");
  atomic_store (&shm->ledgers[owner - 1].repairing, 0);
}

/* A thread of this process ends: no one else looks at its ledger. */
static void
recover_own (struct orl_shm *shm, uint32_t owner)
{
  orl_a32 *repairing = &shm->ledgers[owner - 1].repairing;

  atomic_store (repairing, owner);
  repair_ledger (shm, owner, owner - 1);
  atomic_store (repairing, 0);
  orl_counters_end (shm, owner - 1);
  orl_ledger_release (shm, owner - 1);
}

/* False: another who lives is at it. */
static bool
recover_dead (struct orl_shm *shm, uint32_t owner, uint32_t index)
{
  uint64_t token = atomic_load (&shm->tokens[index]);

  if (!is_dead (shm, index))
    return true;
  /* Its frames that are being transferred are no one's until that is over. */
  if (orl_proc_io_is_on (shm, index))
    return false;
  if (!begin (shm, owner, index, token))
    return false;
  /* Only who repairs it gives it back: if it is still the dead one's, it stays
   * so until we are done. */
  if (atomic_load (&shm->tokens[index]) == token && is_dead (shm, index))
    {
      repair_ledger (shm, owner, index);
      orl_count (&shm->ledgers[owner - 1], ORL_REPAIRS, 1);
      orl_ledger_release (shm, index);
    }
  end (shm, owner, index, token);
  return true;
}

/* All that are dead, but for those that others are at: how many. */
static uint32_t
recover_free (struct orl_shm *shm, uint32_t owner)
{
  uint32_t left = 0;

  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    left += i != owner - 1 && !recover_dead (shm, owner, i);
  return left;
}

void
orl_recover_free (struct oriel_pool *pool, uint32_t owner)
{
  recover_free (&pool->shm, owner);
}

void
orl_recover (struct oriel_pool *pool, uint32_t owner, uint32_t index)
{
  struct orl_shm *shm = &pool->shm;

  /* An owner may be any 16 bits, in a pool that is damaged. */
  if (index < shm->geo.nledgers && index == owner - 1)
    recover_own (shm, owner);
  else if (index < shm->geo.nledgers)
    recover_dead (shm, owner, index);
  for (unsigned round = 0; index == ORL_ALL_DEAD
                           && recover_free (shm, owner) > 0 && round < ROUNDS;
       round++)
    orl_backoff (round);
}

bool
orl_recover_claim_place (struct orl_shm *shm)
{
  uint32_t index = shm->geo.nthreads + shm->proc;
  uint64_t token = atomic_load (&shm->tokens[index]);

  /* Under the ledger's own number: as long as the place has its old token and
   * is locked by us, that number lives, and no one else begins. */
  return token == 0 || begin (shm, index + 1, index, token);
}

void
orl_recover_place (struct orl_shm *shm)
{
  uint32_t index = shm->geo.nthreads + shm->proc;
  uint64_t token = atomic_load (&shm->tokens[index]);

  for (uint32_t w = 0; w < shm->geo.map_words; w++)
    atomic_store (&shm->open_maps[(uint64_t) shm->proc * shm->geo.map_words
                                  + w],
                  0);
  orl_counters_reset (shm);
  atomic_store (&shm->procs[shm->proc].pid, (uint32_t) getpid ());
  ORL_POINT ("attach.place.clean");
  /* From here on the dead one is dead for all, and its threads' ledgers are
   * anyone's to repair; this one is ours, with what is in it. */
  atomic_store (&shm->procs[shm->proc].token, shm->token);
  ORL_POINT ("attach.place.ours");
  orl_ledger_of_process (shm);
  if (token != 0)
    {
      repair_ledger (shm, index + 1, index);
      orl_ledger_reuse (shm, index);
      end (shm, index + 1, index, token);
    }
  ORL_POINT ("attach.place.repaired");
}
