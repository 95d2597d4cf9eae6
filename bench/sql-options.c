/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-options.c - the command line, by the C library's argp
 *
 * Whatever can be judged without opening a file is judged here, so that a
 * mistake is told at once and not after loading.  A wrong command line exits
 * with status 2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "sql-options.h"

#define DEFAULT_POOL (128ull << 20) /* that of oriel_options.pool_size */

enum {
  OPT_MODULE = 512, OPT_POOL, OPT_POOL_SIZE, OPT_WINDOW, OPT_SLOT, OPT_BACKEND,
  OPT_JOURNAL, OPT_SYNCHRONOUS, OPT_CACHE_SIZE, OPT_PAGE_SIZE, OPT_MMAP_SIZE,
  OPT_SEED, OPT_ROUNDS, OPT_SIDES, OPT_MEMORY, OPT_WARM, OPT_JSON
};

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "How to measure:", 3 },
  { "sides", OPT_SIDES, "LIST", 0,
    "What to compare, in turns: oriel, stock, mmap (stock, all of the file"
    " mapped), cache (stock, a cache as large as memory allows)", 0 },
  { "rounds", OPT_ROUNDS, "N", 0, "Run each side N times, in turns", 0 },
  { "seed", OPT_SEED, "N", 0, "Make the random values those of seed N", 0 },
  { "warm", OPT_WARM, 0, 0,
    "Have each process read all of the database before the run", 0 },
  { "memory", OPT_MEMORY, "SIZE", 0,
    "Run each side in a memory cgroup of SIZE; \"none\": in none (default:"
    " where sides are compared, the pool, 16M, and 8M for each process; in"
    " bench-tpcb and bench-tpch 64M more)", 0 },
  { "json", OPT_JSON, "FILE", OPTION_ARG_OPTIONAL,
    "Report as JSON, or write that to FILE beside the report", 0 },

  { 0, 0, 0, 0, "The database:", 4 },
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

  { 0, 0, 0, 0, "Oriel:", 5 },
  { "module", OPT_MODULE, "PATH", 0,
    "Load this module for the VFS, not the one that is linked in", 0 },
  { "pool", OPT_POOL, "NAME", 0,
    "Use this pool and leave it there (default: one of its own)", 0 },
  { "pool-size", OPT_POOL_SIZE, "SIZE", 0,
    "The pool's size (default: the VFS's; in bench-tpcb and bench-tpch 64M)",
    0 },
  { "window", OPT_WINDOW, "SIZE", 0, "The size of each window", 0 },
  { "slot", OPT_SLOT, "SIZE", 0, "The size of a slot", 0 },
  { "backend", OPT_BACKEND, "NAME", 0, "auto, native, emulated, mmap, linear",
    0 },
  { 0, 0, 0, 0, 0, 0 }
};

/* ------------------------------------------------------------------ */
/* Values                                                             */

int
sql_parse_size (const char *text, uint64_t *bytes)
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

int
sql_options_number (struct argp_state *state, const char *option,
                    const char *text, int low, int high)
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

  if (sql_parse_size (text, &bytes) != 0 || bytes == 0)
    argp_error (state, "--%s takes a size such as 64M, not \"%s\"", option,
                text);
  return bytes;
}

const char *
sql_options_word (struct argp_state *state, const char *option,
                  const char *text, const char *const *words)
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

  if (sql_parse_size (text, &value) != 0 || value > INT64_MAX)
    argp_error (state, "--mmap-size takes a size such as 1G, not \"%s\"",
                text);
  snprintf (bytes, sizeof bytes, "%llu", (unsigned long long) value);
  return bytes;
}

