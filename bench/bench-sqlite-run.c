/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite-run.c - databases, memory cgroups and children of bench-sqlite
 *
 * The parent polls, as that of oriel-tpcc does: a child that dies cannot leave
 * it waiting.  Children die with it.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-sqlite.h"
#include "oriel_vfs.h"

#define PATIENCE (60 * NSEC)    /* longer than anything here takes */
#define ROW_BYTES 116           /* of the file, for each row */

static pid_t child[PROCESSES];  /* 0: there is none, or it has ended */

/* ------------------------------------------------------------------ */
/* In a child                                                         */

void
bench_die (struct bench *b, sqlite3 *db, const char *what)
{
  exit (sql_fail (b->sql.shared, "%s: %s", what,
                   db ? sqlite3_errmsg (db) : "no memory"));
}

void
bench_exec (struct bench *b, sqlite3 *db, const char *sql)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    bench_die (b, db, sql);
}

sqlite3_stmt *
bench_prepare (struct bench *b, sqlite3 *db, const char *sql)
{
  sqlite3_stmt *stmt;

  if (sqlite3_prepare_v3 (db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL)
      != SQLITE_OK)
    bench_die (b, db, sql);
  return stmt;
}

/* All that the processes may have, less what each needs for itself: split. */
uint64_t
bench_cache_kib (const struct work *w, enum setting s)
{
  uint64_t share = w->memory * 3 / 4 / (uint64_t) w->processes;

  if (s != CACHE)
    return 2000;
  return (share < w->data * 5 / 4 ? share : w->data * 5 / 4) / KiB;
}

/* Who opens the file as one that never changes reads no log: what is in one he
 * would miss, and be fast for it. */
static void
need_no_log (struct bench *b, const char *path)
{
  char log[PATH_MAX];
  struct stat st;

  snprintf (log, sizeof log, "%.3000s-wal", path);
  if (stat (log, &st) == 0 && st.st_size > 0)
    exit (sql_fail (b->sql.shared, "%s is not checkpointed", path));
}

