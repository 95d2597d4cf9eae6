/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window-zipf.c - pins and copying reads through windows of all sizes
 *
 * One pool holds all pages of a file; windows of the whole of it (linear) and of
 * 1/2 to 1/64 look at it, with slots of 64 KiB.  One thread pins pages for
 * reading as zipf(0.99) has it (rank r with probability ~ 1 / r^0.99), and
 *
 *   reads   all 4096 bytes of each, adding them up in words of 64 bits; this is
 *           what counts, as whoever wants less need not read a page at a time
 *   touches one word of each: next to nothing but the pin itself
 *
 * with two placements of the ranks on the file:
 *
 *   scattered  at random, as hashed keys are: hot pages are everywhere, so a slot
 *              shows few of them
 *   clustered  rank r is page r, as with time series or queues
 *
 * Beside each window stands what one of its size would have with the best choice
 * of slots and pread(2) ("best"): the extents that are wanted most are always shown,
 * at what a pin costs in the linear window, and every other page is a bare pread of
 * the file.  (A copy from a pool on huge pages can cost less than that.)
 *
 * Copying reads through the smallest window are held against pread(2) of the
 * same pages of the same file, which lies in the tmpfs that the pool is in.  Who
 * copies is free to choose small slots, of which a window that is small has more:
 * so both sizes are shown, and the better one counts.
 *
 * Each window is warm: it has seen the sequence for a while, from another place
 * in it, before it is measured, and no page is ever loaded while it is.
 */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench-window.h"

#define SKEW 0.99
#define WINDOWS 7               /* 1/1, 1/2 ... 1/64 */
#define JUDGED 3                /* 1/8 */
#define SMALLEST (WINDOWS - 1)
#define SLOT (64 * KiB)
#define SEQUENCE (1u << 22)     /* pages, then the same ones again */

enum place { SCATTERED, CLUSTERED, PLACES };
enum work { READ_ALL, TOUCH, WORKS };

static const char *const place_name[] = { "scattered", "clustered" };
static const char *const work_name[] = { "read", "touch" };

/* An attachment for each window and placement, so that all stay warm. */
struct view {
  const struct zipf *zipf;
  oriel_pool *pool;
  oriel_file *file;
  enum place place;
  unsigned shift;               /* 1 / 2^shift of the pool */
  uint32_t slot;                /* bytes */
  bool copying;                 /* it is for oriel_read() alone */
  double swaps, copies;         /* for a pin or a read, in the last round */
  uint32_t at;                  /* in the sequence */
};

struct pins {
  struct measured m;
  struct view *view;
  enum work work;
};

/* Copying reads, through slots of both sizes and by pread. */
enum reader { SLOTS_4K, SLOTS_64K, PREAD, PREAD_ADD, READERS };

static const char *const reader_name[]
    = { "oriel_read-4K-slots", "oriel_read-64K-slots", "pread", "pread-and-read" };

struct reads {
  struct measured m;
  struct view view;
  enum reader reader;
};

struct zipf {
  oriel_pool *pool;             /* made it, and stays attached */
  int fd;
  char path[200];
  uint32_t pages;
  uint64_t pool_bytes;
  uint32_t warm;                /* pins before a window is measured */
  uint32_t *sequence[PLACES];
  double outside[PLACES][WINDOWS]; /* of all pins, of what the best slots do not
                                      show */
  struct view views[PLACES][WINDOWS];
  struct pins pins[PLACES][WINDOWS][WORKS];
  struct reads reads[PLACES][READERS];
};

static volatile uint64_t sink;

/* ------------------------------------------------------------------ */
/* The sequence                                                       */

