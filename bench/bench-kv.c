/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-kv.c - examples/kv beside LMDB and Berkeley DB
 *
 * The same keys and values, the same durability, the same memory.  Rounds of all
 * engines are interleaved, in another order each time; of the rounds the median
 * counts, and the least and the greatest are shown.
 *
 * The cases ycsb-a to ycsb-f are the workloads of the Yahoo! Cloud Serving
 * Benchmark (B. Cooper and others, SoCC 2010), with the store in the process; puts
 * there are not waited for until they are durable.
 */
#include <errno.h>
#include <regex.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench-kv.h"
#include "figures.h"

#define ENGINES 4
/* Seconds until what counts is measured: in the first ones of zipf's reads a cache
 * learns what is popular. */
#define WARM_LARGER 20

static const struct engine *const engines[ENGINES]
    = { &oriel_engine, &lmdb_engine, &lmdb_random_engine, &bdb_engine };

static struct dataset small = { "values of 100 bytes", 500000, 100 };
static struct dataset large = { "values of 1000 bytes", 250000, 1000 };

static const struct work works[] = {
  { "memory-threads", &small, { 0 }, 1, 2, false, false, false, PAGE, 0.8, 2,
    "reads in memory, keys evenly, 2 threads" },
  { "memory-processes", &small, { 0 }, 2, 1, false, false, false, PAGE, 0.8, 2,
    "reads in memory, keys evenly, 2 processes" },
  { "durable", &small, { .update = 100 }, 8, 1, false, true, false, PAGE, 3, 2,
    "durable single puts, 8 processes" },
  { "larger", &large, { 0 }, 1, 2, true, false, true, 1024, 2, 2,
    "zipf(0.99) reads, data four times memory, 2 threads" },
  { "larger-8", &large, { 0 }, 1, 8, true, false, true, 1024, 0, 0,
    "the same by 8 threads, as many reads as the disk takes" },
  { "ycsb-a", &large, { .update = 50 }, 1, 2, true, false, false, PAGE, 0, 0,
    "half reads, half updates" },
  { "ycsb-b", &large, { .update = 5 }, 1, 2, true, false, false, PAGE, 0, 0,
    "95 of 100 reads, 5 updates" },
  { "ycsb-c", &large, { 0 }, 1, 2, true, false, false, PAGE, 0, 0, "reads" },
  { "ycsb-d", &large, { .insert = 5, .latest = true }, 1, 2, true, false,
    false, PAGE, 0, 0, "95 of 100 reads of what is new, 5 inserts" },
  { "ycsb-e", &large, { .insert = 5, .scan = 95 }, 1, 2, true, false, false,
    PAGE, 0, 0, "95 of 100 scans of up to 100, 5 inserts" },
  { "ycsb-f", &large, { .modify = 50 }, 1, 2, true, false, false, PAGE, 0, 0,
    "half reads, half reads with a write after" },
};

#define WORKS (sizeof works / sizeof works[0])

static struct outcome outcome[WORKS][ENGINES][ROUNDS];
static bool failed[WORKS][ENGINES];
static char home[200];          /* of the stores */
static bool brief, keep;
static uint32_t bdb_page = PAGE;

/* ------------------------------------------------------------------ */

/* LMDB's readahead matters only where there is something to read; with it, it
 * reads some thousand times as much as it wants there. */
static bool
takes_part (const struct work *w, int e)
{
  if (!engines[e]->open || failed[w - works][e])
    return false;
  if (engines[e] == &lmdb_engine)
    return !w->larger || w->threads < 8;
  return engines[e] != &lmdb_random_engine || w->larger;
}

