/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-tpcb.c - TPC-B on SQLite, through Oriel's VFS and on stock
 *
 * Tables, transaction and conditions are those of the TPC Benchmark B Standard
 * Specification, revision 2.0, whose clauses are named below.  It is no TPC-B
 * result: there is no residence time, and nobody has audited it.
 *
 * Clients are processes that run the one transaction as fast as they can.  All
 * of them change a branch, so a transaction takes the write lock at its
 * beginning, and of the clients one at a time makes progress, as in SQLite
 * always: this measures how fast a lock goes from one process to the next,
 * small updates, and what commits and checkpoints cost.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql-options.h"

#define TELLERS 10 /* of a branch (clause 4.2) */
#define MAX_BRANCHES 1000
#define META_VERSION 1

/* sql.own, in the parent and the loader; shared.own, as the database is. */
struct tpcb {
  int branches;
  int accounts; /* of a branch */
};

/* ------------------------------------------------------------------ */
/* The tables (clause 3.2); balances are in the smallest unit of money */

static const char tables[] =
  "CREATE TABLE branch ("
  " bid INTEGER PRIMARY KEY, bbalance INTEGER NOT NULL, filler TEXT NOT NULL);"
  "CREATE TABLE teller ("
  " tid INTEGER PRIMARY KEY, bid INTEGER NOT NULL REFERENCES branch (bid),"
  " tbalance INTEGER NOT NULL, filler TEXT NOT NULL);"
  "CREATE TABLE account ("
  " aid INTEGER PRIMARY KEY, bid INTEGER NOT NULL REFERENCES branch (bid),"
  " abalance INTEGER NOT NULL, filler TEXT NOT NULL);"
  "CREATE TABLE history ("
  " tid INTEGER NOT NULL, bid INTEGER NOT NULL, aid INTEGER NOT NULL,"
  " delta INTEGER NOT NULL, mtime INTEGER NOT NULL, filler TEXT NOT NULL);"
  "CREATE TABLE oriel_tpcb (name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

/*
 * Clause 2.2.2: the balances of branches, tellers and accounts are the sums of
 * what history says of them.  A row for each branch; all start at nothing.
 */
static const char *const condition[] = {
  /* 1: of its tellers */
  "SELECT bbalance IS (SELECT sum (tbalance) FROM teller"
  "  WHERE teller.bid = branch.bid)"
  " AND (SELECT count (*) FROM teller WHERE teller.bid = branch.bid) = 10,"
  " printf ('branch %d: bbalance %d is not the sum of tbalance, or tellers are"
  " missing', bid, bbalance) FROM branch",

  /* 2: of its history */
  "SELECT bbalance = coalesce (delta, 0),"
  " printf ('branch %d: bbalance %d, sum of delta %s', branch.bid, bbalance,"
  " delta) FROM branch LEFT JOIN"
  " (SELECT bid, sum (delta) AS delta FROM history GROUP BY bid) AS h"
  " ON h.bid = branch.bid",

  /* 3: each of its tellers, of that one's history */
  "SELECT sum (tbalance <> coalesce (delta, 0)) IS 0,"
  " printf ('branch %d: %s tellers have not the sum of delta', branch.bid,"
  " sum (tbalance <> coalesce (delta, 0)))"
  " FROM branch LEFT JOIN teller ON teller.bid = branch.bid LEFT JOIN"
  " (SELECT tid, sum (delta) AS delta FROM history GROUP BY tid) AS h"
  " ON h.tid = teller.tid GROUP BY branch.bid",

  /* 4: likewise accounts, none of which is missing */
  "SELECT sum (abalance <> coalesce (delta, 0)) IS 0"
  " AND count (account.aid) = (SELECT value FROM oriel_tpcb"
  "  WHERE name = 'accounts'),"
  " printf ('branch %d: of %d accounts %s have not the sum of delta',"
  " branch.bid, count (account.aid), sum (abalance <> coalesce (delta, 0)))"
  " FROM branch LEFT JOIN account ON account.bid = branch.bid LEFT JOIN"
  " (SELECT aid, sum (delta) AS delta FROM history GROUP BY aid) AS h"
  " ON h.aid = account.aid GROUP BY branch.bid",
};

