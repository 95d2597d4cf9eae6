/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A database and its log are copied away, changed and checkpointed by a process
 * that is killed, and put back under the same names: what the pool has is not
 * of that file, though its log has the name it had.  It is read again, also
 * when a stranger has gone on with what was put back, and also by a connection
 * that was there before, in the process that changed it, and had not read.
 */
#include "vfs.h"

#include <signal.h>
#include <stdbool.h>

#define AGAIN "pool=again&pool_size=16M"

static char path[512], kept[600], wal_index[600];

static void
copy (const char *from, const char *to)
{
  char command[1200];

  snprintf (command, sizeof command, "cp '%s' '%s' && cp '%s-wal' '%s-wal'",
            from, to, from, to);
  if (system (command) != 0)
    bail_out ("%s", command);
}

/* It is copied away before the last change. */
static sqlite3 *
change (void)
{
  sqlite3 *db = must_open_db (path, "oriel", AGAIN);

  run (db, "PRAGMA wal_autocheckpoint = 0; UPDATE u SET v = 'first'");
  text_of (db, "SELECT v FROM t");
  copy (path, kept);
  run (db, "UPDATE t SET v = 'newer'; PRAGMA wal_checkpoint");
  text_of (db, "SELECT v FROM t");
  return db;
}

static int
change_and_die (void *arg)
{
  (void) arg;
  change ();
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
#define AS_MANY "UPDATE u SET v = 'other'; PRAGMA wal_checkpoint"

static int
copy_as_many (void *arg)
{
  (void) arg;
  return go_on (AS_MANY, true);
}

static void
create (const char *name)
{
  sqlite3 *db;

  snprintf (path, sizeof path, "%s", scratch_file (name));
  snprintf (kept, sizeof kept, "%s.kept", path);
  snprintf (wal_index, sizeof wal_index, "%s-shm", path);
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = wal; CREATE TABLE t (v);"
           "INSERT INTO t VALUES ('old'); CREATE TABLE u (v);"
           "INSERT INTO u VALUES ('old')");
  close_db (db);
}

static void
restore (const char *name, int (*stranger) (void *arg))
{
  pid_t pid = 0;
  sqlite3 *db;

  create (name);
  is_int (in_child (change_and_die, NULL), 128 + SIGKILL, "one is killed");
  copy (kept, path);
  unlink (wal_index);
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

/* The connection is open all the while, so that the process has the file. */
static void
restore_before_the_first_read (const char *name)
{
  struct peer stranger = peer_start ();
  sqlite3 *db, *late;

  create (name);
  late = must_open_db (path, "oriel", AGAIN);
  db = change ();
  sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  close_db (db);
  copy (kept, path);
  unlink (wal_index);
  peer_open (&stranger, path, "unix", "");
  peer_run (&stranger, "PRAGMA wal_autocheckpoint = 0; %s", AS_MANY);
  is_str (text_of (late, "SELECT v FROM t"), "old",
          "what was put back before a connection's first read");
  close_db (late);
  peer_kill (&stranger);
}

int
main (void)
{
  pool_dir ();
  alarm (util_timeout () / 5);
  done = shared_memory (sizeof *done);
  restore ("a.db", NULL);
  restore ("b.db", go_on_and_die);
  restore ("c.db", copy_as_many);
  restore_before_the_first_read ("d.db");
  return done_testing ();
}