static void
make_sequences (struct zipf *z)
{
  uint64_t state = 42;
  uint32_t *page_of = shuffled (z->pages, &state);

  z->sequence[CLUSTERED] = zipf_ranks (z->pages, SKEW, SEQUENCE, &state);
  z->sequence[SCATTERED] = malloc (SEQUENCE * sizeof *z->sequence[0]);
  need (z->sequence[SCATTERED] != NULL, "memory");
  for (uint32_t i = 0; i < SEQUENCE; i++)
    z->sequence[SCATTERED][i] = page_of[z->sequence[CLUSTERED][i]];
  free (page_of);
}

static int
descending (const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

  return x < y ? 1 : x > y ? -1 : 0;
}

/* A file's pages are read in order, and so are extents of it those of the pool. */
static void
find_best (struct zipf *z)
{
  uint32_t slots = (uint32_t) (z->pool_bytes / SLOT);

  for (int p = 0; p < PLACES; p++) {
    uint32_t *wanted = calloc (slots, sizeof *wanted);
    uint64_t shown = 0;
    uint32_t at = 0;

    need (wanted != NULL, "memory");
    for (uint32_t i = 0; i < SEQUENCE; i++)
      wanted[z->sequence[p][i] / (SLOT / PAGE)]++;
    qsort (wanted, slots, sizeof *wanted, descending);
    for (int w = WINDOWS; w-- > 0;) {
      while (at < slots >> w)
        shown += wanted[at++];
      z->outside[p][w] = 1 - (double) shown / SEQUENCE;
    }
    free (wanted);
  }
}

static inline uint32_t
next_page (struct view *v)
{
  v->at = (v->at + 1) % SEQUENCE;
  return v->zipf->sequence[v->place][v->at];
}

/* ------------------------------------------------------------------ */
/* What is measured                                                   */

static uint64_t
add_up (const void *page)
{
  const uint64_t *word = page;
  uint64_t sum = 0;

  for (size_t i = 0; i < PAGE / sizeof *word; i++)
    sum += word[i];
  return sum;
}

static unsigned char buffer[PAGE];

static inline void
read_one (struct view *v)
{
  check (oriel_read (v->file, (uint64_t) next_page (v) * PAGE, buffer, PAGE,
                     NULL));
}

static inline void
pread_one (struct view *v)
{
  need (pread (v->zipf->fd, buffer, PAGE, (off_t) next_page (v) * PAGE) == PAGE,
        "pread");
}

static inline void
pin_one (struct view *v, enum work work)
{
  oriel_page page;

  check (oriel_pin (v->file, next_page (v), ORIEL_READ, &page));
  sink += work == READ_ALL ? add_up (page.data)
                           : *(const uint64_t *) page.data;
  check (oriel_unpin (&page));
}

static oriel_stats
stats_of (oriel_pool *pool)
{
  oriel_stats stats = { .struct_size = sizeof stats };

  check (oriel_pool_stats (pool, &stats));
  return stats;
}

/* Open the view's window, and let it see the sequence. */
static void
open_view (struct view *v)
{
  const struct zipf *z = v->zipf;
  oriel_options opt;

  oriel_options_init (&opt);
  opt.flags = ORIEL_ATTACH;
  opt.window_size = z->pool_bytes >> v->shift;
  opt.slot_size = v->slot;
  check (oriel_pool_open (pool_name ("zipf"), &opt, &v->pool));
  check (oriel_file_open (v->pool, z->path, ORIEL_RDONLY, &v->file));
  v->at = SEQUENCE / 2;
  for (uint32_t i = 0; i < z->warm; i++)
    if (v->copying)
      read_one (v);
    else
      pin_one (v, TOUCH);
  v->at = 0;
}

static oriel_stats
begin (struct view *v)
{
  if (!v->pool)
    open_view (v);
  return stats_of (v->pool);
}

static void
end (struct gbench_state *state, struct view *v, const oriel_stats *from)
{
  oriel_stats to = stats_of (v->pool);
  double n = (double) gbench_iterations (state);

  if (to.misses > from->misses)
    gbench_skip (state, "a page was not in the pool");
  v->swaps = (double) (to.swaps + to.installs - from->swaps - from->installs)
             / n;
  v->copies = (double) (to.copies - from->copies) / n;
  gbench_items (state, gbench_iterations (state));
  gbench_count (state, "swaps", v->swaps);
  gbench_count (state, "copies", v->copies);
}

