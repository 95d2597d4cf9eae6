/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that recover a store are killed one after the other, in a pool that
 * has room for a part of what the log touches.  Each leaves dirty pages that
 * wait for more of the log than the next one has come to when it needs their
 * frames: it writes them, goes on, and waits for no one.  The last finds all
 * that was put.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define KEYS 3000
#define PUTS 4000
#define VALUE 100
#define ROOM (128 * KiB)        /* a third of the pages */

static const char *path;
static int die_after;           /* of the parts of records; 0: never */

static void
kv_point (const char *name)
{
  if (die_after && strcmp (name, "redo.part") == 0 && --die_after == 0)
    raise (SIGKILL);
}

/* Put number i, of 0 to PUTS - 1, is the same in each run. */
static unsigned
key_of (int i)
{
  uint64_t seed = (uint64_t) i;

  return (unsigned) (next_random (&seed) % KEYS);
}

static oriel_pool *
pool_of (uint64_t size)
{
  oriel_options opt = test_options ();

  opt.page_size = 1024;
  opt.pool_size = size;
  return must_open_pool ("test", &opt);
}

/* Nothing but the log has what it puts. */
static int
fill_and_die (void *arg)
{
  kv *store = kv_must_open (pool_of (8 * MiB), path, 4 * MiB);
  char key[20], value[VALUE];

  memset (value, 'v', sizeof value);
  for (int i = 0; i < PUTS; i++) {
    size_t length = (size_t) sprintf (key, "key %05u", key_of (i));

    memcpy (value, &i, sizeof i);
    must (kv_put (store, key, length, value, sizeof value, KV_NOSYNC),
          "kv_put");
  }
  must (kv_sync (store), "kv_sync");
  *(uint64_t *) arg = oriel_file_size (store->file);
  raise (SIGKILL);
  return 0;
}

/* Has the store the last put of each key, and nothing else?  */
static bool
has_all (kv *store)
{
  int model[KEYS];
  int64_t keys = 0;

  memset (model, -1, sizeof model);
  for (int i = 0; i < PUTS; i++)
    model[key_of (i)] = i;
  for (unsigned k = 0; k < KEYS; k++) {
    char key[20];
    int got = 0;
    int r = kv_get (store, key, (size_t) sprintf (key, "key %05u", k), &got,
                    sizeof got, NULL);

    keys += model[k] >= 0;
    if (model[k] < 0 ? r != -ENOENT : r != 0 || got != model[k])
      return false;
  }
  return kv_check (store) == keys;
}

/* Killed while it recovers, after so many parts. */
static int
recover_and_die (void *arg)
{
  die_after = *(const int *) arg;
  kv_must_open (pool_of (ROOM), path, 0);
  return 0;
}

static int
recover_all (void *arg)
{
  oriel_pool *pool = pool_of (ROOM);
  kv *store = kv_must_open (pool, path, 0);
  bool good = has_all (store);

  (void) arg;
  good &= kv_put (store, "more", 4, "1", 1, 0) == 0;
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

int
main (void)
{
  /* Some come less far than the one before, some farther. */
  static const int parts[] = { 4000, 3000, 2000, 6000, 1000, 5000, 3500, 500 };
  uint64_t *size;

  pool_dir ();                  /* before children make their own */
  alarm (util_timeout () / 5);  /* who waits for the log may do so for ever */
  path = strdup (kv_file ("a.kv"));
  size = shared_memory (sizeof *size);
  is_int (in_child (fill_and_die, size), 128 + SIGKILL,
          "one puts, syncs and dies");
  ok (*size > 2 * ROOM, "the pages are more than twice what there is room for");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  for (size_t i = 0; i < COUNT (parts); i++) {
    int n = parts[i];

    if (!ok (in_child (recover_and_die, &n) == 128 + SIGKILL,
             "one is killed that recovers, after %d parts", n))
      diag ("it was not, or could not go on");
  }
  is_int (in_child (recover_all, NULL), 0,
          "the next recovers all that was put");
  return done_testing ();
}
