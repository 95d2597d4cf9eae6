/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte that changed in a page's file is -EIO to whoever reads that page, with
 * its number in the text, and pages beside it are as they were; a page that lies
 * in another's place too.  A log whose head is damaged is refused, and so is a
 * file of pages whose log is gone.
 */
#include "kv.h"

#define KEYS 2000

static oriel_pool *pool;
static kv *store;

static int
try_open (void)
{
  int r;

  store = NULL;
  pool = test_pool ();
  r = kv_open (pool, kv_file ("a.kv"), NULL, &store);
  return r;
}

/* The pool is destroyed, too. */
static void
close_all (void)
{
  if (store)
    must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static int
get (int k, char *value, size_t size)
{
  char key[20];

  return kv_get (store, key, (size_t) sprintf (key, "key %05d", k), value, size,
                 NULL);
}

/* How many keys are an error, of those else how many are wrong. */
static int
errors (int *wrong)
{
  int n = 0;

  *wrong = 0;
  for (int k = 0; k < KEYS; k++) {
    char value[100] = "", want[100];
    int r = get (k, value, sizeof value);

    snprintf (want, sizeof want, "value of %d", k);
    n += r == -EIO;
    *wrong += r == 0 ? strcmp (value, want) != 0 : r != -EIO;
  }
  return n;
}

/* The page of a leaf that has the key, in the file. */
static uint64_t
leaf_of (int k)
{
  struct kv_path path = { 0 };
  struct kv_view view;
  char key[20];
  uint64_t page;
  int r = kv_find (store, NULL, key, (size_t) sprintf (key, "key %05d", k),
                   false, &path, &view);

  if (r < 0)
    bail_out ("kv_find: %d", r);
  page = view.pin.number;
  kv_unlook (&view);
  return page;
}

/* Errors that a cursor has until it has been at the end, or at three, and whether
 * keys came twice. */
static int
cursor_errors (bool *back)
{
  char last[20] = "";
  kv_cursor *cursor;
  kv_pair pair;
  int errors = 0, r;

  *back = false;
  must (kv_cursor_open (store, &cursor), "kv_cursor_open");
  while (errors < 3 && (r = kv_next (cursor, &pair)) != -ENOENT) {
    errors += r < 0;
    if (r == 0 && memcmp (pair.key, last, pair.key_length) <= 0)
      *back = true;
    if (r == 0)
      memcpy (last, pair.key, pair.key_length);
  }
  kv_cursor_close (cursor);
  return errors;
}

/* Change a bit of the page, in the file. */
static void
flip (uint64_t page)
{
  unsigned char byte;

  plain_read (kv_file ("a.kv"), (off_t) page * 4096 + 3000, &byte, 1);
  byte ^= 4;
  plain_write (kv_file ("a.kv"), (off_t) page * 4096 + 3000, &byte, 1);
}

int
main (void)
{
  unsigned char byte, page[4096];
  kv_cursor *cursor = NULL;
  bool back;
  uint64_t leaf, other;
  char number[40];
  int wrong, n;

  must (try_open (), "kv_open");
  for (int k = 0; k < KEYS; k++) {
    char key[20], value[100];

    snprintf (value, sizeof value, "value of %d", k);
    must (kv_put (store, key, (size_t) sprintf (key, "key %05d", k), value,
                  strlen (value) + 1, KV_NOSYNC),
          "kv_put");
  }
  must (kv_checkpoint (store), "kv_checkpoint");
  leaf = leaf_of (1000);
  other = leaf_of (1500);
  close_all ();

  flip (leaf);
  is_rc (try_open (), 0, "a store with a changed byte can be opened");
  is_int (get (1000, number, sizeof number), -EIO,
          "a key of that page is an error");
  snprintf (number, sizeof number, "%llu", (unsigned long long) leaf);
  ok (strstr (oriel_error (), "a.kv") && strstr (oriel_error (), number),
      "whose text has file and page");
  diag ("%s", oriel_error ());
  n = errors (&wrong);
  ok (n > 1 && n < KEYS / 10, "so are the others there");
  is_int (wrong, 0, "and all else is right");
  is_int (cursor_errors (&back), 3, "a cursor does not come by it");
  ok (!back, "nor does it go back");
  close_all ();

  flip (leaf);
  must (try_open (), "kv_open");
  is_int (errors (&wrong), 0, "with the byte put back all is right");
  is_int (cursor_errors (&back), 0, "a cursor sees it, too");
  ok (!back, "each key once");
  close_all ();

  flip (KV_ROOT);
  must (try_open (), "kv_open");
  is_int (kv_cursor_open (store, &cursor), -EIO,
          "with a damaged root no cursor can be opened");
  close_all ();
  flip (KV_ROOT);

  plain_read (kv_file ("a.kv"), (off_t) other * 4096, page, sizeof page);
  plain_write (kv_file ("a.kv"), (off_t) leaf * 4096, page, sizeof page);
  must (try_open (), "kv_open");
  is_int (get (1000, number, sizeof number), -EIO,
          "a page in another's place is an error");
  is_int (get (1500, number, sizeof number), 0, "not in its own");
  close_all ();

  plain_read (kv_file ("a.kv-log"), 20, &byte, 1);
  byte ^= 1;
  plain_write (kv_file ("a.kv-log"), 20, &byte, 1);
  is_int (try_open (), -EBADMSG, "a damaged head of the log is refused");
  close_all ();

  unlink (kv_file ("a.kv-log"));
  is_int (try_open (), -EBADMSG, "pages without their log are refused");
  close_all ();
  return done_testing ();
}
