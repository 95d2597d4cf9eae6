/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for another's sync of the log yields the processor some times, and then
 * sleeps.  When a yield takes long, as others have much to do, none is made for some
 * time.
 */
#include "kv.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

static _Atomic int made, takes; /* yields so far; ns that each takes */
static _Atomic long now;        /* ns; so it is no matter how busy this machine is */

static int
count_yield (void)
{
  made++;
  now += takes;
  return 0;
}

static int
tell_time (clockid_t clock, struct timespec *t)
{
  (void) clock;
  *t = (struct timespec) { .tv_nsec = now % 1000000000 };
  return 0;
}

#define sched_yield count_yield
#define clock_gettime tell_time
#include "../examples/kv/kv-txn.c"
#undef sched_yield
#undef clock_gettime

#include "../examples/kv/kv-find.c"
#include "../examples/kv/kv-log.c"
#include "../examples/kv/kv-tree.c"
#include "../examples/kv/kv.c"

static kv *store;

static void *
sync_log (void *arg)
{
  (void) arg;
  return (void *) (intptr_t) kv_sync (store);
}

/* The yields of one who waits for a sync that takes some while. */
static int
yields_of_one (void)
{
  pthread_t thread;
  void *r;

  must (kv_put (store, "key", 3, "value", 5, KV_NOSYNC), "kv_put");
  made = 0;
  store->shared->wanted = store->shared->waits; /* its own sync waits for none */
  store->shared->sync.owner = store->self;
  must (-pthread_create (&thread, NULL, sync_log, NULL), "pthread_create");
  while (!store->shared->sync.sleepers) /* it has been about to sleep */
    usleep (100);
  store->shared->sync.sleepers = 0;
  store->shared->sync.owner = 0;
  pthread_join (thread, &r);
  must ((int) (intptr_t) r, "kv_sync");
  return made;
}

int
main (void)
{
  oriel_pool *pool = test_pool ();
  int left_out = 0;

  store = kv_must_open (pool, kv_file ("a.kv"), 1 * MiB);
  is_int (yields_of_one (), IDLE, "one who waits yields, and sleeps then");
  is_int (yields_of_one (), IDLE, "the next time, too");
  takes = SLOW + 1;
  is_int (yields_of_one (), 1, "a yield that takes long is the last");
  takes = SLOW;
  is_int (yields_of_one (), 0, "who waits next sleeps at once");
  while (!kv_yield (store))
    left_out++;
  ok (left_out > CROWDED / 2 && left_out < CROWDED, "but not for ever");
  is_int (made, 1, "and then one is made");
  is_int (yields_of_one (), IDLE, "as before");
  must (kv_close (store), "kv_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
