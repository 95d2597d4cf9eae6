/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a process is in the middle of a put, with its leaf changed and not yet in
 * the log, another puts and deletes keys of other leaves, and makes them durable.
 * It sees nothing of what the first has not committed, and both changes are there
 * in the end.  So, too, while one puts a far value in place of another: which
 * changes no leaf, so that others there need not begin anew.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

/* A change that is prepared. */
#define kv_commit(store, t, together) \
  (kv_point ("prepared"), kv_commit (store, t, together))
#include "../examples/kv/kv-tree.c"
#undef kv_commit

#define KEYS 2000               /* some 20 leaves */

static int stopped[2], go_on[2]; /* pipes */
static const char *stops_at;

static void
kv_point (const char *name)
{
  char byte = 0;

  if (!stops_at || strcmp (name, stops_at) != 0)
    return;
  stops_at = NULL;
  if (write (stopped[1], &byte, 1) != 1 || read (go_on[0], &byte, 1) != 1)
    _exit (1);
}

static int
put (kv *store, int k, const char *value)
{
  char key[20];

  return kv_put (store, key, (size_t) sprintf (key, "key %05d", k), value, 5,
                 0);
}

static bool
has (kv *store, int k, const char *value)
{
  char key[20], got[20] = "";
  int r = kv_get (store, key, (size_t) sprintf (key, "key %05d", k), got,
                  sizeof got, NULL);

  return value ? r == 0 && strcmp (got, value) == 0 : r == -ENOENT;
}

static int
first (void *arg)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);

  (void) arg;
  stops_at = "alone.changed";
  must (put (store, 100, "mine"), "kv_put");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* ------------------------------------------------------------------ */
/* Far values                                                         */

#define FAR 3000

/* Keys between the others. */
static int
put_far (kv *store, unsigned k, uint64_t number, size_t length)
{
  unsigned char value[4096];
  char key[20];
  size_t n = (size_t) sprintf (key, "key %05u+", k);

  kv_fill (value, length, k, number);
  return kv_put (store, key, n, value, length, 0);
}

/* The number of its value; 0: none. */
static uint64_t
far_number (kv *store, unsigned k)
{
  unsigned char value[4096];
  char key[20];
  size_t n = (size_t) sprintf (key, "key %05u+", k), length;

  return kv_get (store, key, n, value, sizeof value, &length) == 0
             ? kv_filled (value, length, k) : 0;
}

static int
first_far (void *arg)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);

  (void) arg;
  stops_at = "prepared";
  must (put_far (store, 100, 2, FAR + 50), "kv_put");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* What the page has, its lsn with it. */
static void
copy_page (kv *store, uint64_t number, void *to)
{
  oriel_page page = must_pin (store->file, number, ORIEL_READ);

  memcpy (to, page.data, 4096);
  must (oriel_unpin (&page), "oriel_unpin");
}

/* The key's leaf, and the page of its value. */
static void
pages_of (kv *store, unsigned k, uint64_t *leaf, uint64_t *value)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  struct kv_item item;
  char key[20];
  unsigned at;

  must (kv_find (store, NULL, key, (size_t) sprintf (key, "key %05u+", k),
                 false, &path, &view),
        "kv_find");
  at = path.step[path.depth].at;
  if (!path.found || !kv_page_item (view.data, store->size, at, &item)
      || !item.far)
    bail_out ("key %u is not far", k);
  *leaf = path.step[path.depth].page;
  *value = kv_page_child (view.data, store->size, at + 1);
  kv_unlook (&view);
}

