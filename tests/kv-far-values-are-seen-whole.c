/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several processes, of two threads each, put, delete and read values of all
 * lengths in a store that the pool has not room for: far ones in place of far
 * ones, of short ones and of none, alone and two together.  Each value says
 * its key, its version and its length.  By gets and by cursors no one sees a
 * mix of two, or another key's, nor an older one than was put before, nor one
 * of two that were put together; and in the end no page is lost or used twice.
 */
#include "kv.h"

#define WORKERS 4               /* processes */
#define THREADS 2
#define SLOTS (WORKERS * THREADS)
#define KEYS 240                /* changed alone: of each thread some, and some
                                   that all change */
#define PAIRS 40                /* of keys that all change, together */
#define ALL (KEYS + 2 * PAIRS)
#define HOT 27                  /* keys that are often changed */
#define SIZE 1024               /* of a page */
#define LOG (256 * KiB)
#define GONE 5                  /* versions that this divides are deletes */

static struct shared {
  /* Of keys with an owner: of the last change. */
  _Atomic uint64_t begun[KEYS], done[KEYS];
  _Atomic uint64_t version;     /* of keys that all change */
  _Atomic uint64_t fars;
  _Atomic int wrong;
  char text[200];
} *shared;

static void
wrong (const char *what, unsigned k, uint64_t got, uint64_t want)
{
  if (atomic_fetch_add (&shared->wrong, 1) == 0)
    snprintf (shared->text, sizeof shared->text,
              "%s: key %u: got %llu, expected %llu: %s", what, k,
              (unsigned long long) got, (unsigned long long) want,
              oriel_error ());
}

static bool
has_owner (unsigned k)
{
  return k < KEYS && k % (SLOTS + 1) < SLOTS;
}

static size_t
key_of (char key[20], unsigned k)
{
  return (size_t) sprintf (key, "key %04u", k);
}

static unsigned
number_of (const kv_pair *pair)
{
  char key[20];

  snprintf (key, sizeof key, "%.*s", (int) pair->key_length,
            (const char *) pair->key);
  return (unsigned) atoi (key + 3);
}

/* The two of a pair are in leaves far from each other. */
static unsigned
of_pair (unsigned pair, unsigned which)
{
  return KEYS + which * PAIRS + pair;
}

/* Some keys have far values only, so that these are put in place. */
static size_t
length_of (unsigned k, uint64_t random)
{
  size_t most = SIZE - offsetof (struct kv_head, link), n = random / 8;

  switch (k % 3 == 0 ? random % 2 : random % 8) {
  case 0: return most;
  case 1: case 2: case 3: return most / 3 + n % (most / 3 * 2);
  case 4: return most / 4 + n % (most / 8); /* in its leaf, or not */
  default: return KV_FILLED + n % 50;
  }
}

static unsigned
random_of (unsigned n, unsigned hot, uint64_t random)
{
  return (unsigned) (random / 2 % (random % 2 ? n : hot));
}

/* ------------------------------------------------------------------ */
/* Looking                                                            */

/* The version, 0 if there is none. */
static uint64_t
version_of (const void *value, size_t length, unsigned k)
{
  uint64_t version = length == KV_NONE ? 0 : kv_filled (value, length, k);

  if (version == 0 && length != KV_NONE)
    wrong ("no whole value of the key's", k, length, 0);
  return version;
}

/* Is it what the owner put last, or at a time in which others looked?  done
 * is what was done before the look. */
static void
look_at_version (uint64_t got, unsigned k, uint64_t done)
{
  uint64_t begun = atomic_load (&shared->begun[k]);

  for (uint64_t v = done; v <= begun; v++)
    if (got == (v % GONE ? v : 0))
      return;
  wrong ("a version", k, got, done);
}

static void
look_at_one (kv *store, unsigned k)
{
  uint64_t done = has_owner (k) ? atomic_load (&shared->done[k]) : 0;
  unsigned char value[SIZE];
  char key[20];
  size_t length = KV_NONE;
  int r = kv_get (store, key, key_of (key, k), value, sizeof value, &length);

  if (r < 0 && r != -ENOENT)
    wrong ("kv_get", k, (uint64_t) -r, 0);
  else if (has_owner (k))
    look_at_version (version_of (value, length, k), k, done);
  else
    version_of (value, length, k);
}

