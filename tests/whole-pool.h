/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whole-pool.h - nothing of the dead is left in a pool where no one works
 *
 * Written against the headers of src and not by oriel_pool_check(), so that the
 * two watch each other.
 */
#ifndef WHOLE_POOL_H
#define WHOLE_POOL_H

#include "util.h"

#include <stdarg.h>

#include "evict.h"
#include "frame.h"
#include "ledger.h"
#include "load-async.h"
#include "lock.h"
#include "recover.h"
#include "table.h"
#include "thread.h"

#define WHY 512
#define LATCHED 2u              /* ORL_LATCH_X: tests have a latch.h, too */

/* Keep the first finding. */
UTIL void __attribute__ ((format (printf, 2, 3)))
broken (char why[WHY], const char *fmt, ...)
{
  va_list ap;

  if (why[0])
    return;
  va_start (ap, fmt);
  vsnprintf (why, WHY, fmt, ap);
  va_end (ap);
}

UTIL void
check_frames (const struct orl_shm *shm, char why[WHY])
{
  uint64_t have = 0;

  for (uint32_t i = 0; i < orl_span (shm); i++) {
    struct orl_frame *f = &shm->frames[i];
    uint64_t w = atomic_load (&f->state), seen;
    bool bit = atomic_load (&shm->dirty[i / 64]) >> i % 64 & 1;

    have += orl_state (w) == ORL_FREE || orl_state (w) == ORL_VALID;
    if (!orl_frame_is_valid (shm, i))
      broken (why, "frame %u has state %llx", i, (unsigned long long) w);
    if ((w & ORL_DIRTY) && !bit)
      broken (why, "frame %u is dirty and not in the map", i);
    if (atomic_load (&f->latch) & LATCHED)
      broken (why, "frame %u is latched", i);
    /* Its bit in the map may be set: of one who died when he made it dirty. */
    if (orl_state (w) == ORL_FREE && (w & ORL_FLAGS))
      broken (why, "frame %u is free and has state %llx", i,
              (unsigned long long) w);
    if (orl_state (w) != ORL_VALID || (w & ORL_STALE)) {
      if (orl_state (w) == ORL_FREE && orl_table_holds (shm, i))
        broken (why, "frame %u is free and in the table", i);
      continue;
    }
    if ((atomic_load (&f->version) & 1) && !(w & ORL_INDOUBT))
      broken (why, "frame %u has an odd version", i);
    if (orl_table_find (shm, f->file, f->page, &seen) != i)
      broken (why, "frame %u is not found by its key", i);
  }
  if (have != orl_span (shm))
    broken (why, "%d frames, and %d are free or have a page",
            (int) orl_span (shm), (int) have);
}

/* Does no page in doubt have an odd version, as it has until one asks for it? */
UTIL void
check_doubt (const struct orl_shm *shm, char why[WHY])
{
  for (uint32_t i = 0; i < orl_span (shm); i++)
    if ((atomic_load (&shm->frames[i].state) & (ORL_STALE | ORL_INDOUBT))
            == ORL_INDOUBT
        && atomic_load (&shm->frames[i].version) & 1)
      broken (why, "frame %u has an odd version", i);
}

UTIL void
check_table (const struct orl_shm *shm, char why[WHY])
{
  uint32_t n = shm->geo.part_buckets;
  uint64_t *passed = malloc (n * sizeof *passed);
  unsigned char *seen = calloc (shm->geo.nframes, 1);

  for (uint32_t part = 0; part < shm->geo.nparts; part++) {
    memset (passed, 0, n * sizeof *passed);
    if (atomic_load (&shm->parts[part].lock))
      broken (why, "partition %u is locked", part);
    for (uint32_t b = 0; b < n; b++)
      for (int i = 0; i < ORL_BUCKET_WORDS; i++) {
        uint64_t w = atomic_load (&shm->buckets[part * n + b].word[i]);
        uint32_t frame = (uint32_t) w - 1;
        struct orl_spot s;

        if (w == 0)
          continue;
        if (frame >= shm->geo.nframes)
          broken (why, "the table has frame %u", frame);
        else {
          s = orl_spot (shm, shm->frames[frame].file, shm->frames[frame].page);
          if (s.part != part || s.tag != (w & ~UINT64_C (0xffffffff))
              || seen[frame]++
              || orl_state (shm->frames[frame].state) != ORL_VALID)
            broken (why, "the table has frame %u wrong", frame);
          for (uint32_t k = s.home; k != b; k = (k + 1) & (n - 1))
            passed[k]++;
        }
      }
    for (uint32_t b = 0; b < n; b++)
      if (atomic_load (&shm->buckets[part * n + b].passed) != passed[b])
        broken (why, "bucket %u of partition %u was passed %llu times and not %llu",
                b, part, (unsigned long long) passed[b],
                (unsigned long long) shm->buckets[part * n + b].passed);
  }
  free (passed);
  free (seen);
}

