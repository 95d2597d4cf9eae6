/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window-swap.c - ns per swap, beside the bare call and beside copying
 *
 * Each measurement has a window of its own on one pool, of which every slot has
 * been swapped and touched before.  Extents come in a random order in which none
 * comes again while it is shown, and slots are replaced in the order in which
 * they were filled, so every swap replaces another extent.  One word of a page
 * is read, then that of the slot's first page or of each of its pages.
 *
 * The bare call is what no user of the kernel can do without: the same slots get
 * the same extents by the same call, in the same order.  With "retire" slots are
 * made inaccessible before, in the same batches, by one call each, as a slot must
 * show nothing between two extents: this is what our swap is held against.
 * Choosing slots, asking who has pinned what they show, and the barrier for that
 * are our own.  Of few slots that take a mapping to hide we hide none, and let
 * what comes take the place of what goes (window-show.c): that may cost less than
 * the bare calls.
 *
 * This looks inside the core: orl_window_show() on windows that no pin uses.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench-window.h"
#include "sys.h"
#include "thread.h"

#define SLOTS 128u              /* of each window, */
#define WINDOW (32 * MiB)       /* or as many as this holds */
#define TOUCHES 2               /* one, all */

enum how { SWAP, BARE, RETIRED, MEMCPY, PREAD, HOWS };

static const char *const how_name[HOWS]
    = { "swap", "bare", "bare-retire", "memcpy", "pread" };


/* A measurement, and its window. */
struct swap {
  struct measured m;
  const struct memory *memory;
  enum how how;
  uint32_t backend;
  unsigned size;                /* 4096 << size */
  bool all;                     /* touch all pages */
  bool ready;
  uint32_t nslots;
  uint32_t batch;               /* slots that are retired together */
  uint32_t at;                  /* in memory->order[] */
  struct orl_window *window;    /* SWAP */
  unsigned char *base;          /* BARE, RETIRED; where copies go */
  uint64_t bytes;
  uint32_t swapped;             /* slots so far */
  unsigned vmas;
  uint64_t page_tables;         /* of the window, when all was touched */
};

static uint64_t
slot_bytes (const struct swap *s)
{
  return (uint64_t) PAGE << s->size;
}

static uint32_t
next_extent (struct swap *s)
{
  uint32_t n = (uint32_t) (s->memory->bytes / slot_bytes (s));

  s->at = s->at + 1 < n ? s->at + 1 : 0;
  return s->memory->order[s->size][s->at];
}

/* ------------------------------------------------------------------ */
/* The bare call                                                      */

static void
bare_map (struct swap *s, unsigned char *at, uint32_t extent)
{
  const struct orl_shm *shm = s->memory->shm;
  uint64_t from = shm->geo.data + extent * slot_bytes (s);

  if (s->backend == ORIEL_BACKEND_MMAP)
    need (mmap (at, slot_bytes (s), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_FIXED, shm->fd, (off_t) from)
              == at,
          "mmap");
  else
    need (remap_file_pages (at, slot_bytes (s), 0, from / PAGE, MAP_NONBLOCK)
              == 0,
          "remap_file_pages");
}

/* What lies behind the file's end: the start of a window for remap_file_pages(),
 * and what a slot of it shows when it shows nothing. */