static void
look_at_pair (kv *store, unsigned pair)
{
  unsigned char value[2][SIZE];
  uint64_t version[2];
  char key[2][20];
  size_t length[2];
  kv_op ops[2];
  int r;

  for (unsigned i = 0; i < 2; i++)
    ops[i] = (kv_op) { key[i], value[i], key_of (key[i], of_pair (pair, i)),
                       SIZE };
  r = kv_get_many (store, ops, 2, length);
  if (r < 0) {
    wrong ("kv_get_many", of_pair (pair, 0), (uint64_t) -r, 0);
    return;
  }
  for (unsigned i = 0; i < 2; i++)
    version[i] = version_of (value[i], length[i], of_pair (pair, i));
  if (version[0] != version[1])
    wrong ("one of two", of_pair (pair, 0), version[0], version[1]);
}

/* Each value is its key's, and keys come in order. */
static void
walk (kv *store, unsigned k, bool back, unsigned most)
{
  unsigned last = back ? ALL : 0, its;
  kv_cursor *cursor;
  kv_pair pair;
  char key[20];
  int r;

  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  r = kv_seek (cursor, key, key_of (key, k));
  for (unsigned n = 0; r == 0 && n < most; n++) {
    r = kv_step (cursor, back, &pair);
    if (r < 0)
      break;
    its = number_of (&pair);
    if (back ? its >= k || its >= last : its < k || (n > 0 && its <= last))
      wrong ("a cursor's order", its, its, last);
    version_of (pair.value, pair.length, its);
    last = its;
  }
  if (r < 0 && r != -ENOENT)
    wrong ("a cursor", k, (uint64_t) -r, 0);
  kv_cursor_close (cursor);
}

/* ------------------------------------------------------------------ */
/* Changing                                                           */

static void
change_one (kv *store, unsigned k, uint64_t random)
{
  uint64_t version = has_owner (k) ? shared->begun[k] + 1 : ++shared->version;
  unsigned char value[SIZE];
  size_t length = length_of (k, random), n;
  char key[20];
  int r;

  n = key_of (key, k);
  if (has_owner (k))
    atomic_store (&shared->begun[k], version);
  if (version % GONE == 0)
    r = kv_delete (store, key, n, KV_NOSYNC);
  else {
    kv_fill (value, length, k, version);
    r = kv_put (store, key, n, value, length, random % 64 ? KV_NOSYNC : 0);
    shared->fars += length > SIZE / 3;
  }
  if (r != 0 && !(version % GONE == 0 && r == -ENOENT && !has_owner (k)))
    wrong ("a change", k, (uint64_t) -r, version);
  if (has_owner (k))
    atomic_store (&shared->done[k], version);
}

static void
change_pair (kv *store, unsigned pair, uint64_t random)
{
  uint64_t version = ++shared->version;
  unsigned char value[2][SIZE];
  char key[2][20];
  kv_op ops[2];
  int r;

  for (unsigned i = 0; i < 2; i++) {
    unsigned k = of_pair (pair, i);
    size_t length = length_of (k, random >> (i * 16));

    kv_fill (value[i], length, k, version);
    ops[i] = (kv_op) { key[i], version % GONE ? value[i] : NULL,
                       key_of (key[i], k), length };
  }
  r = kv_apply (store, ops, 2, KV_NOSYNC);
  if (r != 0)
    wrong ("a batch", of_pair (pair, 0), (uint64_t) -r, 0);
}

/* ------------------------------------------------------------------ */

static oriel_pool *
small_pool (void)
{
  oriel_options opt = test_options ();

  opt.page_size = SIZE;
  opt.pool_size = 192 * KiB;
  return must_open_pool ("test", &opt);
}

struct thread {
  kv *store;
  unsigned slot;
  int n;
};

