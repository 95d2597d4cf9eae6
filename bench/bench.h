/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - what the benchmarks share
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "gbench.h"

#define KiB UINT64_C (1024)
#define MiB (KiB * 1024)
#define GiB (MiB * 1024)
#define PAGE 4096u
#define ROUNDS 25               /* at most */

struct run {
  int rounds;                   /* of each measurement; odd, for the median */
  bool quick;                   /* less of everything: does it work? */
  const char *out;              /* directory of the plots */
  const char *only;             /* a regular expression for names, or NULL */
  const char *json;             /* a file for every round, or NULL */
  bool takes_vmcache;           /* --vmcache PATH */
  const char *vmcache;          /* that, or NULL */
  bool missed;                  /* a target */
};

/* What to do if nothing is said. */
#define RUN_DEFAULT { .rounds = 11, .out = "." }

/* --json FILE, --out DIR, --rounds N, --only REGEX, --quick, --help; ends the
 * program if they are wrong.  Returns where other arguments begin. */
int bench_options (int argc, char **argv, const char *usage, struct run *run);

/* Before the first measurement; says what machine this is. */
void bench_begin (const struct run *run);
/* Behind the last: completes the JSON. */
void bench_end (void);

/* What was measured, round by round: the first member of every argument of a
 * benchmark. */
struct measured {
  double ns[ROUNDS];
  int n;
  bool clock;                   /* the clock's time, not the thread's */
};

double median (const struct measured *m);
double fastest (const struct measured *m);
double slowest (const struct measured *m);
/* Half of what lies between the quartiles, in percent of the median. */
double spread (const struct measured *m);

/* Run what was added; each result goes to the argument of its benchmark. */
void measure (void);

/* Print a line on a target of the project, and remember if it was missed. */
void target (struct run *run, bool met, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* End the program and say why: by oriel_error(), by errno. */
_Noreturn void bench_failed (void);
_Noreturn void bench_lacks (const char *what);

/* End the program if rc is an error of Oriel's, or if ok is not.  Inline, as they
 * stand in what is measured. */
static inline void
check (int rc)
{
  if (__builtin_expect (rc < 0, 0))
    bench_failed ();
}

static inline void
need (bool ok, const char *what)
{
  if (__builtin_expect (!ok, 0))
    bench_lacks (what);
}

/* "PROGRAM-PID-NAME" */
const char *pool_name (const char *name);
const char *pool_directory (void);
/* Is there room for this much in it? */
bool has_room (uint64_t bytes);

/* A number of /proc/self/status, in bytes; VmPTE: page tables. */
uint64_t status_bytes (const char *name);
/* VMAs in a range; NULL, NULL: in all of the process. */
unsigned vmas_in (const void *from, const void *to);

uint64_t next_random (uint64_t *state);
/* count numbers below n: r with probability ~ 1 / (r + 1)^skew.  For free(). */
uint32_t *zipf_ranks (uint32_t n, double skew, uint32_t count,
                      uint64_t *state);
/* 0 to n - 1, shuffled.  For free(). */
uint32_t *shuffled (uint32_t n, uint64_t *state);
/* Touch one word of each page. */
void touch (const void *at, size_t bytes);

/* "64K" in a buffer of the caller's. */
const char *size_name (uint64_t bytes, char name[16]);

/* A gnuplot script, in the run's directory, that draws NAME.svg there. */
FILE *plot_begin (const struct run *run, const char *name);
void plot_end (const struct run *run, const char *name, FILE *script);

#endif /* BENCH_H */