sqlite3 *
bench_open (struct bench *b, const struct test *t, enum setting s,
            const char *path, int flags)
{
  const struct work *w = &t->work;
  char uri[PATH_MAX + 200], sql[200];
  sqlite3 *db = NULL;

  if (s == ORIEL && oriel_vfs_register (0) != SQLITE_OK)
    bench_die (b, NULL, "registering the VFS");
  if (s == FLOOR)
    need_no_log (b, path);
  snprintf (uri, sizeof uri, "file:%s?vfs=%s%s", path,
            s == ORIEL ? "oriel" : "unix", s == FLOOR ? "&immutable=1" : "");
  flags |= s == FLOOR ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (s == ORIEL)
    snprintf (uri + strlen (uri), 150,
              "&oriel_required=1&pool=bench-sqlite-%ld&pool_size=%llu",
              (long) getppid (), (unsigned long long) w->pool);
  if (sqlite3_open_v2 (uri, &db,
                       flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
          != SQLITE_OK
      || sqlite3_busy_timeout (db, 30000) != SQLITE_OK)
    bench_die (b, db, uri);
  snprintf (sql, sizeof sql,
            "PRAGMA cache_size = -%llu; PRAGMA mmap_size = %llu;"
            "PRAGMA synchronous = %s",
            (unsigned long long) bench_cache_kib (w, s),
            s == MMAP || s == ORIEL || s == FLOOR ? 1ull << 32 : 0,
            w->synchronous ? w->synchronous : "normal");
  bench_exec (b, db, sql);
  return db;
}

/* ------------------------------------------------------------------ */
/* Children                                                           */

int
bench_start (struct bench *b, worker *run, const struct test *t,
             enum setting s, const char *path, int first, int n)
{
  struct shared *shared = b->sql.shared;
  pid_t parent = getpid ();

  fflush (NULL);
  for (int i = first; i < first + n; i++)
    {
      pid_t pid;

      memset (&b->board->report[i], 0, sizeof b->board->report[i]);
      pid = fork ();
      if (pid < 0)
        return sql_fail (shared, "fork: %s", strerror (errno));
      if (pid == 0)
        {
          signal (SIGINT, SIG_IGN);
          signal (SIGTERM, SIG_DFL);
          prctl (PR_SET_PDEATHSIG, SIGKILL);
          if (getppid () != parent)
            _exit (1);
          if (sql_cgroup_join (&b->group) != 0)
            exit (sql_fail (shared, "joining %s failed", b->group.path));
          exit (run (b, t, s, path, i));
        }
      child[i] = pid;
    }
  return 0;
}

/* How many live; -1 if one failed, or we were told to stop. */
static int
look_after (struct bench *b)
{
  struct shared *shared = b->sql.shared;
  int alive = 0, status = 0;

  for (int i = 0; i < PROCESSES; i++)
    {
      if (child[i] == 0)
        continue;
      if (waitpid (child[i], &status, WNOHANG) == 0)
        {
          alive++;
          continue;
        }
      child[i] = 0;
      if (WIFSIGNALED (status))
        sql_fail (shared, "a process was killed by signal %d%s",
                   WTERMSIG (status),
                   sql_cgroup_was_full (&b->group)
                       ? ": the memory cgroup was full" : "");
      else if (status != 0)
        sql_fail (shared, "a process failed");
    }
  if (sql_interrupted)
    sql_fail (shared, "stopped by signal %d", (int) sql_interrupted);
  return shared->error_taken ? -1 : alive;
}

void
bench_kill (struct bench *b)
{
  (void) b;
  for (int i = 0; i < PROCESSES; i++)
    if (child[i] != 0)
      kill (child[i], SIGKILL);
  for (int i = 0; i < PROCESSES; i++)
    if (child[i] != 0)
      {
        while (waitpid (child[i], NULL, 0) < 0 && errno == EINTR)
          ;
        child[i] = 0;
      }
}

int
bench_await (struct bench *b, int n, int state)
{
  int64_t end = sql_now () + PATIENCE;

  for (int i = 0; i < n;)
    {
      if (b->board->report[i].state >= state)
        i++;
      else if (look_after (b) < 0)
        return 1;
      else if (sql_now () > end)
        return sql_fail (b->sql.shared, "a process does not answer");
      else
        sql_sleep (1);
    }
  return 0;
}

void
bench_sleep (struct bench *b, double seconds)
{
  int64_t end = sql_now () + (int64_t) (seconds * NSEC);
  int64_t left;

  while ((left = end - sql_now ()) > 0 && look_after (b) >= 0)
    sql_sleep (left > NSEC / 50 ? 20 : (int) (left * 1000 / NSEC) + 1);
}

int
bench_wait (struct bench *b)
{
  int64_t end = sql_now () + PATIENCE;
  int alive;

  while ((alive = look_after (b)) > 0)
    {
      if (sql_now () > end)
        sql_fail (b->sql.shared, "a process does not end");
      sql_sleep (1);
    }
  bench_kill (b);
  return alive < 0;
}

/* ------------------------------------------------------------------ */
/* The database                                                       */

/* Child: fill the table, by the stock VFS. */
static int
make_database (struct bench *b, const struct test *t, enum setting s,
               const char *path, int number)
{
  sqlite3 *db = bench_open (b, t, s, path, SQLITE_OPEN_CREATE);
  char sql[400];

  (void) number;
  bench_exec (b, db, "PRAGMA journal_mode = off; PRAGMA synchronous = off;"
                     "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER,"
                     " v BLOB)");
  snprintf (sql, sizeof sql,
            "WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c"
            " WHERE i < %llu)"
            " INSERT INTO t SELECT i, i * 7919 %% 1000003, zeroblob (50)"
            " || randomblob (50) FROM c",
            (unsigned long long) (t->work.data / ROW_BYTES));
  bench_exec (b, db, sql);
  bench_exec (b, db, "PRAGMA journal_mode = wal");
  if (sqlite3_close (db) != SQLITE_OK)
    bench_die (b, db, "closing");
  return 0;
}

int
bench_database (struct bench *b, const struct test *t, char path[PATH_MAX])
{
  const struct work *w = &t->work;
  char base[PATH_MAX];
  int r = 0;

  snprintf (base, sizeof base, "%.3000s/base-%llu.db", b->directory,
            (unsigned long long) (w->data / MiB));
  if (access (base, F_OK) != 0)
    {
      r = bench_start (b, make_database, t, PREAD, base, 0, 1);
      r = bench_wait (b) || r;
    }
  if (r == 0 && w->writes > 0)
    {
      snprintf (path, PATH_MAX, "%.3000s/run.db", b->directory);
      r = sql_file_copy (base, path);
    }
  else
    snprintf (path, PATH_MAX, "%s", base);
  if (r == 0)
    r = sql_file_uncache (path);
  if (r < 0)
    sql_fail (b->sql.shared, "%s: %s", path, strerror (-r));
  return r != 0;
}

void
bench_database_end (struct bench *b, const struct test *t, const char *path)
{
  (void) b;
  if (t->work.writes > 0)
    sql_file_remove (path);
}

/* ------------------------------------------------------------------ */
/* Memory                                                             */

int
bench_begin (struct bench *b, uint64_t memory)
{
  if (!b->grouped)
    return 0;
  if (sql_cgroup_make (&b->group, memory, b->sql.cgroup_why) == 0)
    return 0;
  b->grouped = false;
  fprintf (stderr, "bench-sqlite: no memory cgroup, so memory is not bounded:"
                   " %s\n", b->sql.cgroup_why);
  return 0;
}

void
bench_end (struct bench *b)
{
  char pool[40];

  bench_kill (b);
  snprintf (pool, sizeof pool, "bench-sqlite-%ld", (long) getpid ());
  oriel_pool_destroy (pool, NULL, 1);
  if (b->group.version)
    sql_cgroup_remove (&b->group);
}
