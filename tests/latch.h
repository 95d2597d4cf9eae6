/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latch.h - two parties, threads or processes, at one page's latch
 *
 * The two take turns by steps in memory that both have.
 */
#ifndef LATCH_H
#define LATCH_H

#include "util.h"

#define TURNS 4000

struct party {
  steps at;
  int rc[4];                    /* of the second party's attempts */
  int waited;
};

/* The second party: tries at each step what the first allows. */
UTIL void
second_party (struct party *p, oriel_file *file)
{
  oriel_page page;

  for (int round = 0; round < 2; round++) {
    await (&p->at, 1 + 2 * round);
    p->rc[2 * round] = oriel_pin (file, 1, ORIEL_READ | ORIEL_NOWAIT, &page);
    if (p->rc[2 * round] == 0)
      must (oriel_unpin (&page), "oriel_unpin");
    p->rc[2 * round + 1] = oriel_pin (file, 1, ORIEL_WRITE | ORIEL_NOWAIT,
                                      &page);
    if (p->rc[2 * round + 1] == 0)
      must (oriel_unpin (&page), "oriel_unpin");
    go_to (&p->at, 2 + 2 * round);
  }
  await (&p->at, 5);
  go_to (&p->at, 6);
  page = must_pin (file, 1, ORIEL_WRITE);
  p->waited = atomic_load (&p->at) >= 7;
  must (oriel_unpin (&page), "oriel_unpin");
}

/* The first party; the second runs at the same time. */
UTIL void
first_party (struct party *p, oriel_file *file)
{
  oriel_page page = must_pin (file, 1, ORIEL_READ);

  go_to (&p->at, 1);
  await (&p->at, 2);
  is_int (p->rc[0], 0, "a shared latch lets readers in");
  is_int (p->rc[1], -EAGAIN, "and writers not");
  must (oriel_unpin (&page), "oriel_unpin");
  page = must_pin (file, 1, ORIEL_WRITE);
  go_to (&p->at, 3);
  await (&p->at, 4);
  is_int (p->rc[2], -EAGAIN, "an exclusive latch lets no reader in");
  is_int (p->rc[3], -EAGAIN, "and no writer");
  go_to (&p->at, 5);
  await (&p->at, 6);
  usleep (50000);
  go_to (&p->at, 7);
  must (oriel_unpin (&page), "oriel_unpin");
}

/* Count up a page's words, without atomics: the latch must do. */
UTIL void
count_up (oriel_file *file)
{
  for (int i = 0; i < TURNS; i++) {
    oriel_page page = must_pin (file, 2, ORIEL_WRITE);
    uint64_t *words = page.data;

    for (int w = 0; w < 512; w += 64)
      words[w]++;
    must (oriel_dirty (&page, 0), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
}

/* Readers hold the page still: all words are equal.  Returns those unequal. */
UTIL int
look_on (oriel_file *file)
{
  int bad = 0;

  for (int i = 0; i < TURNS; i++) {
    oriel_page page = must_pin (file, 2, ORIEL_READ);
    const uint64_t *words = page.data;

    for (int w = 64; w < 512; w += 64)
      bad += words[w] != words[0];
    must (oriel_unpin (&page), "oriel_unpin");
  }
  return bad;
}

UTIL uint64_t
count_of (oriel_file *file)
{
  oriel_page page = must_pin (file, 2, ORIEL_READ);
  uint64_t count = *(uint64_t *) page.data;

  must (oriel_unpin (&page), "oriel_unpin");
  return count;
}

#endif /* LATCH_H */
