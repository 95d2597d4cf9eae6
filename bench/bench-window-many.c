/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window-many.c - page tables and VMAs of many processes on one pool
 *
 * 64 processes attach to a pool of 4 GiB at the same time, first with windows of
 * 64 MiB, then with linear ones; the pool is in pages of 4 KiB, with slots of 64
 * KiB, and then in huge pages, where the kernel makes some, with slots of those.
 * Each pins and touches the pages of extents at
 * random, all over the pool, as many as its window has slots four times over; who
 * maps the pool whole touches all of it.  Then each says
 *
 *   before   VmPTE before it attached: libc, its stack, the program
 *   window   by how much VmPTE falls when it gives back what the window maps
 *            (oriel_window_trim)
 *   tables   all else: what it has touched of the pool's page table and frame
 *            descriptors, for each of which 4 GiB of pages have 64 MiB
 *
 * of which the last two are what attaching adds, and the number of its VMAs.  All
 * wait for each other, so that the system's PageTables is the sum of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-window.h"

#define PROCESSES 64
#define LAPS 4                  /* extents pinned, for each slot */

struct process {
  uint64_t before, all, window; /* bytes of page tables */
  unsigned vmas;                /* since it attached */
};

struct many {
  struct measured m;
  const char *path;             /* of the pool's one file */
  uint64_t pool_bytes;
  uint64_t window_bytes;
  uint32_t slot;
  unsigned count;
  unsigned heard;               /* processes that said all */
  struct process each[PROCESSES];
  uint64_t system;              /* PageTables in /proc/meminfo, more than before */
};

static uint64_t
system_page_tables (void)
{
  FILE *f = fopen ("/proc/meminfo", "re");
  unsigned long long kib = 0;
  char line[200];

  while (f && fgets (line, sizeof line, f))
    if (sscanf (line, "PageTables: %llu", &kib) == 1)
      break;
  if (f)
    fclose (f);
  return kib * KiB;
}

static void
attach (const struct many *many, uint64_t window, unsigned flags,
        oriel_pool **pool, oriel_file **file)
{
  oriel_options opt;

  oriel_options_init (&opt);
  opt.flags = flags;
  opt.pool_size = many->pool_bytes;
  opt.window_size = window;
  opt.slot_size = many->slot;
  check (oriel_pool_open (pool_name ("many"), &opt, pool));
  check (oriel_file_open (*pool, many->path, ORIEL_RDONLY, file));
}

/* ------------------------------------------------------------------ */
/* A process                                                          */

/* Pinned without a latch, a page always gets a slot. */
static void
pin_and_touch (oriel_file *file, uint64_t number)
{
  oriel_page page;

  check (oriel_pin (file, number, ORIEL_OPTIMISTIC, &page));
  touch (page.data, PAGE);
  check (oriel_unpin (&page));
}

static void
use_window (const struct many *many, oriel_file *file, unsigned seed)
{
  uint64_t per = many->slot / PAGE;
  uint64_t extents = many->pool_bytes / many->slot - 4 * MiB / many->slot;
  uint64_t wanted = LAPS * many->window_bytes / many->slot;
  uint64_t state = seed;

  for (uint64_t i = 0; i < wanted; i++) {
    uint64_t first = next_random (&state) % extents * per;

    for (uint64_t k = 0; k < per; k++)
      pin_and_touch (file, first + k);
  }
}

/* What all have must be there at once: each says what it has, waits until the
 * parent has heard all, and then says what its window had of it. */