static void
try_far (kv *store)
{
  static unsigned char leaf[2][4096], value[2][4096], meta[2][4096];
  uint64_t its_leaf, its_value, changes;
  char byte = 0;
  int bad = 0;
  pid_t pid;

  for (unsigned k = 0; k < KEYS; k += 20)
    bad += put_far (store, k, 1, FAR) != 0;
  is_int (bad, 0, "far values can be put between them");
  pages_of (store, 100, &its_leaf, &its_value);
  copy_page (store, its_leaf, leaf[0]);
  copy_page (store, its_value, value[0]);
  copy_page (store, KV_META, meta[0]);
  changes = store->shared->changes;
  pid = spawn (first_far, NULL);
  if (read (stopped[0], &byte, 1) != 1)
    bail_out ("the first process failed");
  if (!is_int ((long long) store->shared->log.owner, 0,
               "who has prepared a far value in place of another has no log"))
    bail_out ("all would wait for it");
  is_int ((long long) far_number (store, 100), 1, "it is not yet seen");
  for (unsigned k = 1000; k < KEYS; k += 20)
    bad += put_far (store, k, 3, FAR - k % 100) != 0;
  is_int (bad, 0, "meanwhile others put far values in place");
  if (write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
  is_int (reap (pid), 0, "the first goes on when it may");
  is_int ((long long) far_number (store, 100), 2, "and has made its change");
  copy_page (store, its_leaf, leaf[1]);
  copy_page (store, its_value, value[1]);
  copy_page (store, KV_META, meta[1]);
  ok (memcmp (leaf[0], leaf[1], sizeof leaf[0]) == 0,
      "its leaf is as it was, with its lsn");
  ok (memcmp (meta[0], meta[1], sizeof meta[0]) == 0,
      "no page was taken or given back");
  ok (kv_head (value[0])->lsn < kv_head (value[1])->lsn,
      "the value's page has a new lsn");
  is_int ((long long) (store->shared->changes - changes), 0,
          "and no reader was sent to the root again");

  pid = spawn (first_far, NULL);
  if (read (stopped[0], &byte, 1) != 1)
    bail_out ("the first process failed");
  bad += put_far (store, 100, 4, FAR) != 0;
  bad += put_far (store, 101, 4, FAR) != 0;
  bad += put_far (store, 120, 4, 20) != 0;
  bad += kv_delete (store, "key 00140+", 10, 0) != 0;
  is_int (bad, 0, "the same value can be put, and others come and go");
  if (write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
  is_int (reap (pid), 0, "the first begins anew");
  ok (far_number (store, 100) == 2 && far_number (store, 101) == 4
          && far_number (store, 120) == 4 && far_number (store, 140) == 0
          && far_number (store, 160) == 1,
      "and all changes are there");
  is_int (kv_check (store), KEYS - 1 + KEYS / 20, "the pages are a tree");
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  kv *store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);
  int bad = 0;
  char byte = 0, key[20];
  pid_t pid;

  for (int k = 0; k < KEYS; k++)
    must (kv_put (store, key, (size_t) sprintf (key, "key %05d", k), "old.", 5,
                  KV_NOSYNC),
          "kv_put");
  if (pipe (stopped) < 0 || pipe (go_on) < 0)
    bail_out ("pipe");
  pid = spawn (first, NULL);
  if (read (stopped[0], &byte, 1) != 1)
    bail_out ("the first process failed");
  /* Should we wait for it all the same, the test's timeout ends that. */
  for (int k = 1000; k < KEYS; k += 10)
    bad += put (store, k, "his.") != 0;
  is_int (bad, 0, "puts into other leaves succeed while one is under way");
  is_int (kv_delete (store, "key 01001", 9, 0), 0, "and a delete");
  ok (has (store, 1000, "his.") && has (store, 1001, NULL),
      "and are seen at once");
  if (write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
  is_int (reap (pid), 0, "the first goes on when it may");
  ok (has (store, 100, "mine") && has (store, 99, "old."),
      "and has made its change, and no other");
  for (int k = 1000; k < KEYS; k += 10)
    bad += !has (store, k, "his.");
  is_int (bad, 0, "the others' are there");
  is_int (kv_check (store), KEYS - 1, "the pages are a tree");
  try_far (store);
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