/* 0, or someone's number. */
UTIL void
check_owner (const struct orl_shm *shm, uint32_t owner, const char *what,
             char why[WHY])
{
  if (owner > shm->geo.nledgers
      || (owner > 0 && atomic_load (&shm->tokens[owner - 1]) == 0))
    broken (why, "%s is still of %u", what, owner);
}

UTIL void
check_owners (const struct orl_shm *shm, char why[WHY])
{
  for (uint32_t i = 0; i < shm->geo.nledgers; i++) {
    const struct orl_ledger *l = &shm->ledgers[i];
    uint64_t token = atomic_load (&shm->tokens[i]);
    unsigned left = 0;

    for (int k = 0; k < ORL_PINS; k++)
      left += l->pins[k] != 0;
    for (int k = 0; k < ORL_WORK; k++)
      left += l->work[k] != 0;
    if (left || l->part || l->images)
      broken (why, "ledger %u is not clean", i);
    if (token != 0 && token != shm->token)
      broken (why, "ledger %u is still someone's", i);
    if (l->repairing || orl_repair_is_at_work (shm, i, l->repairer, 0))
      broken (why, "ledger %u is in a repair", i);
    if (token == 0 && (l->locks || l->cutting || l->high > ORL_PINS_LINE
                       || l->work_high))
      broken (why, "ledger %u is free and not empty", i);
  }
  for (uint32_t i = 0; i < shm->geo.nfiles; i++) {
    check_owner (shm, shm->files[i].cutter, "a cut", why);
    if (shm->files[i].cutter == 0 && (shm->files[i].cut_phase & 1))
      broken (why, "file %u is half cut", i);
  }
  check_owner (shm, shm->super->writer & 0xffff, "the writer's word", why);
  check_owner (shm, shm->super->resizer, "the resize", why);
  for (uint32_t i = 0; i < shm->geo.nimages; i++)
    if (shm->images[i].owner || shm->images[i].frame)
      broken (why, "before-image %u is left", i);
  if (shm->super->file_lock)
    broken (why, "a lock is left: %u", shm->super->file_lock);
}

/* Does a process that died still have its place? */
UTIL bool
has_dead (const struct orl_shm *shm)
{
  for (uint32_t i = 0; i < shm->geo.nledgers; i++)
    if (atomic_load (&shm->tokens[i]) != 0 && !orl_owner_alive (shm, i + 1))
      return true;
  return false;
}

/* After a repair of all that is dead, and with this thread's spare frames given
 * back, is each frame free or a page, and nothing anyone's?  why: the first
 * finding, if it is empty. */
UTIL void
check_whole_pool (oriel_pool *pool, char why[WHY])
{
  struct orl_thread *me;

  orl_thread_self (pool, &me);
  orl_recover (pool, me->owner, ORL_ALL_DEAD);
  /* What the kernel reads for the dead takes it some 30 ms to end. */
  for (int i = 0; i < 2000 && has_dead (&pool->shm); i++) {
    usleep (1000);
    orl_recover (pool, me->owner, ORL_ALL_DEAD);
  }
  while (orl_async_settle (me)) /* what this process reads ahead */
    ;
  orl_thread_unstash (me);
  check_frames (&pool->shm, why);
  check_table (&pool->shm, why);
  check_owners (&pool->shm, why);
}

#endif /* WHOLE_POOL_H */
