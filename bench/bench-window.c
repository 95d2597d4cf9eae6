/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window.c - what windows cost, and what they save
 *
 *   swaps   ns per swap by backend, slot size and kind of memory, beside the
 *           bare system call, memcpy and pread (bench-window-swap.c); many by
 *           one call (bench-window-vector.c)
 *   hugetlb the same on hugetlbfs, for which huge pages are reserved
 *   zipf    pins and copying reads through windows smaller than the pool
 *           (bench-window-zipf.c)
 *   many    page tables and VMAs of 64 processes (bench-window-many.c)
 *
 * This file has the options.
 */
#include <string.h>

#include "bench-window.h"

/* ------------------------------------------------------------------ */

static const char usage[]
    = "Usage: bench-window [OPTION]... [PART]...\n"
      "\n"
      "Measure windows: many, swaps, hugetlb, zipf; all of them if none is "
      "named.\n"
      "\n"
      "  --json FILE     every round of everything, as JSON\n"
      "  --out DIR       where plots are drawn (default: here)\n"
      "  --rounds N      of each measurement, 1 to 25 (default: 11)\n"
      "  --only REGEX    only measurements whose names match\n"
      "  --quick         little of everything, to see that it works\n"
      "  --help\n"
      "\n"
      "Pools are made in $ORIEL_DIR or /dev/shm: 5 GiB at most at a time.\n"
      "Exit status 1: something failed; 3: a target was missed.\n";

static const struct part {
  const char *name;
  void (*run) (struct run *run);
} parts[] = {
  { "many", bench_many },       /* forks: before the process has grown */
  { "swaps", bench_swaps },
  { "hugetlb", bench_hugetlb },
  { "zipf", bench_zipf },
};

static bool
wants (int first, int argc, char **argv, const char *part)
{
  for (int i = first; i < argc; i++)
    if (strcmp (argv[i], part) == 0)
      return true;
  return first == argc;
}

int
main (int argc, char **argv)
{
  struct run run = RUN_DEFAULT;
  int first = bench_options (argc, argv, usage, &run);

  for (int i = first; i < argc; i++) {
    bool known = false;

    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
      known |= strcmp (argv[i], parts[k].name) == 0;
    if (!known) {
      fputs (usage, stderr);
      return 2;
    }
  }
  bench_begin (&run);
  for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
    if (wants (first, argc, argv, parts[k].name))
      parts[k].run (&run);
  bench_end ();
  return run.missed ? 3 : 0;
}
