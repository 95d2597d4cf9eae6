/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window.h - shared by the parts of bench-window
 */
#ifndef BENCH_WINDOW_H
#define BENCH_WINDOW_H

#include "bench.h"
#include "oriel.h"

/* The parts. */
void bench_swaps (struct run *run);
void bench_zipf (struct run *run);
void bench_many (struct run *run);

#endif /* BENCH_WINDOW_H */
