/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-worker.c - a process that runs operations, without thinking
 *
 * States, each set by the worker and awaited by the parent: READY (connected)
 * after which the parent starts everyone at once; REPORTED (a pass is over, its
 * numbers are in shared memory; after the last the connection stays open until
 * the pool has been looked at); DONE.
 *
 * Where workers are killed (--kill-every), each that follows another adds to
 * its report; it has random values of its own, or it would only repeat.
 */
#include <string.h>

#include "sql.h"

bool
sql_worker_late (const struct worker *w)
{
  return w->sql->driver->timed && sql_now () >= w->sql->shared->deadline;
}

void
sql_worker_done (struct worker *w, int pass, int kind, int64_t began,
                 _Atomic uint64_t *counter)
{
  struct pass_report *report = &w->report->pass[pass];
  int64_t now = sql_now ();

  if (w->sql->driver->timed && now > w->sql->shared->deadline)
    return;
  ++*(counter ? counter : &report->done[kind]);
  sql_hist_add (&report->hist[kind], (uint64_t) (now - began));
}

static void
await_phase (struct shared *shared, int phase)
{
  while (shared->phase < phase)
    sql_sleep (1);
}

static int
open_database (struct worker *w)
{
  struct sql *sql = w->sql;
  int rc = sql_db_open (sql, w->side, 0, &w->db);

  if (rc == SQLITE_OK)
    rc = sql_db_configure (sql, w->side, w->db);
  if (rc == SQLITE_OK && sql->opt.warm)
    rc = sql_db_warm (w->db);
  if (rc != SQLITE_OK)
    return sql_fail (sql->shared, "%s %d: %s", sql->driver->worker,
                     w->number + 1, sql_db_error ());
  return sql->driver->begin (w);
}

static int
run_pass (struct worker *w, int pass)
{
  struct pass_report *report = &w->report->pass[pass];
  struct proc start;
  int status;

  await_phase (w->sql->shared, PHASE_RUN + pass);
  sql_proc_read (&start);
  report->began = sql_now ();
  status = w->sql->driver->run (w, pass);
  report->ended = sql_now ();
  sql_proc_read (&report->proc);
  sql_proc_subtract (&report->proc, &start);
  w->report->state = STATE_REPORTED + pass;
  return status;
}

int
sql_worker (struct sql *sql, const struct side *side)
{
  struct shared *shared = sql->shared;
  struct worker w = { .sql = sql, .side = side, .number = sql->number,
                      .report = &shared->worker[sql->number] };
  int pass, status;

  sql_rng_seed (&w.rng, sql->opt.seed,
                (uint64_t) w.number + sql->life * (MAX_PROCESSES + 1));
  status = open_database (&w);
  if (status == 0)
    w.report->state = STATE_READY;
  for (pass = 0; pass < sql->driver->passes && status == 0; pass++)
    status = run_pass (&w, pass);
  if (status == 0)
    await_phase (shared, PHASE_CLOSE);
  if (w.db != NULL)
    sql->driver->end (&w);
  if (sqlite3_close (w.db) != SQLITE_OK && status == 0)
    status = sql_fail (shared, "%s %d: closing: %s", sql->driver->worker,
                       w.number + 1, sqlite3_errmsg (w.db));
  w.report->state = STATE_DONE;
  return status;
}
