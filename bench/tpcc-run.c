/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-run.c - the parent: starts children, waits for them, adds up
 *
 * The parent polls: it looks at its children and at shared memory every few
 * milliseconds and draws the progress meanwhile, so no child has to wake it
 * and none that dies can leave it waiting.  Children die with the parent
 * (PR_SET_PDEATHSIG) and leave SIGINT to it: the first signal ends the run in
 * good order, as any failure does.
 *
 * With --kill-every it is also their murderer, while the run lasts: whoever is
 * killed it waits for, so that look_after() never meets its victims, and another
 * takes the place.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tpcc.h"

volatile sig_atomic_t tpcc_interrupted;

typedef int child_main (struct tpcc *tpcc, const struct side *side);

struct child {
  pid_t pid; /* 0: it has ended well */
  char name[32];
};

/* Those that run at one time. */
struct family {
  struct tpcc *tpcc;
  struct cgroup group;
  struct child child[MAX_TERMINALS + 1];
  int children;
};

static void
start_child (struct family *family, struct child *child, child_main *run,
             const struct side *side, const struct cgroup *group)
{
  struct tpcc *tpcc = family->tpcc;
  pid_t parent = getpid (), pid;
  int err;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    {
      tpcc_fail (tpcc->shared, "starting %s: %s", child->name,
                 strerror (errno));
      return;
    }
  if (pid == 0)
    {
      signal (SIGINT, SIG_IGN);
      signal (SIGTERM, SIG_DFL);
      signal (SIGHUP, SIG_DFL);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      if (getppid () != parent)
        _exit (1);
      err = group ? tpcc_cgroup_join (group) : 0;
      if (err != 0)
        exit (tpcc_fail (tpcc->shared, "joining %s: %s", group->path,
                         strerror (-err)));
      exit (run (tpcc, side));
    }
  child->pid = pid;
}

static void
add_child (struct family *family, child_main *run, const struct side *side,
           const struct cgroup *group, const char *name)
{
  struct child *child = &family->child[family->children++];

  child->pid = 0;
  snprintf (child->name, sizeof child->name, "%s", name);
  start_child (family, child, run, side, group);
}

/* A child that failed has said why, unless it was killed. */
static void
note_end (struct family *family, const struct child *child, int status)
{
  struct shared *shared = family->tpcc->shared;

  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL
      && tpcc_cgroup_was_full (&family->group))
    tpcc_fail (shared, "%s was killed: the memory cgroup was full"
               " (--memory gives it more)", child->name);
  else if (WIFSIGNALED (status))
    tpcc_fail (shared, "%s was killed by signal %d (%s)", child->name,
               WTERMSIG (status), strsignal (WTERMSIG (status)));
  else
    tpcc_fail (shared, "%s failed", child->name);
}

/* How many live; -1 if one has failed, or we were told to stop. */
static int
look_after (struct family *family)
{
  struct shared *shared = family->tpcc->shared;
  int i, status, alive = 0;
  pid_t pid;

  for (i = 0; i < family->children; i++)
    {
      struct child *child = &family->child[i];

      if (child->pid == 0)
        continue;
      pid = waitpid (child->pid, &status, WNOHANG);
      if (pid == 0 || (pid < 0 && errno == EINTR))
        {
          alive++;
          continue;
        }
      child->pid = 0;
      if (pid > 0 && status != 0)
        note_end (family, child, status);
    }
  if (tpcc_interrupted)
    tpcc_fail (shared, "stopped by signal %d", (int) tpcc_interrupted);
  return shared->error_taken ? -1 : alive;
}

/* Leave none behind. */
static void
end_all (struct family *family)
{
  int i;

  for (i = 0; i < family->children; i++)
    if (family->child[i].pid != 0)
      kill (family->child[i].pid, SIGKILL);
  for (i = 0; i < family->children; i++)
    if (family->child[i].pid != 0)
      while (waitpid (family->child[i].pid, NULL, 0) < 0 && errno == EINTR)
        ;
  family->children = 0;
}

/* Wait for all to end by themselves; 0 if all did well. */
static int
await_end (struct family *family)
{
  int alive;

  while ((alive = look_after (family)) > 0)
    tpcc_sleep (2);
  end_all (family);
  return alive < 0;
}

static int
run_one (struct tpcc *tpcc, child_main *run, const struct side *side,
         const char *name)
{
  struct family family = { .tpcc = tpcc };

  add_child (&family, run, side, NULL, name);
  return await_end (&family);
}

/* ------------------------------------------------------------------ */
/* Load and check                                                     */

int
tpcc_run_load (struct tpcc *tpcc, const struct side *side)
{
  struct family family = { .tpcc = tpcc };
  struct shared *shared = tpcc->shared;
  char detail[64];
  int alive;

  add_child (&family, tpcc_loader, side, NULL, "the loader");
  while ((alive = look_after (&family)) > 0)
    {
      uint64_t rows = shared->loaded, all = shared->to_load;

      snprintf (detail, sizeof detail, "%llu rows", (unsigned long long) rows);
      /* The index at the end is worth a few per cent. */
      tpcc_progress (&tpcc->opt, "loading",
                     all ? 0.97 * (double) rows / (double) all : 0, detail);
      tpcc_sleep (50);
    }
  end_all (&family);
  tpcc_progress_end ();
  return alive < 0;
}

