/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and values that are too long, empty keys, batches of too many pages, null
 * arguments, and a pool of other pages than the store's are errors, and nothing is
 * done; the longest that may be can be put and got.
 */
#include "kv.h"

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool ();
  static char big[10000], got[10000], keys[1000][20];
  static kv_op ops[1000];
  kv_cursor *cursor = NULL;
  kv *store, *other = NULL;
  size_t key_max, value_max, length = 0;
  kv_pair pair;

  memset (big, 'b', sizeof big);
  store = kv_must_open (pool, kv_file ("a.kv"), 0);
  key_max = kv_key_max (store);
  value_max = kv_value_max (store);
  is_int ((long long) key_max, 512, "a key may have an eighth of a page");
  is_int ((long long) value_max, 4072, "a value a page but for its head");
  is_int (kv_put (store, big, key_max, big, value_max, 0), 0,
          "the longest pair can be put");
  ok (kv_get (store, big, key_max, got, sizeof got, &length) == 0
      && length == value_max && memcmp (got, big, length) == 0,
      "and got");
  is_int (kv_get (store, big, key_max, got, 3, &length), 0,
          "also into less room");
  is_int ((long long) length, (long long) value_max, "with its whole length told");
  is_int (kv_put (store, big, key_max, big, value_max + 1, 0), -EMSGSIZE,
          "a longer value is refused");
  is_int (kv_put (store, big, key_max + 1, big, 1, 0), -EINVAL,
          "a longer key too");
  is_int (kv_put (store, big, 0, big, 1, 0), -EINVAL, "and an empty one");
  is_int (kv_put (store, big, 1, big, 1, 4), -EINVAL, "and unknown flags");
  is_int (kv_get (store, big, 0, got, 1, NULL), -EINVAL, "get likewise");
  is_int (kv_get (store, big, key_max + 1, got, 1, NULL), -EINVAL,
          "with a long one as well");
  is_int (kv_get (store, "none", 4, got, 1, NULL), -ENOENT,
          "a key that is not there is told");
  is_int (kv_delete (store, "none", 4, 0), -ENOENT, "when deleting, too");
  is_int (kv_put (store, "empty", 5, NULL, 0, 0), 0, "a value may be empty");
  ok (kv_get (store, "empty", 5, got, sizeof got, &length) == 0
      && length == 0, "and is then there");
  for (int i = 0; i < 1000; i++)
    ops[i] = (kv_op) { keys[i], big, (size_t) sprintf (keys[i], "%04d", i),
                       1200 };
  is_int (kv_apply (store, ops, 300, 0), -ENOBUFS,
          "a batch of more pages than can be pinned is refused");
  is_int (kv_check (store), 2, "and nothing of it is done");
  ops[5].length = sizeof big;
  is_int (kv_apply (store, ops, 10, 0), -EMSGSIZE,
          "so is one of which one value is too long");
  is_int (kv_check (store), 2, "and nothing of it is done");
  is_int (kv_apply (store, ops, 0, 0), 0, "an empty batch is no error");
  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  is_int (kv_seek (cursor, big, key_max + 1), -EINVAL,
          "a cursor takes no longer key");
  is_int (kv_seek (cursor, NULL, 0), 0, "it goes behind all");
  is_int (kv_next (cursor, &pair), -ENOENT, "where nothing is");
  ok (kv_prev (cursor, &pair) == 0 && pair.key_length == 5
      && memcmp (pair.key, "empty", 5) == 0, "but before it");
  is_int (kv_prev (cursor, NULL), -EINVAL, "and takes no null");
  kv_cursor_close (cursor);
  is_int (kv_open (NULL, "a", NULL, &other), -EINVAL, "no pool is refused");
  is_int (kv_put (NULL, "a", 1, "b", 1, 0), -EINVAL, "and no store");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt.page_size = 1024;
  pool = must_open_pool ("other", &opt);
  is_int (kv_open (pool, kv_file ("a.kv"), NULL, &other), -EINVAL,
          "a pool of other pages than the store's is refused");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("other", pool_dir (), 0), "oriel_pool_destroy");
  opt.page_size = 512;
  pool = must_open_pool ("other", &opt);
  is_int (kv_open (pool, kv_file ("b.kv"), NULL, &other), -EINVAL,
          "and one of very small ones");
  must (oriel_pool_close (pool), "oriel_pool_close");

  opt.page_size = 0;
  opt.pool_size = 64 * MiB;
  pool = must_open_pool ("large", &opt);
  store = kv_must_open (pool, kv_file ("c.kv"), 0);
  ops[5].length = 1200;
  is_int (kv_apply (store, ops, 1000, 0), -E2BIG,
          "where more can be pinned a batch has its own bound");
  is_int (kv_check (store), 0, "and nothing of it is done");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
