/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-micro.c - what it costs to visit a page that is in memory
 *
 * The same file, the same sequences of pages (16 hot ones, uniform, zipf(0.99)),
 * one thread, two, two processes: Oriel's kinds of access (bench-micro-oriel.c),
 * those of the peers (bench-micro-peers.c), and what no cache can do without: the
 * read alone, a mapping, pread(2).  A visit reads one word of the page.  Likewise
 * the calls that SQLite makes (bench-micro-vfs.c), and, where the user has it, a
 * program that goes down a B-tree (bench-micro-vmcache.c).
 *
 * Workers do their visits in batches, from one barrier to the next; times are
 * the clock's, for one visit of one worker.
 */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-micro.h"

#define BATCH 50000             /* see batch() */

static volatile uint64_t sink;
static struct run run = RUN_DEFAULT;

/* ------------------------------------------------------------------ */
/* What a cache could do at best, and what needs none                 */

static void *
open_file (const struct place *place, const char **why)
{
  int *fd = malloc (sizeof *fd);

  (void) why;
  need (fd && (*fd = open (place->path, O_RDONLY | O_CLOEXEC)) >= 0,
        place->path);
  return fd;
}

static void
close_file (void *opened)
{
  close (*(int *) opened);
  free (opened);
}

static uint64_t
visit_pread (void *opened, const uint32_t *pages, uint64_t n)
{
  int fd = *(int *) opened;
  static _Thread_local uint64_t page[PAGE / sizeof (uint64_t)];
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++) {
    need (pread (fd, page, PAGE, (off_t) pages[i] * PAGE) == PAGE, "pread");
    sum += page[0];
  }
  return sum;
}

static void *
open_mapping (const struct place *place, const char **why)
{
  int *fd = open_file (place, why);
  void *at = mmap (NULL, (size_t) PAGES * PAGE, PROT_READ,
                   MAP_SHARED | MAP_POPULATE, *fd, 0);

  need (at != MAP_FAILED, "mmap");
  close_file (fd);
  return at;
}

static void
close_mapping (void *opened)
{
  munmap (opened, (size_t) PAGES * PAGE);
}

static uint64_t
visit_mapping (void *opened, const uint32_t *pages, uint64_t n)
{
  const char *at = opened;
  uint64_t sum = 0;

  for (uint64_t i = 0; i < n; i++)
    sum += *(const volatile uint64_t *) (at + (size_t) pages[i] * PAGE);
  return sum;
}

enum { MAPPING, FOUND, ASKED, HINTED, OPTIMISTIC, VALIDATED, NESTED, SHARED,
       EXCLUSIVE, COPIED, PREFETCHED, MISSED, READ_AHEAD, SWAPPED_MMAP,
       SWAPPED_EMULATED, PREAD, MPOOL_PRIVATE, MPOOL_SHARED, LMDB, VFS_READ,
       VFS_READ_STOCK, VFS_READ_MAPPED, VFS_FETCH, VFS_FETCH_MAPPED, VFS_WRITE,
       VFS_WRITE_STOCK, DESCENT, VMCACHE, SUBJECTS };

static const struct subject mapping
    = { "a mapping, unprotected", BY_ALL, open_mapping, close_mapping,
        visit_mapping, 0 };
static const struct subject by_pread
    = { "pread of a page", BY_ALL, open_file, close_file, visit_pread, 0 };

static const struct subject *const subjects[SUBJECTS]
    = { &mapping, &oriel_found, &oriel_asked, &oriel_hinted,
        &oriel_optimistic, &oriel_validated, &oriel_nested, &oriel_shared,
        &oriel_exclusive, &oriel_copied, &oriel_prefetched, &oriel_missed,
        &oriel_read_ahead, &oriel_swapped_mmap, &oriel_swapped_emulated,
        &by_pread, &mpool_private, &mpool_shared, &lmdb_get, &sqlite_read,
        &sqlite_read_stock, &sqlite_read_mapped, &sqlite_fetch,
        &sqlite_fetch_mapped, &sqlite_write, &sqlite_write_stock,
        &oriel_descent, &vmcache };

/* Of this process; NULL: it has it not. */
static void *opened[SUBJECTS];
static const char *why_not[SUBJECTS];

static void
close_all (void)
{
  for (int i = 0; i < SUBJECTS; i++)
    if (opened[i])
      subjects[i]->close (opened[i]);
}

/* ------------------------------------------------------------------ */
/* Who visits                                                         */

enum { HOT_PAGES, UNIFORM, ZIPF, SEQUENCES };
static const char *const sequence_name[SEQUENCES] = { "hot", "uniform", "zipf" };

