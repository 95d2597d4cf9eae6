/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the store has after random puts, deletes and batches is what an ordered
 * table in memory has: by gets, by cursors in both directions from anywhere, and
 * still after a checkpoint, after it was closed and opened, and after it was
 * recovered from its files alone.
 */
#include "kv.h"

#define KEYS 3000
#define SEED 20261122

/* Keys are numbers from 0 on, in order. */
struct entry {
  char key[4096];
  size_t key_length;
  size_t length;                /* of the value; 0: it is not there */
  unsigned version;
};

static struct entry model[KEYS];
static oriel_pool *pool;
static kv *store;
static uint64_t seed;
static size_t page_size;

static uint64_t
rnd (uint64_t below)
{
  return next_random (&seed) % below;
}

static void
fill_value (char *value, size_t k, unsigned version, size_t length)
{
  for (size_t i = 0; i < length; i++)
    value[i] = (char) (k * 31 + version * 7 + i);
}

/* Some keys are as long as can be, and some begin as others do. */
static void
make_keys (void)
{
  size_t longest = kv_key_max (store);

  for (size_t k = 0; k < KEYS; k++) {
    struct entry *e = &model[k];

    e->key_length = (size_t) snprintf (e->key, sizeof e->key, "%05zu%s", k / 2,
                                       k % 2 ? "-and more" : "");
    if (k % 50 == 1)
      while (e->key_length < longest)
        e->key[e->key_length++] = 'x';
    else if (k % 77 == 0)
      e->key[e->key_length++] = '\0';
    e->length = 0;
  }
}

static size_t
random_length (void)
{
  size_t most = kv_value_max (store);

  switch (rnd (8)) {
  case 0: return most;
  case 2: return most / 4 + rnd (most / 12); /* in its leaf, or not */
  case 1: return 1 + rnd (most);
  default: return 1 + rnd (60);
  }
}

static void
open_store (void)
{
  oriel_options opt = test_options ();

  opt.page_size = (uint32_t) page_size;
  opt.pool_size = page_size * 2048;
  pool = must_open_pool ("test", &opt);
  store = kv_must_open (pool, kv_file ("a.kv"), 256 * KiB);
}

