/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cell of a far value that names a page which has none, or one that says
 * more bytes than a page has, is -EBADMSG to who gets it, alone, with others
 * or by a cursor, and to who puts another in its place or deletes it; nothing
 * is done then, and all other keys are as they were.  A store that has as many pages
 * as numbers is -EFBIG to who wants one more.
 */
#include "kv.h"

#define SIZE 1024
#define KEYS 60                 /* each second one is far */
#define FAR 900
#define SHORT 30
#define BAD 30                  /* the key that is damaged */

static oriel_pool *pool;
static kv *store;

static int
get (unsigned k)
{
  unsigned char value[SIZE];
  char key[20];
  size_t length = 0;
  int r = kv_get (store, key, kv_key_of (key, k), value, sizeof value, &length);

  return r < 0 ? r : kv_filled (value, length, k) == 1 ? 0 : -ERANGE;
}

/* Its leaf, the place there, and the page of its value. */
struct place {
  uint32_t leaf, value;
  size_t cell, number;          /* bytes into the leaf */
};

static struct place
place_of (unsigned k)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  struct kv_item item;
  struct place p;
  char key[20];
  unsigned at;

  must (kv_find (store, NULL, key, kv_key_of (key, k), false, &path, &view),
        "kv_find");
  at = path.step[path.depth].at;
  if (!path.found || !kv_page_item (view.data, store->size, at, &item)
      || !item.far || item.length != sizeof p.value)
    bail_out ("key %u is not far", k);
  p.leaf = (uint32_t) path.step[path.depth].page;
  p.value = kv_page_child (view.data, store->size, at + 1);
  p.number = (size_t) (item.value - view.data);
  p.cell = p.number - item.key_length - sizeof (struct kv_cell);
  kv_unlook (&view);
  return p;
}

