/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where keys are long and begin alike, and others are short, the separators of
 * leaves are of very different lengths: a parent may have no room for a new one.
 * Whatever is put and deleted then, the pages are a tree in which no leaf is empty,
 * and a cursor finds every key.
 */
#include "kv.h"

#define KEYS 600
#define GROUP 6                 /* keys that begin alike */
#define LONGEST 127
#define PHASES 30               /* of growing and shrinking */
#define CHANGES 900
#define EACH 25                 /* changes, until all is looked at */

static char key[KEYS][LONGEST + 1];
static size_t key_length[KEYS];
static bool there[KEYS];
static uint64_t seed;

/* In each second group they differ at the end alone. */
static void
make_keys (void)
{
  for (int i = 0; i < KEYS; i++) {
    int group = i / GROUP;

    memset (key[i], 'p', LONGEST);
    snprintf (key[i], 4, "%03d", group);
    key[i][3] = 'p';
    if (group % 2)
      snprintf (key[i] + LONGEST - 5, 6, "%05d", i);
    else
      snprintf (key[i] + 4, 6, "%d", i);
    key_length[i] = strlen (key[i]);
  }
}

static size_t
value_length (int i)
{
  switch (next_random (&seed) % 4) {
  case 0: return next_random (&seed) % 1000;
  case 1: return 318 - key_length[i] - next_random (&seed) % 4; /* far, or not */
  default: return next_random (&seed) % 60;
  }
}

/* Is it a tree, and does a cursor come by all of them? */
static bool
all_is_well (kv *store)
{
  int64_t keys = 0, seen = 0;
  kv_cursor *cursor;
  kv_pair pair;
  int r;

  for (int i = 0; i < KEYS; i++)
    keys += there[i];
  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  while ((r = kv_next (cursor, &pair)) == 0)
    seen++;
  kv_cursor_close (cursor);
  if (r == -ENOENT && seen == keys && kv_check (store) == keys)
    return true;
  diag ("a cursor saw %lld of %lld keys: %d", (long long) seen,
        (long long) keys, r);
  return false;
}

static bool
change (kv *store, bool grow)
{
  static const char value[1000];
  int i = (int) (next_random (&seed) % KEYS);
  bool was = there[i];

  there[i] = next_random (&seed) % 10 < (grow ? 8 : 2);
  if (there[i])
    return kv_put (store, key[i], key_length[i], value, value_length (i),
                   KV_NOSYNC) == 0;
  return kv_delete (store, key[i], key_length[i], KV_NOSYNC)
         == (was ? 0 : -ENOENT);
}

static bool
is_good (kv *store)
{
  for (int phase = 0; phase < PHASES; phase++)
    for (int n = 1; n <= CHANGES; n++)
      if (!change (store, phase % 2 == 0)
          || (n % EACH == 0 && !all_is_well (store)))
        return false;
  return true;
}

int
main (int argc, char **argv)
{
  /* With these a leaf was empty once; another is an argument. */
  static const uint64_t seeds[] = { 1, 10, 12, 14, 18, 21 };
  oriel_options opt = test_options ();

  opt.page_size = 1024;
  opt.pool_size = 4 * MiB;
  make_keys ();
  for (size_t i = 0; i < (argc > 1 ? 1 : COUNT (seeds)); i++) {
    oriel_pool *pool = must_open_pool ("test", &opt);
    kv *store = kv_must_open (pool, kv_file ("a.kv"), 0);

    seed = argc > 1 ? strtoull (argv[1], NULL, 10) : seeds[i];
    memset (there, 0, sizeof there);
    ok (is_good (store), "all is well");
    must (kv_close (store), "kv_close");
    must (oriel_pool_close (pool), "oriel_pool_close");
    must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
    unlink (kv_file ("a.kv"));
    unlink (kv_file ("a.kv-log"));
    unlink (kv_file ("a.kv.dw"));
  }
  return done_testing ();
}
