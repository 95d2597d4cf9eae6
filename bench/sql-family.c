/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql-family.c - the parent's children: starts them, waits for them
 *
 * The parent polls: it looks at its children and at shared memory every few
 * milliseconds and draws the progress meanwhile, so no child has to wake it
 * and none that dies can leave it waiting.  Children die with the parent
 * (PR_SET_PDEATHSIG) and leave SIGINT to it: the first signal ends the run in
 * good order, as any failure does.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sql.h"

volatile sig_atomic_t sql_interrupted;

void
sql_family_start (struct family *family, struct child *child,
                  const struct cgroup *group)
{
  struct sql *sql = family->sql;
  pid_t parent = getpid (), pid;
  int err;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    {
      sql_fail (sql->shared, "starting %s: %s", child->name, strerror (errno));
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
      err = group ? sql_cgroup_join (group) : 0;
      if (err != 0)
        exit (sql_fail (sql->shared, "joining %s: %s", group->path,
                        strerror (-err)));
      exit (child->run (sql, family->side));
    }
  child->pid = pid;
}

void
sql_family_add (struct family *family, child_main *run,
                const struct cgroup *group, const char *name)
{
  struct child *child = &family->child[family->children++];

  child->pid = 0;
  child->run = run;
  snprintf (child->name, sizeof child->name, "%s", name);
  sql_family_start (family, child, group);
}

/* A child that failed has said why, unless it was killed. */
void
sql_family_note (struct family *family, const struct child *child, int status)
{
  struct shared *shared = family->sql->shared;

  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL
      && sql_cgroup_was_full (&family->group))
    sql_fail (shared, "%s was killed: the memory cgroup was full"
              " (--memory gives it more)", child->name);
  else if (WIFSIGNALED (status))
    sql_fail (shared, "%s was killed by signal %d (%s)", child->name,
              WTERMSIG (status), strsignal (WTERMSIG (status)));
  else
    sql_fail (shared, "%s failed", child->name);
}

int
sql_family_look (struct family *family)
{
  struct shared *shared = family->sql->shared;
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
        sql_family_note (family, child, status);
    }
  if (sql_interrupted)
    sql_fail (shared, "stopped by signal %d", (int) sql_interrupted);
  return shared->error_taken ? -1 : alive;
}

/* Leave none behind. */
void
sql_family_end (struct family *family)
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

int
sql_family_await (struct family *family)
{
  int alive;

  while ((alive = sql_family_look (family)) > 0)
    sql_sleep (2);
  sql_family_end (family);
  return alive < 0;
}

/* Longer than any wait for a lock and any operation, or all that a pass has: a
 * child that has not answered by then hangs. */
static int64_t
patience (const struct driver *driver)
{
  return (driver->timed ? 120 : 7200) * NSEC;
}

int
sql_family_state (struct family *family, const _Atomic int *where, int state,
                  const char *name)
{
  int64_t end = sql_now () + patience (family->sql->driver);

  while (*where < state)
    {
      if (sql_family_look (family) < 0)
        return 1;
      if (sql_now () > end)
        return sql_fail (family->sql->shared, "%s does not answer", name);
      sql_sleep (2);
    }
  return 0;
}

int
sql_family_one (struct sql *sql, child_main *run, const struct side *side,
                const char *name)
{
  struct family family = { .sql = sql, .side = side };

  sql_family_add (&family, run, NULL, name);
  return sql_family_await (&family);
}
