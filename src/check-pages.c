/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-pages.c - the rules of frames, page table, dirty map and before-images
 *
 * Every frame is FREE, or has a page, or is in the work of a ledger that is in
 * use: so all of them are accounted for when each keeps its rules.
 *
 * See check.c for what rules are.
 */
#include <string.h>

#include "check.h"
#include "evict.h"
#include "latch.h"
#include "lock.h"
#include "table.h"

#define KNOWN_BITS (ORL_FLAGS | ORL_WAITERS | 0xfu)
#define LATCH_BITS \
  (ORL_LATCH_BIAS | ORL_LATCH_X | ORL_LATCH_WAITERS | ORL_LATCH_SOLE)

static const char *const state_name[]
    = { "FREE", "RESERVED", "LOADING", "VALID", "WRITING", "EVICTING" };

/* What of a frame the rules go by, read in one go. */
struct view {
  uint32_t number;
  const struct orl_frame *f;
  uint64_t word;
  uint64_t file;
  uint64_t page;
  uint64_t version;
  uint32_t latch;
};

static bool
wrong (struct orl_check *c, const struct view *v, const char *what)
{
  unsigned state = orl_state (v->word);

  return orl_check_wrong (
      c, "frame %u: %s: %s (state 0x%llx, file %u, page %llu, latch 0x%x, "
         "version %llu)",
      v->number, state <= ORL_EVICTING ? state_name[state] : "?", what,
      (unsigned long long) v->word, (uint32_t) v->file,
      (unsigned long long) v->page, v->latch, (unsigned long long) v->version);
}

static bool
is_in_work (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  const struct orl_ledger *l = &shm->ledgers[owner - 1];

  for (uint32_t i = 0; i < ORL_WORK; i++)
    if (atomic_load (&l->work[i]) == frame + 1)
      return true;
  return false;
}

/* In any mode: a latch may be released before its pin says so. */
static bool
is_pinned_by (const struct orl_shm *shm, uint32_t owner, uint32_t frame)
{
  const struct orl_ledger *l = &shm->ledgers[owner - 1];

  for (uint32_t i = 0; i < ORL_PINS; i++)
    if ((atomic_load_explicit (&l->pins[i], memory_order_acquire)
         & ORL_PIN_FRAME)
        == frame + 1)
      return true;
  return false;
}

static bool
state_is_right (struct orl_check *c, const struct view *v)
{
  enum orl_frame_state state = orl_state (v->word);
  uint32_t owner = orl_state_owner (v->word);
  bool owned = state != ORL_FREE && state != ORL_VALID;

  if (state > ORL_EVICTING || ((uint32_t) v->word & 0xffff & ~KNOWN_BITS))
    return wrong (c, v, "there is no such state");
  if (!owned && owner)
    return wrong (c, v, "has an owner and wants none");
  if (owned && !orl_check_owner (c, owner))
    return wrong (c, v, "its owner is no one");
  if (owned && !is_in_work (c->shm, owner, v->number))
    return wrong (c, v, "its owner does not work on it");
  if (state == ORL_FREE && (v->word & ORL_FLAGS))
    return wrong (c, v, "free frames are neither dirty nor stale");
  if ((v->word & ORL_INDOUBT) && !(v->word & ORL_DIRTY))
    return wrong (c, v, "in doubt and not dirty");
  return true;
}

static bool
latch_is_right (struct orl_check *c, const struct view *v)
{
  uint32_t owner = v->latch >> 16;

  if ((v->latch & 0xffff & ~LATCH_BITS)
      || (!(v->latch & ORL_LATCH_X) && (owner || (v->latch & ORL_LATCH_WAITERS))))
    return wrong (c, v, "the latch has no such state");
  if ((v->latch & ORL_LATCH_X) && !orl_check_owner (c, owner))
    return wrong (c, v, "latched by no one");
  if ((v->latch & ORL_LATCH_X) && !is_pinned_by (c->shm, owner, v->number))
    return wrong (c, v, "latched by one who has not pinned it");
  if ((v->version & 1) && !(v->latch & ORL_LATCH_X)
      && !(v->word & (ORL_STALE | ORL_INDOUBT)))
    return wrong (c, v, "half-changed, and no one has it latched");
  return true;
}

