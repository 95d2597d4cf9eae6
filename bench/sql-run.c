/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-run.c - the parent's phases: load, run, check, and the sums
 *
 * With --kill-every the parent is also its workers' murderer, while the run
 * lasts: whoever is killed it waits for, so that sql_family_look() never meets
 * its victims, and another takes the place.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "sql.h"

/* ------------------------------------------------------------------ */
/* Load and check                                                     */

int
sql_run_load (struct sql *sql, const struct side *side)
{
  struct family family = { .sql = sql, .side = side };
  struct shared *shared = sql->shared;
  char detail[64];
  int alive;

  sql_family_add (&family, sql_loader, NULL, "the loader");
  while ((alive = sql_family_look (&family)) > 0)
    {
      uint64_t rows = shared->loaded, all = shared->to_load;

      snprintf (detail, sizeof detail, "%llu rows", (unsigned long long) rows);
      /* The index at the end is worth a few per cent. */
      sql_progress (&sql->opt, "loading",
                    all ? 0.97 * (double) rows / (double) all : 0, detail);
      sql_sleep (20);
    }
  sql_family_end (&family);
  sql_progress_end ();
  return alive < 0;
}

int
sql_run_check (struct sql *sql, const struct side *side,
               struct result *result)
{
  struct check_report *report = &sql->shared->check;
  int failed;

  memset (report, 0, sizeof *report);
  sql_progress (&sql->opt, "checking", 0, side->vfs);
  failed = sql_family_one (sql, sql_checker, side, "the checker");
  sql_progress_end ();
  if (!failed && report->done)
    {
      snprintf (result->check_vfs[result->checks],
                sizeof result->check_vfs[0], "%s", side->vfs);
      result->check[result->checks++] = *report;
    }
  return failed;
}

