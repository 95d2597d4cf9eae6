/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency-percentiles-are-close.c - the histogram of the benchmarks, beside the
 * values themselves, sorted: a percentile is never less than the exact one, and
 * at most 1/128 more; from nothing to two hours.
 */
#include "../bench/sql-hist.c"

#include <stdlib.h>

#include "tap.h"
#include "util.h"

#define VALUES 100000
#define TWO_HOURS (7200 * (uint64_t) NSEC)

static const double fraction[] = { 0, 0.001, 0.25, 0.5, 0.95, 0.99, 0.999, 1 };
#define FRACTIONS (sizeof fraction / sizeof *fraction)

static uint64_t value[VALUES];
static uint64_t state;

/* 0 to 1, without 1. */
static double
draw (void)
{
  return (double) (next_random (&state) >> 11) / 9007199254740992.0;
}

static uint64_t
evenly (void)
{
  return (uint64_t) (draw () * 5e6);
}

/* As latencies are: most are short, one of n is n times as long. */
static uint64_t
with_a_tail (void)
{
  return (uint64_t) (800 / (1 - draw ()));
}

/* Each power of two as often as any other. */
static uint64_t
of_all_sizes (void)
{
  uint64_t power = UINT64_C (1) << (int) (draw () * 42);

  return (uint64_t) ((1 + draw ()) * (double) power);
}

/* Each a bucket of its own. */
static uint64_t
small (void)
{
  return (uint64_t) (draw () * 256);
}

/* At both ends of buckets. */
static uint64_t
at_powers (void)
{
  return (UINT64_C (1) << (int) (draw () * 43)) - (draw () < 0.5);
}

static int
compare (const void *a, const void *b)
{
  const uint64_t *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

static void
is_close (const char *name, uint64_t (*next) (void), uint64_t off)
{
  static struct hist hist, one, other;
  int wrong = 0;

  memset (&hist, 0, sizeof hist);
  memset (&one, 0, sizeof one);
  memset (&other, 0, sizeof other);
  for (int i = 0; i < VALUES; i++)
    {
      value[i] = next ();
      sql_hist_add (i % 3 ? &one : &other, value[i]);
    }
  sql_hist_merge (&hist, &one);
  sql_hist_merge (&hist, &other);
  qsort (value, VALUES, sizeof *value, compare);
  for (size_t f = 0; f < FRACTIONS; f++)
    {
      uint64_t rank = (uint64_t) (fraction[f] * VALUES + 0.5);
      uint64_t exact = value[rank ? rank - 1 : 0];
      uint64_t got = sql_hist_at (&hist, fraction[f]);

      if (got < exact || got - exact > exact / off)
        {
          diag ("%s, %g: %llu, exactly %llu", name, fraction[f],
                (unsigned long long) got, (unsigned long long) exact);
          wrong++;
        }
    }
  ok (wrong == 0, "%s: percentiles are those of the values", name);
  ok (hist.count == VALUES && hist.max == value[VALUES - 1]
        && sql_hist_at (&hist, 1) == hist.max,
      "%s: number and largest are exact", name);
}

int
main (void)
{
  static struct hist hist;

  state = test_seed ();
  ok (sql_hist_at (&hist, 0.99) == 0, "of no values it is 0");
  is_close ("evenly", evenly, 128);
  is_close ("with a tail", with_a_tail, 128);
  is_close ("of all sizes", of_all_sizes, 128);
  is_close ("at powers of two", at_powers, 128);
  is_close ("below 256, exactly", small, UINT64_MAX);

  /* What is longer than the buckets reach is counted, its largest known. */
  memset (&hist, 0, sizeof hist);
  sql_hist_add (&hist, TWO_HOURS);
  sql_hist_add (&hist, 30 * TWO_HOURS);
  sql_hist_add (&hist, UINT64_MAX);
  ok (sql_hist_at (&hist, 0.1) >= TWO_HOURS
        && sql_hist_at (&hist, 0.1) - TWO_HOURS <= TWO_HOURS / 128,
      "two hours are within the buckets");
  ok (sql_hist_at (&hist, 1) == UINT64_MAX && hist.count == 3,
      "what is longer is not lost");
  return done_testing ();
}