static void
close_store (int destroy)
{
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  if (destroy)
    must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* What differs from the model: 0 if nothing. */
static int
differences (void)
{
  kv_cursor *c;
  size_t length, k;
  kv_pair pair;
  char want[20000], got[20000];
  int bad = 0, rc;

  must (kv_cursor_open (store, &c), "kv_cursor_open");
  for (k = 0; (rc = kv_next (c, &pair)) == 0; k++) {
    while (k < KEYS && model[k].length == 0)
      k++;
    if (k == KEYS)
      break;
    fill_value (want, k, model[k].version, model[k].length);
    bad += pair.key_length != model[k].key_length
           || memcmp (pair.key, model[k].key, pair.key_length) != 0
           || pair.length != model[k].length
           || memcmp (pair.value, want, pair.length) != 0;
  }
  bad += rc != -ENOENT;
  for (; k < KEYS; k++)
    bad += model[k].length != 0;
  for (k = KEYS; (rc = kv_prev (c, &pair)) == 0;) {
    do
      k--;
    while (k > 0 && model[k].length == 0);
    fill_value (want, k, model[k].version, model[k].length);
    bad += pair.key_length != model[k].key_length
           || memcmp (pair.key, model[k].key, pair.key_length) != 0
           || pair.length != model[k].length
           || memcmp (pair.value, want, pair.length) != 0;
  }
  while (k > 0)
    bad += model[--k].length != 0;
  kv_cursor_close (c);
  for (k = 0; k < KEYS; k += 7) {
    rc = kv_get (store, model[k].key, model[k].key_length, got, sizeof got,
                 &length);
    fill_value (want, k, model[k].version, model[k].length);
    bad += rc != (model[k].length ? 0 : -ENOENT)
           || (rc == 0 && (length != model[k].length
                           || memcmp (got, want, length) != 0));
  }
  return bad;
}

/* From a random place some steps forwards and back. */
static int
walk (kv_cursor *c)
{
  size_t k = rnd (KEYS), at = k;
  kv_pair pair;
  int bad = 0;

  must (kv_seek (c, model[k].key, model[k].key_length), "kv_seek");
  for (unsigned step = 0; step < 40; step++) {
    int forwards = step < 10 || rnd (2), rc;

    if (forwards) {
      while (at < KEYS && model[at].length == 0)
        at++;
      rc = kv_next (c, &pair);
      bad += rc != (at < KEYS ? 0 : -ENOENT);
      if (rc == 0 && at < KEYS)
        bad += memcmp (pair.key, model[at].key, pair.key_length) != 0;
      at += at < KEYS;
    } else {
      while (at > 0 && model[at - 1].length == 0)
        at--;
      rc = kv_prev (c, &pair);
      bad += rc != (at > 0 ? 0 : -ENOENT);
      at -= at > 0;
      if (rc == 0)
        bad += memcmp (pair.key, model[at].key, pair.key_length) != 0;
    }
  }
  return bad;
}

static void
set (size_t k, size_t length)
{
  model[k].length = length;
  model[k].version++;
}

static int
change_one (void)
{
  size_t k = rnd (KEYS), length = random_length ();
  char value[20000];
  int rc;

  if (rnd (3) == 0) {
    rc = kv_delete (store, model[k].key, model[k].key_length, KV_NOSYNC);
    if (rc != (model[k].length ? 0 : -ENOENT))
      return 1;
    set (k, 0);
    return 0;
  }
  fill_value (value, k, model[k].version + 1, length);
  rc = kv_put (store, model[k].key, model[k].key_length, value, length,
               KV_NOSYNC);
  set (k, length);
  return rc != 0;
}

static int
change_many (void)
{
  static char values[20][20000];
  kv_op ops[20];
  size_t n = 1 + rnd (20);

  for (size_t i = 0; i < n; i++) {
    size_t k = rnd (KEYS), length = rnd (4) ? random_length () : 0;

    fill_value (values[i], k, model[k].version + 1, length);
    ops[i] = (kv_op) { model[k].key, length ? values[i] : NULL,
                       model[k].key_length, length };
    set (k, length);
  }
  return kv_apply (store, ops, n, KV_NOSYNC) != 0;
}

/* In order from a place on, all there or all gone: leaves fill and empty. */
static int
change_range (void)
{
  size_t k = rnd (KEYS), n = rnd (600), bad = 0;
  int put = rnd (2) == 0;
  char value[100];

  for (; n > 0 && k < KEYS; n--, k++) {
    fill_value (value, k, model[k].version + 1, 50);
    if (put)
      bad += kv_put (store, model[k].key, model[k].key_length, value, 50,
                     KV_NOSYNC) != 0;
    else if (model[k].length)
      bad += kv_delete (store, model[k].key, model[k].key_length, KV_NOSYNC)
             != 0;
    set (k, put ? 50 : 0);
  }
  return bad != 0;
}

static int64_t
keys_of_model (void)
{
  int64_t n = 0;

  for (size_t k = 0; k < KEYS; k++)
    n += model[k].length > 0;
  return n;
}

static void
try (size_t size, int ops)
{
  kv_cursor *c;
  int bad = 0;

  diag ("pages of %zu bytes, seed %d", size, SEED);
  seed = SEED;
  page_size = size;
  open_store ();
  make_keys ();
  for (int i = 0; i < ops; i++)
    bad += rnd (10) ? change_one () : rnd (20) ? change_many ()
                                               : change_range ();
  is_int (bad, 0, "random changes succeed, or fail as they should");
  is_int (kv_check (store), keys_of_model (), "it is a tree of so many keys");
  is_int (differences (), 0, "it has what the model has");
  must (kv_cursor_open (store, &c), "kv_cursor_open");
  bad = 0;
  for (int i = 0; i < 100; i++)
    bad += walk (c);
  is_int (bad, 0, "cursors go forwards and back as in the model");
  kv_cursor_close (c);
  must (kv_checkpoint (store), "kv_checkpoint");
  is_int (differences (), 0, "so after a checkpoint");
  for (int i = 0; i < ops / 4; i++)
    bad += change_one ();
  close_store (0);
  open_store ();
  is_int (differences (), 0, "so after it was closed and opened");
  for (int i = 0; i < ops / 4; i++)
    bad += change_many ();
  close_store (1);
  open_store ();
  is_int (differences (), 0, "so when it was recovered from its files");
  is_int (kv_check (store), keys_of_model (), "which have a tree");
  for (size_t k = 0; k < KEYS; k++)
    if (model[k].length) {
      bad += kv_delete (store, model[k].key, model[k].key_length, KV_NOSYNC);
      set (k, 0);
    }
  is_int (bad, 0, "all can be deleted");
  is_int (kv_check (store), 0, "and then it is empty, its pages free");
  close_store (1);
  unlink (kv_file ("a.kv"));
  unlink (kv_file ("a.kv-log"));
}

int
main (void)
{
  int ops = getenv ("ORIEL_QUICK") ? 3000 : 20000;

  try (4096, ops);
  try (1024, ops);
  try (16384, ops / 4);
  return done_testing ();
}