int
sql_run_pool_remove (struct sql *sql, const struct side *side)
{
  struct family family = { .sql = sql, .side = side };
  int status;

  sql_family_add (&family, sql_pool_remove, NULL, "the remover of the pool");
  if (family.child[0].pid == 0)
    return 1;
  while (waitpid (family.child[0].pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    sql_family_note (&family, &family.child[0], status);
  return status != 0;
}

/* ------------------------------------------------------------------ */
/* The run                                                            */

/* Wait until every worker has come to a state. */
static int
await_workers (struct family *family, int state)
{
  struct sql *sql = family->sql;
  char name[40];
  int i, failed = 0;

  for (i = 0; i < sql->opt.processes && !failed; i++)
    {
      snprintf (name, sizeof name, "%s %d", sql->driver->worker, i + 1);
      failed = sql_family_state (family, &sql->shared->worker[i].state, state,
                                 name);
    }
  return failed;
}

static int
await_observer (struct family *family, int state)
{
  return sql_family_state (family, &family->sql->shared->observer.state, state,
                           "the observer");
}

static void
show_progress (struct sql *sql, const struct side *side, int64_t start,
               int64_t now)
{
  double seconds = (double) (now - start) / NSEC;
  uint64_t done = 0;
  char detail[80], what[48];
  int i, kind;

  for (i = 0; i < sql->opt.processes; i++)
    for (kind = 0; kind < sql->driver->kinds; kind++)
      done += sql->shared->worker[i].pass[0].done[kind];
  snprintf (what, sizeof what, "running %s", side->name);
  snprintf (detail, sizeof detail, "%.0f %s/s",
            seconds > 0 ? (double) done / seconds : 0.0,
            sql->driver->operation);
  sql_progress (&sql->opt, what, seconds / sql->opt.seconds, detail);
}

/* When a worker is killed next, and which: random values of their own. */
struct killer {
  struct rng rng;
  int64_t next;
};

static void
killer_init (struct killer *killer, const struct options *opt, int64_t start)
{
  sql_rng_seed (&killer->rng, opt->seed, UINT64_MAX - 2);
  killer->next = opt->kill_every ? start + opt->kill_every * (NSEC / 1000)
                                 : INT64_MAX;
}

/* Workers were the first children to be started. */
static void
kill_one (struct family *family, struct killer *killer)
{
  struct sql *sql = family->sql;
  int n = (int) sql_uniform (&killer->rng, 0, sql->opt.processes - 1);
  struct child *child = &family->child[n];
  int status = 0;

  killer->next += sql->opt.kill_every * (NSEC / 1000);
  if (child->pid == 0)
    return; /* it has failed */
  kill (child->pid, SIGKILL);
  while (waitpid (child->pid, &status, 0) < 0 && errno == EINTR)
    ;
  child->pid = 0;
  if (!WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL)
    {
      sql_family_note (family, child, status); /* before we could */
      return;
    }
  sql->life = ++sql->shared->kills;
  sql->number = n; /* the child's copies keep both */
  sql->shared->worker[n].state = STATE_NEW;
  sql_family_start (family, child, &family->group);
}

/* Each has made as many transactions as it shall. */
static int
all_are_through (const struct sql *sql)
{
  int i, through = 0;

  for (i = 0; i < sql->opt.processes; i++)
    through += sql->shared->worker[i].state >= STATE_REPORTED;
  return sql->opt.transactions && through == sql->opt.processes;
}

/* From the moment when all are ready to the deadline. */
static int
await_deadline (struct family *family)
{
  struct sql *sql = family->sql;
  struct shared *shared = sql->shared;
  int64_t start = sql_now (), now, nap;
  struct killer killer;

  killer_init (&killer, &sql->opt, start);
  shared->deadline = start + sql->opt.seconds * NSEC;
  shared->phase = PHASE_RUN;
  while ((now = sql_now ()) < shared->deadline && !all_are_through (sql))
    {
      if (sql_family_look (family) < 0)
        return 1;
      show_progress (sql, family->side, start, now);
      if (now >= killer.next)
        kill_one (family, &killer);
      nap = (killer.next < shared->deadline ? killer.next : shared->deadline)
            - sql_now ();
      if (nap > 0)
        sql_sleep (nap < NSEC / 20 ? (int) (nap / (NSEC / 1000)) + 1 : 50);
    }
  sql_progress_end ();
  return 0;
}

static int
measure (struct family *family, struct result *result)
{
  const struct driver *driver = family->sql->driver;
  struct shared *shared = family->sql->shared;
  char what[48];
  int pass;

  if (driver->timed)
    {
      if (await_deadline (family) || await_workers (family, STATE_REPORTED))
        return 1;
      result->pass[0].seconds = family->sql->opt.seconds;
      return 0;
    }
  for (pass = 0; pass < driver->passes; pass++)
    {
      snprintf (what, sizeof what, "running %s", family->side->name);
      sql_progress (&family->sql->opt, what, (double) pass / driver->passes,
                    driver->pass[pass]);
      shared->phase = PHASE_RUN + pass;
      if (await_workers (family, STATE_REPORTED + pass))
        return 1;
    }
  sql_progress_end ();
  return 0;
}

static int
observe (struct family *family, int end)
{
  if (!family->side->oriel)
    return 0;
  if (end)
    {
      family->sql->shared->phase = PHASE_OBSERVE;
      return await_observer (family, STATE_REPORTED);
    }
  sql_family_add (family, sql_observer, NULL, "the observer");
  return await_observer (family, STATE_READY);
}

static void
start_workers (struct family *family)
{
  struct sql *sql = family->sql;
  char name[40];
  int i;

  for (i = 0; i < sql->opt.processes; i++)
    {
      sql->number = i; /* the child's copies keep both */
      sql->life = 0;
      snprintf (name, sizeof name, "%s %d", sql->driver->worker, i + 1);
      sql_family_add (family, sql_worker, &family->group, name);
    }
}

/* ------------------------------------------------------------------ */
/* Sums                                                               */

static void
add_pass (const struct sql *sql, int n, struct pass_result *result)
{
  int64_t began = INT64_MAX, ended = 0;
  int i, kind;

  for (i = 0; i < sql->opt.processes; i++)
    {
      const struct pass_report *pass = &sql->shared->worker[i].pass[n];

      for (kind = 0; kind < sql->driver->kinds; kind++)
        {
          result->done[kind] += pass->done[kind];
          sql_hist_merge (&result->hist[kind], &pass->hist[kind]);
        }
      sql_proc_merge (&result->proc, &pass->proc);
      if (pass->began < began)
        began = pass->began;
      if (pass->ended > ended)
        ended = pass->ended;
    }
  if (!sql->driver->timed || sql->opt.transactions)
    result->seconds = (double) (ended - began) / NSEC;
  if (sql->shared->kills)
    sql_proc_forget (&result->proc);
}

static void
add_up (const struct sql *sql, struct result *result)
{
  int i, n;

  for (i = 0; i < sql->opt.processes; i++)
    {
      const struct worker_report *report = &sql->shared->worker[i];

      result->retries += report->retries;
      for (n = 0; n < OWN_COUNTERS; n++)
        result->own[n] += report->own[n];
      if (report->wrong && result->wrong == 0)
        memcpy (result->example, report->example, sizeof result->example);
      result->wrong += report->wrong;
    }
  for (n = 0; n < sql->driver->passes; n++)
    add_pass (sql, n, &result->pass[n]);
  result->kills = sql->shared->kills;
}

/* Counters over the run, gauges at its end. */
static void
add_pool (const struct observer_report *observer, struct result *result)
{
  const oriel_stats *before = &observer->before;
  oriel_stats *pool = &result->pool;

#define SUBTRACT(field) pool->field -= before->field
  *pool = observer->after;
  SUBTRACT (hits);
  SUBTRACT (misses);
  SUBTRACT (readahead);
  SUBTRACT (reads);
  SUBTRACT (read_bytes);
  SUBTRACT (writes);
  SUBTRACT (write_bytes);
  SUBTRACT (syncs);
  SUBTRACT (evictions);
  SUBTRACT (writebacks);
  SUBTRACT (swaps);
  SUBTRACT (installs);
  SUBTRACT (copies);
  SUBTRACT (barriers);
  SUBTRACT (latch_waits);
  SUBTRACT (drops);
  SUBTRACT (repairs);
#undef SUBTRACT
  result->observed = 1;
}

/* ------------------------------------------------------------------ */
/* Memory                                                             */

/* Beside the pool: for each worker its heap, of which SQLite's cache is 2 MiB
 * by default, its page tables and kernel objects, some 3 MiB in all; and for
 * all of them the WAL that the kernel caches, 4 MiB and as much again while a
 * checkpoint lags.  Less than twice that and the kernel, which cannot wait for
 * a small group's dirty pages to be written, kills a worker now and then. */
#define WORKER_ALLOWANCE (8ull << 20)
#define COMMON_ALLOWANCE (16ull << 20)

uint64_t
sql_run_memory (const struct options *opt)
{
  if (opt->memory)
    return opt->memory;
  return opt->pool_bytes + opt->log_bytes + COMMON_ALLOWANCE
    + (uint64_t) opt->processes * WORKER_ALLOWANCE;
}

/* Where it was asked for by name, not having one is a failure. */
static int
make_group (struct sql *sql, struct cgroup *group, struct result *result)
{
  uint64_t bytes = sql_run_memory (&sql->opt);

  if (!sql->opt.cgroup)
    return 0;
  if (sql_cgroup_make (group, bytes, sql->cgroup_why) == 0)
    {
      result->memory_limit = bytes;
      return 0;
    }
  if (sql->opt.memory)
    return sql_fail (sql->shared, "making a memory cgroup: %s",
                     sql->cgroup_why);
  return 0;
}

/* ------------------------------------------------------------------ */

/* Only what was written is cleared: memory that no one touched stays free. */
static void
reset (struct sql *sql)
{
  struct shared *shared = sql->shared;
  int i, n, kind;

  shared->phase = PHASE_WAIT;
  shared->kills = 0;
  memset (&shared->observer, 0, sizeof shared->observer);
  for (i = 0; i < sql->opt.processes; i++)
    {
      struct worker_report *report = &shared->worker[i];

      memset (report, 0, offsetof (struct worker_report, pass));
      for (n = 0; n < sql->driver->passes; n++)
        for (kind = 0; kind < sql->driver->kinds; kind++)
          {
            report->pass[n].done[kind] = 0;
            memset (&report->pass[n].hist[kind], 0, sizeof (struct hist));
          }
    }
}

int
sql_run_workers (struct sql *sql, const struct side *side,
                 struct result *result)
{
  struct shared *shared = sql->shared;
  struct family family = { .sql = sql, .side = side };
  struct side plain = *side;
  int failed, err;

  /* Not through Oriel: the pool is the workers' to make. */
  if (side->oriel)
    {
      plain.oriel = 0;
      snprintf (plain.vfs, sizeof plain.vfs, "unix");
    }
  reset (sql);
  if (sql_family_one (sql, sql_prepare, &plain, "the preparation"))
    return 1;
  err = sql_file_uncache (side->path);
  if (err != 0)
    return sql_fail (shared, "dropping %s from the page cache: %s",
                     side->path, strerror (-err));
  if (make_group (sql, &family.group, result))
    return 1;

  start_workers (&family);
  failed = await_workers (&family, STATE_READY)
    || observe (&family, 0)
    || measure (&family, result)
    || observe (&family, 1);
  result->wal_bytes = sql_file_size (side->path, "-wal");
  result->memory_used = sql_cgroup_used (&family.group);
  shared->phase = PHASE_CLOSE;
  sql_progress_end ();
  if (!failed)
    failed = sql_family_await (&family);
  sql_family_end (&family);

  result->memory_peak = sql_cgroup_peak (&family.group);
  sql_cgroup_remove (&family.group);
  if (failed)
    return 1;
  add_up (sql, result);
  if (side->oriel)
    add_pool (&shared->observer, result);
  return 0;
}
