/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process has begun a checkpoint and stands still.  Another puts on, until the
 * ring of the log is full; then it waits for the checkpoint, and writes over
 * nothing that a recovery would need.  Files copied at that moment are recovered
 * with all that was put.
 */
static void kv_point (const char *name);
#define KV_POINT(name) kv_point (name)

#include "kv.h"

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv-txn.c"
#include "../examples/kv/kv.c"

#define LOG (256 * KiB)
#define MOST 4000               /* puts: several logs full */
#define BATCH 150               /* more than half of one */

static int stopped[2], go_on[2]; /* pipes */
static bool stops, full;

/* The store's files as they are now, as those of another store. */
static void
copy_store (void)
{
  static const char *const ends[] = { "", "-log", ".dw" };
  char *from = strdup (kv_file ("a.kv"));

  for (size_t i = 0; i < COUNT (ends); i++) {
    char command[900];

    snprintf (command, sizeof command,
              "if [ -e '%s%s' ]; then cp '%s%s' '%s%s'; fi", from, ends[i],
              from, ends[i], kv_file ("b.kv"), ends[i]);
    if (system (command) != 0)
      bail_out ("%s", command);
  }
  free (from);
}

static void
kv_point (const char *name)
{
  char byte = 0;

  if (stops && strcmp (name, "checkpoint.begun") == 0
      && (write (stopped[1], &byte, 1) != 1 || read (go_on[0], &byte, 1) != 1))
    _exit (1);
  if (stops || full || strcmp (name, "checkpoint.needed") != 0)
    return;
  full = true;
  copy_store ();
  if (write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
}

/* In a pool that may have a large batch's pages pinned. */
static kv *
open_it (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 8 * MiB;
  return kv_must_open (must_open_pool ("test", &opt), kv_file ("a.kv"), LOG);
}

static int
checkpoints (void *arg)
{
  kv *store = open_it ();

  (void) arg;
  stops = true;
  return kv_checkpoint (store);
}

static int
put (kv *store, int k)
{
  char key[20], value[300] = "";

  return kv_put (store, key, (size_t) sprintf (key, "key %05d", k), value,
                 sizeof value, KV_NOSYNC);
}

/* How many of n keys it has. */
static int
count (kv *store, int n)
{
  char key[20];
  int has = 0;

  for (int k = 0; k < n; k++)
    has += kv_get (store, key, (size_t) sprintf (key, "key %05d", k), NULL, 0,
                   NULL) == 0;
  return has;
}

static void
large_batch (kv *store)
{
  static char keys[BATCH][20], value[1200];
  kv_op ops[BATCH];

  memset (value, 'v', sizeof value);
  for (int i = 0; i < BATCH; i++)
    ops[i] = (kv_op) { keys[i], value,
                       (size_t) sprintf (keys[i], "large %05d", i),
                       sizeof value };
  is_int (kv_apply (store, ops, BATCH, 0), -E2BIG,
          "a batch that is more than half of the log is refused");
  is_int (kv_apply (store, ops, BATCH / 5, 0), 0, "less of it is not");
}

int
main (void)
{
  kv_options copied = { .copied = true };
  oriel_options opt = test_options ();
  kv *store = open_it (), *other;
  int puts = 0, r = 0;
  char byte;
  pid_t pid;

  if (pipe (stopped) < 0 || pipe (go_on) < 0)
    bail_out ("pipe");
  pid = spawn (checkpoints, NULL);
  close (stopped[1]);           /* if that one ends, none comes */
  if (read (stopped[0], &byte, 1) != 1)
    bail_out ("no checkpoint was begun");
  while (r == 0 && puts < MOST && !full)
    r = put (store, puts++);
  is_int (r, 0, "puts go on beside a checkpoint, and when it is done");
  ok (full, "they wait when the log is full");
  if (!full && write (go_on[1], &byte, 1) != 1)
    bail_out ("write");
  is_int (reap (pid), 0, "the checkpoint is made");
  is_int (count (store, puts), puts, "all is there");
  large_batch (store);
  must (kv_open (must_open_pool ("after", &opt), kv_file ("b.kv"), &copied,
                 &other),
          "kv_open");
  is_int (count (other, puts - 1), puts - 1,
          "all was there in the files, when the log was full");
  must (kv_close (other), "kv_close");
  must (kv_close (store), "kv_close");
  return done_testing ();
}
