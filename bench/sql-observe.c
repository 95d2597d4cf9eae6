/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-observe.c - what the pool did during the run
 *
 * The observer attaches to the pool that the workers made, through the
 * smallest window, and pins nothing: it costs the pool one process place.  It
 * reads the counters when all workers are ready and again when all have
 * reported; the report shows the differences.
 */
#include <errno.h>

#include "sql.h"

static int
take (struct shared *shared, oriel_pool *pool, oriel_stats *stats)
{
  stats->struct_size = sizeof *stats;
  if (oriel_pool_stats (pool, stats) != 0)
    return sql_fail (shared, "the pool's statistics: %s", oriel_error ());
  return 0;
}

int
sql_observer (struct sql *sql, const struct side *side)
{
  struct shared *shared = sql->shared;
  struct observer_report *report = &shared->observer;
  oriel_options opt;
  oriel_pool *pool;
  int status;

  oriel_options_init (&opt);
  opt.flags = ORIEL_ATTACH | ORIEL_NO_FAULT_HANDLER;
  opt.slot_size = 64 << 10;
  opt.window_size = opt.slot_size;
  if (oriel_pool_open (side->pool, &opt, &pool) != 0)
    return sql_fail (shared, "attaching to pool %s: %s", side->pool,
                      oriel_error ());

  status = take (shared, pool, &report->before);
  report->state = STATE_READY;
  while (shared->phase < PHASE_OBSERVE)
    sql_sleep (20);
  if (status == 0)
    status = take (shared, pool, &report->after);
  report->state = STATE_REPORTED;
  oriel_pool_close (pool);
  return status;
}

int
sql_pool_remove (struct sql *sql, const struct side *side)
{
  int err = oriel_pool_destroy (side->pool, NULL, 1);

  if (err != 0 && err != -ENOENT)
    return sql_fail (sql->shared, "removing pool %s: %s", side->pool,
                      oriel_error ());
  return 0;
}
