/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window.h - shared by the parts of bench-window
 */
#ifndef BENCH_WINDOW_H
#define BENCH_WINDOW_H

#include "bench.h"
#include "oriel.h"

/* The parts. */
void bench_hugetlb (struct run *run);
void bench_many (struct run *run);
void bench_swaps (struct run *run);
void bench_zipf (struct run *run);

/* Of swaps. */
void bench_vectors (struct run *run);

/* ------------------------------------------------------------------ */
/* Pools of one kind of memory                                        */

#define MEMORY_SIZES 10         /* of slots: 4 KiB to 2 MiB */
#define MEMORY_BACKENDS 3

extern const uint32_t memory_backends[MEMORY_BACKENDS];

struct memory {
  const char *name;             /* of the kind: small, huge, hugetlb */
  const char *directory;        /* of the pool; NULL: where pools are */
  char mounted[40];
  uint64_t bytes;
  unsigned from;                /* the smallest slot is 4096 << from */
  oriel_pool *pool;
  struct orl_thread *me;
  const struct orl_shm *shm;
  const unsigned char *all;     /* mapped linearly, for memcpy */
  bool has[MEMORY_BACKENDS];
  uint32_t *order[MEMORY_SIZES]; /* a random order of the extents */
};

/* False, and why is printed: this kind is not to be had. */
void memory_small (struct memory *mem, uint64_t bytes);
bool memory_huge (struct memory *mem, uint64_t bytes);
bool memory_hugetlb (struct memory *mem, uint64_t bytes);
void memory_close (struct memory *mem);

#endif /* BENCH_WINDOW_H */
