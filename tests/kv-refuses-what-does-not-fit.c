/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and values that are too long, empty keys, batches of too many pages,
 * null arguments, and a pool of other pages than the store's are errors, and
 * nothing is done; so is, with KV_MUST, a batch that deletes a key that is not
 * there.  The longest that may be can be put and got, and as much of it as
 * there is room for.
 */
#include "kv.h"

/* Values are got into as much room as there is; no byte more is touched. */
static void
get_into_less (kv *store, size_t longest)
{
  static unsigned char value[10000], got[10000];
  size_t rooms[] = { 0, 1, 100, longest - 1, longest, longest + 1 };
  size_t lengths[] = { 20, longest / 2, longest };
  int bad = 0;

  for (size_t i = 0; i < COUNT (lengths); i++) {
    kv_fill (value, lengths[i], 1, 1);
    must (kv_put (store, "room", 4, value, lengths[i], 0), "kv_put");
    for (size_t k = 0; k < COUNT (rooms); k++) {
      size_t room = rooms[k], length[2] = { 0 };
      size_t n = room < lengths[i] ? room : lengths[i];

      for (int many = 0; many < 2; many++) {
        kv_op op = { "room", got, 4, room };

        memset (got, 'g', sizeof got);
        bad += (many ? kv_get_many (store, &op, 1, &length[1])
                     : kv_get (store, "room", 4, got, room, &length[0])) != 0;
        bad += length[many] != lengths[i] || memcmp (got, value, n) != 0;
        for (size_t b = n; b < sizeof got; b++)
          bad += got[b] != 'g';
      }
    }
  }
  is_int (bad, 0, "short and far values are got into any room, and no more");
  is_int (kv_get (store, "room", 4, NULL, 0, NULL), 0, "also into none");
  must (kv_delete (store, "room", 4, 0), "kv_delete");
}

/* Is the key's value in a page of its own? */
static bool
is_far_there (kv *store, const char *key, size_t key_length)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  struct kv_item item;

  must (kv_find (store, NULL, key, key_length, false, &path, &view),
        "kv_find");
  if (!path.found
      || !kv_page_item (view.data, store->size, path.step[path.depth].at,
                        &item))
    bail_out ("a key is not found");
  kv_unlook (&view);
  return item.far;
}

/* A third of a page, with what it takes there. */
static void
put_into_leaf (kv *store, size_t key_max)
{
  static char bytes[10000];
  size_t most = (4096 - sizeof (struct kv_head)) / 3
                - sizeof (struct kv_cell) - sizeof (struct kv_slot) - 2;
  size_t lengths[] = { 1, key_max };
  int bad = 0;

  for (size_t i = 0; i < 2; i++) {
    size_t n = lengths[i];

    memset (bytes, 'k', n);
    for (size_t far = 0; far < 2; far++) {
      must (kv_put (store, bytes, n, bytes, most - n + far, 0), "kv_put");
      bad += is_far_there (store, bytes, n) != far;
    }
    must (kv_delete (store, bytes, n, 0), "kv_delete");
  }
  is_int (bad, 0, "a key with its value has a third of a leaf at most");
}

/* Has it the value, of one byte that is repeated?  length 0: it is not
 * there. */
static bool
has (kv *store, const char *key, int byte, size_t length)
{
  static unsigned char got[10000];
  size_t its = 0;

  if (kv_get (store, key, strlen (key), got, sizeof got, &its) == -ENOENT)
    return length == 0;
  for (size_t i = 0; i < its; i++)
    if (got[i] != byte)
      return false;
  return length > 0 && its == length;
}

