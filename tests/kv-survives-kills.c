/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several processes, of two threads each, put, delete and read, single keys and
 * batches, and are killed at random instants; others go on and new ones come.
 * Each thread has keys of its own, and tells in shared memory what it is about to
 * do and what was acknowledged.  Every acknowledged change is found, by others
 * while they run and at the end, in the pool and when the store is recovered from
 * its files; of what was not, all or nothing; and no one sees a batch half.
 * Values are short or far by turns, so that pages are taken and given back.
 */
#include "kv.h"

#define WORKERS 4               /* processes */
#define THREADS 2
#define SLOTS (WORKERS * THREADS)
#define KEYS 40                 /* of a slot, in single changes */
#define PAIR 6                  /* keys of a slot's batch */
#define LOG (256 * KiB)
#define VALUE 4096

struct slot {
  _Atomic uint64_t begun[KEYS], done[KEYS]; /* versions; deleted if 5 divides */
  _Atomic uint64_t batch_begun, batch_done;
};

static struct shared {
  struct slot slot[SLOTS];
  _Atomic int wrong, stop;
  _Atomic uint64_t changes, halves;
  char text[200];
} *shared;

static void
wrong (const char *what, int slot, int k, uint64_t got, uint64_t want)
{
  if (atomic_fetch_add (&shared->wrong, 1) == 0)
    snprintf (shared->text, sizeof shared->text,
              "%s: slot %d, key %d: got %llu, expected %llu: %s", what, slot,
              k, (unsigned long long) got, (unsigned long long) want,
              oriel_error ());
}

static size_t
key_of (char key[40], int slot, int k)
{
  /* Neighbours are of different slots. */
  return (size_t) sprintf (key, "k%03d of %d", k, slot);
}

static size_t
batch_key (char key[40], int slot, int i)
{
  return (size_t) sprintf (key, "b%d of %d", i, slot);
}

/* Versions differ in length: far ones come after far ones, or short ones. */
static size_t
length_of (uint64_t version)
{
  switch (version % 8) {
  case 0: case 3: return 1500 + version * 37 % 2500;
  case 1: return 4072;          /* kv_value_max() */
  default: return 108;
  }
}

/* Values of others say so. */
static uint64_t
name_of (int slot, int k)
{
  return (uint64_t) (slot * 1000 + k);
}

/* It is whole, and as long as it was put; 0: it is not. */
static uint64_t
version_in (const void *value, size_t length, int slot, int k)
{
  uint64_t version = kv_filled (value, length, name_of (slot, k));

  return length == length_of (version) ? version : 0;
}

/* The version that the store has; 0: none. */
static uint64_t
version_of (kv *store, int slot, int k)
{
  unsigned char value[VALUE];
  uint64_t version = 0;
  char key[40];
  size_t length = 0;
  int r = kv_get (store, key, key_of (key, slot, k), value, sizeof value,
                  &length);

  if (r == 0)
    version = version_in (value, length, slot, k);
  if (r != -ENOENT && version == 0)
    wrong ("kv_get", slot, k, (uint64_t) -r, 0);
  return version;
}

/* With 5 a key is deleted, so versions that 5 divides are not there. */
static int
fits (uint64_t got, uint64_t version)
{
  return version % 5 == 0 ? got == 0 : got == version;
}

/* Its single keys, by their own thread or while that is dead.  Between what was
 * acknowledged and what was begun last, others may have been begun and have
 * happened. */
static void
look_at_own (kv *store, int slot, int k)
{
  uint64_t done = atomic_load (&shared->slot[slot].done[k]);
  uint64_t begun = atomic_load (&shared->slot[slot].begun[k]);
  uint64_t got = version_of (store, slot, k), version = done;

  while (version < begun && !fits (got, version))
    version++;
  if (!fits (got, version))
    wrong ("an acknowledged change", slot, k, got, done);
}

static void
look_at_batch (kv *store, int slot)
{
  uint64_t done = atomic_load (&shared->slot[slot].batch_done), begun;
  unsigned char value[PAIR][VALUE];
  uint64_t version[PAIR];
  char key[PAIR][40];
  size_t length[PAIR];
  kv_op ops[PAIR];
  int r;

  for (int i = 0; i < PAIR; i++)
    ops[i] = (kv_op) { key[i], value[i], batch_key (key[i], slot, i), VALUE };
  r = kv_get_many (store, ops, PAIR, length);
  begun = atomic_load (&shared->slot[slot].batch_begun);
  if (r < 0) {
    wrong ("kv_get_many", slot, 0, (uint64_t) -r, 0);
    return;
  }
  for (int i = 0; i < PAIR; i++) {
    version[i] = length[i] == KV_NONE ? 0
                 : version_in (value[i], length[i], slot, KEYS + i);
    if ((length[i] == KV_NONE) != (length[0] == KV_NONE)
        || (length[i] != KV_NONE && version[i] == 0)
        || version[i] != version[0])
      wrong ("half a batch", slot, i, version[i], version[0]);
    else if (version[i] < done || version[i] > begun)
      wrong ("a batch", slot, i, version[i], done);
  }
}

