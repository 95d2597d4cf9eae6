/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies when a batch is in the log and in no page.  The next one puts it
 * into the pages; when one page has it and the others have not, a reader sees all
 * of the batch or nothing.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include <poll.h>

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define KEYS 2000               /* some 20 leaves */
#define LEAVES 4                /* that the batch changes */
#define PARTS 2                 /* of each: its head, the value */
#define EARLY 200               /* ms */

static const char *die_at;
static bool stops;              /* this process */
static int stopped[2], go_on[2], seen[2]; /* pipes */

/* Stop where one page has its part of the batch, and the second is latched. */
static void
kv_point (const char *name)
{
  static int parts;
  char byte = 0;

  if (die_at && strcmp (name, die_at) == 0)
    raise (SIGKILL);
  if (!stops || strcmp (name, "redo.part") != 0 || ++parts != PARTS + 1)
    return;
  if (write (stopped[1], &byte, 1) != 1 || read (go_on[0], &byte, 1) != 1)
    _exit (1);
}

static void
name_of (char key[20], int k)
{
  snprintf (key, 20, "key %05d", k);
}

static kv *
open_it (void)
{
  return kv_must_open (test_pool (), kv_file ("a.kv"), 4 * MiB);
}

static int
dies (void *arg)
{
  kv *store = open_it ();
  char key[LEAVES][20];
  kv_op ops[LEAVES];

  (void) arg;
  for (int i = 0; i < LEAVES; i++) {
    name_of (key[i], 100 + 500 * i);
    ops[i] = (kv_op) { key[i], "new.", 9, 5 };
  }
  die_at = "append.written";
  must (kv_apply (store, ops, LEAVES, 0), "kv_apply");
  return 0;
}

static int
redoes (void *arg)
{
  kv *store;

  (void) arg;
  stops = true;
  store = open_it ();
  return kv_put (store, "key 01999", 9, "mine", 5, 0) == 0 ? 0 : 1;
}

/* How many of two values of the batch there are: the first page's, the last's. */
static void *
looks (void *store)
{
  char key[2][20], got[2][20], n = 0;
  size_t lengths[2];
  kv_op ops[2];

  for (int i = 0; i < 2; i++) {
    name_of (key[i], 100 + 500 * i * (LEAVES - 1));
    ops[i] = (kv_op) { key[i], got[i], 9, sizeof got[i] };
  }
  must (kv_get_many (store, ops, 2, lengths), "kv_get_many");
  for (int i = 0; i < 2; i++)
    n = (char) (n + (strcmp (got[i], "new.") == 0));
  if (write (seen[1], &n, 1) != 1)
    bail_out ("write");
  return NULL;
}

int
main (void)
{
  kv *store = open_it ();
  struct pollfd early;
  char key[20], n = 0;
  pthread_t thread;
  pid_t pid;

  for (int k = 0; k < KEYS; k++) {
    name_of (key, k);
    must (kv_put (store, key, 9, "old.", 5, KV_NOSYNC), "kv_put");
  }
  if (pipe (stopped) < 0 || pipe (go_on) < 0 || pipe (seen) < 0)
    bail_out ("pipe");
  is_int (in_child (dies, NULL), 128 + SIGKILL,
          "one dies when its batch is in the log");
  pid = spawn (redoes, NULL);
  close (stopped[1]);           /* if that one ends, none comes */
  if (read (stopped[0], &n, 1) != 1)
    bail_out ("the next one failed");
  thread = start_thread (looks, store);
  early = (struct pollfd) { seen[0], POLLIN, 0 };
  poll (&early, 1, EARLY);      /* who sees half of it does so at once */
  if (write (go_on[1], &n, 1) != 1)
    bail_out ("write");
  if (read (seen[0], &n, 1) != 1)
    bail_out ("read");
  pthread_join (thread, NULL);
  ok (n == 0 || n == 2, "a reader sees no part of it while it is done again");
  diag ("%d of 2 values", n);
  is_int (reap (pid), 0, "the next one goes on");
  looks (store);
  ok (read (seen[0], &n, 1) == 1 && n == 2, "then all of it is there");
  is_int (kv_check (store), KEYS, "the pages are a tree");
  must (kv_close (store), "kv_close");
  return done_testing ();
}