static int
get_page_size (struct argp_state *state, const char *text)
{
  int value = sql_options_number (state, "page-size", text, 512, 65536);

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

/* A list of different ones, with commas between them. */
static void
set_sides (struct argp_state *state, struct options *opt, const char *text)
{
  static const char *const names[] = { "oriel", "stock", "mmap", "cache",
                                       NULL };
  char copy[64], *name, *rest = copy;
  unsigned seen = 0;
  int n;

  snprintf (copy, sizeof copy, "%s", text);
  opt->sides = 0;
  while ((name = strsep (&rest, ",")) != NULL)
    {
      const char *word = sql_options_word (state, "sides", name, names);

      for (n = 0; names[n] != word; n++)
        ;
      if (seen & 1u << n)
        argp_error (state, "--sides names %s twice", word);
      seen |= 1u << n;
      opt->side[opt->sides++] = (enum side_is) n;
    }
}

/* ------------------------------------------------------------------ */
/* argp                                                               */

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
parse_measuring (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  struct options *opt = parsed->opt;

  switch (key)
    {
    case OPT_SIDES:
      set_sides (state, opt, arg);
      opt->compare = 1;
      break;
    case OPT_ROUNDS:
      opt->rounds = sql_options_number (state, "rounds", arg, 1, ROUNDS);
      parsed->rounds_given = 1;
      break;
    case OPT_SEED:
      set_seed (state, opt, arg);
      break;
    case OPT_WARM:
      opt->warm = 1;
      break;
    case OPT_MEMORY:
      set_memory (state, opt, arg);
      parsed->memory_given = 1;
      break;
    case OPT_JSON:
      opt->json = arg ? arg : "-";
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

static error_t
parse_database (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  struct options *opt = parsed->opt;

  switch (key)
    {
    case OPT_PAGE_SIZE:
      opt->page_size = get_page_size (state, arg);
      parsed->load_given = 1;
      break;
    case OPT_JOURNAL:
      opt->journal = sql_options_word (state, "journal", arg, journals);
      break;
    case OPT_SYNCHRONOUS:
      opt->synchronous = sql_options_word (state, "synchronous", arg,
                                           synchronous);
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
  struct options *opt = ((struct sql_parsed *) state->input)->opt;

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
      opt->backend = sql_options_word (state, "backend", arg, backends);
      break;
    default:
      return ARGP_ERR_UNKNOWN;
    }
  return 0;
}

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  error_t err;

  if (key == ARGP_KEY_SUCCESS && parsed->opt->compare && !parsed->memory_given)
    parsed->opt->cgroup = 1;
  err = parse_measuring (key, arg, state);
  if (err == ARGP_ERR_UNKNOWN)
    err = parse_database (key, arg, state);
  if (err == ARGP_ERR_UNKNOWN)
    err = parse_oriel (key, arg, state);
  return err;
}

const struct argp sql_options_argp = { .options = list, .parser = parse };

/* ------------------------------------------------------------------ */
/* Defaults                                                           */

static const char *program_name;

static void
print_version (FILE *f, struct argp_state *state)
{
  (void) state;
  fprintf (f, "%s (Oriel) %s, SQLite %s\n", program_name, oriel_version (),
           sqlite3_libversion ());
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

static void
set_defaults (struct options *opt, bool compares)
{
  memset (opt, 0, sizeof *opt);
  opt->actions = LOAD | RUN | CHECK;
  opt->side[0] = SIDE_ORIEL;
  opt->side[1] = SIDE_STOCK;
  opt->side[2] = SIDE_MMAP;
  opt->sides = compares ? 3 : 2;
  opt->processes = compares ? 2 : 1;
  opt->seconds = compares ? 3 : 30;
  opt->rounds = 1;
  opt->seed = compares ? 1 : random_seed ();
  opt->vfs = "oriel";
  opt->pool_bytes = DEFAULT_POOL;
  opt->journal = "wal";
  opt->synchronous = "normal";
  opt->page_size = 4096;
}

error_t
sql_options_rest (int key, char *arg, struct argp_state *state)
{
  switch (key)
    {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = state->input;
      state->child_inputs[1] = state->input;
      return 0;
    case ARGP_KEY_ARG:
      argp_error (state, "what is \"%s\"?  It takes options only", arg);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
    }
}

void
sql_options_parse (const struct argp *argp, int argc, char **argv,
                   struct sql_parsed *parsed)
{
  set_defaults (parsed->opt, parsed->compares);
  program_name = parsed->driver->program;
  argp_program_version_hook = print_version;
  argp_err_exit_status = 2;
  argp_parse (argp, argc, argv, 0, NULL, parsed);
}

int
sql_options_main (const struct driver *driver, void *own,
                  const struct argp *argp, const char *for_loading, int argc,
                  char **argv)
{
  static const struct argp_child children[] = { SQL_OPTIONS_CHILDREN, { 0 } };
  static struct sql sql;
  struct sql_parsed parsed = { .opt = &sql.opt, .driver = driver, .own = own,
                               .for_loading = for_loading, .compares = true };
  struct argp all = *argp;

  all.children = children;
  sql.driver = driver;
  sql.own = own;
  sql_options_parse (&all, argc, argv, &parsed);
  return sql_main (&sql, argc, argv);
}
