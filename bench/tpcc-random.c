/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-random.c - the random values that the TPC-C standard asks for
 *
 * Clause numbers are those of the TPC-C Standard Specification, revision 5.11.
 */
#include <stdlib.h>
#include <string.h>

#include "tpcc.h"

/* ------------------------------------------------------------------ */
/* Text (clause 4.3.2)                                                */

int
tpcc_data (struct rng *rng, char *buf, int low, int high)
{
  int n = sql_alnum (rng, buf, low, high);

  if (sql_uniform (rng, 1, 10) == 1)
    memcpy (buf + sql_uniform (rng, 0, n - 8), "ORIGINAL", 8);
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
  int64_t bits = sql_uniform (rng, 0, a) | sql_uniform (rng, low, high);

  return (int) ((bits + c) % (high - low + 1)) + low;
}

int
tpcc_c_last_load (uint64_t seed)
{
  struct rng rng;

  sql_rng_seed (&rng, seed, UINT64_MAX);
  return (int) sql_uniform (&rng, 0, 255);
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

  sql_rng_seed (&rng, seed, UINT64_MAX - 1);
  do
    c->c_last = (int) sql_uniform (&rng, 0, 255);
  while (!c_last_is_allowed (c->c_last, c_last_load));
  c->c_id = (int) sql_uniform (&rng, 0, 1023);
  c->i_id = (int) sql_uniform (&rng, 0, 8191);
}