enum { ALONE, THREADS, PROCESSES, CREWS };
static const char *const crew_name[CREWS]
    = { "1 thread", "2 threads", "2 processes" };

enum { QUIT = -1, OPEN = -2 };

_Thread_local int worker_number;

static bool
is_possible (int crew, int subject)
{
  return opened[subject]
         && subjects[subject]->crews <= (crew == ALONE     ? BY_ONE_THREAD
                                         : crew == THREADS ? BY_THREADS
                                                           : BY_ALL);
}

static const char *
name_of (int crew, int subject, int sequence)
{
  static char name[120];

  snprintf (name, sizeof name, "%s/%s/%s", crew_name[crew],
            subjects[subject]->name, sequence_name[sequence]);
  return name;
}

/* Does --only leave anything of it?  What is there to be held against vmcache is
 * of no use without. */
static bool
is_wanted (int subject, const char *only)
{
  bool wanted = !only;
  regex_t wish;

  if (subject == DESCENT && !run.vmcache)
    return false;
  if (only) {
    need (regcomp (&wish, only, REG_EXTENDED | REG_NOSUB) == 0, only);
    for (int c = 0; c < CREWS; c++)
      for (int s = 0; s < SEQUENCES; s++)
        wanted |= regexec (&wish, name_of (c, subject, s), 0, NULL, 0) == 0;
    regfree (&wish);
  }
  return wanted;
}

static void
open_all (const struct place *place, bool alone, const char *only)
{
  for (int i = 0; i < SUBJECTS; i++)
    if ((alone || subjects[i]->crews == BY_ALL) && is_wanted (i, only))
      opened[i] = subjects[i]->open (place, &why_not[i]);
}

/* In memory that all processes share. */
static struct shared {
  struct crew {
    pthread_barrier_t start, end;
    int order;                  /* a subject, or one of the above */
    int sequence;
  } crew[CREWS];
  uint32_t pages[SEQUENCES][SEQUENCE];
} *all;

static struct place place;

/* Visits of a worker between two barriers. */
static uint32_t
batch (int subject)
{
  return subjects[subject]->slow ? BATCH / subjects[subject]->slow : BATCH;
}

static void
visit (int subject, int sequence, uint32_t *at)
{
  uint32_t n = batch (subject);

  if (*at + n > SEQUENCE)
    *at = 0;
  sink += subjects[subject]->visit (opened[subject],
                                    all->pages[sequence] + *at, n);
  *at += n;
}

struct worker {
  struct crew *crew;
  int number;                   /* worker_number */
  uint32_t at;                  /* in the sequence: not where others are */
};

static void *
work (void *arg)
{
  struct worker *w = arg;
  int order;

  worker_number = w->number;
  do {
    pthread_barrier_wait (&w->crew->start);
    order = w->crew->order;
    if (order == OPEN)
      open_all (&place, false, run.only);
    else if (order != QUIT)
      visit (order, w->crew->sequence, &w->at);
    pthread_barrier_wait (&w->crew->end);
  } while (order != QUIT);
  return NULL;
}

static void
command (int crew, int order, int sequence)
{
  all->crew[crew].order = order;
  all->crew[crew].sequence = sequence;
  pthread_barrier_wait (&all->crew[crew].start);
  pthread_barrier_wait (&all->crew[crew].end);
}

static struct worker workers[CREWS][WORKERS];
static pthread_t threads[WORKERS];
static pid_t processes[WORKERS];

/* The processes first, while this one has opened nothing. */
static void
start_processes (void)
{
  for (int i = 0; i < WORKERS; i++) {
    processes[i] = fork ();
    need (processes[i] >= 0, "fork");
    if (processes[i] == 0) {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      work (&workers[PROCESSES][i]);
      close_all ();
      _exit (0);
    }
  }
}

static void
start_threads (void)
{
  for (int i = 0; i < WORKERS; i++)
    need (pthread_create (&threads[i], NULL, work, &workers[THREADS][i]) == 0,
          "pthread_create");
}

static void
end_workers (void)
{
  int status;

  command (THREADS, QUIT, 0);
  command (PROCESSES, QUIT, 0);
  for (int i = 0; i < WORKERS; i++) {
    pthread_join (threads[i], NULL);
    need (waitpid (processes[i], &status, 0) == processes[i] && status == 0,
          "a process that took part");
  }
}

