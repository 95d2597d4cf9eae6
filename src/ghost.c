/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ghost.c - what is known of pages that are not in the pool
 *
 * A bucket is one line of eight words; a page falls into one of them, and takes
 * the place of the oldest there.  With six words for each frame the table remembers
 * about as many evictions as the pool has frames six times over.
 *
 *     gone at 14 | idle 14 | span 14 | uses 4 | fingerprint 18
 *
 * One word in 32,000 lookups of unknown pages is taken for another page's.
 */
#include <stdatomic.h>

#include "ghost.h"
#include "table.h"

#define TIME_BITS 14
#define TIME_MAX ((1u << TIME_BITS) - 1)
#define PRINT_MAX 0x3ffffu
#define USES_MAX 0xfu

static uint32_t
unit (const struct orl_shm *shm)
{
  return orl_frames (shm) / 256 + 1;
}

static uint32_t
in_units (const struct orl_shm *shm, uint32_t time)
{
  uint32_t n = time / unit (shm);

  return n < TIME_MAX ? n : TIME_MAX;
}

static uint32_t
gone_at (uint64_t word)
{
  return (uint32_t) (word >> 50);
}

static struct orl_ghosts *
bucket (const struct orl_shm *shm, uint64_t hash)
{
  uint64_t lines = (uint64_t) orl_frames (shm) * ORL_GHOSTS / ORL_GHOST_WORDS;

  return &shm->ghosts[(hash >> 32) * lines >> 32];
}

/* Never 0, so that no word is. */
static uint64_t
print (uint64_t hash)
{
  uint64_t p = hash & PRINT_MAX;

  return p ? p : 1;
}

void
orl_ghost_put (const struct orl_shm *shm, uint64_t file, uint64_t page,
               uint32_t now, const struct orl_ghost *ghost)
{
  uint64_t hash = orl_hash (file, page);
  struct orl_ghosts *b = bucket (shm, hash);
  uint32_t at = now / unit (shm) & TIME_MAX, oldest = 0, best = 0;
  uint32_t limit = ORL_GHOST_AGE * (orl_frames (shm) / unit (shm) + 1);

  for (uint32_t i = 0; i < ORL_GHOST_WORDS; i++)
    {
      uint64_t word = atomic_load_explicit (&b->word[i], memory_order_relaxed);
      uint32_t age = word == 0 || (word & PRINT_MAX) == print (hash)
                         ? TIME_MAX + 1
                         : (at - gone_at (word)) & TIME_MAX;

      /* Before its time comes round again, and it looks young. */
      if (word != 0 && age > limit && age <= TIME_MAX)
        {
          atomic_store_explicit (&b->word[i], 0, memory_order_relaxed);
          age = TIME_MAX + 1;
        }
      if (age >= oldest)
        {
          oldest = age;
          best = i;
        }
    }
  atomic_store_explicit (
      &b->word[best],
      (uint64_t) at << 50 | (uint64_t) in_units (shm, ghost->idle) << 36
          | (uint64_t) in_units (shm, ghost->span) << 22
          | (uint64_t) (ghost->uses & USES_MAX) << 18 | print (hash),
      memory_order_relaxed);
}

bool
orl_ghost_take (const struct orl_shm *shm, uint64_t file, uint64_t page,
                uint32_t now, struct orl_ghost *ghost)
{
  uint64_t hash = orl_hash (file, page);
  struct orl_ghosts *b = bucket (shm, hash);

  for (uint32_t i = 0; i < ORL_GHOST_WORDS; i++)
    {
      uint64_t word = atomic_load_explicit (&b->word[i], memory_order_relaxed);

      if ((word & PRINT_MAX) != print (hash))
        continue;
      atomic_store_explicit (&b->word[i], 0, memory_order_relaxed);
      ghost->gone = ((now / unit (shm) - gone_at (word)) & TIME_MAX)
                    * unit (shm);
      ghost->idle = ((uint32_t) (word >> 36) & TIME_MAX) * unit (shm);
      ghost->span = ((uint32_t) (word >> 22) & TIME_MAX) * unit (shm);
      ghost->uses = (uint32_t) (word >> 18) & USES_MAX;
      return true;
    }
  return false;
}
