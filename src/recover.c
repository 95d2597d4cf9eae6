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
 *   partition lock   every prefix of a change is a valid table; count anew
 *   exclusive latch  version odd: the page gets its before-image back, and the
 *                    version is made even; without one (a fresh page, or
 *                    ORIEL_NO_IMAGES) it is made STALE, to be read again, and
 *                    the version stays odd for those who read it now.  Latch
 *                    free
 *   before-images    freed
 *   pins             cleared
 *   RESERVED         FREE
 *   LOADING          out of the table, FREE
 *   WRITING          VALID and DIRTY, its bit set: it is written again
 *   EVICTING         FREE if it is out of the table, else VALID
 *   counters         moved to where they are kept (counters.c)
 *
 * One survivor repairs at a time (super.repair_lock); if it dies, the lock is
 * taken over and the repair begun anew.
 *
 * Locks: repair_lock, then a partition's.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "frame.h"
#include "image.h"
#include "latch.h"
#include "ledger.h"
#include "lock.h"
#include "point.h"
#include "recover.h"
#include "sys.h"
#include "table.h"

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

/* Give a page its before-image, through a mapping of its own: the repair has no
 * slot. */
static int
restore (const struct orl_shm *shm, uint32_t frame, const void *image)
{
  const struct orl_geometry *geo = &shm->geo;
  uint64_t from = geo->data + ((uint64_t) frame << geo->page_shift);
  uint64_t block = geo->block > geo->page_size ? geo->block : geo->page_size;
  uint64_t skip = from & (block - 1);
  void *at = orl_sys.mmap (NULL, (size_t) block, PROT_READ | PROT_WRITE,
                           MAP_SHARED, shm->fd, (off_t) (from - skip));

  if (at == MAP_FAILED)
    return -errno;
  memcpy ((char *) at + skip, image, geo->page_size);
  orl_sys.munmap (at, (size_t) block);
  return 0;
}

static void
repair_latch (const struct orl_shm *shm, uint32_t frame, uint32_t dead)
{
  struct orl_frame *f = &shm->frames[frame];
  uint64_t version = atomic_load (&f->version);
  const void *image;

  if (orl_latch_owner (atomic_load (&f->latch)) != dead)
    return;
  if (version & 1)
    {
      image = orl_image_find (shm, dead, frame);
      ORL_POINT ("recover.latch.found");
      if (image && restore (shm, frame, image) == 0)
        {
          ORL_POINT ("recover.latch.restored");
          atomic_store (&f->version, version + 1);
        }
      else
        orl_frame_flag (f, ORL_STALE);
    }
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

static bool
is_to_repair (const struct orl_shm *shm, uint32_t owner, uint32_t index)
{
  uint64_t token = atomic_load (&shm->tokens[index]);

  return token != 0
         && (index == owner - 1 || !orl_owner_alive (shm, index + 1));
}

/* Where its counters go: those of this process's own thread, which ends, to the
 * process's ledger. */
static uint32_t
heir (const struct orl_shm *shm, uint32_t owner, uint32_t index)
{
  return index == owner - 1 && index < shm->geo.nthreads
             ? shm->geo.nthreads + shm->proc + 1
             : 0;
}

void
orl_recover (struct oriel_pool *pool, uint32_t owner, uint32_t index)
{
  struct orl_shm *shm = &pool->shm;
  struct orl_ledger *own = &shm->ledgers[owner - 1];
  uint32_t first = index == ORL_ALL_DEAD ? 0 : index;
  uint32_t last = index == ORL_ALL_DEAD ? shm->geo.nledgers - 1 : index;

  for (uint32_t i = first; i <= last; i++)
    {
      bool repair;

      /* An owner may be any 16 bits, in a pool that is damaged. */
      if (i >= shm->geo.nledgers)
        break;
      if (!is_to_repair (shm, owner, i)
          || (index == ORL_ALL_DEAD && i == owner - 1))
        continue;
      atomic_fetch_or (&own->locks, ORL_HAS_REPAIR_LOCK);
      orl_lock_take (shm, &shm->super->repair_lock, owner);
      orl_counters_finish (shm);
      repair = is_to_repair (shm, owner, i);
      if (repair)
        {
          repair_ledger (shm, owner, i);
          orl_counters_move (shm, i, heir (shm, owner, i));
        }
      if (repair && i != owner - 1)
        {
          orl_count (own, ORL_REPAIRS, 1);
          orl_ledger_release (shm, i);
        }
      ORL_POINT ("recover.end");
      orl_lock_give (&shm->super->repair_lock);
      atomic_fetch_and (&own->locks, ~ORL_HAS_REPAIR_LOCK);
      /* Our own only now: a lock whose owner has no ledger looks abandoned. */
      if (repair && i == owner - 1)
        orl_ledger_release (shm, i);
    }
}
