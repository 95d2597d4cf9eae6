/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two users of a pool work on a database while strangers come and go: with
 * SQLite's own VFS, with a pool of another name, of another directory, and with
 * a /dev/shm of their own.  All write, checkpoint, vacuum, change the page size
 * and the journal mode, overwrite, truncate and replace the database, and are
 * killed at any moment: no read is stale.
 *
 * make check-strangers SECONDS=600 has it run for longer.
 */
#include "strangers.h"

#include <sched.h>
#include <sys/mount.h>

static char same_dir[300];
static char other_dir[320];

/* The first is ours, and has two of the slots; the others are strangers. */
enum { OURS, STOCK, OTHER_NAME, OTHER_DIRECTORY, OTHER_MEMORY, KINDS };

static const char *const names[KINDS] = {
  "a user of the pool",
  "a stranger",
  "a stranger with a pool of another name",
  "a stranger with a pool elsewhere",
  "a stranger with a /dev/shm of its own",
};

static const struct habits quiet = { {
    [WRITE] = 40, [READ] = 80, [CHECKPOINT] = 3, [REOPEN] = 1, [VACUUM] = 1,
    [MODE] = 1, [OVERWRITE] = 1, [SHRINK] = 1 } };

static const struct habits wild = { {
    [WRITE] = 44, [READ] = 44, [CHECKPOINT] = 10, [REOPEN] = 6, [VACUUM] = 6,
    [MODE] = 8, [OVERWRITE] = 4, [REPLACE] = 2, [RESTORE] = 2, [SHRINK] = 2 } };

static const char *
more_of (int kind)
{
  static char text[512];
  const char *directory = kind == OTHER_DIRECTORY ? other_dir : same_dir;

  if (kind == STOCK)
    return "";
  snprintf (text, sizeof text, "&pool_dir=%s&pool=%s", directory,
            kind == OTHER_NAME ? "other&pool_size=512K&window=64K&slot=4K"
                               : POOL + strlen ("pool="));
  return text;
}

/* From now on this process sees an empty /dev/shm. */
static int
have_own_memory (void)
{
  return unshare (CLONE_NEWNS) == 0
         && mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
         && mount ("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m") == 0
         && mkdir (same_dir, 0700) == 0;
}

static int
can_have_own_memory (void *arg)
{
  (void) arg;
  return have_own_memory () ? 0 : 1;
}

struct birth {
  int slot;
  int kind;
  uint64_t seed;
};