static void
change_one (kv *store, int slot, int k)
{
  struct slot *s = &shared->slot[slot];
  unsigned char value[VALUE];
  char key[40];
  size_t n = key_of (key, slot, k);
  /* A change that died may have happened or not; the next has a new number. */
  uint64_t version = atomic_load (&s->begun[k]) + 1;
  int r;

  kv_fill (value, length_of (version), name_of (slot, k), version);
  atomic_store (&s->begun[k], version);
  r = version % 5 == 0 ? kv_delete (store, key, n, 0)
                       : kv_put (store, key, n, value, length_of (version), 0);
  if (r != 0 && !(version % 5 == 0 && r == -ENOENT))
    wrong ("a change", slot, k, (uint64_t) -r, 0);
  atomic_store (&s->done[k], version);
}

static void
change_batch (kv *store, int slot)
{
  struct slot *s = &shared->slot[slot];
  uint64_t version = atomic_load (&s->batch_begun) + 1;
  unsigned char value[PAIR][VALUE];
  char key[PAIR][40];
  kv_op ops[PAIR];
  int r;

  for (int i = 0; i < PAIR; i++) {
    kv_fill (value[i], length_of (version), name_of (slot, KEYS + i), version);
    ops[i] = (kv_op) { key[i], value[i], batch_key (key[i], slot, i),
                       length_of (version) };
  }
  atomic_store (&s->batch_begun, version);
  r = kv_apply (store, ops, PAIR, 0);
  if (r != 0)
    wrong ("a batch", slot, 0, (uint64_t) -r, 0);
  atomic_store (&s->batch_done, version);
}

struct thread {
  kv *store;
  int slot;
  uint64_t seed;
};

static void *
run (void *arg)
{
  struct thread *t = arg;

  while (!atomic_load (&shared->stop) && !atomic_load (&shared->wrong)) {
    uint64_t r = next_random (&t->seed);
    int k = (int) (r % KEYS);

    switch (r / KEYS % 8) {
    case 0: change_batch (t->store, t->slot); break;
    case 1: case 2: look_at_batch (t->store, (int) (r / 999 % SLOTS)); break;
    case 3: look_at_own (t->store, t->slot, k); break;
    default: change_one (t->store, t->slot, k); break;
    }
    atomic_fetch_add (&shared->changes, 1);
  }
  return NULL;
}

static int
worker (void *arg)
{
  static struct thread thread[THREADS];
  int number = *(int *) arg;
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), LOG);
  pthread_t id[THREADS];

  for (int i = 0; i < THREADS; i++) {
    /* What the dead one before left. */
    for (int k = 0; k < KEYS; k++)
      look_at_own (store, number * THREADS + i, k);
    thread[i] = (struct thread) { store, number * THREADS + i,
                                  (uint64_t) getpid () };
    id[i] = start_thread (run, &thread[i]);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join (id[i], NULL);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void
look_at_all (const char *when)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), LOG);

  atomic_store (&shared->wrong, 0);
  for (int s = 0; s < SLOTS; s++) {
    for (int k = 0; k < KEYS; k++)
      look_at_own (store, s, k);
    look_at_batch (store, s);
  }
  ok (atomic_load (&shared->wrong) == 0, "%s: what was acknowledged is there",
      when);
  if (atomic_load (&shared->wrong))
    diag ("%s", shared->text);
  ok (kv_check (store) >= 0, "%s: the pages are a tree", when);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  int kills = getenv ("KILLS") ? atoi (getenv ("KILLS"))
              : getenv ("ORIEL_QUICK") ? 25 : 80;
  uint64_t seed = 7;
  pid_t child[WORKERS];
  int number[WORKERS];
  int good = 1;

  scratch ();                   /* before children make their own */
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  for (int i = 0; i < WORKERS; i++) {
    number[i] = i;
    child[i] = spawn (worker, &number[i]);
  }
  for (int i = 0; i < kills && !atomic_load (&shared->wrong); i++) {
    int w = (int) (next_random (&seed) % WORKERS);
    uint64_t until = atomic_load (&shared->changes)
                     + next_random (&seed) % 200;

    while (atomic_load (&shared->changes) < until
           && !atomic_load (&shared->wrong))
      usleep (200);
    kill (child[w], SIGKILL);
    good &= reap (child[w]) == 128 + SIGKILL;
    child[w] = spawn (worker, &number[w]);
  }
  ok (good, "processes run until they are killed");
  for (int w = 0; w < WORKERS; w += 2) {
    kill (child[w], SIGKILL);
    reap (child[w]);
  }
  atomic_store (&shared->stop, 1);
  for (int w = 1; w < WORKERS; w += 2)
    is_int (reap (child[w]), 0, "one that is not ends by itself");
  ok (atomic_load (&shared->wrong) == 0,
      "none missed what was acknowledged, or saw half a batch");
  if (atomic_load (&shared->wrong))
    diag ("%s", shared->text);
  diag ("%llu operations",
        (unsigned long long) atomic_load (&shared->changes));
  look_at_all ("in the pool");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  look_at_all ("recovered from the files");
  return done_testing ();
}