static void
run_pins (struct gbench_state *state, void *arg)
{
  struct pins *p = arg;
  struct view *v = p->view;
  oriel_stats from = begin (v);

  while (gbench_next (state))
    pin_one (v, p->work);
  end (state, v, &from);
}

static void
run_reads (struct gbench_state *state, void *arg)
{
  struct reads *r = arg;
  struct view *v = &r->view;
  oriel_stats from = begin (v);

  while (gbench_next (state))
    read_one (v);
  end (state, v, &from);
}

static void
run_preads (struct gbench_state *state, void *arg)
{
  struct reads *r = arg;
  struct view *v = &r->view;

  if (r->reader == PREAD)
    while (gbench_next (state))
      pread_one (v);
  else
    while (gbench_next (state)) {
      pread_one (v);
      sink += add_up (buffer);
    }
  gbench_items (state, gbench_iterations (state));
}

/* ------------------------------------------------------------------ */
/* The pool                                                           */

static void
make_file (struct zipf *z)
{
  static uint64_t page[PAGE / 8 * 64];

  snprintf (z->path, sizeof z->path, "%s/bench-window-XXXXXX",
            pool_directory ());
  z->fd = mkstemp (z->path);
  need (z->fd >= 0, z->path);
  for (size_t i = 0; i < sizeof page / sizeof *page; i++)
    page[i] = i + 1;
  for (uint32_t i = 0; i < z->pages; i += 64)
    need (pwrite (z->fd, page, sizeof page, (off_t) i * PAGE)
              == (ssize_t) sizeof page,
          z->path);
}

static void
make_pool (struct zipf *z)
{
  oriel_options opt;
  oriel_file *file;

  oriel_options_init (&opt);
  opt.pool_size = z->pool_bytes;
  opt.window_size = MiB;
  check (oriel_pool_open (pool_name ("zipf"), &opt, &z->pool));
  check (oriel_file_open (z->pool, z->path, ORIEL_RDONLY, &file));
  for (uint32_t i = 0; i < z->pages; i += 256)
    check (oriel_prefetch (file, i, 256));
  check (oriel_file_close (file));
}

static void
close_view (struct view *v)
{
  if (!v->pool)
    return;
  check (oriel_file_close (v->file));
  check (oriel_pool_close (v->pool));
}

static void
end_pool (struct zipf *z)
{
  for (int p = 0; p < PLACES; p++) {
    for (int w = 0; w < WINDOWS; w++)
      close_view (&z->views[p][w]);
    for (int k = 0; k < READERS; k++)
      close_view (&z->reads[p][k].view);
    free (z->sequence[p]);
  }
  check (oriel_pool_close (z->pool));
  check (oriel_pool_destroy (pool_name ("zipf"), NULL, 0));
  unlink (z->path);
  close (z->fd);
}

/* ------------------------------------------------------------------ */
/* The report                                                         */

static void
add (const struct run *run, struct zipf *z)
{
  uint64_t pins = run->quick ? 20000 : 100000;

  for (int p = 0; p < PLACES; p++) {
    char name[80];

    for (unsigned w = 0; w < WINDOWS; w++) {
      struct view *v = &z->views[p][w];

      *v = (struct view){ .zipf = z, .place = (enum place) p, .shift = w,
                          .slot = SLOT };
      for (int k = 0; k < WORKS; k++) {
        struct pins *pin = &z->pins[p][w][k];

        pin->view = v;
        pin->work = (enum work) k;
        snprintf (name, sizeof name, "zipf/%s/%s/1:%u", work_name[k],
                  place_name[p], 1u << w);
        gbench_fixed (gbench_add (name, run_pins, pin), pins);
      }
    }
    for (int k = 0; k < READERS; k++) {
      struct reads *r = &z->reads[p][k];

      r->view = (struct view){
        .zipf = z,
        .place = (enum place) p,
        .shift = SMALLEST,
        .slot = k == SLOTS_4K ? 4 * KiB : 64 * KiB,
        .copying = true,
      };
      r->reader = (enum reader) k;
      snprintf (name, sizeof name, "zipf/%s/%s", reader_name[k],
                place_name[p]);
      gbench_fixed (gbench_add (name, k < PREAD ? run_reads : run_preads, r),
                    pins);
    }
  }
}