static const struct tpcb *
loaded (const struct sql *sql)
{
  return (const struct tpcb *) sql->shared->own;
}

static long long
to_check (const struct sql *sql, int n)
{
  (void) n;
  return loaded (sql)->branches;
}

/* ------------------------------------------------------------------ */
/* The load                                                           */

static uint64_t
rows (const struct sql *sql)
{
  const struct tpcb *tpcb = sql->own;

  return (uint64_t) tpcb->branches * (1 + TELLERS + (uint64_t) tpcb->accounts);
}

/* The standard wants rows of 100 bytes, and does not say of what. */
static int
load (struct loader *l)
{
  const struct tpcb *tpcb = l->sql->own;
  int tellers = tpcb->branches * TELLERS;
  sqlite3_stmt *stmt;
  char filler[100];
  int i;

  l->rc = sql_db_exec (l->db, "%s", tables);
  stmt = sql_load_prepare (l, "branch", 3);
  for (i = 1; i <= tpcb->branches; i++)
    {
      sql_alnum (&l->rng, filler, 88, 88);
      sql_load_row (l, stmt, "iis", i, 0, filler);
    }
  sqlite3_finalize (stmt);
  stmt = sql_load_prepare (l, "teller", 4);
  for (i = 0; i < tellers; i++)
    {
      sql_alnum (&l->rng, filler, 84, 84);
      sql_load_row (l, stmt, "iiis", i + 1, i / TELLERS + 1, 0, filler);
    }
  sqlite3_finalize (stmt);
  stmt = sql_load_prepare (l, "account", 4);
  for (i = 0; i < tpcb->branches * tpcb->accounts && l->rc == SQLITE_OK; i++)
    {
      sql_alnum (&l->rng, filler, 84, 84);
      sql_load_row (l, stmt, "iiis", i + 1, i / tpcb->accounts + 1, 0, filler);
    }
  sqlite3_finalize (stmt);
  if (l->rc != SQLITE_OK)
    return l->rc;
  return sql_db_exec (l->db, "INSERT INTO oriel_tpcb VALUES ('version', %d),"
                      " ('branches', %d), ('accounts', %d)", META_VERSION,
                      tpcb->branches, tpcb->accounts);
}

static int
prepare (struct sql *sql, sqlite3 *db)
{
  struct tpcb *tpcb = (struct tpcb *) sql->shared->own;
  int64_t version = 0, branches = 0, accounts = 0;
  int rc;

  rc = sql_db_number (db, "SELECT value FROM oriel_tpcb"
                      " WHERE name = 'version'", &version);
  if (rc == SQLITE_OK)
    rc = sql_db_number (db, "SELECT value FROM oriel_tpcb"
                        " WHERE name = 'branches'", &branches);
  if (rc == SQLITE_OK)
    rc = sql_db_number (db, "SELECT value FROM oriel_tpcb"
                        " WHERE name = 'accounts'", &accounts);
  if (rc == SQLITE_ERROR) /* no such table */
    return SQLITE_NOTADB;
  if (rc != SQLITE_OK)
    return rc;
  if (version != META_VERSION || branches < 1 || branches > MAX_BRANCHES
      || accounts < 1 || accounts > 1000000)
    return SQLITE_NOTADB;
  tpcb->branches = (int) branches;
  tpcb->accounts = (int) accounts;
  return SQLITE_OK;
}

/* ------------------------------------------------------------------ */
/* The transaction (clause 1.2)                                       */

enum query {
  BEGIN, ACCOUNT, BALANCE, TELLER, BRANCH, HISTORY, COMMIT, ROLLBACK, QUERIES
};

