/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power goes at any moment.  A process commits transactions and makes
 * checkpoints; every write, sync, truncation and name is recorded.  Then a disk
 * is made as it may be after each prefix, with all of what was not synced
 * (the process died), or with a random part of it (the power went), and stock
 * SQLite opens it: the database is whole, and has a state that a commit made:
 *
 *   process died      what was acknowledged, or one transaction more
 *   synchronous=FULL  likewise; with journal_mode=DELETE it may lack the last,
 *                     whose journal's deletion is not synced (that is EXTRA's)
 *   NORMAL, WAL       any prefix of the transactions
 *   NORMAL, journal   it may lack the last one, too; and as SQLite syncs the
 *                     journal once, with the header that counts its records,
 *                     stock is whole only if that is written in order (it said
 *                     so here, too): so it is for both
 *   OFF               only processes die
 *
 * All of it on Oriel's VFS and, under the same recorder, on stock's.
 *
 * ROUNDS=n makes n rounds, of longer runs and with every prefix: make
 * check-power-loss.
 */
#include "vfs.h"

#include "recorder.h"

#define TRANSACTIONS 200        /* at most */

struct power_case {
  const char *what;
  const char *journal;
  const char *synchronous;
  const char *more;             /* URI parameters */
  const char *pragmas;
  unsigned page_size;
  int lag;                      /* acknowledged transactions that may be lost:
                                   -1 all, -2 the power does not go */
};

static const struct power_case cases[] = {
  { "WAL FULL", "wal", "full", "", "", 1024, 0 },
  { "WAL NORMAL", "wal", "normal", "", "", 4096, -1 },
  { "WAL OFF", "wal", "off", "", "", 1024, -2 },
  { "WAL FULL, padded", "wal", "full", "&psow=0", "", 1024, 0 },
  { "WAL FULL, alone", "wal", "full", "", "PRAGMA locking_mode = EXCLUSIVE",
    1024, 0 },
  { "DELETE EXTRA", "delete", "extra", "", "", 1024, 0 },
  { "DELETE FULL", "delete", "full", "", "", 1024, 1 },
  { "DELETE NORMAL", "delete", "normal", "", "", 4096, 1 },
  { "DELETE OFF", "delete", "off", "", "", 1024, -2 },
  { "TRUNCATE FULL", "truncate", "full", "", "", 4096, 0 },
  { "TRUNCATE NORMAL", "truncate", "normal", "", "", 1024, 1 },
  { "TRUNCATE OFF", "truncate", "off", "", "", 1024, -2 },
  { "PERSIST FULL", "persist", "full", "", "", 1024, 0 },
  { "PERSIST NORMAL", "persist", "normal", "", "", 4096, 1 },
  { "PERSIST OFF", "persist", "off", "", "", 1024, -2 },
};

/* What the run leaves for who looks at it. */
static struct shared {
  unsigned committed;
  uint64_t content[TRANSACTIONS + 1]; /* after so many transactions */
  struct record_tape tape;
} *shared;

static char path[512];          /* of the database that is recorded */
static char after[512];         /* where disks are made */
static unsigned length;         /* transactions of a run */
static unsigned disks_made;

/* ------------------------------------------------------------------ */
/* The run                                                            */

struct run_args {
  const struct power_case *c;
  const char *vfs;
  uint64_t seed;
};

static uint64_t
content_of (sqlite3 *db)
{
  return hash_of (db, "SELECT * FROM t ORDER BY id")
         ^ (hash_of (db, "SELECT n, id FROM t ORDER BY n, id") * 3);
}

/*
 * A transaction that goes back to a savepoint does not spill.  SQLite 3.40 does
 * not forget from which frame of the log on checksums have to be made anew, as
 * pages were written twice, when it goes back before that frame: the commit
 * leaves some before it without, and a recovery does not find the commit.
 */
static void
begin (sqlite3 *db, int savepoint)
{
  run (db, "PRAGMA cache_spill = %s; BEGIN", savepoint ? "OFF" : "ON");
  if (savepoint)
    run (db, "SAVEPOINT s; UPDATE t SET n = 0; ROLLBACK TO s");
}

static void
change (sqlite3 *db, uint64_t *random, unsigned n)
{
  unsigned id = (unsigned) (next_random (random) % 60);

  run (db, "UPDATE t SET n = %u, fill = hex (zeroblob (%u)) WHERE id = %u", n,
       n % 150, id);
  switch (next_random (random) % 6) {
  case 0:
    run (db, "REPLACE INTO t VALUES (%u, %u, hex (zeroblob (%u)))",
         60 + n % 40, n, 200 + n);
    break;
  case 1:
    run (db, "DELETE FROM t WHERE id > 60 AND id %% 3 = %u", n % 3);
    break;
  case 2: /* more than the cache has room for */
    run (db, "UPDATE t SET n = %u WHERE id %% 2 = %u", n, n % 2);
    break;
  case 3:
    run (db, "UPDATE t SET n = %u WHERE id < 9", n);
    break;
  default:
    break;
  }
}