int
tpcc_run_check (struct tpcc *tpcc, const struct side *side,
                struct result *result)
{
  struct check_report *report = &tpcc->shared->check;
  int failed;

  memset (report, 0, sizeof *report);
  tpcc_progress (&tpcc->opt, "checking", 0, side->vfs);
  failed = run_one (tpcc, tpcc_checker, side, "the checker");
  tpcc_progress_end ();
  if (!failed && report->done)
    {
      snprintf (result->check_vfs[result->checks],
                sizeof result->check_vfs[0], "%s", side->vfs);
      result->check[result->checks++] = *report;
    }
  return failed;
}

int
tpcc_run_pool_remove (struct tpcc *tpcc, const struct side *side)
{
  struct family family = { .tpcc = tpcc };
  int status;

  add_child (&family, tpcc_pool_remove, side, NULL, "the remover of the pool");
  if (family.children == 0)
    return 1;
  while (waitpid (family.child[0].pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    note_end (&family, &family.child[0], status);
  return status != 0;
}

/* ------------------------------------------------------------------ */
/* The run                                                            */

/* Longer than any wait for a lock and any transaction: a child that has not
 * answered by then hangs. */
#define PATIENCE (120 * NSEC)

static int
await_state (struct family *family, const _Atomic int *where, int state,
             const char *name)
{
  int64_t end = tpcc_now () + PATIENCE;

  while (*where < state)
    {
      if (look_after (family) < 0)
        return 1;
      if (tpcc_now () > end)
        return tpcc_fail (family->tpcc->shared, "%s does not answer", name);
      tpcc_sleep (2);
    }
  return 0;
}

/* Wait until every terminal has come to a state. */
static int
await_terminals (struct family *family, int state)
{
  struct shared *shared = family->tpcc->shared;
  char name[32];
  int i, failed = 0;

  for (i = 0; i < family->tpcc->opt.terminals && !failed; i++)
    {
      snprintf (name, sizeof name, "terminal %d", i + 1);
      failed = await_state (family, &shared->terminal[i].state, state, name);
    }
  return failed;
}

static int
await_observer (struct family *family, int state)
{
  return await_state (family, &family->tpcc->shared->observer.state, state,
                      "the observer");
}

static void
show_progress (struct tpcc *tpcc, const struct side *side, int64_t start,
               int64_t now)
{
  double seconds = (double) (now - start) / NSEC;
  uint64_t done = 0;
  char detail[64], what[48];
  int i, type;

  for (i = 0; i < tpcc->opt.terminals; i++)
    for (type = 0; type < TYPES; type++)
      done += tpcc->shared->terminal[i].done[type];
  snprintf (what, sizeof what, "running %s", side->name);
  snprintf (detail, sizeof detail, "%.0f transactions/min",
            seconds > 0 ? (double) done * 60 / seconds : 0.0);
  tpcc_progress (&tpcc->opt, what, seconds / tpcc->opt.seconds, detail);
}

/* When a terminal is killed next, and which: random values of their own. */
struct killer {
  struct rng rng;
  int64_t next;
};

static void
killer_init (struct killer *killer, const struct options *opt, int64_t start)
{
  tpcc_rng_seed (&killer->rng, opt->seed, UINT64_MAX - 2);
  killer->next = opt->kill_every ? start + opt->kill_every * (NSEC / 1000)
                                 : INT64_MAX;
}

/* Terminals were the first children to be started. */
static void
kill_one (struct family *family, const struct side *side,
          struct killer *killer)
{
  struct tpcc *tpcc = family->tpcc;
  int n = (int) tpcc_uniform (&killer->rng, 0, tpcc->opt.terminals - 1);
  struct child *child = &family->child[n];
  int status = 0;

  killer->next += tpcc->opt.kill_every * (NSEC / 1000);
  if (child->pid == 0)
    return; /* it has failed */
  kill (child->pid, SIGKILL);
  while (waitpid (child->pid, &status, 0) < 0 && errno == EINTR)
    ;
  child->pid = 0;
  if (!WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL)
    {
      note_end (family, child, status); /* before we could */
      return;
    }
  tpcc->life = ++tpcc->shared->kills;
  tpcc->number = n; /* the child's copies keep both */
  tpcc->shared->terminal[n].state = STATE_NEW;
  start_child (family, child, tpcc_terminal, side, &family->group);
}

/* From the moment when all are ready to the deadline. */
static int
measure (struct family *family, const struct side *side,
         struct result *result)
{
  struct tpcc *tpcc = family->tpcc;
  struct shared *shared = tpcc->shared;
  int64_t start = tpcc_now (), now, nap;
  struct killer killer;

  killer_init (&killer, &tpcc->opt, start);
  shared->deadline = start + tpcc->opt.seconds * NSEC;
  shared->phase = PHASE_RUN;
  while ((now = tpcc_now ()) < shared->deadline)
    {
      if (look_after (family) < 0)
        return 1;
      show_progress (tpcc, side, start, now);
      if (now >= killer.next)
        kill_one (family, side, &killer);
      nap = killer.next - tpcc_now ();
      if (nap > 0)
        tpcc_sleep (nap < NSEC / 20 ? (int) (nap / (NSEC / 1000)) + 1 : 50);
    }
  tpcc_progress_end ();
  result->seconds = (double) (shared->deadline - start) / NSEC;
  return await_terminals (family, STATE_REPORTED);
}

static int
observe (struct family *family, const struct side *side, int end)
{
  struct shared *shared = family->tpcc->shared;

  if (!side->oriel)
    return 0;
  if (end)
    {
      shared->phase = PHASE_OBSERVE;
      return await_observer (family, STATE_REPORTED);
    }
  add_child (family, tpcc_observer, side, NULL, "the observer");
  return await_observer (family, STATE_READY);
}

static void
start_terminals (struct family *family, const struct side *side)
{
  struct tpcc *tpcc = family->tpcc;
  char name[32];
  int i;

  for (i = 0; i < tpcc->opt.terminals; i++)
    {
      tpcc->number = i; /* the child's copies keep both */
      tpcc->life = 0;
      snprintf (name, sizeof name, "terminal %d", i + 1);
      add_child (family, tpcc_terminal, side, &family->group, name);
    }
}

static void
add_up (const struct shared *shared, int terminals, struct result *result)
{
  int i, type;

  for (i = 0; i < terminals; i++)
    {
      const struct terminal_report *report = &shared->terminal[i];

      for (type = 0; type < TYPES; type++)
        {
          result->done[type] += report->done[type];
          tpcc_hist_merge (&result->hist[type], &report->hist[type]);
        }
      result->rolled_back += report->rolled_back;
      result->retries += report->retries;
      result->skipped_districts += report->skipped_districts;
      tpcc_proc_merge (&result->proc, &report->proc);
    }
  result->kills = shared->kills;
  if (result->kills)
    tpcc_proc_forget (&result->proc);
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

/* Beside the pool: for each terminal its heap, of which SQLite's cache is 2 MiB
 * by default, its page tables and kernel objects, some 3 MiB in all; and for
 * all of them the WAL that the kernel caches, 4 MiB and as much again while a
 * checkpoint lags.  Less than twice that and the kernel, which cannot wait for
 * a small group's dirty pages to be written, kills a terminal now and then. */
#define TERMINAL_ALLOWANCE (8ull << 20)
#define COMMON_ALLOWANCE (16ull << 20)

static uint64_t
choose_memory (const struct options *opt)
{
  if (opt->memory)
    return opt->memory;
  return opt->pool_bytes + COMMON_ALLOWANCE
    + (uint64_t) opt->terminals * TERMINAL_ALLOWANCE;
}

/* Where it was asked for by name, not having one is a failure. */
static int
make_group (struct tpcc *tpcc, struct cgroup *group, struct result *result)
{
  uint64_t bytes = choose_memory (&tpcc->opt);

  if (!tpcc->opt.cgroup)
    return 0;
  if (tpcc_cgroup_make (group, bytes, tpcc->cgroup_why) == 0)
    {
      result->memory_limit = bytes;
      return 0;
    }
  if (tpcc->opt.memory)
    return tpcc_fail (tpcc->shared, "making a memory cgroup: %s",
                      tpcc->cgroup_why);
  return 0;
}

static void
reset (struct shared *shared)
{
  shared->phase = PHASE_WAIT;
  shared->kills = 0;
  memset (&shared->observer, 0, sizeof shared->observer);
  memset (shared->terminal, 0, sizeof shared->terminal);
}

int
tpcc_run_terminals (struct tpcc *tpcc, const struct side *side,
                    struct result *result)
{
  struct shared *shared = tpcc->shared;
  struct family family = { .tpcc = tpcc };
  struct side plain = *side;
  int failed, err;

  /* Not through Oriel: the pool is the terminals' to make. */
  if (side->oriel)
    {
      plain.oriel = 0;
      snprintf (plain.vfs, sizeof plain.vfs, "unix");
    }
  reset (shared);
  if (run_one (tpcc, tpcc_prepare, &plain, "the preparation"))
    return 1;
  err = tpcc_file_uncache (side->path);
  if (err != 0)
    return tpcc_fail (shared, "dropping %s from the page cache: %s",
                      side->path, strerror (-err));
  if (make_group (tpcc, &family.group, result))
    return 1;

  start_terminals (&family, side);
  failed = await_terminals (&family, STATE_READY)
    || observe (&family, side, 0)
    || measure (&family, side, result)
    || observe (&family, side, 1);
  result->wal_bytes = tpcc_file_size (side->path, "-wal");
  shared->phase = PHASE_CLOSE;
  tpcc_progress_end ();
  if (!failed)
    failed = await_end (&family);
  end_all (&family);

  result->memory_peak = tpcc_cgroup_peak (&family.group);
  tpcc_cgroup_remove (&family.group);
  if (failed)
    return 1;
  add_up (shared, tpcc->opt.terminals, result);
  if (side->oriel)
    add_pool (&shared->observer, result);
  return 0;
}