static const char *const text[QUERIES] = {
  [BEGIN] = "BEGIN IMMEDIATE",
  [ACCOUNT] = "UPDATE account SET abalance = abalance + ?2 WHERE aid = ?1",
  [BALANCE] = "SELECT abalance FROM account WHERE aid = ?1",
  [TELLER] = "UPDATE teller SET tbalance = tbalance + ?2 WHERE tid = ?1",
  [BRANCH] = "UPDATE branch SET bbalance = bbalance + ?2 WHERE bid = ?1",
  [HISTORY] = "INSERT INTO history"
              " VALUES (?1, ?2, ?3, ?4, ?5, 'nothing but filler....')",
  [COMMIT] = "COMMIT",
  [ROLLBACK] = "ROLLBACK",
};

struct client {
  sqlite3_stmt *stmt[QUERIES];
  int64_t balance; /* what it would tell the teller */
};

struct input {
  int teller, branch, account, delta;
};

static int
step (struct client *c, enum query q, const char *format, ...)
{
  va_list ap;
  int rc;

  va_start (ap, format);
  rc = sql_db_bind (c->stmt[q], format, ap);
  va_end (ap);
  if (rc == SQLITE_OK)
    rc = sqlite3_step (c->stmt[q]);
  if (rc == SQLITE_ROW)
    {
      c->balance = sqlite3_column_int64 (c->stmt[q], 0);
      rc = sqlite3_step (c->stmt[q]);
    }
  sqlite3_reset (c->stmt[q]);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Clause 5.3: 85 of 100 accounts are of the teller's branch. */
static void
draw (struct worker *w, struct input *in)
{
  const struct tpcb *tpcb = loaded (w->sql);
  int branch;

  in->teller = (int) sql_uniform (&w->rng, 1, tpcb->branches * TELLERS);
  branch = in->branch = (in->teller - 1) / TELLERS + 1;
  if (tpcb->branches > 1 && sql_uniform (&w->rng, 0, 99) >= 85)
    {
      branch = (int) sql_uniform (&w->rng, 1, tpcb->branches - 1);
      branch += branch >= in->branch;
    }
  in->account = (branch - 1) * tpcb->accounts
    + (int) sql_uniform (&w->rng, 1, tpcb->accounts);
  in->delta = (int) sql_uniform (&w->rng, -999999, 999999);
}

static int
transact (struct worker *w, const struct input *in)
{
  struct client *c = w->own;
  int rc;

  rc = step (c, BEGIN, "");
  if (rc != SQLITE_OK)
    return rc;
  rc = step (c, ACCOUNT, "ii", in->account, in->delta);
  if (rc == SQLITE_OK)
    rc = step (c, BALANCE, "i", in->account);
  if (rc == SQLITE_OK)
    rc = step (c, TELLER, "ii", in->teller, in->delta);
  if (rc == SQLITE_OK)
    rc = step (c, BRANCH, "ii", in->branch, in->delta);
  if (rc == SQLITE_OK)
    rc = step (c, HISTORY, "iiiil", in->teller, in->branch, in->account,
               in->delta, (int64_t) time (NULL));
  if (rc == SQLITE_OK)
    rc = step (c, COMMIT, "");
  /* Some errors have rolled back by themselves. */
  if (rc != SQLITE_OK && !sqlite3_get_autocommit (w->db))
    step (c, ROLLBACK, "");
  return rc;
}

static int
run (struct worker *w, int pass)
{
  struct input in;
  int64_t start;
  int rc;

  while (!sql_worker_late (w))
    {
      draw (w, &in);
      start = sql_now ();
      while ((rc = transact (w, &in)) == SQLITE_BUSY && !sql_worker_late (w))
        w->report->retries++;
      if (rc == SQLITE_BUSY)
        break;
      if (rc != SQLITE_OK)
        return sql_fail (w->sql->shared, "client %d: %s (SQLite's code %d)",
                         w->number + 1, sqlite3_errmsg (w->db), rc);
      w->report->commits++;
      sql_worker_done (w, pass, 0, start, NULL);
    }
  return 0;
}

static int
begin (struct worker *w)
{
  struct client *c = calloc (1, sizeof *c);
  int q, rc = c ? SQLITE_OK : SQLITE_NOMEM;

  w->own = c;
  for (q = 0; q < QUERIES && rc == SQLITE_OK; q++)
    rc = sqlite3_prepare_v3 (w->db, text[q], -1, SQLITE_PREPARE_PERSISTENT,
                             &c->stmt[q], NULL);
  return rc == SQLITE_OK ? 0 : sql_fail (w->sql->shared, "client %d: %s",
                                         w->number + 1,
                                         sqlite3_errmsg (w->db));
}

static void
end (struct worker *w)
{
  struct client *c = w->own;
  int q;

  for (q = 0; c != NULL && q < QUERIES; q++)
    sqlite3_finalize (c->stmt[q]);
  free (c);
}

/* ------------------------------------------------------------------ */

static void
describe (const struct sql *sql, char out[ERROR_TEXT])
{
  const struct tpcb *tpcb = sql->opt.actions & LOAD ? sql->own : loaded (sql);

  snprintf (out, ERROR_TEXT, "%d branch%s of %d accounts%s", tpcb->branches,
            tpcb->branches == 1 ? "" : "es", tpcb->accounts,
            tpcb->accounts == 100000
            ? "" : ": not the standard's, compares with nothing else");
}

static const char *const kind[] = { "transaction" };

static const struct driver driver = {
  .program = "bench-tpcb",
  .name = "tpcb",
  .title = "TPC-B on SQLite",
  .worker = "client",
  .operation = "transactions",
  .kind = kind,
  .kinds = 1,
  .passes = 1,
  .timed = true,
  .rows = rows,
  .load = load,
  .prepare = prepare,
  .begin = begin,
  .run = run,
  .end = end,
  .condition = condition,
  .conditions = sizeof condition / sizeof *condition,
  .to_check = to_check,
  .commits = "SELECT count (*) FROM history",
  .describe = describe,
};

/* ------------------------------------------------------------------ */
/* The command line                                                   */

static const char doc[] =
  "TPC-B on SQLite, through Oriel's VFS and on stock, in turns.\v"
  "Loads, runs each side in each round, checks that the balances of branches,"
  " tellers, accounts and history agree, and removes what it made.  Sizes take"
  " K, M and G.  Exit status: 0 all is well, 1 something failed or balances do"
  " not agree, 2 the command line is wrong.";

enum { OPT_ACCOUNTS = 256 };

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "What to do:", 1 },
  { "branches", 'b', "N", 0, "Load N branches (default 2)", 0 },
  { "accounts", OPT_ACCOUNTS, "N", 0,
    "With N accounts each (default 100000: the standard's)", 0 },
  { "clients", 'c', "N", 0, "Run N client processes (default 2)", 0 },
  { "seconds", 's', "N", 0, "Run for N seconds (default 3)", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  struct options *opt = parsed->opt;
  struct tpcb *tpcb = parsed->own;

  switch (key)
    {
    case 'b':
      tpcb->branches = sql_options_number (state, "branches", arg, 1,
                                                   MAX_BRANCHES);
      parsed->load_given = 1;
      return 0;
    case OPT_ACCOUNTS:
      tpcb->accounts = sql_options_number (state, "accounts", arg, 1,
                                                   1000000);
      parsed->load_given = 1;
      return 0;
    case 'c':
      opt->processes = sql_options_number (state, "clients", arg, 1,
                                           MAX_PROCESSES);
      return 0;
    case 's':
      opt->seconds = sql_options_number (state, "seconds", arg, 1, 86400);
      return 0;
    default:
      return sql_options_rest (key, arg, state);
    }
}

static const struct argp argp = {
  .options = list, .parser = parse, .doc = doc
};

int
main (int argc, char **argv)
{
  static struct tpcb tpcb = { .branches = 2, .accounts = 100000 };

  return sql_options_main (&driver, &tpcb, &argp, "--branches, --accounts",
                           argc, argv);
}
