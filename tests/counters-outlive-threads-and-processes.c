/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads and processes counted stays in the pool's sums when they end or
 * are killed, and a process's own counters are those of its threads, gone or
 * not, and of no one before.
 */
#include "util.h"

static oriel_pool *pool;
static oriel_file *file;

static void *
hits_100 (void *arg)
{
  for (int i = 0; i < 100; i++)
    page_is_stamped (pool, file, 1, 1);
  return arg;
}

static int
hits_and_dies (void *arg)
{
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  hits_100 (NULL);
  in_thread (hits_100, NULL);
  if (arg)
    raise (SIGKILL);
  must (oriel_file_close (file), "oriel_file_close");
  return -oriel_pool_close (pool);
}

static void
see_own (void *arg, const oriel_process_info *info)
{
  if (info->token == oriel_self (pool))
    *(oriel_process_info *) arg = *info;
}

static void
see_hits (void *arg, const oriel_process_info *info)
{
  *(uint64_t *) arg += info->hits;
}

int
main (void)
{
  oriel_process_info own = { 0 };
  uint64_t before, sum = 0;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  page_is_stamped (pool, file, 1, 1);
  before = get_stats (pool).hits;
  for (int i = 0; i < 10; i++)
    in_thread (hits_100, NULL);
  is_int ((long long) (get_stats (pool).hits - before), 1000,
          "ten threads have come and gone, and their hits count");
  must (oriel_pool_processes (pool, see_own, &own), "oriel_pool_processes");
  is_int ((long long) own.hits, (long long) get_stats (pool).hits,
          "they are this process's");
  is_int ((long long) own.threads, 1, "which has one thread now");

  for (int i = 0; i < 5; i++) {
    before = get_stats (pool).hits;
    is_int (in_child (hits_and_dies, i % 2 ? &own : NULL),
            i % 2 ? 128 + SIGKILL : 0,
            i % 2 ? "a process is killed" : "a process detaches");
    is_int ((long long) (get_stats (pool).hits - before), 200,
            "its hits count");
  }
  is_int (in_child (hits_and_dies, NULL), 0, "one more puts right what is "
          "left");
  is_int ((long long) get_stats (pool).hits, 1 * 1000 + 6 * 200,
          "all hits count, once");
  must (oriel_pool_processes (pool, see_hits, &sum), "oriel_pool_processes");
  is_int ((long long) sum, (long long) own.hits,
          "those of the processes that are gone are no one's");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = test_pool ();
  is_int ((long long) get_stats (pool).hits, 1 * 1000 + 6 * 200,
          "they are there when all have detached, too");
  own.hits = 1;
  must (oriel_pool_processes (pool, see_own, &own), "oriel_pool_processes");
  is_int ((long long) own.hits, 0, "and a new process begins with none");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