static void
checkpoint (sqlite3 *db, uint64_t *random)
{
  static const char *const kinds[] = { "PASSIVE", "PASSIVE", "FULL", "RESTART",
                                       "TRUNCATE" };

  run (db, "PRAGMA wal_checkpoint (%s)", kinds[next_random (random) % 5]);
}

static int
recorded_run (void *arg)
{
  const struct run_args *a = arg;
  uint64_t random = a->seed;
  char more[256];
  sqlite3 *db;

  snprintf (more, sizeof more, "%s%s", POOL, a->c->more);
  db = must_open_db (path, a->vfs, more);
  run (db, "%s; PRAGMA journal_mode = %s; PRAGMA synchronous = %s; "
           "PRAGMA cache_size = 6; PRAGMA wal_autocheckpoint = 25",
       a->c->pragmas, a->c->journal, a->c->synchronous);
  shared->content[0] = content_of (db);
  for (unsigned n = 1; n <= length; n++) {
    if (next_random (&random) % 4 == 0) {
      begin (db, 0);
      change (db, &random, n + 1000);
      run (db, "ROLLBACK");
    }
    begin (db, next_random (&random) % 4 == 0);
    run (db, "UPDATE meta SET n = %u", n);
    change (db, &random, n);
    /* Its hash before it is acknowledged: it may be there before. */
    shared->content[n] = content_of (db);
    shared->committed = n;
    run (db, "COMMIT");
    record_add (R_NOTE, -1, (off_t) n, NULL, 0);
    if (next_random (&random) % 5 == 0)
      checkpoint (db, &random);
    if (n == length / 2)
      run (db, "VACUUM");
  }
  /* SQLite's last checkpoint, with the log deleted, is part of it. */
  close_db (db);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The disks                                                          */

static struct disk base, disk;

static void
read_base (void)
{
  struct stat st;
  unsigned char *data;

  if (stat (path, &st) < 0)
    bail_out ("%s: %s", path, strerror (errno));
  data = malloc ((size_t) st.st_size);
  plain_read (path, 0, data, (size_t) st.st_size);
  disk_truncate (&base.file[0], 0);
  disk_write (&base.file[0], 0, data, (size_t) st.st_size);
  free (data);
  base.linked[0] = 1;
  for (unsigned i = 1; i < R_FILES; i++)
    base.linked[i] = 0;
}

/* The tape played to its end gives the files as they are: nothing was written
 * past the recorder. */
static int
tape_is_whole (void)
{
  const struct record_tape *t = &shared->tape;
  uint64_t random = 0;
  int good = !t->overflow;

  record_build (t, t->nops, &base, NULL, &random, &disk);
  for (unsigned i = 0; good && i < t->nfiles; i++) {
    char name[600];
    struct disk_file *f = &disk.file[i];
    unsigned char *data = malloc (f->size + 1);

    snprintf (name, sizeof name, "%s/%s", record_dir, t->name[i]);
    if (disk.linked[i])
      good = access (name, F_OK) == 0 && plain_size (name) == f->size
             && plain_read (name, 0, data, f->size + 1) == f->size
             && (f->size == 0 || memcmp (data, f->data, f->size) == 0);
    free (data);
  }
  return good;
}

/* What stock SQLite finds: how many transactions; -1 something else. */
static int
recovered (char *why, size_t size)
{
  char name[600];
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  int n = -1;

  snprintf (name, sizeof name, "%s/a.db", after);
  if (sqlite3_open_v2 (name, &db, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK
      || sqlite3_prepare_v2 (db, "PRAGMA integrity_check", -1, &stmt, NULL)
             != SQLITE_OK
      || sqlite3_step (stmt) != SQLITE_ROW)
    snprintf (why, size, "it does not open: %s", sqlite3_errmsg (db));
  else if (strcmp ((const char *) sqlite3_column_text (stmt, 0), "ok") != 0)
    snprintf (why, size, "%s", (const char *) sqlite3_column_text (stmt, 0));
  else {
    sqlite3_finalize (stmt);
    stmt = NULL;
    n = (int) number_of (db, "SELECT n FROM meta");
    if (n < 0 || n > (int) shared->committed
        || content_of (db) != shared->content[n]) {
      snprintf (why, size, "it is not what transaction %d left", n);
      n = -1;
    }
  }
  sqlite3_finalize (stmt);
  sqlite3_close (db);
  disks_made++;
  return n;
}

/* The transactions that were acknowledged before op number end. */
static int
acknowledged (unsigned end)
{
  int n = 0;

  for (unsigned i = 0; i < end; i++)
    if (shared->tape.ops[i].type == R_NOTE)
      n = (int) shared->tape.ops[i].offset;
  return n;
}

static int
disk_is_good (const char *what, unsigned end, const struct loss *loss, int lag,
              uint64_t *random)
{
  uint64_t state = *random;
  char why[200] = "";
  int acked = acknowledged (end);
  int least = lag < 0 ? 0 : acked - lag;
  int n;

  record_build (&shared->tape, end, &base, loss, random, &disk);
  disk_put (&disk, &shared->tape, after);
  n = recovered (why, sizeof why);
  if (n >= 0 && (n < least || n > acked + 1))
    snprintf (why, sizeof why, "%d transactions, of %d acknowledged", n,
              acked);
  if (why[0])
    diag ("%s: before call %u of %u, %u%% of what is not synced%s, random "
          "%#llx: %s",
          what, end, shared->tape.nops, loss ? loss->keep : 100,
          loss && loss->strict ? ", strict" : "", (unsigned long long) state,
          why);
  return !why[0];
}

/* ------------------------------------------------------------------ */

static void
make_database (const struct power_case *c)
{
  sqlite3 *db;

  for (int i = 0; i < 4; i++) {
    static const char *const tails[] = { "", "-wal", "-journal", "-shm" };
    char name[600];

    snprintf (name, sizeof name, "%s%s", path, tails[i]);
    unlink (name);
  }
  db = open_stock (path);
  run (db, "PRAGMA page_size = %u; CREATE TABLE meta (n INTEGER);"
           "INSERT INTO meta VALUES (0);"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, fill TEXT);"
           "CREATE INDEX t_n ON t (n);"
           "WITH RECURSIVE c (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c "
           "WHERE x < 99) INSERT INTO t SELECT x, 0, hex (zeroblob (100)) "
           "FROM c; PRAGMA journal_mode = %s",
       c->page_size, strcmp (c->journal, "wal") == 0 ? "wal" : "delete");
  close_db (db);
}

static void
one_case (const struct power_case *c, const char *vfs, uint64_t seed,
          unsigned most)
{
  struct run_args args = { c, vfs, seed };
  struct stat st;
  char what[100];
  unsigned made = disks_made;
  uint64_t random = seed * 77 + 1;
  int good = 1;
  int code;

  make_database (c);
  read_base ();
  shared->tape.nops = shared->tape.nfiles = 0;
  shared->tape.used = 0;
  shared->tape.overflow = 0;
  record_to = &shared->tape;
  if (stat (path, &st) < 0)
    bail_out ("%s: %s", path, strerror (errno));
  record_file ("a.db", st.st_ino);
  code = in_child (recorded_run, &args);
  record_to = NULL;
  snprintf (what, sizeof what, "%s, %s, seed %llu", c->what, vfs,
            (unsigned long long) seed);
  if (code != 0)
    bail_out ("%s: the run ended with %d", what, code);
  if (!ok (tape_is_whole (), "%s: all that was written is recorded", what))
    return;
  /* Each prefix; of a longer tape, as many as there is time for. */
  for (unsigned end = 1; good && end <= shared->tape.nops; end++) {
    static const unsigned keeps[] = { 0, 10, 50, 50, 90, 98 };
    struct loss loss;

    if (shared->tape.nops > most
        && next_random (&random) % shared->tape.nops >= most)
      continue;
    good &= disk_is_good (what, end, NULL, 0, &random);
    if (c->lag == -2)
      continue;
    loss.keep = keeps[next_random (&random) % COUNT (keeps)];
    /* A journal that is new, or gone, is synced with its directory or not:
     * SQLite says which it relies on only from FULL on. */
    loss.strict = next_random (&random) % 2
                  && strcmp (c->synchronous, "normal") != 0;
    loss.journal_in_order = strcmp (c->synchronous, "normal") == 0;
    good &= disk_is_good (what, end, &loss, c->lag, &random);
  }
  ok (good, "%s: %u calls, %u disks are as promised", what, shared->tape.nops,
      disks_made - made);
}

int
main (void)
{
  const char *text = getenv ("ROUNDS");
  unsigned rounds = text ? (unsigned) atoi (text) : 1;
  uint64_t seed = test_seed ();
  const char *only = getenv ("CASE");
  unsigned most = text ? UINT32_MAX : getenv ("ORIEL_QUICK") ? 25 : 60;

  shared = shared_memory (sizeof *shared);
  length = text ? 40 : 12;
  /* Both in memory: what is synced is on the tape. */
  snprintf (record_dir, sizeof record_dir, "%s/disk", pool_dir ());
  snprintf (path, sizeof path, "%s/a.db", record_dir);
  snprintf (after, sizeof after, "%s/after", pool_dir ());
  if (mkdir (record_dir, 0700) < 0 || mkdir (after, 0700) < 0)
    bail_out ("mkdir: %s", strerror (errno));
  if (text)
    alarm (0);
  for (unsigned r = 0; r < rounds; r++)
    for (unsigned i = 0; i < COUNT (cases); i++)
      if (!only || strstr (cases[i].what, only)) {
        one_case (&cases[i], "oriel", seed + r, most);
        one_case (&cases[i], "unix", seed + r, most);
      }
  diag ("%u disks", disks_made);
  return done_testing ();
}