static void
make_shared (void)
{
  pthread_barrierattr_t attr;
  uint64_t state = 42;
  uint32_t *page_of, *ranks;

  all = mmap (NULL, sizeof *all, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  need (all != MAP_FAILED, "mmap");
  pthread_barrierattr_init (&attr);
  pthread_barrierattr_setpshared (&attr, PTHREAD_PROCESS_SHARED);
  for (int c = 0; c < CREWS; c++) {
    pthread_barrier_init (&all->crew[c].start, &attr, WORKERS + 1);
    pthread_barrier_init (&all->crew[c].end, &attr, WORKERS + 1);
    for (uint32_t i = 0; i < WORKERS; i++)
      workers[c][i]
          = (struct worker){ &all->crew[c], c == THREADS ? 1 + (int) i : 0,
                             i * (SEQUENCE / WORKERS) };
  }
  page_of = shuffled (PAGES, &state);
  ranks = zipf_ranks (PAGES, 0.99, SEQUENCE, &state);
  for (uint32_t i = 0; i < SEQUENCE; i++) {
    all->pages[HOT_PAGES][i] = page_of[i % HOT];
    all->pages[UNIFORM][i] = (uint32_t) (next_random (&state) % PAGES);
    all->pages[ZIPF][i] = page_of[ranks[i]];
  }
  free (page_of);
  free (ranks);
}

/* ------------------------------------------------------------------ */
/* Measuring                                                          */

static struct cell {
  struct measured m;
  int crew, subject, sequence;
  uint32_t at;
} cells[CREWS][SUBJECTS][SEQUENCES];

static void
run_cell (struct gbench_state *state, void *arg)
{
  struct cell *c = arg;

  while (gbench_next_batch (state, batch (c->subject)))
    if (c->crew == ALONE)
      visit (c->subject, c->sequence, &c->at);
    else
      command (c->crew, c->subject, c->sequence);
}

/* It measures itself, for some seconds. */
static void
run_vmcache (struct gbench_state *state, void *arg)
{
  struct cell *c = arg;

  while (gbench_next (state)) {
    double seconds = vmcache_lookup (c->crew == ALONE ? 1 : WORKERS,
                                     &why_not[VMCACHE]);

    if (seconds == 0) {
      gbench_skip (state, why_not[VMCACHE]);
      break;
    }
    gbench_took (state, seconds);
  }
}

static void
add_vmcache (void)
{
  for (int c = ALONE; c <= THREADS; c++) {
    struct cell *cell = &cells[c][VMCACHE][UNIFORM];
    struct gbench *b;

    *cell = (struct cell){ .m = { .clock = true }, .crew = c };
    b = gbench_add (name_of (c, VMCACHE, UNIFORM), run_vmcache, cell);
    gbench_by_hand (b);
    gbench_fixed (b, 1);
    gbench_repetitions (b, run.rounds < 5 ? run.rounds : 5);
  }
}

static void
measure_all (void)
{
  for (int c = 0; c < CREWS; c++)
    for (int i = 0; i < VMCACHE; i++)
      for (int s = 0; s < SEQUENCES && is_possible (c, i); s++) {
        struct cell *cell = &cells[c][i][s];

        *cell = (struct cell){ .m = { .clock = true }, .crew = c,
                               .subject = i, .sequence = s };
        gbench_seconds (gbench_add (name_of (c, i, s), run_cell, cell),
                        run.quick ? 0.001 : 0.03);
      }
  if (opened[VMCACHE])
    add_vmcache ();
  measure ();
}

/* ------------------------------------------------------------------ */
/* Saying                                                             */

static double
ns (int crew, int subject, int sequence)
{
  return median (&cells[crew][subject][sequence].m);
}

static void
say_table (int crew)
{
  printf ("\nns for a visit by each worker, %s: median, least and most of the "
          "rounds\n%-34s", crew_name[crew], "");
  for (int s = 0; s < SEQUENCES; s++)
    printf (" %8s                ", sequence_name[s]);
  putchar ('\n');
  for (int i = 0; i < SUBJECTS; i++) {
    int n = 0;

    for (int s = 0; s < SEQUENCES; s++)
      n += cells[crew][i][s].m.n;
    if (n == 0)
      continue;
    printf ("%-34s", subjects[i]->name);
    for (int s = 0; s < SEQUENCES; s++) {
      const struct measured *m = &cells[crew][i][s].m;

      if (m->n)
        printf (" %8.1f %7.1f %7.1f", median (m), fastest (m), slowest (m));
      else
        printf (" %8s %7s %7s", "", "", "");
    }
    putchar ('\n');
  }
}

static void
say_targets (void)
{
  double pin = ns (ALONE, OPTIMISTIC, HOT_PAGES);
  double over = pin / ns (ALONE, FOUND, HOT_PAGES);

  putchar ('\n');
  if (over == over)
    target (&run, over <= 1.2,
            "pin and unpin of hot pages cost %.2f times the lookup and read "
            "alone (at most 1.2)",
            over);
  if (opened[MPOOL_PRIVATE]) {
    double ratio = ns (ALONE, MPOOL_PRIVATE, HOT_PAGES) / pin;

    target (&run, ratio >= 10,
            "1 thread, hot pages: %.1f times as fast as mpool (at least 10)",
            ratio);
  }
  if (opened[MPOOL_SHARED]) {
    double ratio = ns (PROCESSES, MPOOL_SHARED, HOT_PAGES)
                   / ns (PROCESSES, OPTIMISTIC, HOT_PAGES);

    target (&run, ratio >= 30,
            "2 processes, hot pages: %.1f times as fast as mpool (at least 30)",
            ratio);
  }
  for (int i = 0; i < SUBJECTS; i++)
    if (why_not[i])
      printf ("left out: %s: %s\n", subjects[i]->name, why_not[i]);
}

static void
draw (void)
{
  FILE *f = plot_begin (&run, "micro");

  fputs ("$v << END\n", f);
  for (int i = 0; i < SUBJECTS; i++)
    if (opened[i] && !strchr (subjects[i]->name, ':')) {
      fprintf (f, "\"%s\"", subjects[i]->name);
      for (int c = 0; c < CREWS; c++)
        fprintf (f, is_possible (c, i) ? " %.1f" : " NaN",
                 ns (c, i, HOT_PAGES));
      fputc ('\n', f);
    }
  fputs ("END\nset title 'Visiting a page in memory: 16 hot pages'\n"
         "set style data histogram\nset style fill solid 0.8\n"
         "set logscale y\nset ylabel 'ns for a visit by each worker'\n"
         "set xtics rotate by -35\n"
         "plot $v using 2:xtic(1) title '1 thread', "
         "'' using 3 title '2 threads', '' using 4 title '2 processes'\n",
         f);
  plot_end (&run, "micro", f);
}

/* ------------------------------------------------------------------ */

static char directory[200];

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void) st, (void) type, (void) ftw;
  return remove (path);
}