static double
relative (const struct zipf *z, int p, int w, int k)
{
  return 100 * median (&z->pins[p][0][k].m) / median (&z->pins[p][w][k].m);
}

/* What the best choice of slots would have with pread, likewise; 0: not known.  A
 * page that is copied is pinned and latched like any other: that is left out. */
static double
best (const struct zipf *z, int p, int w, int k)
{
  const struct measured *copy = &z->reads[p][k == READ_ALL ? PREAD_ADD : PREAD].m;
  double shown = median (&z->pins[p][0][k].m);
  double outside = z->outside[p][w];

  if (copy->n == 0)
    return 0;
  return 100 * shown / ((1 - outside) * shown + outside * median (copy));
}

static void
print_table (const struct zipf *z)
{
  for (int k = 0; k < WORKS; k++)
    for (int p = 0; p < PLACES; p++) {
      printf ("\n%s, %s\n%8s %10s %10s %6s %10s %14s %14s\n",
              k == READ_ALL ? "Whole pages read" : "One word touched",
              place_name[p], "window", "ns a pin", "% linear", "+-%",
              "best", "copies a pin", "swaps a pin");
      for (unsigned w = 0; w < WINDOWS; w++) {
        const struct pins *pin = &z->pins[p][w][k];

        if (pin->m.n > 0)
          printf ("%6s%-2u %10.0f %10.1f %6.1f %10.1f %14.4f %14.5f\n", "1/",
                  1u << w, median (&pin->m), relative (z, p, (int) w, k),
                  spread (&pin->m), best (z, p, (int) w, k),
                  pin->view->copies, pin->view->swaps);
      }
      if (k == READ_ALL && z->reads[p][PREAD_ADD].m.n > 0)
        printf ("%8s %10.0f %10.1f %6.1f\n", "pread",
                median (&z->reads[p][PREAD_ADD].m),
                100 * median (&z->pins[p][0][k].m)
                    / median (&z->reads[p][PREAD_ADD].m),
                spread (&z->reads[p][PREAD_ADD].m));
    }
}

static void
print_reads (const struct zipf *z)
{
  printf ("\nCopies of 4 KiB, window 1/64\n%-10s %-20s %10s %6s %14s %14s\n", "",
          "", "ns", "+-%", "copied", "swaps");
  for (int p = 0; p < PLACES; p++)
    for (int k = 0; k <= PREAD; k++) {
      const struct reads *r = &z->reads[p][k];

      if (r->m.n > 0)
        printf ("%-10s %-20s %10.0f %6.1f %14.4f %14.5f\n", place_name[p],
                reader_name[k], median (&r->m), spread (&r->m),
                r->view.copies, r->view.swaps);
    }
}