static void
map_nothing (struct swap *s, unsigned char *at, size_t bytes)
{
  const struct orl_shm *shm = s->memory->shm;
  uint64_t slot = slot_bytes (s);
  void *p;

  if (s->backend == ORIEL_BACKEND_MMAP)
    p = mmap (at, bytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  else
    p = mmap (at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
              shm->fd,
              (off_t) ((shm->geo.file_bytes + slot - 1) & ~(slot - 1)));
  need (p == at, "mmap");
}

/* By what costs less, as in src/window.c. */
static void
bare_retire (struct swap *s, unsigned char *at)
{
  size_t bytes = s->batch * (size_t) slot_bytes (s);

  if (slot_bytes (s) > 128 * KiB
      || madvise (at, bytes, ORL_GUARD_INSTALL) < 0)
    map_nothing (s, at, bytes);
}

/* The library takes spare slots from the end of a batch; so do we. */
static void *
bare_swap (struct swap *s)
{
  uint32_t in_batch = s->swapped % s->batch;
  uint32_t first = s->swapped / s->batch * s->batch % s->nslots;
  unsigned char *at
      = s->base + (first + s->batch - 1 - in_batch) * slot_bytes (s);

  if (in_batch == 0 && s->how == RETIRED)
    bare_retire (s, s->base + first * slot_bytes (s));
  s->swapped++;
  bare_map (s, at, next_extent (s));
  return at;
}

static void
bare_open (struct swap *s)
{
  uint64_t slot = slot_bytes (s);
  uintptr_t at;
  void *p = mmap (NULL, s->bytes + slot, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  need (p != MAP_FAILED, "mmap");
  at = ((uintptr_t) p + slot - 1) & ~(uintptr_t) (slot - 1);
  s->base = (unsigned char *) at;
  map_nothing (s, s->base, s->bytes);
}

/* ------------------------------------------------------------------ */
/* Our swap                                                           */

static void *
our_swap (struct swap *s)
{
  void *at;

  if (orl_window_show (s->window, s->memory->me->ledger,
                       next_extent (s) << s->window->extent_shift, &at)
      < 0)
    abort ();
  return at;
}

static bool
our_open (struct swap *s)
{
  struct orl_window_options opt = {
    .window_size = s->bytes,
    .slot_size = (uint32_t) slot_bytes (s),
    .backend = s->backend,
  };

  if (orl_window_open (s->memory->shm, &opt, &s->window) < 0)
    return false;
  s->base = s->window->base;
  return true;
}

/* ------------------------------------------------------------------ */
/* Windows                                                            */

static void *
swap_one (struct swap *s)
{
  return s->how == SWAP ? our_swap (s) : bare_swap (s);
}

static void
open_window (struct swap *s)
{
  uint64_t before = status_bytes ("VmPTE");
  uint64_t slots = WINDOW / slot_bytes (s);

  s->nslots = slots < SLOTS ? (uint32_t) slots : SLOTS;
  s->batch = s->nslots / 8 < ORL_SWEEP ? s->nslots / 8 : ORL_SWEEP;
  s->bytes = s->nslots * slot_bytes (s);
  if (s->how == SWAP)
    need (our_open (s), oriel_error ());
  else
    bare_open (s);
  for (uint32_t i = 0; i < 3 * s->nslots; i++)
    touch (swap_one (s), slot_bytes (s));
  s->vmas = vmas_in (s->base, s->base + s->bytes);
  s->page_tables = status_bytes ("VmPTE") - before;
  s->ready = true;
}

static void
run_swap (struct gbench_state *state, void *arg)
{
  struct swap *s = arg;
  size_t bytes = s->all ? (size_t) slot_bytes (s) : PAGE;

  if (!s->ready)
    open_window (s);
  if (s->how == SWAP)
    while (gbench_next (state))
      touch (our_swap (s), bytes);
  else
    while (gbench_next (state))
      touch (bare_swap (s), bytes);
  gbench_count (state, "vmas", s->vmas);
  gbench_count (state, "slots", s->nslots);
  gbench_count (state, "page_table_bytes", (double) s->page_tables);
}

static void
run_copy (struct gbench_state *state, void *arg)
{
  struct swap *s = arg;
  const struct orl_shm *shm = s->memory->shm;
  size_t bytes = (size_t) slot_bytes (s);

  if (!s->ready) {
    s->base = aligned_alloc (PAGE, bytes);
    need (s->base != NULL, "memory");
    memset (s->base, 1, bytes);
    s->ready = true;
  }
  while (gbench_next (state)) {
    uint64_t from = next_extent (s) * bytes;

    if (s->how == MEMCPY)
      memcpy (s->base, s->memory->all + from, bytes);
    else
      need (pread (shm->fd, s->base, bytes, (off_t) (shm->geo.data + from))
                == (ssize_t) bytes,
            "pread");
    touch (s->base, PAGE);
  }
  gbench_bytes (state, gbench_iterations (state) * bytes);
}

static void
close_window (struct swap *s)
{
  if (!s->ready)
    return;
  if (s->how == SWAP)
    orl_window_close (s->window);
  else if (s->how >= MEMCPY)
    free (s->base);
  else
    munmap (s->base, s->bytes);
}

/* ------------------------------------------------------------------ */
/* All of it                                                          */

/* [how][backend][size][all]; copies have neither backend nor touch. */
static struct swap table[HOWS][MEMORY_BACKENDS][MEMORY_SIZES][TOUCHES];

static void
add_swaps (const struct run *run, const struct memory *mem)
{
  double seconds = run->quick ? 0.001 : 0.015;

  memset (table, 0, sizeof table);
  for (enum how how = SWAP; how < HOWS; how++)
    for (size_t b = 0; b < MEMORY_BACKENDS; b++)
      for (unsigned size = 0; size < MEMORY_SIZES; size++)
        for (unsigned all = 0; all < TOUCHES; all++) {
          struct swap *s = &table[how][b][size][all];
          bool copies = how >= MEMCPY;
          char name[80], slot[16];

          *s = (struct swap){ .memory = mem, .how = how, .size = size,
                              .backend = memory_backends[b], .all = all != 0 };
          if (copies ? b > 0 || all > 0 : !mem->has[b] || size < mem->from)
            continue;
          size_name (slot_bytes (s), slot);
          if (copies)
            snprintf (name, sizeof name, "%s/%s/%s", how_name[how], slot,
                      mem->name);
          else
            snprintf (name, sizeof name, "%s/%s/%s/%s/%s", how_name[how],
                      oriel_backend_name (memory_backends[b]), slot,
                      all ? "all" : "one", mem->name);
          gbench_seconds (gbench_add (name, copies ? run_copy : run_swap, s),
                          seconds);
        }
}

static void
close_swaps (void)
{
  struct swap *all = &table[0][0][0][0];

  for (size_t i = 0; i < sizeof table / sizeof *all; i++)
    close_window (&all[i]);
}

static void
print_number (double value)
{
  if (isnan (value))
    printf (" %9s", "-");
  else
    printf (" %9.2f", value);
}

/* The spread of the widest measurement in the row. */
static double
row_spread (size_t b, unsigned size)
{
  double most = 0;

  for (enum how how = SWAP; how < HOWS; how++)
    for (unsigned all = 0; all < TOUCHES; all++) {
      const struct measured *m
          = &table[how][how >= MEMCPY ? 0 : b][size][how >= MEMCPY ? 0 : all].m;

      if (m->n > 0)
        most = fmax (most, spread (m));
    }
  return most;
}

static void
report_backend (const struct memory *mem, size_t b)
{
  printf ("\nBackend %s, %s pages, us per swap\n",
          oriel_backend_name (memory_backends[b]), mem->name);
  printf ("%6s|%19s |%19s |%19s |%19s |%5s %9s %5s\n", "",
          "ours", "bare call", "bare with retire", "copying", "VMAs/",
          "tables,", "");
  printf ("%6s|%9s %9s |%9s %9s |%9s %9s |%9s %9s |%5s %9s %5s\n", "slot",
          "1 touch", "all", "1 touch", "all", "1 touch", "all", "memcpy",
          "pread", "slots", "KiB", "+-%");
  for (unsigned size = 0; size < MEMORY_SIZES; size++) {
    const struct swap *s = &table[SWAP][b][size][1];
    char slot[16];

    if (s->m.n == 0)
      continue;
    printf ("%6s", size_name (slot_bytes (s), slot));
    for (enum how how = SWAP; how <= RETIRED; how++) {
      printf ("|");
      for (unsigned all = 0; all < TOUCHES; all++)
        print_number (median (&table[how][b][size][all].m) / 1e3);
    }
    printf ("|");
    print_number (median (&table[MEMCPY][0][size][0].m) / 1e3);
    print_number (median (&table[PREAD][0][size][0].m) / 1e3);
    printf ("|%5.2f %9.0f %5.1f\n", (double) s->vmas / s->nslots,
            (double) s->page_tables / KiB,
            row_spread (b, size));
  }
}

/* The bytes from which on swapping and touching all costs less than memcpy,
 * between two sizes that were measured.  Where slots have one size, what is
 * copied in the time of one swap.  0: there is no such size. */
static double
crossover (const struct memory *mem, size_t b, double *us)
{
  for (unsigned size = 0; size + 1 < MEMORY_SIZES; size++) {
    double ours[2], d[2];

    for (unsigned k = 0; k < 2; k++) {
      unsigned slot = size + k < mem->from ? mem->from : size + k;

      ours[k] = log (median (&table[SWAP][b][slot][1].m));
      d[k] = ours[k] - log (median (&table[MEMCPY][0][size + k][0].m));
    }
    if (d[0] > 0 && d[1] <= 0) {
      double part = d[0] / (d[0] - d[1]);

      *us = exp ((1 - part) * ours[0] + part * ours[1]) / 1e3;
      return PAGE * exp2 (size + part);
    }
  }
  return 0;
}

/* What that says of it. */
static const char *
crossing (const struct memory *mem)
{
  return mem->from == MEMORY_SIZES - 1
             ? "swapping 2 MiB takes as long as copying"
             : "swapping beats memcpy from";
}

static void
plot_data (FILE *f, const char *name, const struct swap *row, unsigned all)
{
  fprintf (f, "$%s << END\n", name);
  for (unsigned size = 0; size < MEMORY_SIZES; size++) {
    const struct measured *m = &row[size * TOUCHES + all].m;

    if (m->n > 0)
      fprintf (f, "%u %g %g %g\n", 4u << size, median (m) / 1e3,
               fastest (m) / 1e3, slowest (m) / 1e3);
  }
  fputs ("END\n", f);
}

static void
plot_swaps (const struct run *run, const struct memory *mem)
{
  size_t b = MEMORY_BACKENDS - 1; /* mmap, which every kernel has */
  char name[40];
  double us = 0, at;
  FILE *f;

  if (table[SWAP][b][MEMORY_SIZES - 1][1].m.n == 0
      || table[MEMCPY][0][MEMORY_SIZES - 1][0].m.n == 0)
    return;
  snprintf (name, sizeof name, "swap-%s", mem->name);
  f = plot_begin (run, name);
  for (size_t i = 0; i < MEMORY_BACKENDS; i++)
    if (mem->has[i])
      for (unsigned all = 0; all < TOUCHES; all++) {
        char set[40];

        snprintf (set, sizeof set, "%s%u",
                  oriel_backend_name (memory_backends[i]), all);
        plot_data (f, set, &table[SWAP][i][0][0], all);
      }
  plot_data (f, "memcpy", &table[MEMCPY][0][0][0], 0);
  plot_data (f, "pread", &table[PREAD][0][0][0], 0);
  fprintf (f,
           "set title 'A swap of a slot against a copy, %s pages'\n"
           "set xlabel 'slot size, KiB'\nset ylabel 'us'\n"
           "set logscale x 2\nset logscale y\nset xrange [3.5:2400]\n",
           mem->name);
  at = crossover (mem, b, &us);
  if (at > 0)
    fprintf (f,
             "set label 1 '%s %.0f KiB' at %g,%g right offset -1,1 point pt 7 "
             "ps 1.5\n",
             crossing (mem), at / KiB, at / KiB, us);
  fputs ("plot $memcpy w lp t 'memcpy', $pread w lp t 'pread'", f);
  for (size_t i = 0; i < MEMORY_BACKENDS; i++)
    if (mem->has[i])
      fprintf (f,
               ", $%s1 with yerrorlines t '%s, all touched'"
               ", $%s0 with lp dt 2 t '%s, one touch'",
               oriel_backend_name (memory_backends[i]),
               oriel_backend_name (memory_backends[i]),
               oriel_backend_name (memory_backends[i]),
               oriel_backend_name (memory_backends[i]));
  fputs ("\n", f);
  plot_end (run, name, f);
}

/* The geometric mean, over sizes and touches, of ours against how. */
static double
overhead (size_t b, enum how how)
{
  double sum = 0;
  int n = 0;

  for (unsigned size = 0; size < MEMORY_SIZES; size++)
    for (unsigned all = 0; all < TOUCHES; all++) {
      double bare = median (&table[how][b][size][all].m);
      double ours = median (&table[SWAP][b][size][all].m);

      if (!isnan (bare) && !isnan (ours)) {
        sum += log (ours / bare);
        n++;
      }
    }
  return n ? 100 * (exp (sum / n) - 1) : NAN;
}

static void
report_memory (struct run *run, const struct memory *mem)
{
  for (size_t b = 0; b < MEMORY_BACKENDS; b++)
    if (mem->has[b])
      report_backend (mem, b);
  putchar ('\n');
  for (size_t b = 0; b < MEMORY_BACKENDS; b++) {
    double us, at = crossover (mem, b, &us), bare = overhead (b, RETIRED);

    if (at > 0)
      printf ("%s, %s pages: %s %.0f KiB\n",
              oriel_backend_name (memory_backends[b]), mem->name,
              crossing (mem), at / KiB);
    if (!isnan (bare))
      target (run, bare <= 10,
              "%s, %s pages: our swap costs %+.1f%% against the bare calls "
              "(target +10), %+.1f%% against those without retiring slots",
              oriel_backend_name (memory_backends[b]), mem->name, bare,
              overhead (b, BARE));
  }
  plot_swaps (run, mem);
}

static void
bench_kind (struct run *run, struct memory *mem)
{
  add_swaps (run, mem);
  measure ();
  report_memory (run, mem);
  close_swaps ();
  memory_close (mem);
}

void
bench_swaps (struct run *run)
{
  uint64_t bytes = run->quick ? 128 * MiB : 512 * MiB;
  struct memory mem;

  printf ("\n== Swaps\n");
  memory_small (&mem, bytes);
  bench_kind (run, &mem);
  bench_vectors (run);
  if (memory_huge (&mem, bytes))
    bench_kind (run, &mem);
}

void
bench_hugetlb (struct run *run)
{
  struct memory mem;

  printf ("\n== Swaps on hugetlbfs\n");
  if (memory_hugetlb (&mem, run->quick ? 64 * MiB : 512 * MiB))
    bench_kind (run, &mem);
}
