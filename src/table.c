/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - from (file, page) to frame
 *
 * Open addressing over buckets of one cache line.  A key belongs to one bucket
 * of one partition; if that is full its entry goes into the next bucket of the
 * partition that has room, and each bucket passed over counts it, so that a
 * search ends at the first bucket that no one passed.  Entries never move.
 *
 * An insert counts first and writes the word last; a removal clears the word
 * first and counts down last.  So at each instant a search finds what it would
 * find before or after, and a stranger that takes the lock over from a dead
 * owner has only to count anew (orl_table_repair).
 *
 * A page that was forgotten (STALE) keeps its entry until someone wants its frame.
 * All that one page leaves so lie where its next entry is to be: if they are many,
 * whoever inserts that one takes their frames at once (load-run.c).
 *
 * Locks: partition.  Nothing is taken while one is held.
 */
#include <errno.h>

#include "ledger.h"
#include "lock.h"
#include "point.h"
#include "table.h"

/* Buckets that an entry passes over before something is done about it.  By chance
 * none passes so many: in a pool that is full there are two pages a bucket. */
#define FAR 4

uint32_t
orl_table_find (const struct orl_shm *shm, uint64_t file, uint64_t page,
                uint64_t *state)
{
  return orl_table_look (shm, file, page, state);
}

static void
lock (const struct orl_shm *shm, uint32_t owner, uint32_t part)
{
  /* Said before it is so: a stranger looks at what we may hold. */
  atomic_store (&shm->ledgers[owner - 1].part, part + 1);
  ORL_POINT ("table.lock.said");
  if (orl_lock_take (shm, &shm->parts[part].lock, owner))
    orl_table_repair (shm, part);
  ORL_POINT ("table.locked");
}

static void
unlock (const struct orl_shm *shm, uint32_t owner, uint32_t part)
{
  ORL_POINT ("table.unlock");
  orl_lock_give (&shm->parts[part].lock);
  ORL_POINT ("table.unlock.given");
  atomic_store_explicit (&shm->ledgers[owner - 1].part, 0,
                         memory_order_release);
}

static int
free_word (const struct orl_bucket *b)
{
  for (int i = 0; i < ORL_BUCKET_WORDS; i++)
    if (atomic_load_explicit (&b->word[i], memory_order_relaxed) == 0)
      return i;
  return -1;
}

/* Find room and write the entry.  1: far from its bucket. */
static int
enter (const struct orl_shm *shm, const struct orl_spot *s, uint32_t frame)
{
  uint32_t step;
  int i = -1;

  for (step = 0; step < shm->geo.part_buckets; step++)
    if ((i = free_word (orl_bucket_at (shm, s, step))) >= 0)
      break;
  if (i < 0)
    return -ENOBUFS;
  for (uint32_t k = 0; k < step; k++)
    {
      atomic_fetch_add (&orl_bucket_at (shm, s, k)->passed, 1);
      ORL_POINT ("table.insert.counted");
    }
  atomic_store_explicit (&orl_bucket_at (shm, s, step)->word[i],
                         s->tag | (frame + 1), memory_order_release);
  ORL_POINT ("table.insert.entered");
  return step >= FAR;
}

int
orl_table_insert (const struct orl_shm *shm, uint32_t owner, uint32_t frame,
                  uint64_t file, uint64_t page, uint32_t *other)
{
  struct orl_spot s = orl_spot (shm, file, page);
  uint64_t state;
  uint32_t found;
  int r = 0;

  lock (shm, owner, s.part);
  found = orl_search (shm, &s, file, page, &state);
  if (found != ORL_NO_FRAME)
    {
      *other = found;
      r = -EEXIST;
    }
  else
    {
      /* LOADING first: an entry always leads to a frame that has a key. */
      orl_frame_key (&shm->frames[frame], owner, file, page);
      ORL_POINT ("table.insert.keyed");
      r = enter (shm, &s, frame);
      if (r < 0)
        orl_frame_settle (&shm->frames[frame], ORL_RESERVED, owner, 0, 0);
    }
  unlock (shm, owner, s.part);
  return r;
}

static bool
is_near (uint64_t state, enum orl_near which)
{
  enum orl_frame_state s = orl_state (state);

  if (which == ORL_NEAR_STALE)
    return s == ORL_VALID && (state & ORL_STALE);
  return s == ORL_EVICTING
         || ((state & ORL_STALE) && (s == ORL_LOADING || s == ORL_WRITING));
}