static void
plot (const struct run *run, const struct zipf *z)
{
  FILE *f;

  for (int p = 0; p < PLACES; p++)
    for (int k = 0; k < WORKS; k++)
      for (int w = 0; w < WINDOWS; w++)
        if (z->pins[p][w][k].m.n == 0)
          return;
  f = plot_begin (run, "zipf");
  for (int p = 0; p < PLACES; p++)
    for (int k = 0; k < WORKS; k++) {
      fprintf (f, "$%s_%s << END\n", work_name[k], place_name[p]);
      for (int w = 0; w < WINDOWS; w++)
        fprintf (f, "%u %g\n", 1u << w, relative (z, p, w, k));
      fputs ("END\n", f);
    }
  fputs ("set title 'zipf(0.99) pins through a window smaller than the pool'\n"
         "set xlabel 'pool / window'\nset logscale x 2\n"
         "set ylabel 'throughput, % of the linear window'\n"
         "set yrange [0:110]\nset xrange [0.9:72]\n"
         "set label 1 'target' at 8,60 point pt 7 offset 1,0.5\nplot ", f);
  for (int p = 0; p < PLACES; p++)
    for (int k = 0; k < WORKS; k++)
      fprintf (f, "%s$%s_%s w lp lw %d t '%s, %s'",
               p + k ? ", " : "", work_name[k], place_name[p],
               k == READ_ALL ? 2 : 1,
               k == READ_ALL ? "whole page read" : "one word touched",
               place_name[p]);
  if (z->reads[SCATTERED][PREAD_ADD].m.n > 0)
    fprintf (f, ", %g dt 2 t 'pread and whole page read'",
             100 * median (&z->pins[SCATTERED][0][READ_ALL].m)
                 / median (&z->reads[SCATTERED][PREAD_ADD].m));
  fputs ("\n", f);
  plot_end (run, "zipf", f);
}

static void
judge (struct run *run, const struct zipf *z)
{
  putchar ('\n');
  for (int p = 0; p < PLACES; p++) {
    if (z->pins[p][JUDGED][READ_ALL].m.n > 0 && z->pins[p][0][READ_ALL].m.n > 0)
      target (run, relative (z, p, JUDGED, READ_ALL) >= 60,
              "window 1/8, whole pages, %s: %.0f%% of the linear window's "
              "throughput (target 60), the best slots and pread %.0f%%; one "
              "word: %.0f%% (not judged)",
              place_name[p], relative (z, p, JUDGED, READ_ALL),
              best (z, p, JUDGED, READ_ALL),
              relative (z, p, JUDGED, TOUCH));
  }
  for (int p = 0; p < PLACES; p++) {
    const struct measured *ours = &z->reads[p][SLOTS_4K].m;
    const struct measured *large = &z->reads[p][SLOTS_64K].m;
    const struct measured *theirs = &z->reads[p][PREAD].m;

    if (ours->n > 0 && large->n > 0 && theirs->n > 0)
      target (run,
              fmin (median (ours), median (large)) <= median (theirs),
              "oriel_read, window 1/64, %s: %.0f ns +-%.1f%% with slots of "
              "4 KiB, pread of the same pages %.0f ns +-%.1f%% (target: no "
              "more); with slots of 64 KiB %.0f ns +-%.1f%%", place_name[p],
              median (ours), spread (ours), median (theirs), spread (theirs),
              median (large), spread (large));
  }
}

void
bench_zipf (struct run *run)
{
  struct zipf *z = calloc (1, sizeof *z);

  need (z != NULL, "memory");
  z->pool_bytes = run->quick ? 64 * MiB : GiB;
  /* A few frames stay free, for a load to find one at once. */
  z->pages = (uint32_t) (z->pool_bytes / PAGE) - 1024;
  z->warm = run->quick ? 20000 : 600000;
  printf ("\n== Zipf(%.2f), pool of %llu MiB, slots of 64 KiB\n", SKEW,
          (unsigned long long) (z->pool_bytes / MiB));
  if (!has_room (z->pool_bytes * 9 / 4)) {
    printf ("skipped: too little room in %s\n", pool_directory ());
    free (z);
    return;
  }
  make_file (z);
  make_pool (z);
  make_sequences (z);
  find_best (z);
  add (run, z);
  measure ();
  print_table (z);
  print_reads (z);
  plot (run, z);
  judge (run, z);
  end_pool (z);
  free (z);
}