static void *
run (void *arg)
{
  struct thread *t = arg;
  uint64_t seed = t->slot + 1;

  for (int i = 0; i < t->n && !atomic_load (&shared->wrong); i++) {
    uint64_t random = next_random (&seed), more = next_random (&seed);
    unsigned k = random_of (KEYS, HOT, random);
    unsigned pair = random_of (PAIRS, 3, random);

    switch (more % 16) {
    case 0:
      walk (t->store, random_of (ALL, ALL, random), more & 16, 30);
      break;
    case 1: case 2: case 3: look_at_pair (t->store, pair); break;
    case 4: case 5: case 6: look_at_one (t->store, k); break;
    case 7: case 8: change_pair (t->store, pair, more / 16); break;
    default:
      /* Its own, or one that all change. */
      k -= k % (SLOTS + 1);
      k += more & 16 ? t->slot : SLOTS;
      if (k < KEYS)
        change_one (t->store, k, more / 32);
      if (k < KEYS && more % 3 == 0)
        look_at_one (t->store, k);
    }
  }
  return NULL;
}

static int
worker (void *arg)
{
  static struct thread thread[THREADS];
  unsigned number = *(unsigned *) arg;
  oriel_pool *pool = small_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), LOG);
  pthread_t id[THREADS];

  for (unsigned i = 0; i < THREADS; i++) {
    thread[i] = (struct thread) { store, number * THREADS + i,
                                  getenv ("ORIEL_QUICK") ? 2000 : 12000 };
    id[i] = start_thread (run, &thread[i]);
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join (id[i], NULL);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* The keys that are there; each is looked at. */
static int64_t
look_at_all (kv *store, const char *when)
{
  unsigned char value[SIZE];
  int64_t keys = 0;
  char key[20];

  for (unsigned k = 0; k < ALL; k++) {
    look_at_one (store, k);
    keys += kv_get (store, key, key_of (key, k), value, sizeof value, NULL)
            == 0;
  }
  for (unsigned pair = 0; pair < PAIRS; pair++)
    look_at_pair (store, pair);
  walk (store, 0, false, ALL);
  walk (store, ALL, true, ALL);
  ok (atomic_load (&shared->wrong) == 0, "%s: all values are whole", when);
  if (atomic_load (&shared->wrong))
    diag ("%s", shared->text);
  return keys;
}

/* All are far: so is the one for which the root is split.  Each is its owner's
 * first. */
static void
put_all (kv *store)
{
  unsigned char value[SIZE];
  size_t length = kv_value_max (store);
  char key[20];

  shared->version = 1;
  for (unsigned k = 0; k < KEYS; k++) {
    kv_fill (value, length, k, 1);
    must (kv_put (store, key, key_of (key, k), value, length, KV_NOSYNC),
          "kv_put");
    shared->begun[k] = shared->done[k] = 1;
  }
}

int
main (void)
{
  unsigned number[WORKERS];
  pid_t child[WORKERS];
  oriel_pool *pool;
  kv *store;
  int64_t keys;
  char key[20];
  int bad = 0;

  shared = shared_memory (sizeof *shared);
  pool = small_pool ();
  store = kv_must_open (pool, kv_file ("a.kv"), LOG);
  put_all (store);
  is_int (kv_check (store), KEYS, "far values have a page each");
  for (unsigned i = 0; i < WORKERS; i++) {
    number[i] = i;
    child[i] = spawn (worker, &number[i]);
  }
  for (unsigned i = 0; i < WORKERS; i++)
    bad += reap (child[i]) != 0;
  is_int (bad, 0, "all processes end well");
  ok (atomic_load (&shared->wrong) == 0, "none saw what was not put");
  if (atomic_load (&shared->wrong))
    diag ("%s", shared->text);
  ok (shared->fars > 1000, "%llu more values were far",
      (unsigned long long) shared->fars);
  ok (get_stats (pool).evictions > 100, "pages were evicted");

  atomic_store (&shared->wrong, 0);
  keys = look_at_all (store, "in the end");
  is_int (kv_check (store), keys, "each page is used once");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = small_pool ();
  store = kv_must_open (pool, kv_file ("a.kv"), LOG);
  is_int (look_at_all (store, "recovered"), keys, "no key more or less");
  is_int (kv_check (store), keys, "each page is used once");
  for (unsigned k = 0; k < ALL; k++) {
    int r = kv_delete (store, key, key_of (key, k), KV_NOSYNC);

    bad += r != 0 && r != -ENOENT;
  }
  is_int (bad, 0, "all can be deleted");
  is_int (kv_check (store), 0, "and then all pages are free");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
