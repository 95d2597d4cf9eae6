/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power goes at any moment.  A process changes a store, with checkpoints, and
 * every write and sync is recorded.  Then disks are made as they may be after each
 * prefix: with all that was written (the machine's memory was kept), or with what
 * was synced and a random part, sector by sector, of the rest, so that pages and
 * records are torn.  The store that is opened there is a tree that has what some
 * prefix of the changes made, and that is no shorter than what was
 * acknowledged; each value, a far one too, is whole.
 *
 * ROUNDS=n makes n runs of other changes, with every prefix.
 */
#include "kv.h"

#include "recorder.h"

#define KEYS 3000               /* more than the pool holds: pages are written to
                                   make room */
#define HOT 20                  /* that are often put anew, and deleted */
#define CHANGES 1500            /* of a run */
#define BATCH 3                 /* the pool has 16 pages pinned for writing */
#define LOG (64 * KiB)
#define VALUE 1024              /* a page, and more than a value */
#define SECOND 1000000          /* a note: what is durable */

static struct record_tape *tape;
static struct disk base, disk;
static char path[300], log_path[300], area[304], after[300];
static uint64_t seed;
static unsigned disks;

/* ------------------------------------------------------------------ */
/* The changes                                                        */

struct change {
  bool put, sync;
  unsigned n;
  unsigned key[BATCH];
  size_t length;
};

static struct change
change_of (uint64_t run, unsigned n)
{
  uint64_t random = run * 1000003 + n * 77;
  struct change c = { .put = n % 600 < 500, .n = n % 8 ? 1 : BATCH };
  bool hot;

  next_random (&random);
  c.sync = next_random (&random) % 50 == 0;
  c.length = KV_FILLED + next_random (&random) % 250;
  hot = next_random (&random) % 4 == 0;
  if (next_random (&random) % (hot ? 2 : 6) == 0)
    c.length = 320 + next_random (&random) % 681; /* far */
  for (unsigned i = 0; i < c.n; i++)
    c.key[i] = (unsigned) (next_random (&random) % (hot ? HOT : KEYS));
  return c;
}

static int
do_change (kv *store, uint64_t run, unsigned n)
{
  struct change c = change_of (run, n);
  unsigned char value[BATCH][VALUE];
  char key[BATCH][20];
  kv_op ops[BATCH];

  for (unsigned i = 0; i < c.n; i++) {
    kv_fill (value[i], c.length, c.key[i], n);
    ops[i] = (kv_op) { key[i], c.put ? value[i] : NULL,
                       (size_t) sprintf (key[i], "key %05u", c.key[i]),
                       c.length };
  }
  return kv_apply (store, ops, c.n, c.sync ? 0 : KV_NOSYNC);
}

/* ------------------------------------------------------------------ */
/* The run                                                            */

static oriel_pool *
small_pool (const char *name)
{
  oriel_options opt = test_options ();

  opt.page_size = 1024;
  opt.pool_size = 128 * KiB;
  opt.store = ORIEL_STORE_POSIX;
  return must_open_pool (name, &opt);
}

static int
records (void *arg)
{
  uint64_t run = *(uint64_t *) arg;
  oriel_pool *pool;
  kv *store;

  record_to = tape;
  pool = small_pool ("run");
  store = kv_must_open (pool, path, LOG);
  for (unsigned n = 1; n <= CHANGES; n++) {
    must (do_change (store, run, n), "kv_apply");
    if (change_of (run, n).sync)
      record_add (R_NOTE, -1, n, NULL, 0);
  }
  record_to = NULL;
  return 0;
}

/* ------------------------------------------------------------------ */
/* What is there after it                                             */

static void
write_disk (void)
{
  for (unsigned i = 0; i < tape->nfiles; i++) {
    char name[400];

    snprintf (name, sizeof name, "%s/%s", after, tape->name[i]);
    unlink (name);
    if (disk.linked[i])
      plain_write (name, 0, disk.file[i].data, disk.file[i].size);
  }
}

/* By key the number of the put, after n changes. */
static void
model_of (uint64_t run, unsigned from, unsigned to, unsigned model[KEYS])
{
  for (unsigned n = from + 1; n <= to; n++) {
    struct change c = change_of (run, n);

    for (unsigned i = 0; i < c.n; i++)
      model[c.key[i]] = c.put ? n : 0;
  }
}

static bool
has (uint64_t run, const unsigned model[KEYS], const unsigned found[KEYS],
     const size_t length[KEYS])
{
  for (unsigned k = 0; k < KEYS; k++) {
    unsigned n = found[k];

    if (n != model[k] || (n > 0 && length[k] != change_of (run, n).length))
      return false;
  }
  return true;
}

/* The number of changes that the store has, at least least; -1: none fits. */
static int
changes_in (kv *store, uint64_t run, unsigned least)
{
  static size_t length[KEYS];
  unsigned found[KEYS] = { 0 }, model[KEYS] = { 0 };
  unsigned char value[VALUE];

  for (unsigned k = 0; k < KEYS; k++) {
    char key[20];
    int r = kv_get (store, key, (size_t) sprintf (key, "key %05u", k), value,
                    sizeof value, &length[k]);

    if (r == 0)
      found[k] = (unsigned) kv_filled (value, length[k], k);
    if (r == 0 ? found[k] == 0 : r != -ENOENT)
      return -1;
  }
  model_of (run, 0, least, model);
  for (unsigned n = least; n <= CHANGES; n++) {
    if (has (run, model, found, length))
      return (int) n;
    model_of (run, n, n + 1, model);
  }
  return -1;
}

/* After the tape's first end ops. */
static bool
look (uint64_t run, unsigned end, const struct loss *loss)
{
  unsigned least = 0;
  bool made = false, good;
  oriel_pool *pool;
  kv *store = NULL;
  kv_options opt = { .log_size = LOG, .copied = true };
  char name[400];
  int r;

  for (unsigned i = 0; i < end; i++)
    if (tape->ops[i].type == R_NOTE) {
      least = (unsigned) tape->ops[i].offset;
      made = true;
    }
  record_build (tape, end, &base, loss, &seed, &disk);
  write_disk ();
  disks++;
  snprintf (name, sizeof name, "%s/a.kv", after);
  pool = small_pool ("after");
  r = kv_open (pool, name, &opt, &store);
  good = r == 0 && kv_check (store) >= 0
         && changes_in (store, run, least) >= 0;
  if (!good)
    diag ("run %d, op %u of %u, %u %% kept, %u acknowledged%s: %s",
          (int) run, end, tape->nops, loss ? loss->keep : 100, least,
          made ? "" : " (none)", r ? oriel_error () : "something else");
  if (r == 0) {
    good &= do_change (store, run, 1) == 0;
    must (kv_close (store), "kv_close");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("after", pool_dir (), 0), "oriel_pool_destroy");
  return good;
}

static void
try (uint64_t run, bool all)
{
  unsigned bad = 0, syncs = 0, step;

  memset (tape, 0, offsetof (struct record_tape, bytes));
  unlink (path);
  unlink (log_path);
  unlink (area);
  if (in_child (records, &run) != 0)
    bail_out ("the run failed");
  must (oriel_pool_destroy ("run", pool_dir (), 0), "oriel_pool_destroy");
  for (unsigned i = 0; i < tape->nops; i++)
    syncs += tape->ops[i].type == R_SYNC;
  ok (!tape->overflow && syncs > 20, "run %d: %u operations, %u of them syncs",
      (int) run, tape->nops, syncs);
  step = all ? 1 : tape->nops / 120 + 1;
  for (unsigned end = tape->nops; end > 0 && bad < 5;
       end -= end < step ? end : step) {
    static const unsigned keep[] = { 0, 50, 90 };
    struct loss loss = { .keep = keep[end / step % 3] };

    bad += !look (run, end, &loss);
    if (end / step % 8 == 0)
      bad += !look (run, end, NULL);
  }
  ok (bad == 0, "run %d: what was acknowledged is there, the rest whole or not",
      (int) run);
}

int
main (void)
{
  int rounds = getenv ("ROUNDS") ? atoi (getenv ("ROUNDS")) : 0;

  tape = shared_memory (sizeof *tape);
  snprintf (record_dir, sizeof record_dir, "%s", kv_file ("recorded"));
  mkdir (record_dir, 0700);
  snprintf (path, sizeof path, "%s", kv_file ("recorded/a.kv"));
  snprintf (log_path, sizeof log_path, "%s", kv_file ("recorded/a.kv-log"));
  snprintf (area, sizeof area, "%s.dw", path);
  snprintf (after, sizeof after, "%s", kv_file ("after"));
  mkdir (after, 0700);
  for (int i = 0; i < (rounds ? rounds : 1); i++)
    try ((uint64_t) i + 1, rounds > 0);
  diag ("%u disks", disks);
  return done_testing ();
}
