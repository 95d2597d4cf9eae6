/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While a far value is read, or put in place of another, its page changes: it
 * has a new value of the key, or is free, or has another key's; or the leaf
 * changes, so that where the cell was is another key's.  Who reads
 * gets one whole value of the key, or that it is not there; who puts changes
 * no other key's; and of two values that were put together none is read alone.
 * The same for a cursor that has copied the leaf before.
 */
#include "kv.h"

#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

/* Others come before the cell is read, before the value's page is looked at,
 * in the middle of its copy, before a writer has a copy of it, and before that
 * is committed. */
enum where { NOWHERE, CELL, LOOK, COPY, EDIT, COMMIT };

static void come (enum where where, uint64_t page);

#define kv_page_item(page, size, i, item) \
  (come (CELL, 0), kv_page_item (page, size, i, item))
#define kv_look(store, t, page, view) \
  (come (LOOK, page), kv_look (store, t, page, view))
#define memcpy(to, from, n) copy_slowly (to, from, n)

static void
copy_slowly (void *to, const void *from, size_t n)
{
  memmove (to, from, n / 2);
  if (n > 400 && n < 1000)      /* no leaf's cells */
    come (COPY, 0);
  memmove ((char *) to + n / 2, (const char *) from + n / 2, n - n / 2);
}

#include "../examples/kv/kv-find.c"
#undef kv_look
#undef memcpy

#define kv_edit(store, t, page, data) \
  (come (EDIT, page), kv_edit (store, t, page, data))
#define kv_commit(store, t, together) \
  (come (COMMIT, 0), kv_commit (store, t, together))
#include "../examples/kv/kv-tree.c"
#undef kv_page_item
#undef kv_edit
#undef kv_commit

#define KEYS 40                 /* of short values, around, */
#define APART 24                /* each so far from the next */
#define MINE 500
#define ITS 501
#define BEFORE 499              /* a short one, in their leaf */
#define FAR 900                 /* bytes */
#define SHORT 30

static kv *store;
static enum where awaited;
static uint64_t its_page;
static void (*others) (void);

static int
drop (unsigned k)
{
  char key[20];

  return kv_delete (store, key, kv_key_of (key, k), KV_NOSYNC);
}

/* The number of its value; 0: it is not there; else an error. */
static int64_t
get (unsigned k)
{
  unsigned char value[1024];
  char key[20];
  size_t length = 0;
  uint64_t number;
  int r = kv_get (store, key, kv_key_of (key, k), value, sizeof value, &length);

  if (r < 0)
    return r == -ENOENT ? 0 : r;
  number = kv_filled (value, length, k);
  return number ? (int64_t) number : -ERANGE;
}

/* The page of a far value. */
static uint64_t
page_of (unsigned k)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  struct kv_item item;
  uint64_t page;
  char key[20];
  unsigned at;

  must (kv_find (store, NULL, key, kv_key_of (key, k), false, &path, &view),
        "kv_find");
  at = path.step[path.depth].at;
  if (!path.found || !kv_page_item (view.data, store->size, at, &item)
      || !item.far)
    bail_out ("key %u is not far", k);
  page = kv_page_child (view.data, store->size, at + 1);
  kv_unlook (&view);
  return page;
}

/* ------------------------------------------------------------------ */
/* The others                                                         */

static void *
call (void *arg)
{
  (void) arg;
  others ();
  return NULL;
}

/* Not where one has the log, as they would wait for it. */
static void
come (enum where where, uint64_t page)
{
  if (awaited != where || (page && page != its_page)
      || store->shared->log.owner)
    return;
  awaited = NOWHERE;
  in_thread (call, NULL);
}

static void
put_anew (void)
{
  must (kv_put_filled (store, MINE, 2, FAR), "kv_put");
}

static void
put_shorter (void)
{
  must (kv_put_filled (store, MINE, 2, FAR / 2), "kv_put");
}

static void
put_short (void)
{
  must (kv_put_filled (store, MINE, 2, SHORT), "kv_put");
}

static void
delete (void)
{
  must (drop (MINE), "kv_delete");
}

/* Its page is another key's. */
static void
give_away (void)
{
  delete ();
  must (kv_put_filled (store, ITS, 3, FAR), "kv_put");
  if (page_of (ITS) != its_page)
    bail_out ("the page was not used again");
}

/* And it has one of its own. */
static void
move (void)
{
  give_away ();
  put_anew ();
}

/* Its page is free, and then its own again. */
static void
go_and_come (void)
{
  delete ();
  put_anew ();
  if (page_of (MINE) != its_page)
    bail_out ("the page was not used again");
}

static const struct {
  const char *what;
  void (*fn) (void);
  int64_t mine, its;            /* what is there then */
} cases[] = {
  { "it is put anew", put_anew, 2, 0 },
  { "a shorter one is put", put_shorter, 2, 0 },
  { "a short one is put", put_short, 2, 0 },
  { "it is deleted", delete, 0, 0 },
  { "its page is given to another", give_away, 0, 3 },
  { "its page is given to another, and it has a new one", move, 2, 3 },
  { "its page is freed and taken again", go_and_come, 2, 0 },
};

/* ------------------------------------------------------------------ */

static void
begin (size_t c, enum where where)
{
  drop (ITS);
  drop (MINE);
  must (kv_put_filled (store, MINE, 1, FAR), "kv_put");
  its_page = page_of (MINE);
  others = cases[c].fn;
  awaited = where;
}

static void
read_beside (size_t c, enum where where, const char *when)
{
  int64_t got;
  bool good;

  begin (c, where);
  got = get (MINE);
  good = got == cases[c].mine || (where == COPY && got == 1);
  ok (awaited == NOWHERE && good, "a get, %s %s", when, cases[c].what);
  if (!good)
    diag ("got %lld", (long long) got);
  awaited = NOWHERE;
}

