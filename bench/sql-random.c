/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-random.c - random values
 *
 * The generator is xoshiro256** 1.0 (Blackman and Vigna), seeded by splitmix64
 * as its authors recommend.  One seed makes every run the same; each worker and
 * the loader take a stream of their own from it.
 */
#include "sql-base.h"

/* ------------------------------------------------------------------ */
/* The generator                                                      */

static uint64_t
splitmix (uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void
sql_rng_seed (struct rng *rng, uint64_t seed, uint64_t stream)
{
  uint64_t state = seed;
  int i;

  /* Two steps of mixing, so that seeds and streams that are small numbers do
   * not meet each other's sequences. */
  state = splitmix (&state) ^ (stream * 0xd1342543de82ef95ull);
  for (i = 0; i < 4; i++)
    rng->s[i] = splitmix (&state);
}

static uint64_t
rotl (uint64_t x, int k)
{
  return (x << k) | (x >> (64 - k));
}

uint64_t
sql_rng_next (struct rng *rng)
{
  uint64_t *s = rng->s;
  uint64_t result = rotl (s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl (s[3], 45);
  return result;
}

/* The upper half of a product; 32-bit machines have no type for all of it. */
static uint64_t
multiply_high (uint64_t a, uint64_t b)
{
  uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
  uint64_t mid = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
  uint64_t mid2 = (a & UINT32_MAX) * (b >> 32) + (mid & UINT32_MAX);

  return (a >> 32) * (b >> 32) + (mid >> 32) + (mid2 >> 32);
}

/* By multiplication: the bias is below range / 2^64. */
int64_t
sql_uniform (struct rng *rng, int64_t low, int64_t high)
{
  uint64_t range = (uint64_t) (high - low) + 1;

  return low + (int64_t) multiply_high (sql_rng_next (rng), range);
}

void
sql_shuffle (struct rng *rng, int *v, int n)
{
  int i, j, t;

  for (i = n - 1; i > 0; i--)
    {
      j = (int) sql_uniform (rng, 0, i);
      t = v[i];
      v[i] = v[j];
      v[j] = t;
    }
}

/* ------------------------------------------------------------------ */
/* Text                                                               */

/* Four characters for each number drawn: loaders make many MB of them.  16 bits
 * a character leave a bias of a thousandth at most. */
static int
text (struct rng *rng, char *buf, int low, int high, const char *set, int sets)
{
  int n = low == high ? low : (int) sql_uniform (rng, low, high);
  uint64_t bits = 0;
  int i;

  for (i = 0; i < n; i++)
    {
      if (i % 4 == 0)
        bits = sql_rng_next (rng);
      buf[i] = set[((bits & 0xffff) * (unsigned) sets) >> 16];
      bits >>= 16;
    }
  buf[n] = 0;
  return n;
}

static const char alphabet[] =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int
sql_alnum (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet, 62);
}

int
sql_digits (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet, 10);
}

int
sql_letters (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet + 10, 26);
}
