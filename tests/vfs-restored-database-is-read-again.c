/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database and its log are copied away, changed and checkpointed by a process
 * that is killed, and put back under the same names: what the pool has is not of
 * that file, though its log has the name it had.  It is read again, also when a
 * stranger has gone on with what was put back.
 */
#include "vfs.h"

#include <signal.h>
#include <stdbool.h>

#define AGAIN "pool=again&pool_size=16M"

static char path[512];

static void
copy (const char *from, const char *to)
{
  char command[1200];

  snprintf (command, sizeof command, "cp '%s' '%s' && cp '%s-wal' '%s-wal'",
            from, to, from, to);
  if (system (command) != 0)
    bail_out ("%s", command);
}

static int
change_and_die (void *arg)
{
  sqlite3 *db = must_open_db (path, "oriel", AGAIN);

  run (db, "PRAGMA wal_autocheckpoint = 0; UPDATE u SET v = 'first'");
  text_of (db, "SELECT v FROM t");
  copy (path, arg);
  run (db, "UPDATE t SET v = 'newer'; PRAGMA wal_checkpoint");
  text_of (db, "SELECT v FROM t");
  kill (getpid (), SIGKILL);
  return 0;
}

static steps *done;

/* Stays, so that the wal-index does, or is killed. */
static int
go_on (const char *sql, bool stays)
{
  sqlite3 *db = open_stock (path);

  run (db, "PRAGMA wal_autocheckpoint = 0; %s", sql);
  go_to (done, 1);
  if (stays)
    pause ();
  kill (getpid (), SIGKILL);
  return 0;
}

static int
go_on_and_die (void *arg)
{
  (void) arg;
  return go_on ("UPDATE u SET v = 1; UPDATE u SET v = 2; UPDATE u SET v = 3",
                false);
}

/* As many frames as there were, and all of them copied. */
static int
copy_as_many (void *arg)
{
  (void) arg;
  return go_on ("UPDATE u SET v = 'other'; PRAGMA wal_checkpoint", true);
}

static void
restore (const char *name, int (*stranger) (void *arg))
{
  char kept[600], index[600];
  pid_t pid = 0;
  sqlite3 *db;

  snprintf (path, sizeof path, "%s", scratch_file (name));
  snprintf (kept, sizeof kept, "%s.kept", path);
  snprintf (index, sizeof index, "%s-shm", path);
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = wal; CREATE TABLE t (v);"
           "INSERT INTO t VALUES ('old'); CREATE TABLE u (v);"
           "INSERT INTO u VALUES ('old')");
  close_db (db);
  is_int (in_child (change_and_die, kept), 128 + SIGKILL, "one is killed");
  copy (kept, path);
  unlink (index);
  go_to (done, 0);
  if (stranger) {
    pid = spawn (stranger, NULL);
    await (done, 1);
  }
  if (stranger == go_on_and_die)
    is_int (reap (pid), 128 + SIGKILL, "so is a stranger");
  db = must_open_db (path, "oriel", AGAIN);
  is_str (text_of (db, "SELECT v FROM t"), "old", "what was put back");
  close_db (db);
  if (stranger == copy_as_many) {
    kill (pid, SIGKILL);
    reap (pid);
  }
}

int
main (void)
{
  pool_dir ();
  done = shared_memory (sizeof *done);
  restore ("a.db", NULL);
  restore ("b.db", go_on_and_die);
  restore ("c.db", copy_as_many);
  return done_testing ();
}
