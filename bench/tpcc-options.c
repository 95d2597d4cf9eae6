/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-options.c - the command line, by the C library's argp
 *
 * Whatever can be judged without opening a file is judged here, so that a
 * mistake is told at once and not after loading.  A wrong command line exits
 * with status 2.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tpcc.h"

#define DEFAULT_POOL (128ull << 20) /* that of oriel_options.pool_size */

static void
print_version (FILE *f, struct argp_state *state)
{
  (void) state;
  fprintf (f, "oriel-tpcc (Oriel) %s, SQLite %s\n", oriel_version (),
           sqlite3_libversion ());
}

static const char doc[] =
  "TPC-C on SQLite, through Oriel's VFS and others.\v"
  "Without --load-only, --run-only or --check-only it loads, runs and checks,"
  " and removes what it made.  Sizes take K, M and G.  Exit status: 0 all is"
  " well, 1 something failed or the data is inconsistent, 2 the command line"
  " is wrong.";

enum {
  OPT_VFS = 256, OPT_MODULE, OPT_POOL, OPT_POOL_SIZE, OPT_WINDOW, OPT_SLOT,
  OPT_BACKEND, OPT_JOURNAL, OPT_SYNCHRONOUS, OPT_CACHE_SIZE, OPT_PAGE_SIZE,
  OPT_MMAP_SIZE, OPT_SEED, OPT_LOAD_ONLY, OPT_RUN_ONLY, OPT_CHECK_ONLY,
  OPT_COMPARE, OPT_KILL_EVERY, OPT_MEMORY, OPT_KEEP, OPT_DB, OPT_JSON, OPT_SCALE,
  OPT_WARM
};

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "What to do:", 1 },
  { "warehouses", 'w', "N", 0, "Load N warehouses (default 1)", 0 },
  { "terminals", 't', "N", 0, "Run N terminal processes (default 1)", 0 },
  { "seconds", 's', "N", 0, "Run for N seconds (default 30)", 0 },
  { "scale", OPT_SCALE, "NAME", 0,
    "full (default: the standard's), small (a tenth), tiny (for tests)", 0 },
  { "seed", OPT_SEED, "N", 0, "Make the random values those of seed N", 0 },
  { "load-only", OPT_LOAD_ONLY, 0, 0, "Load a database and keep it", 0 },
  { "run-only", OPT_RUN_ONLY, 0, 0,
    "Run on a database that is loaded, then check it", 0 },
  { "check-only", OPT_CHECK_ONLY, 0, 0, "Check a database", 0 },
  { "compare", OPT_COMPARE, 0, 0,
    "Run through Oriel, then from the same state on the stock VFS", 0 },
  { "kill-every", OPT_KILL_EVERY, "MS", 0,
    "Every MS milliseconds kill a terminal at random and start another", 0 },
  { "warm", OPT_WARM, 0, 0,
    "Have each terminal read all of the database before the run", 0 },
  { "memory", OPT_MEMORY, "SIZE", 0,
    "Run each side in a memory cgroup of SIZE; \"none\": in none (default:"
    " with --compare, the pool, 16M, and 8M for each terminal)", 0 },

  { 0, 0, 0, 0, "The database:", 2 },
  { "db", OPT_DB, "PATH", 0, "The database (default: a scratch file)", 0 },
  { "keep", OPT_KEEP, 0, 0, "Keep what was made", 0 },
  { "vfs", OPT_VFS, "NAME", 0, "Go through this VFS (default oriel)", 0 },
  { "page-size", OPT_PAGE_SIZE, "BYTES", 0,
    "SQLite's page size when loading (default 4096)", 0 },
  { "journal", OPT_JOURNAL, "MODE", 0,
    "wal (default), delete, truncate, persist, memory", 0 },
  { "synchronous", OPT_SYNCHRONOUS, "MODE", 0,
    "off, normal (default), full, extra", 0 },
  { "cache-size", OPT_CACHE_SIZE, "N", 0,
    "SQLite's own cache for each connection: pages, or -KiB", 0 },
  { "mmap-size", OPT_MMAP_SIZE, "SIZE", 0,
    "Let SQLite look at pages in place up to here in the file", 0 },

  { 0, 0, 0, 0, "Oriel:", 3 },
  { "module", OPT_MODULE, "PATH", 0,
    "Load this module for the VFS, not the one that is linked in", 0 },
  { "pool", OPT_POOL, "NAME", 0,
    "Use this pool and leave it there (default: one of its own)", 0 },
  { "pool-size", OPT_POOL_SIZE, "SIZE", 0, "The pool's size", 0 },
  { "window", OPT_WINDOW, "SIZE", 0, "The size of each window", 0 },
  { "slot", OPT_SLOT, "SIZE", 0, "The size of a slot", 0 },
  { "backend", OPT_BACKEND, "NAME", 0, "auto, native, emulated, mmap, linear", 0 },

  { 0, 0, 0, 0, "Output:", 4 },
  { "json", OPT_JSON, 0, 0, "Report as JSON", 0 },
  { "quiet", 'q', 0, 0, "Show no progress", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

/* ------------------------------------------------------------------ */
/* Values                                                             */

int
tpcc_parse_size (const char *text, uint64_t *bytes)
{
  static const char units[] = "KMG";
  unsigned long long value;
  unsigned shift = 0;
  const char *unit;
  char *end;

  if (*text < '0' || *text > '9')
    return -EINVAL;
  errno = 0;
  value = strtoull (text, &end, 10);
  if (errno != 0)
    return -ERANGE;
  if (*end != 0)
    {
      unit = strchr (units, *end >= 'a' ? *end - 'a' + 'A' : *end);
      if (unit == NULL || end[1] != 0)
        return -EINVAL;
      shift = 10 * (unsigned) (unit - units + 1);
    }
  if (value > UINT64_MAX >> shift)
    return -ERANGE;
  *bytes = value << shift;
  return 0;
}

static int
get_number (struct argp_state *state, const char *option, const char *text,
            int low, int high)
{
  char *end;
  long value;

  errno = 0;
  value = strtol (text, &end, 10);
  if (errno != 0 || end == text || *end != 0 || value < low || value > high)
    argp_error (state, "--%s takes a number from %d to %d, not \"%s\"",
                option, low, high, text);
  return (int) value;
}

static uint64_t
get_size (struct argp_state *state, const char *option, const char *text)
{
  uint64_t bytes = 0;

  if (tpcc_parse_size (text, &bytes) != 0 || bytes == 0)
    argp_error (state, "--%s takes a size such as 64M, not \"%s\"", option,
                text);
  return bytes;
}

static const char *
get_word (struct argp_state *state, const char *option, const char *text,
          const char *const *words)
{
  char all[128];
  size_t n = 0;
  int i;

  for (i = 0; words[i]; i++)
    {
      if (strcmp (text, words[i]) == 0)
        return words[i];
      n += (size_t) snprintf (all + n, sizeof all - n, "%s%s", i ? ", " : "",
                              words[i]);
    }
  argp_error (state, "--%s takes one of %s, not \"%s\"", option, all, text);
  return NULL;
}

/* It goes into a pragma as it is. */
static const char *
get_integer (struct argp_state *state, const char *option, const char *text)
{
  const char *digits = *text == '-' ? text + 1 : text;

  if (*digits == 0 || strlen (digits) > 9
      || strspn (digits, "0123456789") != strlen (digits))
    argp_error (state, "--%s takes a whole number, not \"%s\"", option, text);
  return text;
}

/* The pragma wants plain bytes. */
static const char *
get_mmap_size (struct argp_state *state, const char *text)
{
  static char bytes[24];
  uint64_t value = 0;

  if (tpcc_parse_size (text, &value) != 0 || value > INT64_MAX)
    argp_error (state, "--mmap-size takes a size such as 1G, not \"%s\"",
                text);
  snprintf (bytes, sizeof bytes, "%llu", (unsigned long long) value);
  return bytes;
}

static int
get_page_size (struct argp_state *state, const char *text)
{
  int value = get_number (state, "page-size", text, 512, 65536);

  if (value & (value - 1))
    argp_error (state, "--page-size takes a power of two, not \"%s\"", text);
  return value;
}

static void
set_memory (struct argp_state *state, struct options *opt, const char *text)
{
  opt->memory = 0;
  opt->cgroup = 0;
  if (strcmp (text, "none") == 0)
    return;
  opt->memory = get_size (state, "memory", text);
  opt->cgroup = 1;
}

static void
set_seed (struct argp_state *state, struct options *opt, const char *text)
{
  char *end;

  errno = 0;
  opt->seed = strtoull (text, &end, 10);
  if (*text < '0' || *text > '9' || errno != 0 || *end != 0)
    argp_error (state, "--seed takes a number, not \"%s\"", text);
}

/* ------------------------------------------------------------------ */
/* argp                                                               */

struct parsed {
  struct options *opt;
  int memory_given;
  int only;        /* how many of --load-only, --run-only, --check-only */
  int load_given;  /* an option that only loading heeds */
  int vfs_given;
};

static const char *const journals[] = {
  "wal", "delete", "truncate", "persist", "memory", NULL
};
static const char *const synchronous[] = {
  "off", "normal", "full", "extra", NULL
};
static const char *const backends[] = {
  "auto", "native", "emulated", "mmap", "linear", NULL
};

static error_t
parse_action (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;
  struct options *opt = parsed->opt;

  switch (key)
    {
    case 'w':
      opt->warehouses = get_number (state, "warehouses", arg, 1,
                                    MAX_WAREHOUSES);
      parsed->load_given = 1;
      break;
    case 't':
      opt->terminals = get_number (state, "terminals", arg, 1, MAX_TERMINALS);
      break;
    case 's':
      opt->seconds = get_number (state, "seconds", arg, 1, 86400);
      break;
    case 'q':
      opt->quiet = 1;
      break;
    case OPT_SCALE:
      opt->scale = tpcc_scale_find (arg);
      parsed->load_given = 1;
      if (opt->scale == NULL)
        argp_error (state, "--scale takes one of full, small, tiny, not \"%s\"",
                    arg);
      break;
    case OPT_SEED:
      set_seed (state, opt, arg);
      break;
    case OPT_LOAD_ONLY:
      opt->actions = LOAD;
      parsed->only++;
      break;
    case OPT_RUN_ONLY:
      opt->actions = RUN | CHECK;
      parsed->only++;
      break;
    case OPT_CHECK_ONLY:
      opt->actions = CHECK;
      parsed->only++;
      break;
    case OPT_WARM:
      opt->warm = 1;
      break;
    case OPT_COMPARE:
      opt->compare = 1;
      break;
    case OPT_KILL_EVERY:
      opt->kill_every = get_number (state, "kill-every", arg, 1, 86400000);
      break;
    case OPT_MEMORY:
      set_memory (state, opt, arg);
      parsed->memory_given = 1;
      break;
    case OPT_JSON:
      opt->json = 1;
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

static error_t
parse_database (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;
  struct options *opt = parsed->opt;

  switch (key)
    {
    case OPT_DB:
      if (*arg == 0)
        argp_error (state, "--db takes a path");
      opt->db = arg;
      break;
    case OPT_KEEP:
      opt->keep = 1;
      break;
    case OPT_VFS:
      if (*arg == 0 || strlen (arg) > 31)
        argp_error (state, "--vfs takes the name of a VFS");
      opt->vfs = arg;
      parsed->vfs_given = 1;
      break;
    case OPT_PAGE_SIZE:
      opt->page_size = get_page_size (state, arg);
      parsed->load_given = 1;
      break;
    case OPT_JOURNAL:
      opt->journal = get_word (state, "journal", arg, journals);
      break;
    case OPT_SYNCHRONOUS:
      opt->synchronous = get_word (state, "synchronous", arg, synchronous);
      break;
    case OPT_CACHE_SIZE:
      opt->cache_size = get_integer (state, "cache-size", arg);
      break;
    case OPT_MMAP_SIZE:
      opt->mmap_size = get_mmap_size (state, arg);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

static error_t
parse_oriel (int key, char *arg, struct argp_state *state)
{
  struct options *opt = ((struct parsed *) state->input)->opt;

  switch (key)
    {
    case OPT_MODULE:
      opt->module = arg;
      break;
    case OPT_POOL:
      if (*arg == 0 || strlen (arg) >= PATH_MAX - 32)
        argp_error (state, "--pool takes the name or the path of a pool");
      opt->pool = arg;
      break;
    case OPT_POOL_SIZE:
      opt->pool_bytes = get_size (state, "pool-size", arg);
      opt->pool_size = arg;
      break;
    case OPT_WINDOW:
      get_size (state, "window", arg);
      opt->window = arg;
      break;
    case OPT_SLOT:
      get_size (state, "slot", arg);
      opt->slot = arg;
      break;
    case OPT_BACKEND:
      opt->backend = get_word (state, "backend", arg, backends);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

/* What does not go together. */
static void
check (struct argp_state *state, struct parsed *parsed)
{
  struct options *opt = parsed->opt;

  if (parsed->only > 1)
    argp_error (state, "--load-only, --run-only and --check-only exclude"
                " each other");
  if (parsed->only && opt->db == NULL)
    argp_error (state, "--load-only, --run-only and --check-only need --db");
  if (!(opt->actions & LOAD) && parsed->load_given)
    argp_error (state, "--warehouses, --scale and --page-size are for"
                " loading");
  if (opt->compare && parsed->vfs_given)
    argp_error (state, "--compare chooses the VFS by itself: no --vfs");
  if (opt->compare && !(opt->actions & RUN))
    argp_error (state, "--compare runs: no --load-only, no --check-only");
  if (opt->kill_every && !(opt->actions & RUN))
    argp_error (state, "--kill-every is for a run: no --load-only, no"
                " --check-only");
  if (opt->warm && !(opt->actions & RUN))
    argp_error (state, "--warm is for a run: no --load-only, no --check-only");
  if (opt->kill_every && strcmp (opt->journal, "memory") == 0)
    argp_error (state, "--kill-every: a journal in memory dies with its"
                " transaction; choose another --journal");
  if (!opt->compare && strcmp (opt->vfs, "oriel") != 0
      && (opt->pool || opt->pool_size || opt->window || opt->slot
          || opt->backend))
    argp_error (state, "--pool, --pool-size, --window, --slot and --backend"
                " need Oriel's VFS, not %s", opt->vfs);
#ifndef HAVE_JANSSON
  if (opt->json)
    argp_error (state, "--json: this build has no JSON (libjansson was not"
                " found by configure)");
#endif
}

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct parsed *parsed = state->input;
  error_t err;

  if (key == ARGP_KEY_ARG)
    argp_error (state, "what is \"%s\"?  It takes options only", arg);
  if (key == ARGP_KEY_END)
    {
      check (state, parsed);
      return 0;
    }
  err = parse_action (key, arg, state);
  if (err == ARGP_ERR_UNKNOWN)
    err = parse_database (key, arg, state);
  if (err == ARGP_ERR_UNKNOWN)
    err = parse_oriel (key, arg, state);
  return err;
}

/* Small enough to be typed again. */
static uint64_t
random_seed (void)
{
  uint32_t seed;

  if (getrandom (&seed, sizeof seed, 0) != sizeof seed)
    seed = (uint32_t) time (NULL) ^ (uint32_t) getpid ();
  return seed;
}

void
tpcc_options_parse (int argc, char **argv, struct options *opt)
{
  static const struct argp argp = { .options = list, .parser = parse,
                                    .doc = doc };
  struct parsed parsed = { .opt = opt };

  memset (opt, 0, sizeof *opt);
  opt->actions = LOAD | RUN | CHECK;
  opt->warehouses = 1;
  opt->terminals = 1;
  opt->seconds = 30;
  opt->scale = tpcc_scale_find ("full");
  opt->seed = random_seed ();
  opt->vfs = "oriel";
  opt->pool_bytes = DEFAULT_POOL;
  opt->journal = "wal";
  opt->synchronous = "normal";
  opt->page_size = 4096;
  argp_program_version_hook = print_version;
  argp_err_exit_status = 2;
  argp_parse (&argp, argc, argv, 0, NULL, &parsed);
  if (opt->compare && !parsed.memory_given)
    opt->cgroup = 1;
}