static struct setup
setup_of (const struct run *run, const struct work *w, int e)
{
  struct setup s = { .work = w, .engine = engines[e], .number = e };
  uint64_t bytes = (uint64_t) w->data->records * (KEY + w->data->value);

  /* As much of a cgroup's memory as each can have for pages, and for what it
   * keeps of them: Berkeley DB wants a tenth for its locks and log, and no less
   * than 4.5 MiB.  LMDB has the page cache. */
  s.memory = !w->larger ? 0 : run->quick ? 64 * MiB : bytes / 4;
  s.place.tight = w->larger;
  s.place.cache = !w->larger                   ? bytes * 3
                  : engines[e] == &oriel_engine ? s.memory - 5 * MiB / 2
                  : s.memory < 60 * MiB        ? s.memory - 9 * MiB / 2
                                                : s.memory / 10 * 9;
  if (!w->larger && s.place.cache < 128 * MiB)
    s.place.cache = 128 * MiB;
  s.place.map = 16 * bytes + GiB;
  s.place.durable = w->durable;
  s.place.warm = !w->larger;
  s.warm = w->larger ? WARM_LARGER : 0.5;
  s.seconds = w->larger ? 4 : 2;
  if (brief) {
    s.warm /= 2;
    s.seconds /= 2;
  }
  if (run->quick)
    s.warm = s.seconds = 0.2;
  s.place.page = engines[e] == &bdb_engine      ? bdb_page
                 : engines[e] == &oriel_engine ? w->page
                                               : PAGE;
  snprintf (s.place.path, sizeof s.place.path, "%s/%s-%u-%u", home,
            engines[e]->file, w->data->value, s.place.page);
  return s;
}

static pid_t parent;

/* Children end by exit(), too. */
static void
remove_home (void)
{
  if (getpid () == parent) {
    if (!keep)
      remove_all (home);
    remove_caches ();
  }
}

/* ------------------------------------------------------------------ */
/* Saying                                                             */

static double
field (const struct outcome *o, size_t offset)
{
  return *(const double *) ((const char *) o + offset);
}

#define NUMBERS(w, e, rounds, name) \
  numbers (w, e, rounds, offsetof (struct outcome, name))

static struct measured
numbers (size_t w, int e, int rounds, size_t offset)
{
  struct measured m = { .n = rounds };

  for (int i = 0; i < rounds; i++)
    m.ns[i] = field (&outcome[w][e][i], offset);
  return m;
}

static double
rate_of (size_t w, int e, int rounds)
{
  struct measured m = NUMBERS (w, e, rounds, rate);

  return median (&m);
}

static void
print_work (size_t w, const struct run *run)
{
  double ours = rate_of (w, 0, run->rounds);

  printf ("\n%s: %s\n%-17s %10s %10s %10s %6s %8s %7s %7s %7s %7s %8s %8s %6s "
          "%6s\n",
          works[w].name, works[w].what, "", "op/s", "least", "most", "ratio",
          "CPU us", "p50 us", "p95", "p99", "p99.9", "read B", "write B",
          "PSS M", "PTE K");
  for (int e = 0; e < ENGINES; e++) {
    struct measured rate, m;
    size_t at[] = { offsetof (struct outcome, cpu_us),
                    offsetof (struct outcome, us[0]),
                    offsetof (struct outcome, us[1]),
                    offsetof (struct outcome, us[2]),
                    offsetof (struct outcome, us[3]) };

    if (!takes_part (&works[w], e))
      continue;
    rate = NUMBERS (w, e, run->rounds, rate);
    printf ("%-17s %10.0f %10.0f %10.0f %6.2f", engines[e]->name,
            median (&rate), fastest (&rate), slowest (&rate),
            ours / median (&rate));
    for (size_t i = 0; i < 5; i++) {
      m = numbers (w, e, run->rounds, at[i]);
      printf (" %*.*f", i == 0 ? 8 : 7, 1, median (&m));
    }
    m = NUMBERS (w, e, run->rounds, read_bytes);
    printf (" %8.0f", median (&m));
    m = NUMBERS (w, e, run->rounds, write_bytes);
    printf (" %8.0f", median (&m));
    m = NUMBERS (w, e, run->rounds, pss);
    printf (" %6.0f", median (&m) / MiB);
    m = NUMBERS (w, e, run->rounds, page_tables);
    printf (" %6.0f\n", median (&m) / KiB);
  }
}

static void
judge (size_t w, struct run *run)
{
  for (int e = 1; e < ENGINES; e++) {
    double want = engines[e] == &bdb_engine ? works[w].bdb : works[w].lmdb;
    double ratio;

    if (!takes_part (&works[w], e) || want == 0 || failed[w][0])
      continue;
    ratio = rate_of (w, 0, run->rounds) / rate_of (w, e, run->rounds);
    target (run, ratio >= want, "%s: %.2f times %s, wanted %.1f",
            works[w].name, ratio, engines[e]->name, want);
    figures_target (ratio >= want, "%s: %.2f times %s (at least %.1f)",
                    works[w].name, ratio, engines[e]->name, want);
  }
}