/* Bytes of a page; from what they were. */
static void
change_page (uint64_t number, size_t at, const void *to, size_t n, void *was)
{
  oriel_page page = must_pin (store->file, number, ORIEL_WRITE);
  unsigned char *p = (unsigned char *) page.data + at;

  memcpy (was, p, n);
  memcpy (p, to, n);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

/* The page as it is. */
static void
page_is (uint64_t number, void *to)
{
  oriel_page page = must_pin (store->file, number, ORIEL_READ);

  memcpy (to, page.data, SIZE);
  must (oriel_unpin (&page), "oriel_unpin");
}

/* Other keys that are not as they were, by gets and by a cursor from either
 * end; it comes to the one that is damaged, and no farther. */
static int
others_wrong (void)
{
  kv_cursor *cursor;
  kv_pair pair;
  int bad = 0, r, seen;

  for (unsigned k = 0; k < KEYS; k++)
    bad += k != BAD && get (k) != 0;
  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  for (int back = 0; back < 2; back++) {
    must (kv_seek (cursor, back ? NULL : "", 0), "kv_seek");
    for (seen = 0; (r = kv_step (cursor, back, &pair)) == 0;)
      seen++;
    bad += r != -EBADMSG || seen != (back ? KEYS - 1 - BAD : BAD);
    r = kv_step (cursor, back, &pair);
    bad += r != -EBADMSG;       /* nor is it passed then */
  }
  kv_cursor_close (cursor);
  return bad;
}

/* n bytes of the page become those of to; puts: are they refused, too? */
static void
try (const char *what, uint64_t page, size_t at, uint32_t to, size_t n,
     bool puts)
{
  unsigned char value[2][SIZE], before[SIZE], after[SIZE];
  char key[2][20];
  kv_op ops[2];
  size_t length[2];
  uint64_t end;
  uint32_t was;

  diag ("%s", what);
  change_page (page, at, &to, n, &was);
  for (unsigned i = 0; i < 2; i++)
    ops[i] = (kv_op) { key[i], value[i], kv_key_of (key[i], i ? BAD : 0),
                       FAR };
  is_int (get (BAD), -EBADMSG, "a get is an error");
  is_int (kv_get_many (store, ops, 2, length), -EBADMSG,
          "so is one of several keys");
  is_int (others_wrong (), 0,
          "others are as they were, and cursors stop there");
  if (puts) {
    uint64_t number = n == sizeof to ? to : page;

    if (number < 100)
      page_is (number, before);
    end = store->shared->log_end;
    is_int (kv_put_filled (store, BAD, 2, FAR), -EBADMSG,
            "a put of another is one, too");
    kv_fill (value[0], FAR, 0, 2);
    kv_fill (value[1], FAR, BAD, 2);
    is_int (kv_apply (store, ops, 2, 0), -EBADMSG, "with others as well");
    is_int (kv_put_filled (store, BAD, 2, SHORT), -EBADMSG,
            "so is one of a short one");
    is_int (kv_delete (store, key[1], 7, 0), -EBADMSG, "and a delete");
    is_int ((long long) (store->shared->log_end - end), 0,
            "and nothing of it is in the log");
    if (number < 100) {
      page_is (number, after);
      ok (memcmp (before, after, SIZE) == 0, "nor in the page");
    }
    is_int (others_wrong (), 0, "and all others still are as they were");
  }
  change_page (page, at, &was, n, &to);
  is_int (get (BAD), 0, "without the damage it can be got");
  is_int (kv_check (store), KEYS, "and all is well");
}

/* As many pages as their numbers can tell apart; none is free. */
static void
try_full (void)
{
  uint64_t all = UINT64_C (1) << 32, had, end = store->shared->log_end;
  const size_t at = offsetof (struct kv_meta, pages);
  uint32_t none = 0, first;

  diag ("the store has all pages");
  change_page (KV_META, at, &all, sizeof all, &had);
  change_page (KV_META, offsetof (struct kv_head, link), &none, sizeof none,
               &first);
  is_int (kv_put_filled (store, KEYS, 1, FAR), -EFBIG,
          "a value that wants a page more is refused");
  is_int (kv_put_filled (store, 0, 1, FAR), 0, "one in place of another is not");
  is_int (kv_delete (store, "key 060", 7, 0), -ENOENT, "nothing of it is there");
  change_page (KV_META, offsetof (struct kv_head, link), &first, sizeof first,
               &none);
  change_page (KV_META, at, &had, sizeof had, &all);
  ok (store->shared->log_end > end, "and what could be done is in the log");
  is_int (kv_check (store), KEYS, "all is well then");
}

int
main (void)
{
  oriel_options opt = test_options ();
  struct place bad, other;

  opt.page_size = SIZE;
  pool = must_open_pool ("test", &opt);
  store = kv_must_open (pool, kv_file ("a.kv"), 0);
  for (unsigned k = 0; k < KEYS; k++)
    must (kv_put_filled (store, k, 1, k % 2 ? SHORT : FAR), "kv_put");
  must (kv_put_filled (store, KEYS, 1, FAR), "kv_put");
  other = place_of (KEYS);
  must (kv_delete (store, "key 060", 7, 0), "kv_delete");
  bad = place_of (BAD);

#define LEVEL offsetof (struct kv_head, level)
  try ("its page is an empty leaf", bad.value, LEVEL, 0, 2, true);
  try ("its page is a free one", bad.value, LEVEL, KV_FREE, 2, true);
  try ("its page is an inner one", bad.value, LEVEL, 1, 2, true);
  try ("its value is too long", bad.value, offsetof (struct kv_head, n),
       (uint32_t) kv_value_max (store) + 1, 2, false);
  try ("its value is much too long", bad.value, offsetof (struct kv_head, n),
       65535, 2, false);
  try ("its cell names the store's first page", bad.leaf, bad.number, KV_META,
       4, true);
  try ("its cell names the root", bad.leaf, bad.number, KV_ROOT, 4, true);
  try ("its cell names its leaf", bad.leaf, bad.number, bad.leaf, 4, true);
  try ("its cell names a free page", bad.leaf, bad.number, other.value, 4,
       true);
  try ("its cell names a page that is not there", bad.leaf, bad.number, 90000,
       4, true);
  try ("its cell has half a number", bad.leaf,
       bad.cell + offsetof (struct kv_cell, length), 2, 2, true);
  try_full ();
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