static void
write_beside (size_t c, enum where where, const char *when)
{
  int r;

  begin (c, where);
  r = kv_put_filled (store, MINE, 4, FAR - 10);
  ok (awaited == NOWHERE && r == 0 && get (MINE) == 4
          && get (ITS) == cases[c].its,
      "a put, %s %s", when, cases[c].what);
  awaited = NOWHERE;
  is_int (kv_check (store), KEYS + 1 + (cases[c].its > 0),
          "each page is used once");
}

/* The cursor stands before it, with a copy of the leaf, in which it is far
 * and the other is not. */
static void
step_beside (size_t c)
{
  unsigned k = cases[c].mine ? MINE : ITS;
  int64_t number = cases[c].mine ? cases[c].mine : 1, got = 0;
  kv_cursor *cursor;
  char key[20];
  kv_pair pair;
  int r;

  begin (c, NOWHERE);
  must (kv_put_filled (store, ITS, 1, SHORT), "kv_put");
  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  must (kv_seek (cursor, key, kv_key_of (key, MINE)), "kv_seek");
  must (drop (ITS), "kv_delete");
  others ();
  r = kv_next (cursor, &pair);
  if (r == 0 && pair.key_length == kv_key_of (key, k)
      && memcmp (pair.key, key, pair.key_length) == 0)
    got = (int64_t) kv_filled (pair.value, pair.length, k);
  is_int (got, number, "a cursor has what is there, or goes on");
  diag ("%s", cases[c].what);
  kv_cursor_close (cursor);
}

/* ------------------------------------------------------------------ */
/* The leaf changes alone                                             */

static void
delete_before (void)
{
  uint64_t changes = store->shared->changes;

  must (drop (BEFORE), "kv_delete");
  if (store->shared->changes != changes)
    bail_out ("more than a leaf was changed");
}

static uint64_t
leaf_of (unsigned k)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  char key[20];

  must (kv_find (store, NULL, key, kv_key_of (key, k), false, &path, &view),
        "kv_find");
  kv_unlook (&view);
  return path.step[path.depth].page;
}

static void
begin_before (void)
{
  must (kv_put_filled (store, MINE, 1, FAR), "kv_put");
  must (kv_put_filled (store, ITS, 1, FAR), "kv_put");
  for (unsigned k = BEFORE - 15; k <= BEFORE; k++)
    must (kv_put_filled (store, k, 1, SHORT), "kv_put");
  if (leaf_of (BEFORE) != leaf_of (MINE) || leaf_of (MINE) != leaf_of (ITS))
    bail_out ("they are not in one leaf");
  others = delete_before;
  awaited = CELL;
}

static void
move_in_leaf (void)
{
  int64_t got;

  begin_before ();
  got = get (MINE);
  ok (awaited == NOWHERE && got == 1,
      "a get, before it reads the cell another's comes to that place");
  begin_before ();
  must (kv_put_filled (store, MINE, 4, FAR), "kv_put");
  ok (awaited == NOWHERE && get (MINE) == 4 && get (ITS) == 1,
      "a put, before it reads the cell another's comes to that place");
  for (unsigned k = BEFORE - 15; k < BEFORE; k++)
    must (drop (k), "kv_delete");
}

/* ------------------------------------------------------------------ */

static void
put_both (uint64_t number)
{
  unsigned char value[2][FAR];
  char key[2][20];
  kv_op ops[2];

  for (unsigned i = 0; i < 2; i++) {
    kv_fill (value[i], FAR, i ? ITS : MINE, number);
    ops[i] = (kv_op) { key[i], value[i], kv_key_of (key[i], i ? ITS : MINE),
                       FAR };
  }
  must (kv_apply (store, ops, 2, KV_NOSYNC), "kv_apply");
}

static void
put_both_anew (void)
{
  put_both (6);
}

static void
get_both (enum where where, unsigned k, const char *when)
{
  unsigned char value[2][FAR];
  uint64_t number[2];
  size_t length[2];
  char key[2][20];
  kv_op ops[2];

  put_both (5);
  its_page = page_of (k);
  others = put_both_anew;
  awaited = where;
  for (unsigned i = 0; i < 2; i++)
    ops[i] = (kv_op) { key[i], value[i], kv_key_of (key[i], i ? ITS : MINE),
                       FAR };
  must (kv_get_many (store, ops, 2, length), "kv_get_many");
  for (unsigned i = 0; i < 2; i++)
    number[i] = kv_filled (value[i], length[i], i ? ITS : MINE);
  ok (awaited == NOWHERE && number[0] == number[1] && number[0] >= 5,
      "of two that are put anew together %s both are old or new", when);
  awaited = NOWHERE;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;

  opt.page_size = 1024;
  pool = must_open_pool ("test", &opt);
  store = kv_must_open (pool, kv_file ("a.kv"), 4 * MiB);
  for (unsigned k = 0; k < KEYS; k++)
    must (kv_put_filled (store, k * APART, 1, SHORT), "kv_put");
  for (size_t c = 0; c < COUNT (cases); c++) {
    read_beside (c, LOOK, "before it looks at the page");
    read_beside (c, COPY, "in the middle of the copy");
    write_beside (c, EDIT, "before it copies the page");
    write_beside (c, COMMIT, "before it is committed");
    step_beside (c);
  }
  move_in_leaf ();
  get_both (LOOK, MINE, "before the first is looked at");
  get_both (LOOK, ITS, "before the second is looked at");
  get_both (COPY, MINE, "while the first is copied");
  is_int (kv_check (store), KEYS + 2, "each page is used once");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
