/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 06-kv.c - two processes use the key-value store of examples/kv
 *
 * Each moves money between accounts, 500 times; a move is a batch, so at any
 * moment, and whoever is killed, no money is lost.  Then one is killed in the
 * middle of its work, and the other goes on and adds up.
 *
 * Before: 02-two-processes.c.  How the store works: examples/kv/kv-impl.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv/kv.h"

#define DATA "06-kv.data"
#define ACCOUNTS 1000
#define MOVES 500

static char pool_name[40];
static oriel_pool *pool;
static kv *store;
static pid_t other;             /* in the parent: the child that is to be killed */

/* At any end of the parent nothing is left behind.  The pool is closed first:
 * where there were too few descriptors, to destroy it takes some. */
static void
clean_up (void)
{
  if (other > 0) {
    kill (other, SIGKILL);
    waitpid (other, NULL, 0);
  }
  if (store)
    kv_close (store);
  if (pool)
    oriel_pool_close (pool);
  oriel_pool_destroy (pool_name, NULL, 1);
  unlink (DATA);
  unlink (DATA "-log");
  unlink (DATA ".dw");
}

static void
fail (const char *why)
{
  fprintf (stderr, "06-kv: %s\n", why);
  exit (1);
}

/* The error of a store may be of its log, of which Oriel knows nothing: its text
 * is of another call then.  It ends with what the code means. */
static void
check (int rc)
{
  const char *code;

  if (rc >= 0)
    return;
  code = strerror (-rc);
  fail (strstr (oriel_error (), code) ? oriel_error () : code);
}

static void
attach (void)
{
  oriel_options opt;

  oriel_options_init (&opt);
  check (oriel_options_set (&opt, "pool_size", "8M"));
  check (oriel_pool_open (pool_name, &opt, &pool));
  check (kv_open (pool, DATA, NULL, &store));
}

static void
detach (void)
{
  kv *closed = store;

  store = NULL;
  check (kv_close (closed));
  check (oriel_pool_close (pool));
  pool = NULL;
  check (oriel_pool_destroy (pool_name, NULL, 0));
}

static size_t
name_of (char name[20], int account)
{
  return (size_t) sprintf (name, "account %04d", account);
}

/* From one account to another; both are in one batch.  KV_NOSYNC: it need not be
 * on the disk when the call returns. */
static void
move (int from, int to, int amount)
{
  char name[2][20];
  int balance[2];
  size_t length[2];
  kv_op ops[2] = { { name[0], &balance[0], name_of (name[0], from),
                     sizeof (int) },
                   { name[1], &balance[1], name_of (name[1], to),
                     sizeof (int) } };

  check (kv_get_many (store, ops, 2, length));
  balance[0] -= amount;
  balance[1] += amount;
  check (kv_apply (store, ops, 2, KV_NOSYNC));
}

/* Each process has accounts of its own: even ones, odd ones. */
static void
work (int which, int moves)
{
  for (int i = 0; moves < 0 || i < moves; i++) {
    int from = i * 7919 % (ACCOUNTS / 2), to = i * 104729 % (ACCOUNTS / 2);

    if (from != to)
      move (2 * from + which, 2 * to + which, i % 50);
  }
}

/* By a cursor over all accounts. */
static long
add_up (void)
{
  kv_cursor *cursor;
  kv_pair pair;
  long sum = 0;
  int balance;

  check (kv_cursor_open (store, &cursor));
  check (kv_seek (cursor, "account", 7));
  while (kv_next (cursor, &pair) == 0) {
    memcpy (&balance, pair.value, sizeof balance);
    sum += balance;
  }
  kv_cursor_close (cursor);
  return sum;
}

/* The child: dies in the end, whatever it does, or when its parent does. */
static void
move_until_killed (pid_t parent, int loaded, int moved)
{
  char byte;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (1);
  if (read (loaded, &byte, 1) != 1)
    exit (1);
  attach ();
  work (1, MOVES);
  printf ("the other made %d moves, and goes on\n", MOVES);
  fflush (stdout);
  close (moved);
  work (1, -1);
}

static void
load (void)
{
  char name[20];

  for (int i = 0; i < ACCOUNTS; i++) {
    int balance = 100;

    check (kv_put (store, name, name_of (name, i), &balance, sizeof balance,
                   KV_NOSYNC));
  }
}

static void
kill_other (void)
{
  pid_t pid = other;
  int status;

  kill (pid, SIGKILL);
  other = 0;
  if (waitpid (pid, &status, 0) != pid || !WIFSIGNALED (status))
    fail ("the other has failed");
}

int
main (void)
{
  pid_t self = getpid ();
  int loaded[2], moved[2];
  char byte;

  snprintf (pool_name, sizeof pool_name, "example-06-%d", (int) self);
  /* Under ulimit -f a write to the log that is too long would end the process;
   * so it is an error, EFBIG, as any other. */
  signal (SIGXFSZ, SIG_IGN);
  if (pipe (loaded) < 0 || pipe (moved) < 0)
    fail (strerror (errno));
  /* Fork first: a child does not inherit a pool, it opens the pool itself. */
  other = fork ();
  if (other < 0)
    fail (strerror (errno));
  if (other == 0) {
    close (loaded[1]);
    move_until_killed (self, loaded[0], moved[1]);
  }
  atexit (clean_up);
  attach ();
  load ();
  close (moved[1]);
  if (write (loaded[1], "", 1) != 1)
    fail (strerror (errno));
  work (0, MOVES);
  printf ("we made %d moves\n", MOVES);
  fflush (stdout);
  /* The end of the pipe: the other has made its moves, too. */
  while (read (moved[0], &byte, 1) > 0)
    ;
  kill_other ();
  printf ("the other was killed; all accounts have %ld\n", add_up ());

  /* As after a reboot: the pool is gone, the store is made of its files. */
  check (kv_sync (store));
  detach ();
  attach ();
  printf ("recovered from its files, they have %ld\n", add_up ());
  detach ();
  return 0;
}