/* What is measured of each case. */
static const struct {
  const char *name, *unit;
  enum figures_better better;
  size_t offset;
} fields[] = {
  { "throughput", "1/s", FIGURES_MORE, offsetof (struct outcome, rate) },
  { "CPU", "us/op", FIGURES_LESS, offsetof (struct outcome, cpu_us) },
  { "p50", "us", FIGURES_LESS, offsetof (struct outcome, us[0]) },
  { "p95", "us", FIGURES_LESS, offsetof (struct outcome, us[1]) },
  { "p99", "us", FIGURES_LESS, offsetof (struct outcome, us[2]) },
  { "p99.9", "us", FIGURES_LESS, offsetof (struct outcome, us[3]) },
  { "read", "bytes/op", FIGURES_LESS, offsetof (struct outcome, read_bytes) },
  { "written", "bytes/op", FIGURES_LESS,
    offsetof (struct outcome, write_bytes) },
  { "PSS", "bytes", FIGURES_LESS, offsetof (struct outcome, pss) },
  { "page tables", "bytes", FIGURES_LESS,
    offsetof (struct outcome, page_tables) },
};

/* Of a case that reads from a disk, and does nothing else. */
static bool
has_floor (size_t w)
{
  return works[w].larger && works[w].zipf;
}

static double
floor_of (size_t w, const struct run *run)
{
  struct setup s = setup_of (run, &works[w], 0);

  return least_read (works[w].data, s.memory, s.place.page);
}

static void
write_work (size_t w, const struct run *run)
{
  int rounds = run->rounds;

  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    char name[80];

    snprintf (name, sizeof name, "%s/%s", works[w].name, fields[i].name);
    figures_case (name, fields[i].unit, fields[i].better);
    for (int e = 0; e < ENGINES; e++) {
      struct measured m = numbers (w, e, rounds, fields[i].offset);

      if (takes_part (&works[w], e))
        figures_series (engines[e]->name, e ? FIGURES_PEER : FIGURES_OURS,
                        m.ns, m.n);
    }
    if (has_floor (w)
        && fields[i].offset == offsetof (struct outcome, read_bytes)) {
      double least = floor_of (w, run);

      printf ("floor : %s: a cache that knows which of our pages are read most "
              "reads %.0f bytes an operation\n", works[w].name, least);
      figures_series ("optimal cache", FIGURES_FLOOR, &least, 1);
    }
  }
}

static void
begin_figures (const struct run *run, int argc, char **argv)
{
  need (figures_open (run->json, "kv", "A key-value store, and its peers") == 0,
        run->json);
  figures_command (argc, argv);
  figures_setup ("memory", "larger: a memory cgroup of a quarter of the data, "
                 "for all; else room for all of it");
  figures_setup ("durability", "durable: each put is on the disk when it "
                 "returns; ycsb: no put is waited for; the same for all");
  figures_setup ("data", "%u keys with %s, %u with %s", small.records,
                 small.name, large.records, large.name);
  figures_setup ("pages", "4096 bytes, Berkeley DB's %u; larger: ours 1024, so that "
                 "each value has one", bdb_page);
  figures_setup ("warm-up", "larger: %g s; else all is read before",
                 run->quick ? 0.2 : brief ? WARM_LARGER / 2. : WARM_LARGER);
  for (int e = 0; e < ENGINES; e++)
    if (!engines[e]->open)
      figures_left_out ("%s: not found by configure", engines[e]->name);
}

/* ------------------------------------------------------------------ */

/* A power of two; 0: it is none that Berkeley DB takes. */
static uint32_t
page_of (const char *text)
{
  char *end;
  unsigned long n = strtoul (text, &end, 10);

  return *end == 0 && n >= 512 && n <= 65536 && !(n & (n - 1)) ? (uint32_t) n
                                                                : 0;
}

