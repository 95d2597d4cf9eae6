/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gbench.h - Google Benchmark for programs in C
 *
 *     static void
 *     swap (struct gbench_state *state, void *arg)
 *     {
 *       while (gbench_next (state))
 *         swap_a_slot (arg);
 *       gbench_items (state, gbench_iterations (state));
 *     }
 *
 *     gbench_init (3);
 *     gbench_add ("swap/mmap/65536", swap, &slot);
 *     gbench_run (each, NULL);
 *     gbench_end ();
 *
 * What is added between two gbench_run() is measured together: each benchmark
 * once to find how many iterations fill its time, then repetitions of all in
 * random order, so that whatever else the machine does hits all of them.
 *
 * One thread at a time.  Strings are copied.
 */
#ifndef GBENCH_H
#define GBENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench;                  /* a benchmark */
struct gbench_state;            /* one run of it */

typedef void gbench_function (struct gbench_state *state, void *arg);

/* Before all else.  repetitions: runs of each benchmark, for the median.
 * filter: a regular expression that names must match, or NULL. */
void gbench_init (int repetitions, const char *filter);

/* All results also go to this file, as Google Benchmark's JSON.  False: it
 * cannot be opened; errno says why. */
bool gbench_json (const char *path);

/* Facts of the machine or the run for the JSON's context; before gbench_run(). */
void gbench_context (const char *key, const char *value);

/* Called at the start of each run of a benchmark, to show that things move. */
void gbench_progress (void (*started) (const char *name));

struct gbench *gbench_add (const char *name, gbench_function *function,
                           void *arg);

/* How long a run is: as many iterations as fill the time (0.5 s if nothing is
 * said), or a number of them. */
void gbench_seconds (struct gbench *bench, double seconds);
void gbench_fixed (struct gbench *bench, uint64_t iterations);

/* An iteration takes what gbench_took() says: something else has the clock. */
void gbench_by_hand (struct gbench *bench);

/* For this one, instead of what gbench_init() said. */
void gbench_repetitions (struct gbench *bench, int repetitions);

/* ------------------------------------------------------------------ */
/* In a benchmark                                                     */

/* One more iteration, or n: time runs from the first call to the one that is
 * false.  Call it until then, unless gbench_skip() was called. */
bool gbench_next (struct gbench_state *state);
bool gbench_next_batch (struct gbench_state *state, uint64_t n);

/* With gbench_by_hand(), once for each iteration. */
void gbench_took (struct gbench_state *state, double seconds);

uint64_t gbench_iterations (const struct gbench_state *state);

/* This benchmark cannot run here. */
void gbench_skip (struct gbench_state *state, const char *why);

/* Behind the loop.  Items and bytes of the whole run become rates. */
void gbench_items (struct gbench_state *state, uint64_t items);
void gbench_bytes (struct gbench_state *state, uint64_t bytes);
void gbench_label (struct gbench_state *state, const char *label);
void gbench_count (struct gbench_state *state, const char *name, double value);

/* ------------------------------------------------------------------ */
/* Results                                                            */

struct gbench_counter {
  const char *name;
  double value;
};

struct gbench_result {
  const char *name;
  void *arg;                    /* of gbench_add() */
  int repetition;
  const char *skipped;          /* why; NULL: it ran */
  const char *label;
  uint64_t iterations;
  double ns;                    /* of real time, for an iteration */
  double cpu_ns;
  unsigned ncounters;           /* rates as items_per_second too */
  const struct gbench_counter *counters;
};

/* Run all that was added since the last call, and forget it.  each: called for
 * each repetition of each.  Returns how many benchmarks ran. */
int gbench_run (void (*each) (void *arg, const struct gbench_result *result),
                void *arg);

/* Complete the JSON.  False: it could not be written. */
bool gbench_end (void);

#ifdef __cplusplus
}
#endif
#endif /* GBENCH_H */
