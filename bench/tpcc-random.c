/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-random.c - the random values that the TPC-C standard asks for
 *
 * Clause numbers are those of the TPC-C Standard Specification, revision 5.11.
 * The generator is xoshiro256** 1.0 (Blackman and Vigna), seeded by splitmix64
 * as its authors recommend.  One seed makes every run the same; each terminal
 * and the loader take a stream of their own from it.
 */
#include <stdlib.h>
#include <string.h>

#include "tpcc.h"

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
tpcc_rng_seed (struct rng *rng, uint64_t seed, uint64_t stream)
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

static uint64_t
next (struct rng *rng)
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
tpcc_uniform (struct rng *rng, int64_t low, int64_t high)
{
  uint64_t range = (uint64_t) (high - low) + 1;

  return low + (int64_t) multiply_high (next (rng), range);
}

void
tpcc_shuffle (struct rng *rng, int *v, int n)
{
  int i, j, t;

  for (i = n - 1; i > 0; i--)
    {
      j = (int) tpcc_uniform (rng, 0, i);
      t = v[i];
      v[i] = v[j];
      v[j] = t;
    }
}

/* ------------------------------------------------------------------ */
/* Text (clause 4.3.2)                                                */

/* Four characters for each number drawn: the loader makes some 75 MB of them a
 * warehouse.  16 bits a character leave a bias of a thousandth at most. */
static int
text (struct rng *rng, char *buf, int low, int high, const char *set, int sets)
{
  int n = low == high ? low : (int) tpcc_uniform (rng, low, high);
  uint64_t bits = 0;
  int i;

  for (i = 0; i < n; i++)
    {
      if (i % 4 == 0)
        bits = next (rng);
      buf[i] = set[((bits & 0xffff) * (unsigned) sets) >> 16];
      bits >>= 16;
    }
  buf[n] = 0;
  return n;
}

static const char alphabet[] =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int
tpcc_alnum (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet, 62);
}

int
tpcc_digits (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet, 10);
}

int
tpcc_letters (struct rng *rng, char *buf, int low, int high)
{
  return text (rng, buf, low, high, alphabet + 10, 26);
}

int
tpcc_data (struct rng *rng, char *buf, int low, int high)
{
  int n = tpcc_alnum (rng, buf, low, high);

  if (tpcc_uniform (rng, 1, 10) == 1)
    memcpy (buf + tpcc_uniform (rng, 0, n - 8), "ORIGINAL", 8);
  return n;
}

/* Clause 4.3.2.3: one syllable for each of three digits. */
void
tpcc_last_name (int number, char buf[LAST_NAME])
{
  static const char *const syllable[10] = {
    "BAR", "OUGHT", "ABLE", "PRI", "PRES",
    "ESE", "ANTI", "CALLY", "ATION", "EING"
  };

  snprintf (buf, LAST_NAME, "%s%s%s", syllable[number / 100 % 10],
            syllable[number / 10 % 10], syllable[number % 10]);
}

/* A thousand, unless the scale has fewer customers than names. */
int
tpcc_last_names (const struct scale *scale)
{
  return scale->customers < 1000 ? scale->customers : 1000;
}

/* ------------------------------------------------------------------ */
/* NURand (clause 2.1.6)                                              */

int
tpcc_nurand (struct rng *rng, int a, int c, int low, int high)
{
  int64_t bits = tpcc_uniform (rng, 0, a) | tpcc_uniform (rng, low, high);

  return (int) ((bits + c) % (high - low + 1)) + low;
}

int
tpcc_c_last_load (uint64_t seed)
{
  struct rng rng;

  tpcc_rng_seed (&rng, seed, UINT64_MAX);
  return (int) tpcc_uniform (&rng, 0, 255);
}

/* Clause 2.1.6.1: how far the C of names may lie from that of the load. */
static int
c_last_is_allowed (int run, int load)
{
  int delta = abs (run - load);

  return delta >= 65 && delta <= 119 && delta != 96 && delta != 112;
}

void
tpcc_nurand_init (struct nurand *c, uint64_t seed, int c_last_load)
{
  struct rng rng;

  tpcc_rng_seed (&rng, seed, UINT64_MAX - 1);
  do
    c->c_last = (int) tpcc_uniform (&rng, 0, 255);
  while (!c_last_is_allowed (c->c_last, c_last_load));
  c->c_id = (int) tpcc_uniform (&rng, 0, 1023);
  c->i_id = (int) tpcc_uniform (&rng, 0, 8191);
}