static void
live (const struct many *many, unsigned seed, int out, int go)
{
  struct process p = { .before = status_bytes ("VmPTE") };
  unsigned vmas = vmas_in (NULL, NULL);
  oriel_pool *pool;
  oriel_file *file;
  char c;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  attach (many, many->window_bytes, ORIEL_ATTACH, &pool, &file);
  if (many->window_bytes < many->pool_bytes)
    use_window (many, file, seed);
  else /* the kernel maps neighbours along */
    for (uint64_t i = 0; i < many->pool_bytes / PAGE - 1024; i += 16)
      pin_and_touch (file, i);
  p.all = status_bytes ("VmPTE");
  p.vmas = vmas_in (NULL, NULL) - vmas;
  need (write (out, &p, sizeof p) == sizeof p, "pipe");
  need (read (go, &c, 1) == 0, "pipe"); /* until the parent closes it */
  check (oriel_window_trim (pool));
  p.window = p.all - status_bytes ("VmPTE");
  need (write (out, &p, sizeof p) == sizeof p, "pipe");
  _exit (0);
}

/* ------------------------------------------------------------------ */
/* All of them                                                        */

/* What each says; how many did. */
static unsigned
hear (struct many *many, int out)
{
  unsigned n = 0;

  while (n < many->count
         && read (out, &many->each[n], sizeof many->each[n])
                == sizeof many->each[n])
    n++;
  return n;
}

enum what { BEFORE, ALL, WINDOW, VMAS };

static double
average (const struct many *many, enum what what)
{
  double sum = 0;

  for (unsigned i = 0; i < many->count; i++) {
    const struct process *p = &many->each[i];

    sum += (double) (what == BEFORE   ? p->before
                     : what == ALL    ? p->all
                     : what == WINDOW ? p->window
                                      : p->vmas);
  }
  return sum / many->count;
}

static void
run_many (struct gbench_state *state, void *arg)
{
  struct many *many = arg;
  uint64_t system = system_page_tables ();
  int out[2], go[2];

  need (pipe (out) == 0 && pipe (go) == 0, "pipe");
  fflush (NULL);
  while (gbench_next (state)) {
    for (unsigned i = 0; i < many->count; i++) {
      pid_t pid = fork ();

      need (pid >= 0, "fork");
      if (pid == 0) {
        close (go[1]);
        close (out[0]);
        live (many, i + 1, out[1], go[0]);
      }
    }
    close (out[1]);
    many->heard = hear (many, out[0]);
    many->system = system_page_tables () - system;
    close (go[1]);
    if (many->heard == many->count)
      many->heard = hear (many, out[0]);
  }
  close (go[0]);
  close (out[0]);
  while (wait (NULL) > 0 || errno == EINTR)
    ;
  if (many->heard < many->count)
    gbench_skip (state, "a process failed");
  gbench_count (state, "page_table_bytes", average (many, ALL));
  gbench_count (state, "window_page_table_bytes", average (many, WINDOW));
  gbench_count (state, "vmas", average (many, VMAS));
}

/* ------------------------------------------------------------------ */

static void
add (struct many *many, const char *name)
{
  struct gbench *bench = gbench_add (name, run_many, many);

  gbench_fixed (bench, 1);
  gbench_repetitions (bench, 1);
}

/* The pool's pages, of 4 KiB each: it may have got huge ones. */
static void
make_small (oriel_pool *pool)
{
  oriel_stats stats = { .struct_size = sizeof stats };
  off_t bytes = (off_t) oriel_pool_frames (pool) * (off_t) PAGE;
  char path[300];
  off_t from;
  int fd;

  check (oriel_pool_stats (pool, &stats));
  from = (off_t) stats.pool_bytes - bytes;
  snprintf (path, sizeof path, "%s/oriel-%s", pool_directory (),
            pool_name ("many"));
  fd = open (path, O_RDWR | O_CLOEXEC);
  need (fd >= 0, path);
  need (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, bytes)
                == 0
            && fallocate (fd, 0, from, bytes) == 0,
        path);
  close (fd);
}

/* A file of holes, whose pages take no time to read. */
static void
fill_pool (const struct many *many)
{
  oriel_pool *pool;
  oriel_file *file;

  attach (many, 16 * MiB, 0, &pool, &file);
  if (many->slot < 2 * MiB)
    make_small (pool);
  for (uint64_t i = 0; i < many->pool_bytes / PAGE - 1024; i += 256)
    check (oriel_prefetch (file, i, 256));
  check (oriel_file_close (file));
  check (oriel_pool_close (pool));
}