static const char usage[]
    = "Usage: bench-kv [OPTION]... [short] [in=DIR] [bdb-page=N]\n"
      "\n"
      "  --only REGEX   cases: memory-threads, memory-processes, durable, larger,\n"
      "                 larger-8, ycsb-a to ycsb-f\n"
      "  --rounds N     odd (3)\n"
      "  --json FILE    every round, as JSON\n"
      "  --quick        little data, very short rounds: does it work?\n"
      "  short          less data, and half as long\n"
      "  in=DIR         keep the stores there, or use those that are there\n"
      "  bdb-page=N     bytes of Berkeley DB's pages, 512 to 65536 (4096)\n"
      "\n"
      "Stores are made in $TMPDIR, or /var/tmp, and removed.  Exit status 3: a\n"
      "target was missed; 1: something failed.\n";

int
main (int argc, char **argv)
{
  struct run run = { .rounds = 3, .out = "." };
  const char *tmp = getenv ("TMPDIR");
  bool chosen[WORKS] = { false };
  int word = bench_options (argc, argv, usage, &run), failures = 0;
  regex_t only;

  brief = word < argc && strcmp (argv[word], "short") == 0;
  word += brief;
  keep = word < argc && strncmp (argv[word], "in=", 3) == 0;
  if (keep)
    snprintf (home, sizeof home, "%s", argv[word++] + 3);
  if (word < argc && strncmp (argv[word], "bdb-page=", 9) == 0)
    bdb_page = page_of (argv[word++] + 9);
  if (word < argc || bdb_page == 0
      || (run.only
          && regcomp (&only, run.only, REG_EXTENDED | REG_NOSUB) != 0)) {
    fputs (usage, stderr);
    return 2;
  }
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (brief) {
    small.records = 300000;
    large.records = 100000;
  }
  if (run.quick) {
    small.records = 20000;
    large.records = 8000;
    run.rounds = 1;
  }
  begin_figures (&run, argc, argv);
  if (!keep)
    snprintf (home, sizeof home, "%s/bench-kv-%d",
              tmp && *tmp ? tmp : "/var/tmp", (int) getpid ());
  need (mkdir (home, 0700) == 0 || (keep && errno == EEXIST), home);
  parent = getpid ();
  atexit (remove_home);
  board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  need (board != MAP_FAILED, "memory");
  for (int e = 0; e < ENGINES; e++)
    atomic_store (&board->next[e], large.records);
  for (size_t w = 0; w < WORKS; w++) {
    chosen[w] = !run.only
                || regexec (&only, works[w].name, 0, NULL, 0) == 0;
    for (int e = 0; e < ENGINES && chosen[w]; e++)
      if (takes_part (&works[w], e)) {
        struct setup s = setup_of (&run, &works[w], e);

        s.place.cache = (uint64_t) works[w].data->records
                            * (KEY + works[w].data->value) * 2
                        + 64 * MiB;
        s.place.durable = false;
        s.place.warm = false;
        load_store (&s);
      }
  }
  for (int r = 0; r < run.rounds; r++)
    for (size_t w = 0; w < WORKS; w++)
      for (int i = 0; i < ENGINES && chosen[w]; i++) {
        int e = (i + r) % ENGINES;

        if (takes_part (&works[w], e)) {
          struct setup s = setup_of (&run, &works[w], e);

          s.seed = 1 + (uint64_t) r;
          if (isatty (2))
            fprintf (stderr, "\rround %d: %s, %s\033[K", r + 1, works[w].name,
                     engines[e]->name);
          if (!run_work (&s, &outcome[w][e][r])) {
            failed[w][e] = true;
            failures++;
            printf ("FAILED: %s, %s\n", works[w].name, engines[e]->name);
            figures_failure ("%s, %s: a process of it ended", works[w].name,
                             engines[e]->name);
          }
        }
      }
  for (size_t w = 0; w < WORKS; w++)
    if (chosen[w])
      print_work (w, &run);
  putchar ('\n');
  for (size_t w = 0; w < WORKS; w++)
    if (chosen[w])
      judge (w, &run);
  for (size_t w = 0; w < WORKS; w++)
    if (chosen[w])
      write_work (w, &run);
  need (figures_close () == 0, run.json);
  return failures ? 1 : run.missed ? 3 : 0;
}
