/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * figures.h - what a benchmark found, as JSON for bench/report.py
 *
 *     figures_open (path, "view", "A run of pages as one range");
 *     figures_command (argc, argv);
 *     figures_setup ("memory", "pool of %d MiB", 96);
 *     figures_case ("64 pages", "ns", FIGURES_LESS);
 *     figures_series ("view", FIGURES_OURS, rounds, n);
 *     figures_series ("pread", FIGURES_PEER, rounds, n);
 *     if (figures_close () < 0)
 *       ...
 *
 * A case is one figure, of which each series has a value in every round; NAN:
 * not known.  bench/README.md has the JSON.  One thread, one file at a time.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdbool.h>

/* Which values of a case are good: where none are, nobody wins. */
enum figures_better { FIGURES_NONE, FIGURES_LESS, FIGURES_MORE };

enum figures_role {
  FIGURES_OURS,
  FIGURES_PEER,                 /* who may win */
  FIGURES_FLOOR                 /* what nobody can beat, or a part of it */
};

/* A path of NULL: all calls are good for nothing, and succeed.  0, or -errno if
 * the file cannot be written. */
int figures_open (const char *path, const char *name, const char *title);
void figures_command (int argc, char **argv);

/* How it was measured: "memory", "durability", "data", "warm-up", ... */
void figures_setup (const char *name, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* The unit is that of the values: "1/s", "ns", "us", "s", "bytes", "%", ... */
void figures_case (const char *name, const char *unit,
                   enum figures_better better);
/* Of the last case. */
void figures_series (const char *name, enum figures_role role,
                     const double *rounds, int n);

/* What was wanted; who or what is not there, and why; what went wrong. */
void figures_target (bool met, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
void figures_left_out (const char *format, ...)
    __attribute__ ((format (printf, 1, 2)));
void figures_failure (const char *format, ...)
    __attribute__ ((format (printf, 1, 2)));

/* Complete the file.  0 or -errno. */
int figures_close (void);

#endif /* FIGURES_H */