uint32_t
orl_table_near (const struct orl_shm *shm, uint64_t file, uint64_t page,
                enum orl_near which, uint32_t skip, uint32_t *frame, uint32_t n)
{
  struct orl_spot s = orl_spot (shm, file, page);
  uint32_t found = 0;

  for (uint32_t step = 0; step < shm->geo.part_buckets; step++)
    {
      struct orl_bucket *b = orl_bucket_at (shm, &s, step);

      for (int i = 0; i < ORL_BUCKET_WORDS && found < n; i++)
        {
          uint32_t its = (uint32_t) atomic_load (&b->word[i]) - 1;
          uint64_t state = its < shm->geo.nframes
                               ? atomic_load (&shm->frames[its].state)
                               : 0;

          if (!is_near (state, which))
            continue;
          if (skip > 0)
            skip--;
          else
            frame[found++] = its;
        }
      if (atomic_load (&b->passed) == 0)
        break;
    }
  return found;
}

bool
orl_table_holds (const struct orl_shm *shm, uint32_t frame)
{
  const struct orl_frame *f = &shm->frames[frame];
  struct orl_spot s
      = orl_spot (shm, atomic_load (&f->file), atomic_load (&f->page));

  for (uint32_t step = 0; step < shm->geo.part_buckets; step++)
    {
      struct orl_bucket *b = orl_bucket_at (shm, &s, step);

      for (int i = 0; i < ORL_BUCKET_WORDS; i++)
        if (atomic_load (&b->word[i]) == (s.tag | (frame + 1)))
          return true;
      if (atomic_load (&b->passed) == 0)
        break;
    }
  return false;
}

void
orl_table_remove (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  const struct orl_frame *f = &shm->frames[frame];
  struct orl_spot s = orl_spot (shm, atomic_load (&f->file), atomic_load (&f->page));
  uint64_t entry = s.tag | (frame + 1);

  lock (shm, owner, s.part);
  for (uint32_t step = 0; step < shm->geo.part_buckets; step++)
    {
      struct orl_bucket *b = orl_bucket_at (shm, &s, step);

      for (int i = 0; i < ORL_BUCKET_WORDS; i++)
        if (atomic_load_explicit (&b->word[i], memory_order_relaxed) == entry)
          {
            atomic_store_explicit (&b->word[i], 0, memory_order_release);
            ORL_POINT ("table.remove.cleared");
            for (uint32_t k = 0; k < step; k++)
              {
                atomic_fetch_sub (&orl_bucket_at (shm, &s, k)->passed, 1);
                ORL_POINT ("table.remove.counted");
              }
            goto out;
          }
      if (atomic_load (&b->passed) == 0)
        break;
    }
out:
  unlock (shm, owner, s.part);
}

/* Count anew who passed which bucket, in time that grows with the partition,
 * whatever stands there.  An entry adds one to its home and takes one from where
 * it is; the running sum is what passed.  Counts too high meanwhile are harmless
 * and too low are not, so all are raised by far more than there are entries
 * until each is made exact.  Whoever dies here leaves the lock, and the next
 * begins anew. */
void
orl_table_repair (const struct orl_shm *shm, uint32_t part)
{
  const uint64_t raised = UINT64_C (1) << 40;
  uint32_t n = shm->geo.part_buckets;
  struct orl_bucket *first = &shm->buckets[(uint64_t) part * n];
  uint64_t passed = 0;

  for (uint32_t b = 0; b < n; b++)
    {
      atomic_store (&first[b].passed, raised);
      ORL_POINT ("table.repair.raised");
    }
  for (uint32_t b = 0; b < n; b++)
    for (int i = 0; i < ORL_BUCKET_WORDS; i++)
      {
        uint64_t w = atomic_load (&first[b].word[i]);
        uint32_t frame = (uint32_t) w - 1;
        struct orl_spot s;

        if (w == 0 || frame >= shm->geo.nframes)
          continue;
        s = orl_spot (shm, atomic_load (&shm->frames[frame].file),
                      atomic_load (&shm->frames[frame].page));
        atomic_fetch_add (&first[s.home].passed, 1);
        atomic_fetch_sub (&first[b].passed, 1);
        passed += s.home > b; /* around the end */
      }
  ORL_POINT ("table.repair.summed");
  for (uint32_t b = 0; b < n; b++)
    {
      passed += atomic_load (&first[b].passed) - raised;
      atomic_store (&first[b].passed, passed);
      ORL_POINT ("table.repair.counted");
    }
}
