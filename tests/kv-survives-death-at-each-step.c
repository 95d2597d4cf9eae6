/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies at each step of a change, of a group commit, of a checkpoint
 * and of a recovery, at the first, second, ... time that it comes there.  Another
 * that has the store open finds the pages a tree, what was acknowledged, and all
 * or nothing of what was not, and goes on; so does who recovers the store from
 * its files.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define KEYS 900                /* enough for two levels of small pages */
#define BATCH 12
#define TIMES 4                 /* that a point is died at */

static const char *const points[] = {
  "alone.changed", "append.begun", "append.written", "commit.logged",
  "commit.begun", "commit.dirtied", "commit.unpinning", "commit.unpinned",
  "commit.seen", "commit.applied", "sync.begun", "sync.done", "checkpoint.begun",
  "checkpoint.pages", "checkpoint.head", "redo.begun", "redo.part",
  "redo.done", "recover.pages", "recover.head",
};

static const char *die_at;
static int die_after;
static bool came[COUNT (points)];

static void
kv_point (const char *name)
{
  if (die_at && strcmp (name, die_at) == 0 && --die_after == 0)
    raise (SIGKILL);
}

/* What the child tells. */
static struct told {
  int done;                     /* changes that were acknowledged */
} *told;

/* ------------------------------------------------------------------ */
/* The changes: number n is the same in each run                      */

struct change {
  bool put;
  unsigned n;
  unsigned key[BATCH];
};

static struct change
change_of (int n)
{
  uint64_t seed = (uint64_t) n * 77 + 5;
  struct change c = { .put = n % 400 < 250, .n = 1 };

  if (n % 5 == 0)
    c.n = BATCH;
  for (unsigned i = 0; i < c.n; i++)
    c.key[i] = (unsigned) (next_random (&seed) % KEYS);
  return c;
}

static int
do_change (kv *store, int n)
{
  struct change c = change_of (n);
  char key[BATCH][20], value[60];
  kv_op ops[BATCH];

  memset (value, 'v', sizeof value);
  memcpy (value, &n, sizeof n);
  for (unsigned i = 0; i < c.n; i++)
    ops[i] = (kv_op) { key[i], c.put ? value : NULL,
                       (size_t) sprintf (key[i], "key %05u", c.key[i]),
                       sizeof value };
  return kv_apply (store, ops, c.n, n % 16 ? KV_NOSYNC : 0);
}

/* The model after changes 1 to n: by key the number of the put, or 0. */
static void
after (int n, int model[KEYS])
{
  memset (model, 0, KEYS * sizeof *model);
  for (int i = 1; i <= n; i++) {
    struct change c = change_of (i);

    for (unsigned k = 0; k < c.n; k++)
      model[c.key[k]] = c.put ? i : 0;
  }
}

/* Has the store what n changes make?  */
static bool
has (kv *store, int n)
{
  int model[KEYS];
  int64_t keys = 0;

  after (n, model);
  for (unsigned k = 0; k < KEYS; k++) {
    char key[20];
    int got = 0;
    int r = kv_get (store, key, (size_t) sprintf (key, "key %05u", k), &got,
                    sizeof got, NULL);

    keys += model[k] != 0;
    if (r == -ENOENT ? model[k] != 0 : r != 0 || got != model[k])
      return false;
  }
  return kv_check (store) == keys;
}

/* ------------------------------------------------------------------ */

static oriel_pool *
small_pool (void)
{
  oriel_options opt = test_options ();

  opt.page_size = 1024;
  opt.pool_size = 2 * MiB;
  return must_open_pool ("test", &opt);
}

static kv *
open_it (oriel_pool *pool)
{
  return kv_must_open (pool, kv_file ("a.kv"), 64 * KiB);
}

/* Go on from where the last one told, and die. */
static int
dies (void *arg)
{
  int *from = arg;
  oriel_pool *pool = small_pool ();
  kv *store = open_it (pool);

  for (int n = *from + 1; n <= *from + 1200; n++) {
    must (do_change (store, n), "kv_apply");
    told->done = n;
  }
  return 0;
}

/* 1: it died there, and all was well; 0: it did not come there. */
static int
try (const char *point, int times, int *done)
{
  oriel_pool *pool = small_pool ();
  kv *store = open_it (pool);
  int code, good;

  die_at = point;
  die_after = times;
  /* These happen only where another died before, or nothing is in memory. */
  if (strncmp (point, "redo.", 5) == 0) {
    die_at = "commit.unpinning";
    told->done = *done;
    if (in_child (dies, done) != 128 + SIGKILL)
      bail_out ("no one died before");
    *done = told->done;
    /* This one is done by who comes next. */
    die_at = point;
    die_after = 1;
    if (in_child (dies, done) != 128 + SIGKILL)
      bail_out ("no one died at %s", point);
    *done = *done + 1;
    code = 128 + SIGKILL;
  } else if (strncmp (point, "recover.", 8) == 0) {
    must (kv_close (store), "kv_close");
    must (oriel_pool_close (pool), "oriel_pool_close");
    must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
    die_after = 1;
    code = in_child (dies, done);
    die_at = NULL;
    pool = small_pool ();
    store = open_it (pool);
  } else {
    told->done = *done;
    code = in_child (dies, done);
    *done = told->done;
  }
  die_at = NULL;
  kv_check (store);             /* what was begun is finished by who writes */
  if (code == 128 + SIGKILL && has (store, *done + 1))
    ++*done;
  good = has (store, *done);
  if (!good)
    diag ("%s, time %d: after change %d: the store has something else", point,
          times, *done);
  ++*done;
  good &= do_change (store, *done) == 0 && has (store, *done);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = small_pool ();
  store = open_it (pool);
  if (!has (store, *done))
    diag ("%s, time %d: the recovered store has something else", point, times);
  good &= has (store, *done);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return code != 128 + SIGKILL ? 0 : good ? 1 : -1;
}

int
main (void)
{
  int most = getenv ("ORIEL_QUICK") ? 2 : TIMES;
  int done = 0;

  pool_dir ();                  /* before children make their own */
  told = shared_memory (sizeof *told);
  for (size_t p = 0; p < COUNT (points); p++) {
    int bad = 0;

    for (int times = 1; times <= most; times++) {
      int r = try (points[p], times, &done);

      bad += r < 0;
      came[p] |= r > 0;
    }
    ok (came[p] && bad == 0, "death at %s is survived", points[p]);
    if (!came[p])
      diag ("no one came there");
  }
  return done_testing ();
}