/* How many entries the frame has in the page table where they can be found. */
static uint32_t
count_entries (const struct orl_shm *shm, const struct view *v)
{
  struct orl_spot s = orl_spot (shm, v->file, v->page);
  uint32_t n = 0;

  for (uint32_t step = 0; step < shm->geo.part_buckets; step++)
    {
      const struct orl_bucket *b = orl_bucket_at (shm, &s, step);

      for (int i = 0; i < ORL_BUCKET_WORDS; i++)
        n += atomic_load (&b->word[i]) == (s.tag | (v->number + 1));
      if (atomic_load (&b->passed) == 0)
        break;
    }
  return n;
}

/* The key of a frame that is VALID or WRITING; and, what it is good for. */
static bool
page_is_right (struct orl_check *c, const struct view *v)
{
  const struct orl_shm *shm = c->shm;
  uint32_t index = (uint32_t) v->file;
  const struct orl_frec *rec;
  uint32_t entries;
  uint64_t word;

  if (index >= shm->geo.nfiles)
    return wrong (c, v, "there is no such file");
  rec = &shm->files[index];
  if ((int32_t) (atomic_load (&rec->epoch) - (uint32_t) (v->file >> 32)) < 0)
    return wrong (c, v, "of an epoch that the file has not come to");
  if (v->word & ORL_STALE)
    return true;
  entries = count_entries (shm, v);
  if (entries != 1)
    return wrong (c, v, entries == 0 ? "cannot be found by the page table"
                                     : "has two entries in the page table");
  if (orl_frame_is_dead (shm, v->f, v->word))
    return true;
  if (orl_table_find (shm, v->file, v->page, &word) != v->number)
    return wrong (c, v, "another frame has the page, too");
  if (atomic_load (&rec->state) != ORL_FILE_USED
      && !orl_check_owner (c, atomic_load (&shm->super->file_lock)))
    return wrong (c, v, "the pool does not know the file");
  if (orl_state (v->word) == ORL_VALID && (v->word & ORL_DIRTY)
      && !(atomic_load (&shm->dirty[v->number / 64]) >> v->number % 64 & 1))
    return wrong (c, v, "dirty, and not in the dirty map");
  return true;
}

static bool
frame_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_frame *f = &c->shm->frames[index];
  struct view v = {
    .number = (uint32_t) index,
    .f = f,
    .word = atomic_load (&f->state),
    .file = atomic_load (&f->file),
    .page = atomic_load (&f->page),
    .version = atomic_load (&f->version),
    .latch = atomic_load (&f->latch),
  };
  enum orl_frame_state state = orl_state (v.word);

  if (!state_is_right (c, &v))
    return false;
  /* A key, and with it a latch, is there from LOADING on. */
  if (state <= ORL_RESERVED)
    return true;
  if (!latch_is_right (c, &v))
    return false;
  return (state != ORL_VALID && state != ORL_WRITING)
         || page_is_right (c, &v);
}

/* ------------------------------------------------------------------ */
/* Page table                                                         */

/* Where the frame's key has its home, if the word in this bucket can be its
 * entry. */
static bool
entry_is_right (struct orl_check *c, uint64_t bucket, int i,
                struct orl_spot *spot)
{
  const struct orl_shm *shm = c->shm;
  uint64_t word = atomic_load (&shm->buckets[bucket].word[i]);
  uint32_t frame = (uint32_t) word - 1;
  const struct orl_frame *f;
  uint64_t state;

  if (frame >= shm->geo.nframes)
    return orl_check_wrong (c, "bucket %llu: entry 0x%llx leads to no frame",
                            (unsigned long long) bucket,
                            (unsigned long long) word);
  f = &shm->frames[frame];
  state = atomic_load (&f->state);
  *spot = orl_spot (shm, atomic_load (&f->file), atomic_load (&f->page));
  if (orl_state (state) <= ORL_RESERVED || spot->tag != (word & ~UINT64_C (0xffffffff))
      || spot->part != bucket / shm->geo.part_buckets)
    return orl_check_wrong (c, "bucket %llu: entry 0x%llx leads to frame %u, "
                               "which has another page or none (state 0x%llx)",
                            (unsigned long long) bucket,
                            (unsigned long long) word, frame,
                            (unsigned long long) state);
  return true;
}

static bool
bucket_is_right (struct orl_check *c, uint64_t index)
{
  struct orl_spot spot;

  for (int i = 0; i < ORL_BUCKET_WORDS; i++)
    if (atomic_load (&c->shm->buckets[index].word[i]) != 0
        && !entry_is_right (c, index, i, &spot))
      return false;
  return true;
}

