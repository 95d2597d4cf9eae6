/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.c - private places for copies of pages that no slot shows
 *
 * A page that is pinned for reading cannot change, and a copy of it costs less
 * than a swap; so cold pages are shown to readers as copies (pin.c).  A set bit
 * in used[] is a place taken, by compare-and-swap; owner[] says for whom, and
 * who takes that away gives the place back.  No locks.
 *
 * A thread keeps one place, which is idle between its copies: as long as it takes
 * and gives that by itself, plain stores do.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "copy.h"
#include "sys.h"

#define WORDS 8u
#define PLACES (WORDS * 64)

/* Beside the owner of a place. */
#define KEPT 0x80000000u
#define IDLE 0x40000000u

struct orl_copies {
  unsigned char *base;
  uint32_t page_size;
  _Atomic uint64_t used[WORDS];
  _Atomic uint32_t owner[PLACES]; /* 0: none, or not yet */
};

size_t
orl_copies_bytes (uint32_t page_size)
{
  return (size_t) PLACES * page_size;
}

struct orl_copies *
orl_copies_open (uint32_t page_size)
{
  struct orl_copies *c = calloc (1, sizeof *c);
  void *at;

  if (!c)
    return NULL;
  c->page_size = page_size;
  at = orl_sys.mmap (NULL, orl_copies_bytes (page_size),
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    {
      free (c);
      return NULL;
    }
  c->base = at;
  return c;
}

void
orl_copies_close (struct orl_copies *c)
{
  if (!c)
    return;
  orl_sys.munmap (c->base, orl_copies_bytes (c->page_size));
  free (c);
}

void *
orl_copies_all (struct orl_copies *c)
{
  return c->base;
}

static void *
take_any (struct orl_copies *c, uint32_t owner, uint32_t *place)
{
  for (uint32_t k = 0; k < WORDS; k++)
    {
      uint32_t w = (owner + k) % WORDS;
      uint64_t used = atomic_load_explicit (&c->used[w], memory_order_relaxed);

      while (used != UINT64_MAX)
        {
          unsigned bit = (unsigned) __builtin_ctzll (~used);

          if (!atomic_compare_exchange_weak_explicit (
                  &c->used[w], &used, used | UINT64_C (1) << bit,
                  memory_order_acquire, memory_order_relaxed))
            continue;
          *place = w * 64 + bit;
          return c->base + (size_t) *place * c->page_size;
        }
    }
  return NULL;
}

void *
orl_copy_take (struct orl_copies *c, uint32_t owner, uint32_t *kept,
               uint32_t *place)
{
  uint32_t word = 0;
  void *at;

  if (*kept != 0)
    word = atomic_load_explicit (&c->owner[*kept - 1], memory_order_relaxed);
  if (word == (owner | KEPT | IDLE))
    {
      *place = *kept - 1;
      atomic_store_explicit (&c->owner[*place], owner | KEPT,
                             memory_order_relaxed);
      return c->base + (size_t) *place * c->page_size;
    }
  at = take_any (c, owner, place);
  if (!at)
    return NULL;
  /* Not if the one that is kept is in use.  Idle threads must leave places for
   * others, so those of high numbers keep none. */
  if (word == (owner | KEPT) || owner > PLACES / 2)
    atomic_store (&c->owner[*place], owner);
  else
    {
      *kept = *place + 1;
      atomic_store (&c->owner[*place], owner | KEPT);
    }
  return at;
}

static void
give (struct orl_copies *c, uint32_t place, uint32_t word)
{
  if (word != 0
      && atomic_compare_exchange_strong (&c->owner[place], &word, 0))
    atomic_fetch_and_explicit (&c->used[place / 64],
                               ~(UINT64_C (1) << place % 64),
                               memory_order_release);
}

void
orl_copy_give (struct orl_copies *c, uint32_t owner, bool mine, uint32_t place)
{
  uint32_t word = atomic_load (&c->owner[place]);

  /* It ends meanwhile, and gives all that it has. */
  if ((word & ~KEPT) != owner)
    return;
  if (mine && (word & KEPT))
    atomic_store_explicit (&c->owner[place], word | IDLE, memory_order_relaxed);
  else
    give (c, place, word);
}

void
orl_copies_give (struct orl_copies *c, uint32_t owner)
{
  for (uint32_t i = 0; i < PLACES; i++)
    {
      uint32_t word = atomic_load_explicit (&c->owner[i], memory_order_relaxed);

      if ((word & ~(KEPT | IDLE)) == owner)
        give (c, i, word);
    }
}
