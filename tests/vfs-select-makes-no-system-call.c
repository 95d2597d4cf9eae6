/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An autocommit select in WAL mode makes no system call: not while the log has
 * frames, nor when all of it is in the database, nor when it is empty, and not
 * for pages that SQLite has not kept and the pool has.  Each call that the
 * thread makes is counted, by a filter of seccomp.
 */
#include "vfs.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#define SELECTS 200
#define LEASE "&oriel_lease=3600000" /* the machine may be busy */

static volatile sig_atomic_t calls, last, one_will_do;

static void
on_call (int number, siginfo_t *info, void *context)
{
  (void) number;
  (void) context;
  if (one_will_do)
    _exit (0);
  calls++;
  last = info->si_syscall;
}

/* From here on this thread may do little else than be counted. */
static void
filter (void)
{
  static struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
    /* With some clocks it is one. */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  struct sock_fprog program = { sizeof code / sizeof *code, code };
  struct sigaction action = { .sa_sigaction = on_call,
                              .sa_flags = SA_SIGINFO };

  sigaction (SIGSYS, &action, NULL);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    _exit (77);
}

struct setup {
  const char *what;
  const char *before;           /* by another connection, which stays open */
  const char *first;            /* by ours */
  const char *more;             /* URI parameters */
  int counted;                  /* calls there must be: 0 none, 1 some */
};

/* 0 if as many calls were made as should be. */
static int
child (void *arg)
{
  const struct setup *s = arg;
  sqlite3 *other = open_oriel (scratch_file ("select.db"));
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char more[256];
  long long sum = 0;

  one_will_do = s->counted;

  if (*s->before)
    run (other, "%s", s->before);
  else
    close_db (other);
  snprintf (more, sizeof more, POOL "%s", s->more);
  db = must_open_db (scratch_file ("select.db"), "oriel", more);
  run (db, "%s", s->first);
  stmt = prepare (db, "SELECT length (v), v FROM t WHERE id = ?");
  for (int i = 0; i < 2 * SELECTS; i++) {
    if (i == SELECTS)
      filter ();
    sqlite3_bind_int (stmt, 1, i % SELECTS);
    if (sqlite3_step (stmt) == SQLITE_ROW)
      sum += sqlite3_column_int (stmt, 0);
    sqlite3_reset (stmt);
  }
  if (s->counted)
    _exit (1);
  _exit (calls ? 10 + (int) last % 100 : sum != 2 * SELECTS * 100);
}

int
main (void)
{
  static const struct setup setups[] = {
    { "while the log has frames",
      "UPDATE t SET v = randomblob (100) WHERE id < 100", "SELECT 1", LEASE,
      0 },
    { "when all of the log is in the database",
      "UPDATE t SET v = randomblob (100) WHERE id < 100;"
      "PRAGMA wal_checkpoint", "SELECT 1", LEASE, 0 },
    { "of pages that the pool has",
      "UPDATE t SET v = randomblob (100) WHERE id < 100;"
      "PRAGMA wal_checkpoint", "PRAGMA cache_size = 2", LEASE, 0 },
    { "of pages that are fetched",
      "UPDATE t SET v = randomblob (100) WHERE id < 100;"
      "PRAGMA wal_checkpoint", "PRAGMA mmap_size = 100000000", LEASE,
      0 },
    { "when the log is empty", "", "SELECT 1", LEASE, 0 },
    { "without a lease there are calls",
      "UPDATE t SET v = randomblob (100) WHERE id < 100", "SELECT 1",
      "&oriel_lease=0", 1 },
  };
  const char *path = scratch_file ("select.db");
  sqlite3 *db;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  skip_all ("a sanitizer makes system calls of its own");
#endif
  db = open_stock (path);
  run (db, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY,"
           "v BLOB); WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1"
           " FROM n WHERE i < %d) INSERT INTO t SELECT i, zeroblob (100)"
           " FROM n", SELECTS);
  close_db (db);
  for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
    struct setup s = setups[i];
    int code = in_child (child, &s);

    if (code == 77)
      skip ("seccomp is not to be had");
    else if (!ok (code == 0, "%s: %s", s.what,
                  s.counted ? "the filter counts" : "no system call"))
      diag ("code %d: 1 a wrong answer, 10 and more a call (number modulo 100"
            " is %d)", code, code - 10);
  }
  return done_testing ();
}