static int
live (void *arg)
{
  const struct birth *birth = arg;
  struct user u = { .slot = birth->slot, .name = names[birth->kind],
                    .vfs = birth->kind == STOCK ? "unix" : "oriel",
                    .more = more_of (birth->kind),
                    .is_ours = birth->kind == OURS,
                    .random = birth->seed, .raw = -1 };
  int rounds = u.is_ours ? 1 << 30 : (int) pick (&u, 300);

  if (birth->kind == OTHER_MEMORY && !have_own_memory ())
    return 2;
  u.gate = open (scratch_file ("gate"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  open_user (&u);
  for (int i = 0; i < rounds && !atomic_load (&shared->stop); i++) {
    do_one (&u, u.is_ours ? &quiet : &wild);
    let_others (&u);
  }
  close_user (&u);
  return 0;
}

/* ------------------------------------------------------------------ */

static struct birth births[USERS];
static pid_t pids[USERS];
static unsigned born, killed, failed;
static int kinds = KINDS;

static void
bear (int slot, uint64_t *random)
{
  births[slot] = (struct birth) { .slot = slot, .seed = next_random (random) };
  if (slot >= 2)
    births[slot].kind = 1 + (int) (next_random (random)
                                   % (unsigned) (kinds - 1));
  atomic_store (&shared->state[slot], MORTAL);
  pids[slot] = spawn (live, &births[slot]);
  born++;
}

static void
bury (int slot, int was_killed)
{
  int wanted = slot + 1;
  int code = reap (pids[slot]);

  /* It may have come to its end just before. */
  if (code != 0 && !(was_killed && code == 128 + SIGKILL)) {
    diag ("%s ended with %d", names[births[slot].kind], code);
    failed++;
  }
  atomic_compare_exchange_strong (&shared->gate_wanted, &wanted, 0);
}

/* Kill it, unless it must not be killed now. */
static int
end (int slot)
{
  int state = MORTAL;

  if (!atomic_compare_exchange_strong (&shared->state[slot], &state, DOOMED))
    return 0;
  kill (pids[slot], SIGKILL);
  bury (slot, 1);
  killed++;
  return 1;
}

/* One change among the living: of those that ended by themselves, or a kill;
 * one of ours is killed now and then. */
static void
change_one (uint64_t *random)
{
  int slot = 2 + (int) (next_random (random) % (USERS - 2));
  siginfo_t info = { .si_pid = 0 };

  if (next_random (random) % 16 == 0)
    slot = (int) (next_random (random) % 2);
  waitid (P_PID, (id_t) pids[slot], &info, WEXITED | WNOHANG | WNOWAIT);
  if (info.si_pid)
    bury (slot, 0);
  else if (next_random (random) % 4 || !end (slot))
    return;
  bear (slot, random);
}

static void
make_database (void)
{
  sqlite3 *db = open_stock (database ());

  run (db, "PRAGMA journal_mode = WAL;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, filler);"
           "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < %d) INSERT INTO t SELECT x, 0, zeroblob (600) FROM c",
       2 * ROWS - 1);
  close_db (db);
}

static void
check_end (void)
{
  struct user u = { .name = "the last", .vfs = "unix", .more = "", .raw = -1,
                    .gate = open (scratch_file ("gate"), O_RDWR | O_CLOEXEC) };

  is_int ((long long) atomic_load (&shared->stale), 0, "stale rows");
  is_int ((long long) atomic_load (&shared->early), 0, "rows never written");
  is_int ((long long) atomic_load (&shared->apart), 0, "torn transactions");
  is_int ((long long) atomic_load (&shared->damaged), 0, "failed calls");
  is_int (failed, 0, "processes that ended badly");
  open_user (&u);
  is_str (text_of (u.db, "PRAGMA integrity_check"), "ok", "integrity_check");
  ok (read_rows (&u, 0) && atomic_load (&shared->stale) == 0,
      "each row is as it was last written");
  close_user (&u);
}

int
main (void)
{
  const char *text = getenv ("SECONDS");
  double seconds = text && atof (text) > 0 ? atof (text)
                   : getenv ("ORIEL_QUICK") ? 1 : 3;
  uint64_t random = test_seed ();
  double started;

  shared = shared_memory (sizeof *shared);
  snprintf (same_dir, sizeof same_dir, "%s", pool_dir ());
  snprintf (other_dir, sizeof other_dir, "%s/elsewhere", same_dir);
  if (mkdir (other_dir, 0700) < 0)
    bail_out ("%s: %s", other_dir, strerror (errno));
  if (strncmp (same_dir, "/dev/shm/", 9) != 0
      || in_child (can_have_own_memory, NULL) != 0) {
    kinds--;
    skip ("a stranger with its own /dev/shm needs the right to mount one");
  }
  make_database ();
  started = seconds_now ();
  alarm ((unsigned) seconds + util_timeout ());
  for (int i = 0; i < USERS; i++)
    bear (i, &random);
  while ((seconds_now () - started < seconds
          || atomic_load (&shared->done[READ]) < 100)
         && failed == 0 && !atomic_load (&shared->stop)) {
    usleep ((useconds_t) (next_random (&random) % 30000));
    change_one (&random);
  }
  atomic_store (&shared->stop, 1);
  for (int i = 0; i < USERS; i++)
    bury (i, 0);

  for (int i = 0; i < WHATS; i++)
    diag ("%lu %s", atomic_load (&shared->done[i]), what_names[i]);
  diag ("%u born, %u killed, %lu busy, %lu hits of the pool", born, killed,
        atomic_load (&shared->busy), atomic_load (&shared->hits));
  check_end ();
  ok (getenv ("ORIEL_TEST_VFS") || atomic_load (&shared->hits) > 0,
      "the pool was in use");
  return done_testing ();
}