static void
delete_what_must_be_there (kv *store, size_t longest)
{
  static unsigned char old[10000], new[10000];
  kv_op ops[] = {
    { "in place", new, 8, longest - 1 },
    { "new", new, 3, longest },
    { "short", new, 5, longest / 2 },
    { "far", new, 3, 10 },
    { "gone", NULL, 4, 0 },
    { "in place", new, 8, longest - 1 },
  };
  kv_op twice[] = { { "gone", NULL, 4, 0 }, { "gone", NULL, 4, 0 } };
  kv_op again[] = { { "gone", NULL, 4, 0 }, { "gone", new, 4, 10 },
                    { "gone", NULL, 4, 0 } };
  int64_t keys = kv_check (store);
  uint64_t end;

  memset (old, 'o', sizeof old);
  memset (new, 'n', sizeof new);
  must (kv_put (store, "in place", 8, old, longest, 0), "kv_put");
  must (kv_put (store, "short", 5, old, 20, 0), "kv_put");
  must (kv_put (store, "far", 3, old, longest, 0), "kv_put");
  must (kv_put (store, "gone", 4, old, longest, 0), "kv_put");
  end = store->shared->log_end;
  for (unsigned last = 0; last < COUNT (ops); last += COUNT (ops) - 1) {
    kv_op tried[COUNT (ops)];

    memcpy (tried, ops, sizeof ops);
    tried[last] = (kv_op) { "none", NULL, 4, 0 };
    is_int (kv_apply (store, tried, COUNT (ops), KV_MUST), -ENOENT,
            "with KV_MUST a key that is not there is told");
    ok (has (store, "in place", 'o', longest) && has (store, "new", 'n', 0)
            && has (store, "short", 'o', 20)
            && has (store, "far", 'o', longest)
            && has (store, "gone", 'o', longest),
        "and nothing of the batch is done, %s", last ? "before it" : "behind");
  }
  is_int (kv_apply (store, &(kv_op) { "none", NULL, 4, 0 }, 1, KV_MUST),
          -ENOENT, "so for one key alone");
  is_int (kv_apply (store, twice, 2, KV_MUST), -ENOENT,
          "or one that is deleted twice");
  is_int ((long long) (store->shared->log_end - end), 0,
          "the log has nothing of it");
  is_int (kv_check (store), keys + 4, "and no page is lost");
  is_int (kv_apply (store, &(kv_op) { "none", NULL, 4, 0 }, 1, 0), 0,
          "without KV_MUST that is no error");
  ops[0] = (kv_op) { "none", NULL, 4, 0 };
  is_int (kv_apply (store, ops, COUNT (ops), 0), 0, "nor in a batch");
  ok (has (store, "in place", 'n', longest - 1)
          && has (store, "new", 'n', longest)
          && has (store, "short", 'n', longest / 2)
          && has (store, "far", 'n', 10) && has (store, "gone", 'n', 0),
      "which is done then");
  is_int (kv_check (store), keys + 4, "and no page is lost");
  is_int (kv_apply (store, again, 2, KV_MUST), -ENOENT,
          "it is not there any more");
  must (kv_put (store, "gone", 4, old, longest, 0), "kv_put");
  is_int (kv_apply (store, again, COUNT (again), KV_MUST), 0,
          "what the batch itself puts is there");
  is_int (kv_check (store), keys + 4, "and no page is lost");
  is_int (kv_put (store, "gone", 4, old, 5, KV_MUST), 0,
          "what is put need not be there");
  is_int (kv_delete (store, "gone", 4, KV_MUST), 0, "what is there can go");
  is_int (kv_delete (store, "gone", 4, KV_MUST), -ENOENT, "once");
  must (kv_delete (store, "in place", 8, 0), "kv_delete");
  must (kv_delete (store, "new", 3, 0), "kv_delete");
  must (kv_delete (store, "short", 5, 0), "kv_delete");
  must (kv_delete (store, "far", 3, 0), "kv_delete");
  is_int (kv_check (store), keys, "all can be deleted");
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool = test_pool ();
  static char big[10000], got[10000], keys[1000][20];
  static kv_op ops[1000];
  kv_cursor *cursor = NULL;
  oriel_hooks earlier = { .struct_size = sizeof earlier,
                          .id = UINT64_C (0x6b762d78786833) };
  kv *store, *other = NULL;
  oriel_file *file;
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
  get_into_less (store, value_max);
  put_into_leaf (store, key_max);
  delete_what_must_be_there (store, value_max);
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
  must (oriel_file_open (pool, kv_file ("a.kv"), 0, &file), "oriel_file_open");
  is_int (oriel_file_hooks (file, &earlier), -EBUSY,
          "an earlier version cannot use what is in the pool");
  must (oriel_file_abandon (file), "oriel_file_abandon");
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
