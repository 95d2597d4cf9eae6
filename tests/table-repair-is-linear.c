/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The repair of a partition counts right who passed which bucket, and takes a
 * time that grows with the partition and not with its square, whatever counts
 * it finds there.
 */
#include "util.h"

#include "table.h"

#define BUCKETS 32768u
#define SMALL 64u

static struct orl_shm shm;
static uint64_t rnd;

/* A partition of n buckets and as many frames, with wrong counts. */
static void
make (uint32_t n)
{
  shm.geo.nparts = 1;
  shm.geo.part_buckets = n;
  shm.geo.nframes = n;
  shm.buckets = aligned_alloc (64, n * sizeof *shm.buckets);
  shm.frames = aligned_alloc (64, n * sizeof *shm.frames);
  memset (shm.buckets, 0, n * sizeof *shm.buckets);
  memset (shm.frames, 0, n * sizeof *shm.frames);
  for (uint32_t b = 0; b < n; b++)
    shm.buckets[b].passed = next_random (&rnd);
}

static void
unmake (void)
{
  free (shm.buckets);
  free (shm.frames);
}

/* Enter all frames, each up to far buckets behind its home, and count. */
static void
enter (uint32_t far, uint64_t *passed)
{
  uint32_t n = shm.geo.part_buckets;

  for (uint32_t f = 0; f < n; f++) {
    struct orl_spot s;
    uint32_t b, i = 0;

    shm.frames[f].page = f;
    s = orl_spot (&shm, 0, f);
    b = (s.home + (uint32_t) next_random (&rnd) % far) & (n - 1);
    while (i < ORL_BUCKET_WORDS && shm.buckets[b].word[i])
      i++;
    if (i == ORL_BUCKET_WORDS)
      continue;
    shm.buckets[b].word[i] = s.tag | (f + 1);
    for (uint32_t k = s.home; k != b; k = (k + 1) & (n - 1))
      passed[k]++;
  }
}

int
main (void)
{
  uint64_t passed[SMALL];
  double from;
  int wrong = 0;

  rnd = test_seed ();
  for (int round = 0; round < 200; round++) {
    make (SMALL);
    memset (passed, 0, sizeof passed);
    enter (1 + (uint32_t) round % SMALL, passed);
    orl_table_repair (&shm, 0);
    for (uint32_t b = 0; b < SMALL; b++)
      wrong += shm.buckets[b].passed != passed[b];
    unmake ();
  }
  is_int (wrong, 0, "every count is right");

  make (BUCKETS);
  from = seconds_now ();
  orl_table_repair (&shm, 0);
  diag ("%u buckets: %.1f ms", BUCKETS, (seconds_now () - from) * 1e3);
  ok (seconds_now () - from < 1, "a large partition is counted soon");
  unmake ();
  return done_testing ();
}