static void
print_row (const struct many *many, const char *name)
{
  char size[16];

  if (many->heard < many->count)
    return;
  printf ("%-14s %7s %8.0f %8.0f %8.0f %8.0f %12.1f %10.0f\n", name,
          size_name (many->window_bytes, size), average (many, ALL) / KiB,
          average (many, BEFORE) / KiB, average (many, WINDOW) / KiB,
          (average (many, ALL) - average (many, BEFORE)
           - average (many, WINDOW)) / KiB,
          (double) many->system / MiB, average (many, VMAS));
}

static double
added_to (const struct many *many)
{
  return average (many, ALL) - average (many, BEFORE);
}

/* Two windows, [0] swapped and [1] linear, on each kind of pages. */
static void
report (struct run *run, const struct many small[2], const struct many huge[2])
{
  double added = added_to (&small[1]) / added_to (&small[0]);

  printf ("%22s | %-35s | %12s %10s\n", "", "VmPTE of a process, KiB",
          "PageTables", "VMAs of a");
  printf ("%-14s %7s %8s %8s %8s %8s %12s %10s\n", "", "window", "all",
          "before", "window", "tables", "of all, MiB", "window");
  print_row (&small[0], "swapped");
  print_row (&small[1], "linear");
  print_row (&huge[0], "swapped, huge");
  print_row (&huge[1], "linear, huge");
  if (small[0].heard < small[0].count || small[1].heard < small[1].count)
    return;
  printf ("page tables: %.0f times less for what a window maps, %.0f times for "
          "what attaching adds, %.0f times for the process\n",
          average (&small[1], WINDOW) / average (&small[0], WINDOW), added,
          average (&small[1], ALL) / average (&small[0], ALL));
  if (!run->quick)
    target (run, added >= 50, "%u processes, windows of 64 MiB on 4 GiB: "
            "attaching adds %.0f times less page tables (target 50)",
            small[0].count, added);
}

/* Both windows on a pool of one kind of pages. */
static void
measure_kind (struct many pair[2], const char *swapped, const char *linear)
{
  fill_pool (&pair[0]);
  add (&pair[0], swapped);
  add (&pair[1], linear);
  measure ();
  check (oriel_pool_destroy (pool_name ("many"), NULL, 0));
}

void
bench_many (struct run *run)
{
  char path[200];
  struct many small[2] = { {
      .pool_bytes = run->quick ? 256 * MiB : 4 * GiB,
      .window_bytes = run->quick ? 4 * MiB : 64 * MiB,
      .slot = 64 * KiB,
      .count = run->quick ? 4 : PROCESSES,
      .path = path,
  } };
  struct many huge[2];
  int fd;

  printf ("\n== %u processes on a pool of %llu MiB\n", small[0].count,
          (unsigned long long) (small[0].pool_bytes / MiB));
  if (!has_room (small[0].pool_bytes * 5 / 4)) {
    printf ("skipped: too little room in %s\n", pool_directory ());
    return;
  }
  small[1] = small[0];
  small[1].window_bytes = small[1].pool_bytes;
  for (int i = 0; i < 2; i++) {
    huge[i] = small[i];
    huge[i].slot = 2 * MiB;
  }
  snprintf (path, sizeof path, "%s/bench-window-XXXXXX", pool_directory ());
  fd = mkstemp (path);
  need (fd >= 0 && ftruncate (fd, (off_t) small[0].pool_bytes) == 0, path);
  measure_kind (small, "processes/swapped", "processes/linear");
  measure_kind (huge, "processes/swapped-huge", "processes/linear-huge");
  report (run, small, huge);
  unlink (path);
  close (fd);
}
