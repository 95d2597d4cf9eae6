/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recovery takes from the log is what happened, in order and without
 * gaps, also where a record lies behind one that is not of its history:
 *
 * - a process dies when its record is in the log, but before it says so.  The
 *   record becomes durable with a sync; two others follow, and the power leaves
 *   only the second of them;
 * - the power leaves no more than the second of two records.  After the recovery
 *   a record as long as the first comes to the place where that was.
 *
 * All put a value of one length to one key, so a record has the bytes that differ,
 * and one put on top of another than it was made for gives a mixture.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define LENGTH 1000             /* of the value */
#define LOG (4 * MiB)           /* no checkpoint comes by itself */
#define SECTOR 512

static const char *die_at;
static char value[LENGTH + 1];

static void
kv_point (const char *name)
{
  if (die_at && strcmp (name, die_at) == 0)
    raise (SIGKILL);
}

/* first LENGTH times, but for the last byte. */
static void
put (kv *store, char first, char last)
{
  char new[LENGTH];

  memset (new, first, sizeof new);
  new[LENGTH - 1] = last;
  must (kv_put (store, "key", 3, new, sizeof new, KV_NOSYNC), "kv_put");
}

/* Put all, until a record of the same length would end with a sector, inside a
 * block: when a block is begun it is written whole. */
static void
align (kv *store)
{
  uint64_t before, end;

  put (store, 'a', 'a');
  do {
    before = store->shared->log_end;
    put (store, 'b', 'b');
    end = store->shared->log_end - before;
    put (store, 'a', 'a');
    put (store, 'a', 'a');      /* short: so that it comes to all places */
    end += before = store->shared->log_end;
  } while (end % SECTOR != 0 || before % BLOCK == 0
           || before / BLOCK != (end - 1) / BLOCK);
}

static oriel_pool *
pool_of (const char *name)
{
  oriel_options opt = test_options ();

  return must_open_pool (name, &opt);
}

/* The store's files as they are now, as those of another store. */
static void
copy_store (const char *from, const char *to)
{
  static const char *const ends[] = { "", "-log", ".dw" };

  for (size_t i = 0; i < COUNT (ends); i++) {
    char command[900];

    snprintf (command, sizeof command,
              "if [ -e '%s%s' ]; then cp '%s%s' '%s%s'; fi", from, ends[i],
              from, ends[i], to, ends[i]);
    if (system (command) != 0)
      bail_out ("%s", command);
  }
}

/* In the log at path: what the store's has from lsn on, to its end; or zeroes. */
static void
write_log (const char *path, kv *store, uint64_t lsn, size_t length,
           bool zeroes)
{
  static char bytes[64 * KiB];
  char name[400];
  int fd;

  snprintf (name, sizeof name, "%s-log", path);
  fd = open (name, O_RDWR);
  if (length > sizeof bytes || fd < 0
      || pread (store->log, bytes, length, (off_t) (RING + lsn % LOG))
             != (ssize_t) length)
    bail_out ("%s", name);
  if (zeroes)
    memset (bytes, 0, length);
  if (pwrite (fd, bytes, length, (off_t) (RING + lsn % LOG)) != (ssize_t) length)
    bail_out ("%s: write", name);
  close (fd);
}

/* Opened in a pool of its own, the value is first LENGTH times, and last. */
static bool
has (const char *path, char first, char last)
{
  kv_options opt = { .copied = true };
  oriel_pool *pool = pool_of ("after");
  char all[LENGTH];
  size_t length = 0;
  kv *store = NULL;
  bool good;

  memset (all, first, sizeof all);
  all[LENGTH - 1] = last;
  must (kv_open (pool, path, &opt, &store), "kv_open");
  must (kv_get (store, "key", 3, value, LENGTH, &length), "kv_get");
  good = length == LENGTH && memcmp (value, all, LENGTH) == 0;
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("after", pool_dir (), 0), "oriel_pool_destroy");
  return good;
}

static int
dies (void *arg)
{
  oriel_pool *pool = pool_of ("test");
  kv *store = kv_must_open (pool, arg, LOG);

  die_at = "append.written";
  put (store, 'd', 'd');
  return 0;
}

static void
record_of_the_dead (void)
{
  char *path = strdup (kv_file ("dead.kv")), *lost = strdup (kv_file ("l.kv"));
  oriel_pool *pool = pool_of ("test");
  kv *store = kv_must_open (pool, path, LOG);
  uint64_t last;

  align (store);
  is_int (in_child (dies, path), 128 + SIGKILL,
          "one dies when its record is written");
  copy_store (path, lost);      /* as a sync would have it */
  put (store, 'y', 'y');
  last = store->shared->log_end;
  put (store, 'y', 'z');
  write_log (lost, store, last / SECTOR * SECTOR,
             store->shared->log_end - last / SECTOR * SECTOR, false);
  ok (has (lost, 'd', 'd') || has (lost, 'a', 'a'),
      "of the records after it a later one without the first is not taken");
  diag ("it is %.1s...%s", value, value + LENGTH - 3);
  must (kv_close (store), "kv_close");
  copy_store (path, lost);
  ok (has (lost, 'y', 'z'), "where none was lost all are");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  free (path);
  free (lost);
}

static void
lost_end (void)
{
  char *path = strdup (kv_file ("end.kv")), *lost = strdup (kv_file ("m.kv"));
  char *again = strdup (kv_file ("n.kv"));
  oriel_pool *pool = pool_of ("test");
  kv *store = kv_must_open (pool, path, LOG);
  kv_options opt = { .copied = true };
  uint64_t first, second;

  align (store);
  first = store->shared->log_end;
  put (store, 'y', 'y');
  second = store->shared->log_end;
  put (store, 'y', 'z');
  copy_store (path, lost);
  write_log (lost, store, first, second - first, true);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");

  pool = pool_of ("test");
  must (kv_open (pool, lost, &opt, &store), "kv_open");
  must (kv_get (store, "key", 3, value, LENGTH, NULL), "kv_get");
  ok (value[0] == 'a' && value[LENGTH - 1] == 'a',
      "a record without the one before it is not taken");
  put (store, 'w', 'w');
  copy_store (lost, again);
  ok (has (again, 'w', 'w'), "nor when another has come before it");
  diag ("it is %.1s...%s", value, value + LENGTH - 3);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  free (path);
  free (lost);
  free (again);
}

int
main (void)
{
  pool_dir ();                  /* before children make their own */
  record_of_the_dead ();
  lost_end ();
  return done_testing ();
}
