/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies at each step of a change, of a group commit, of a checkpoint
 * and of a recovery, at the first, second, ... time that it comes there.  Another
 * that has the store open finds the pages a tree, what was acknowledged, and all
 * or nothing of what was not, and goes on; so does who recovers the store from
 * its files.  At the steps of a change it dies in each kind of them: of far
 * values that are put in place of others, new, become short, or are deleted.
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
#define VALUE 1024              /* a page, and more than a value */
#define LONGEST 1000            /* kv_value_max() */
#define is_far_length(length) ((length) > 350)

/* Of a change: what becomes of far values. */
enum { ANY, IN_PLACE, FAR_NEW, FAR_SHORT, FAR_GONE, KINDS };

static const char *const points[] = {
  "alone.changed", "append.begun", "append.written", "commit.logged",
  "commit.begun", "commit.dirtied", "commit.unpinning", "commit.unpinned",
  "commit.seen", "commit.applied", "sync.begun", "sync.done", "checkpoint.begun",
  "checkpoint.pages", "checkpoint.head", "redo.begun", "redo.part",
  "redo.done", "recover.pages", "recover.head",
};

static const char *die_at;
static int die_after, die_kind; /* only in changes of that kind */
static bool its_kind[KINDS] = { true };
static bool came[COUNT (points)];

static void
kv_point (const char *name)
{
  if (die_at && its_kind[die_kind] && strcmp (name, die_at) == 0
      && --die_after == 0)
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

/* Each third is far, those of some keys always. */
static size_t
length_of (int n, unsigned key)
{
  if (key % 8 == 0 || (unsigned) (n + (int) key) % 4 == 0)
    return (unsigned) n % 3 ? 400 + (unsigned) n * 7 % 600 : LONGEST;
  return KV_FILLED + 51;
}

/* The number of the put that the key's value is of; 0: it has none; -1: it is
 * not whole. */
static int
number_of (kv *store, unsigned k, size_t *length)
{
  unsigned char value[VALUE];
  char key[20];
  int n, r;

  *length = 0;
  r = kv_get (store, key, (size_t) sprintf (key, "key %05u", k), value,
              sizeof value, length);
  if (r == -ENOENT)
    return 0;
  n = r == 0 ? (int) kv_filled (value, *length, k) : 0;
  return n > 0 && *length == length_of (n, k) ? n : -1;
}

static int
do_change (kv *store, int n)
{
  struct change c = change_of (n);
  unsigned char value[BATCH][VALUE];
  char key[BATCH][20];
  kv_op ops[BATCH];
  int r;

  memset (its_kind + 1, 0, sizeof its_kind - 1);
  for (unsigned i = 0; i < c.n; i++) {
    size_t length = length_of (n, c.key[i]), had = 0;

    kv_fill (value[i], length, c.key[i], (uint64_t) n);
    ops[i] = (kv_op) { key[i], c.put ? value[i] : NULL,
                       (size_t) sprintf (key[i], "key %05u", c.key[i]),
                       length };
    if (!die_at)
      continue;
    number_of (store, c.key[i], &had);
    length = c.put ? length : 0;
    if (is_far_length (length))
      its_kind[is_far_length (had) ? IN_PLACE : FAR_NEW] = true;
    else if (is_far_length (had))
      its_kind[length ? FAR_SHORT : FAR_GONE] = true;
  }
  r = kv_apply (store, ops, c.n, n % 16 ? KV_NOSYNC : 0);
  memset (its_kind + 1, 0, sizeof its_kind - 1);
  return r;
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
    size_t length;

    keys += model[k] != 0;
    if (number_of (store, k, &length) != model[k])
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
try (const char *point, int times, int kind, int *done)
{
  oriel_pool *pool = small_pool ();
  kv *store = open_it (pool);
  int code, good;

  die_at = point;
  die_after = times;
  die_kind = kind;
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
    die_kind = ANY;
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
    diag ("%s, time %d, kind %d: after change %d the store has something "
          "else", point, times, kind, *done);
  ++*done;
  good &= do_change (store, *done) == 0 && has (store, *done);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = small_pool ();
  store = open_it (pool);
  if (!has (store, *done))
    diag ("%s, time %d, kind %d: the recovered store has something else",
          point, times, kind);
  good &= has (store, *done);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return code != 128 + SIGKILL ? 0 : good ? 1 : -1;
}

/* Is it one of the steps of each change, or of doing it again?  The first is
 * left out: no batch comes there, and no value in place of another. */
static bool
in_change (const char *point)
{
  return strncmp (point, "append.", 7) == 0
         || strncmp (point, "commit.", 7) == 0
         || strncmp (point, "redo.", 5) == 0;
}

int
main (void)
{
  int most = getenv ("ORIEL_QUICK") ? 2 : TIMES;
  int done = 0, kinds = 0, missed = 0;

  pool_dir ();                  /* before children make their own */
  told = shared_memory (sizeof *told);
  for (size_t p = 0; p < COUNT (points); p++) {
    int bad = 0, any = in_change (points[p]) ? TIMES / 2 : most;

    for (int times = 1; times <= any; times++) {
      int r = try (points[p], times, ANY, &done);

      bad += r < 0;
      came[p] |= r > 0;
    }
    for (int kind = ANY + 1; kind < KINDS && in_change (points[p]); kind++) {
      int r = try (points[p], 1 + (kind + (int) p) % 3, kind, &done);

      bad += r < 0;
      kinds += r > 0;
      missed += r == 0;
    }
    ok (came[p] && bad == 0, "death at %s is survived", points[p]);
    if (!came[p])
      diag ("no one came there");
  }
  diag ("%d deaths in changes of far values", kinds);
  is_int (missed, 0, "all kinds of changes came to all of their steps");
  return done_testing ();
}
