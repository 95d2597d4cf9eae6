/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - from (file, page) to frame
 *
 * Reading takes no lock and writes nothing.  The table only hints: the frame
 * holds the key, and what the frame says is believed.  Changes lock the
 * partition that the key falls into.
 */
#ifndef ORL_TABLE_H
#define ORL_TABLE_H

#include "frame.h"

/* A file's key in a frame: its index and the epoch in which it was loaded. */
static inline uint64_t
orl_file_key (uint32_t file, uint32_t epoch)
{
  return (uint64_t) epoch << 32 | file;
}

/* Spread a key over 64 bits.  Two multiplications one after the other are what
 * it takes that pages at any stride fill the partitions evenly. */
static inline uint64_t
orl_hash (uint64_t file, uint64_t page)
{
  uint64_t h = (page ^ file * UINT64_C (0xff51afd7ed558ccd))
               * UINT64_C (0x9e3779b97f4a7c15);

  h = (h ^ h >> 32) * UINT64_C (0xc4ceb9fe1a85ec53);
  return h ^ h >> 32;
}

/* Where a key belongs. */
struct orl_spot {
  uint32_t part;
  uint32_t home;                /* bucket inside the partition */
  uint64_t tag;                 /* in its place in the word */
};

static inline struct orl_spot
orl_spot (const struct orl_shm *shm, uint64_t file, uint64_t page)
{
  uint64_t h = orl_hash (file, page);
  struct orl_spot s;

  /* Beside each other they are the bucket's index: orl_table_guess(). */
  s.part = (uint32_t) h >> __builtin_ctz (shm->geo.part_buckets)
           & (shm->geo.nparts - 1);
  s.home = (uint32_t) h & (shm->geo.part_buckets - 1);
  s.tag = h & ~UINT64_C (0xffffffff);
  return s;
}

/* The bucket that a search of the partition comes to at its step-th step. */
static inline struct orl_bucket *
orl_bucket_at (const struct orl_shm *shm, const struct orl_spot *s,
               uint32_t step)
{
  uint32_t b = (s->home + step) & (shm->geo.part_buckets - 1);

  return &shm->buckets[(uint64_t) s->part * shm->geo.part_buckets + b];
}

static inline bool
orl_has_key (const struct orl_frame *f, uint64_t file, uint64_t page,
             uint64_t *state)
{
  *state = atomic_load_explicit (&f->state, memory_order_acquire);
  return orl_state (*state) > ORL_RESERVED && !(*state & ORL_STALE)
         && atomic_load_explicit (&f->page, memory_order_relaxed) == page
         && atomic_load_explicit (&f->file, memory_order_relaxed) == file;
}

static inline uint32_t
orl_search (const struct orl_shm *shm, const struct orl_spot *s, uint64_t file,
            uint64_t page, uint64_t *state)
{
  for (uint32_t step = 0; step < shm->geo.part_buckets; step++)
    {
      struct orl_bucket *b = orl_bucket_at (shm, s, step);

      for (int i = 0; i < ORL_BUCKET_WORDS; i++)
        {
          uint64_t w
              = atomic_load_explicit (&b->word[i], memory_order_acquire);
          uint32_t frame = (uint32_t) w - 1;

          if (w >> 32 == s->tag >> 32 && frame < shm->geo.nframes
              && orl_has_key (&shm->frames[frame], file, page, state))
            return frame;
        }
      if (atomic_load_explicit (&b->passed, memory_order_relaxed) == 0)
        break;
    }
  return ORL_NO_FRAME;
}

/* The frame that holds the page in any state in which it has a key and is not
 * STALE, and its state word; ORL_NO_FRAME if none was seen.  A page that is
 * just being inserted may be missed. */
static inline uint32_t
orl_table_look (const struct orl_shm *shm, uint64_t file, uint64_t page,
                uint64_t *state)
{
  struct orl_spot s = orl_spot (shm, file, page);

  return orl_search (shm, &s, file, page, state);
}

/* A frame whose entry in the key's own bucket has the key's tag, without a look
 * at the frame: most likely the one.  ORL_NO_FRAME proves nothing. */
static inline uint32_t
orl_table_guess (const struct orl_shm *shm, uint64_t file, uint64_t page)
{
  uint64_t h = orl_hash (file, page);
  const struct orl_bucket *b = &shm->buckets[(uint32_t) h & shm->last_bucket];

  for (int i = 0; i < ORL_BUCKET_WORDS; i++)
    {
      uint64_t w = atomic_load_explicit (&b->word[i], memory_order_acquire);

      if (w >> 32 == h >> 32)
        return (uint32_t) w - 1 < shm->geo.nframes ? (uint32_t) w - 1
                                                   : ORL_NO_FRAME;
    }
  return ORL_NO_FRAME;
}

/* The same, where it is not worth being inline. */
uint32_t orl_table_find (const struct orl_shm *shm, uint64_t file,
                         uint64_t page, uint64_t *state);

/* Give a RESERVED frame of the caller's the key, make it LOADING and findable.
 * 1: done, but many entries lie before it, as after -ENOBUFS: orl_table_near()
 * tells which need not.
 * -EEXIST: another frame, *other, has the page; nothing was done.
 * -ENOBUFS: no room in the partition. */
int orl_table_insert (const struct orl_shm *shm, uint32_t owner,
                      uint32_t frame, uint64_t file, uint64_t page,
                      uint32_t *other);

/* Frames whose entries need not stay: of forgotten pages, VALID and STALE; or of
 * such as someone is at, who takes them out or lets them be VALID again. */
enum orl_near { ORL_NEAR_STALE, ORL_NEAR_LEAVING };

/* Those of the frames whose entries lie where the page's is looked for: up to n
 * behind the first skip of them; how many. */
uint32_t orl_table_near (const struct orl_shm *shm, uint64_t file,
                         uint64_t page, enum orl_near which, uint32_t skip,
                         uint32_t *frame, uint32_t n);

/* Is the frame's entry there?  The frame's key does not change meanwhile. */
bool orl_table_holds (const struct orl_shm *shm, uint32_t frame);

/* Take the frame's entry out, if it is there. */
void orl_table_remove (const struct orl_shm *shm, uint32_t owner,
                       uint32_t frame);

/* With the partition's lock taken over from a dead owner: put it right. */
void orl_table_repair (const struct orl_shm *shm, uint32_t part);

#endif /* ORL_TABLE_H */