/* Count in c->passed who passed which bucket of the partition. */
static void
count_passed (struct orl_check *c, uint32_t part)
{
  uint32_t n = c->shm->geo.part_buckets;
  uint64_t first = (uint64_t) part * n;
  struct orl_spot spot;

  memset (c->passed, 0, n * sizeof *c->passed);
  for (uint32_t b = 0; b < n; b++)
    for (int i = 0; i < ORL_BUCKET_WORDS; i++)
      if (atomic_load (&c->shm->buckets[first + b].word[i]) != 0
          && entry_is_right (c, first + b, i, &spot))
        for (uint32_t k = spot.home; k != b; k = (k + 1) & (n - 1))
          c->passed[k]++;
}

static bool
partition_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_shm *shm = c->shm;
  uint32_t n = shm->geo.part_buckets;
  uint32_t owner = atomic_load (&shm->parts[index].lock);

  if (owner && !orl_check_owner (c, owner))
    return orl_check_wrong (c, "partition %llu: locked by %u, which is no "
                               "one's number",
                            (unsigned long long) index, owner);
  if (owner && atomic_load (&shm->ledgers[owner - 1].part) != index + 1)
    return orl_check_wrong (c, "partition %llu: locked by %u, who does not "
                               "know of it",
                            (unsigned long long) index, owner);
  if (owner) /* and it is counting */
    return true;
  count_passed (c, (uint32_t) index);
  for (uint32_t b = 0; b < n; b++)
    {
      uint64_t passed = atomic_load (&shm->buckets[index * n + b].passed);

      if (passed != c->passed[b] && atomic_load (&shm->parts[index].lock) == 0)
        return orl_check_wrong (c, "bucket %llu: %llu entries are said to have "
                                   "passed it, and %u have",
                                (unsigned long long) (index * n + b),
                                (unsigned long long) passed, c->passed[b]);
    }
  return true;
}

/* ------------------------------------------------------------------ */
/* Dirty map, before-images                                           */

static bool
dirty_map_ends (struct orl_check *c, uint64_t index)
{
  uint32_t span = orl_span (c->shm);
  uint64_t last = atomic_load (&c->shm->dirty[span / 64]);

  (void) index;
  if (span % 64 && last >> span % 64)
    return orl_check_wrong (c, "dirty map: names frames that there are not "
                               "(0x%llx)", (unsigned long long) last);
  return true;
}

/* A living owner has the page latched; of a dead one, repair has freed that
 * first. */
static bool
image_is_right (struct orl_check *c, uint64_t index)
{
  const struct orl_shm *shm = c->shm;
  uint32_t owner = atomic_load (&shm->images[index].owner);
  uint32_t frame = atomic_load (&shm->images[index].frame);

  if (owner == 0 && frame == 0)
    return true;
  if (frame > shm->geo.nframes || !orl_check_owner (c, owner))
    return orl_check_wrong (c, "before-image %llu: frame %u of owner %u, one "
                               "of which there is not",
                            (unsigned long long) index, frame - 1, owner);
  if (frame != 0 && atomic_load (&shm->ledgers[owner - 1].images) == 0)
    return orl_check_wrong (c, "before-image %llu: of frame %u, and owner %u "
                               "does not know of it",
                            (unsigned long long) index, frame - 1, owner);
  if (frame == 0 || orl_in_repair (shm, owner)
      || orl_latch_owner (atomic_load (&shm->frames[frame - 1].latch)) == owner
      || !orl_owner_alive (shm, owner))
    return true;
  return orl_check_wrong (c, "before-image %llu: of frame %u, which owner %u "
                             "has not latched",
                          (unsigned long long) index, frame - 1, owner);
}

void
orl_check_pages (struct orl_check *c)
{
  const struct orl_geometry *geo = &c->shm->geo;

  orl_check_all (c, frame_is_right, orl_span (c->shm));
  orl_check_all (c, bucket_is_right,
                 (uint64_t) geo->nparts * geo->part_buckets);
  orl_check_all (c, partition_is_right, geo->nparts);
  if (orl_span (c->shm) % 64)
    orl_check_all (c, dirty_map_ends, 1);
  orl_check_all (c, image_is_right, geo->nimages);
}
