/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes put at once, and wait for each other's syncs of the log.  Whoever waits
 * is woken, as its put is durable or as it is to begin the next sync: nobody looks
 * at the clock here, by which it would else find out some milliseconds later.  Those
 * who come while a sync is under way share the next one.  A sync that fails wakes all
 * who wait.  With the clock, all puts return when processes are killed, be it in one,
 * and where a killed one left some words changed and others not.
 */
#define KV_POINT(name) at_point (name)
static void at_point (const char *name);

#include "kv.h"

#include <linux/futex.h>
#include <sched.h>

#define WRITERS 6
#define SYNC 50                 /* us that a sync takes, at least */

static struct {
  bool timeless, breaks;
  _Atomic int puts, syncs, fail;
  _Atomic int began[WRITERS];   /* of each writer: it has the store open */
  _Atomic long longest;         /* us that a put took */
} *shared;

/* Of kv-txn.c, where a process waits: sometimes later than it meant to. */
static long
wait_for (long number, _Atomic uint32_t *futex, int op, int value,
          const struct timespec *most, void *other, int more)
{
  if (op == FUTEX_WAIT && shared->syncs % 4 == 0)
    usleep (SYNC);
  return syscall (number, futex, op, value, shared->timeless ? NULL : most,
                  other, more);
}

#include <sys/syscall.h>
#include <unistd.h>
#define syscall wait_for
#include "../examples/kv/kv-txn.c"
#undef syscall

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv.c"

#define ROUNDS 500              /* of a put of each */
#define KILLS 60
#define LONG 2000000            /* us: none of its waits for death took so long */

static kv *store;

/* In the place of the C library's. */
__attribute__ ((visibility ("default"))) int
fdatasync (int fd)
{
  if (!store || fd != store->log)
    return 0;
  shared->syncs++;
  usleep (SYNC);
  errno = EIO;
  return shared->fail ? -1 : 0;
}

/* Another's sync failed, and this one saw the state before. */
static void
at_point (const char *name)
{
  if (shared->breaks && strcmp (name, "sync.begun") == 0)
    store->shared->state = KV_BROKEN;
}

static int
put (long who, int i)
{
  char key[20];

  snprintf (key, sizeof key, "%ld %d", who, i % 100);
  return kv_put (store, key, strlen (key), &i, sizeof i, 0);
}

static oriel_pool *
begin (const char *name)
{
  oriel_pool *pool = test_pool ();

  store = kv_must_open (pool, kv_file (name), 1 * MiB);
  return pool;
}

static int
writer (void *arg)
{
  oriel_pool *pool = begin ("a.kv");

  store->crowded = INT_MAX;     /* so it sleeps, and does not yield */
  for (int i = 1; i <= ROUNDS; i++) {
    must (put ((long) (intptr_t) arg, i), "kv_put");
    for (shared->puts++; shared->puts < i * WRITERS;) /* no one else comes */
      sched_yield ();
  }
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* Until it fails. */
static int
restless (void *arg)
{
  int r = 0;

  begin ("a.kv");
  if ((intptr_t) arg % 2 == 0)
    store->crowded = INT_MAX;
  shared->began[(intptr_t) arg] = 1;
  for (int i = 1; r == 0; i++) {
    double before = seconds_now ();
    long us;

    r = put ((long) (intptr_t) arg, i);
    us = (long) ((seconds_now () - before) * 1e6);
    if (us > shared->longest)
      shared->longest = us;
    shared->puts++;
  }
  _exit (r == -EIO ? 1 : 2);
}

#define DEAD (1ull << 60 | 1)   /* a token that no one has */

/* Who had the lock was killed before all three words said so. */
static int
heir (void *arg)
{
  struct kv_shared *s;

  (void) arg;
  begin ("b.kv");
  s = store->shared;
  must (put (WRITERS, 1), "kv_put");
  for (int i = 0; i < 4; i++) {
    s->turn[0] = (s->turn[0] + 1) | 1;
    s->sync.owner = DEAD;
    must (put (WRITERS, 2), "kv_put");
  }
  shared->breaks = true;
  shared->syncs = 0;
  return put (WRITERS, 3) == -EIO && shared->syncs == 0 ? 0 : 1;
}

int
main (void)
{
  uint64_t seed = 5;
  pid_t pid[WRITERS];
  int all = 0, failed = 0;

  scratch ();                   /* before children make their own */
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  shared->timeless = true;
  for (intptr_t i = 0; i < WRITERS; i++)
    pid[i] = spawn (writer, (void *) i);
  for (int i = 0; i < WRITERS; i++)
    all |= reap (pid[i]);
  is_int (all, 0, "all puts of all processes return");
  if (!ok (shared->syncs < WRITERS * ROUNDS / 2, "a sync has several puts"))
    diag ("%d syncs for %d puts", shared->syncs, WRITERS * ROUNDS);

  shared->timeless = false;
  for (intptr_t i = 0; i < WRITERS; i++)
    pid[i] = spawn (restless, (void *) i);
  for (int k = 0; k < KILLS; k++) {
    int i = (int) (next_random (&seed) % WRITERS), before = shared->puts;

    usleep ((useconds_t) (next_random (&seed) % 10000));
    kill (pid[i], SIGKILL);
    reap (pid[i]);
    shared->began[i] = 0;
    pid[i] = spawn (restless, (void *) (intptr_t) i);
    while (shared->puts < before + 2 * WRITERS)
      usleep (100);
  }
  if (!ok (shared->longest < LONG, "none waits long for one who was killed"))
    diag ("%ld us", shared->longest);
  for (int i = 0; i < WRITERS; i++)
    while (!shared->began[i])
      usleep (100);
  usleep (50000);               /* until none waits for one who was killed */
  shared->timeless = true;
  shared->fail = 1;
  for (int i = 0; i < WRITERS; i++)
    failed += reap (pid[i]) == 1;
  is_int (failed, WRITERS, "a sync that fails is an error for all who wait");
  shared->timeless = shared->fail = 0;
  is_int (reap (spawn (heir, NULL)), 0,
          "a lock is inherited with its words, and no sync follows a failed one");
  return done_testing ();
}
