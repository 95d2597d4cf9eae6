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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv/kv.h"

#define DATA "06-kv.data"
#define ACCOUNTS 1000
#define MOVES 500

static char pool_name[40];

static void
check (int rc)
{
  if (rc < 0) {
    fprintf (stderr, "06-kv: %s: %s\n", strerror (-rc), oriel_error ());
    exit (1);
  }
}

static oriel_pool *
attach (kv **store)
{
  oriel_options opt;
  oriel_pool *pool;

  oriel_options_init (&opt);
  check (oriel_options_set (&opt, "pool_size", "8M"));
  check (oriel_pool_open (pool_name, &opt, &pool));
  check (kv_open (pool, DATA, NULL, store));
  return pool;
}

static size_t
name_of (char name[20], int account)
{
  return (size_t) sprintf (name, "account %04d", account);
}

/* From one account to another; both are in one batch.  KV_NOSYNC: it need not be
 * on the disk when the call returns. */
static void
move (kv *store, int from, int to, int amount)
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
work (kv *store, int which, int moves)
{
  for (int i = 0; moves < 0 || i < moves; i++) {
    int from = i * 7919 % (ACCOUNTS / 2), to = i * 104729 % (ACCOUNTS / 2);

    if (from != to)
      move (store, 2 * from + which, 2 * to + which, i % 50);
  }
}

/* By a cursor over all accounts. */
static long
add_up (kv *store)
{
  const void *value;
  kv_cursor *cursor;
  size_t length;
  long sum = 0;
  int balance;

  check (kv_cursor_open (store, &cursor));
  check (kv_seek (cursor, "account", 7));
  while (kv_next (cursor, NULL, NULL, &value, &length) == 0) {
    memcpy (&balance, value, sizeof balance);
    sum += balance;
  }
  kv_cursor_close (cursor);
  return sum;
}

int
main (void)
{
  oriel_pool *pool;
  int status, loaded[2], moved[2];
  char name[20];
  pid_t pid;
  kv *store;

  snprintf (pool_name, sizeof pool_name, "example-06-%d", (int) getpid ());
  if (pipe (loaded) < 0 || pipe (moved) < 0)
    return 1;
  /* Fork first: a child does not inherit a pool, it opens the pool itself. */
  pid = fork ();
  if (pid < 0)
    return 1;
  if (pid == 0) {
    close (loaded[1]);
    if (read (loaded[0], name, 1) != 1)
      return 1;
    pool = attach (&store);
    work (store, 1, MOVES);
    printf ("the other made %d moves, and goes on\n", MOVES);
    fflush (stdout);
    close (moved[1]);
    work (store, 1, -1);
  }
  pool = attach (&store);
  for (int i = 0; i < ACCOUNTS; i++) {
    int balance = 100;

    check (kv_put (store, name, name_of (name, i), &balance, sizeof balance,
                   KV_NOSYNC));
  }
  close (moved[1]);
  if (write (loaded[1], "", 1) != 1)
    return 1;
  work (store, 0, MOVES);
  printf ("we made %d moves\n", MOVES);
  /* The end of the pipe: the other has made its moves, too. */
  while (read (moved[0], name, 1) > 0)
    ;
  kill (pid, SIGKILL);
  waitpid (pid, &status, 0);
  printf ("the other was killed; all accounts have %ld\n", add_up (store));

  /* As after a reboot: the pool is gone, the store is made of its files. */
  check (kv_sync (store));
  check (kv_close (store));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (pool_name, NULL, 0));
  pool = attach (&store);
  printf ("recovered from its files, they have %ld\n", add_up (store));
  check (kv_close (store));
  check (oriel_pool_close (pool));
  check (oriel_pool_destroy (pool_name, NULL, 0));
  unlink (DATA);
  unlink (DATA "-log");
  unlink (DATA ".dw");
  return 0;
}