/* On the same tmpfs for everybody, so that no disk and no cache of the kernel's
 * makes a difference. */
static void
make_place (void)
{
  static char path[240];
  uint64_t page[PAGE / sizeof (uint64_t)] = { 0 };
  int fd;

  snprintf (directory, sizeof directory, "%s/bench-micro-XXXXXX",
            pool_directory ());
  need (mkdtemp (directory) != NULL, directory);
  snprintf (path, sizeof path, "%s/pages", directory);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  for (uint32_t i = 0; i < PAGES; i++) {
    page[0] = i;
    need (write (fd, page, sizeof page) == sizeof page, path);
  }
  close (fd);
  place = (struct place){ directory, path };
}

static void
warm_up (void)
{
  uint32_t *each = all->pages[UNIFORM];

  /* From the last, as a lookup alone brings no page. */
  for (int i = SUBJECTS - 1; i >= 0; i--)
    if (opened[i])
      for (uint32_t at = 0;
           at + batch (i) <= SEQUENCE && (at == 0 || !subjects[i]->slow);
           at += batch (i))
        sink += subjects[i]->visit (opened[i], each + at, BATCH);
}

static const char usage[]
    = "Usage: bench-micro [OPTION]...\n"
      "\n"
      "Measure visits of pages in memory: Oriel's, and its peers'.\n"
      "\n"
      "  --json FILE     every round of everything, as JSON\n"
      "  --out DIR       where plots are drawn (default: here)\n"
      "  --rounds N      of each measurement, 1 to 25 (default: 11)\n"
      "  --only REGEX    only measurements whose names match\n"
      "  --quick         little of everything, to see that it works\n"
      "  --vmcache PATH  the program of the vmcache project, as a peer\n"
      "  --help\n"
      "\n"
      "Files are made in $ORIEL_DIR or /dev/shm: 900 MiB.\n"
      "Exit status 1: something failed; 3: a target was missed.\n";

int
main (int argc, char **argv)
{
  run.takes_vmcache = true;
  if (bench_options (argc, argv, usage, &run) != argc) {
    fputs (usage, stderr);
    return 2;
  }
  need (run.only || has_room (900 * MiB), "900 MiB of shared memory");
  vmcache_choose (run.vmcache, run.quick);
  bench_begin (&run);
  make_place ();
  make_shared ();
  start_processes ();
  open_all (&place, true, run.only);
  warm_up ();
  command (PROCESSES, OPEN, 0);
  start_threads ();
  measure_all ();
  end_workers ();
  for (int c = 0; c < CREWS; c++)
    say_table (c);
  say_targets ();
  if (!run.only)
    draw ();
  close_all ();
  nftw (directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  bench_end ();
  return run.missed ? 3 : 0;
}
