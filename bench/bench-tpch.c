/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-tpch.c - scans and joins after TPC-H on SQLite, through Oriel's VFS and
 * on stock
 *
 * Streams are processes that each ask all 22 queries, in an order of their own:
 * once cold, from a database that is in nobody's memory, and once warm, which
 * is the same again on the same connections.  A pass ends when all streams have
 * had all answers, and each answer is compared with stock's.
 *
 * This is no TPC-H result: there are no refresh functions, the scale is below
 * the smallest that there is, and nobody has audited it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sql-options.h"
#include "tpch.h"

struct stream {
  sqlite3_stmt *stmt[TPCH_QUERIES];
  int order[TPCH_QUERIES];
};

static int
prepare (struct sql *sql, sqlite3 *db)
{
  struct tpch *tpch = (struct tpch *) sql->shared->own;
  int64_t millionths = 0;
  int rc = sql_db_number (db, "SELECT value FROM oriel_tpch"
                          " WHERE name = 'millionths'", &millionths);

  if (rc == SQLITE_ERROR || (rc == SQLITE_OK && millionths < 1))
    return SQLITE_NOTADB;
  tpch->scale = (double) millionths / 1e6;
  return rc;
}

static int
begin (struct worker *w)
{
  struct stream *s = calloc (1, sizeof *s);
  int i, rc = s ? SQLITE_OK : SQLITE_NOMEM;

  w->own = s;
  for (i = 0; i < TPCH_QUERIES && rc == SQLITE_OK; i++)
    {
      s->order[i] = i;
      rc = sqlite3_prepare_v3 (w->db, tpch_query[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
    }
  if (rc != SQLITE_OK)
    return sql_fail (w->sql->shared, "stream %d: %s", w->number + 1,
                     sqlite3_errmsg (w->db));
  sql_shuffle (&w->rng, s->order, TPCH_QUERIES);
  return 0;
}

static int
run (struct worker *w, int pass)
{
  struct stream *s = w->own;
  int64_t start;
  char *text;
  int i, query, rc;

  for (i = 0; i < TPCH_QUERIES; i++)
    {
      query = s->order[i];
      start = sql_now ();
      rc = tpch_answer (w->db, s->stmt[query], &text);
      if (rc != SQLITE_OK)
        return sql_fail (w->sql->shared, "stream %d, %s: %s", w->number + 1,
                         tpch_name[query], sqlite3_errmsg (w->db));
      sql_worker_done (w, pass, query, start, NULL);
      tpch_answer_compare (w->sql->own, query, text, w->report);
      free (text);
    }
  return 0;
}

static void
end (struct worker *w)
{
  struct stream *s = w->own;
  int i;

  for (i = 0; s != NULL && i < TPCH_QUERIES; i++)
    sqlite3_finalize (s->stmt[i]);
  free (s);
}

static void
figures (struct sql *sql, const struct result *result)
{
  const struct tpch *tpch = sql->own;

  sql_figure (sql, "Answers", "rows of answers", "count", FIGURES_NONE,
              (double) tpch->rows);
  sql_figure (sql, "Answers", "wrong answers", "count", FIGURES_LESS,
              (double) result->wrong);
}

static void
describe (const struct sql *sql, char text[ERROR_TEXT])
{
  const struct tpch *tpch = sql->opt.actions & LOAD
    ? sql->own : (const struct tpch *) sql->shared->own;

  snprintf (text, ERROR_TEXT, "8 tables at scale %g, %d queries", tpch->scale,
            TPCH_QUERIES);
}

static const char *const pass[] = { "cold", "warm" };

static const struct driver driver = {
  .program = "bench-tpch",
  .name = "tpch",
  .title = "Queries after TPC-H on SQLite",
  .worker = "stream",
  .operation = "queries",
  .kind = tpch_name,
  .kinds = TPCH_QUERIES,
  .pass = pass,
  .passes = 2,
  .reads_only = true,
  .rows = tpch_rows,
  .load = tpch_load,
  .prepare = prepare,
  .begin = begin,
  .run = run,
  .end = end,
  .before = tpch_answers_need,
  .figures = figures,
  .describe = describe,
};

/* ------------------------------------------------------------------ */
/* The command line                                                   */

static const char doc[] =
  "Scans and joins after TPC-H on SQLite, through Oriel's VFS and on stock, in"
  " turns.\v"
  "Loads the eight tables, asks all queries cold and again warm, compares all"
  " answers with those of stock, and removes what it made.  Sizes take K, M and"
  " G.  Exit status: 0 all is well, 1 something failed or an answer is wrong, 2"
  " the command line is wrong.";

enum { OPT_SCALE = 256, OPT_ANSWERS };

static const struct argp_option list[] = {
  { 0, 0, 0, 0, "What to do:", 1 },
  { "scale", OPT_SCALE, "X", 0,
    "Scale factor, 0.001 to 10 (default 0.01: 60,000 lines of 15,000 orders)",
    0 },
  { "streams", 't', "N", 0, "Run N processes (default 2)", 0 },
  { "answers", OPT_ANSWERS, "FILE", 0,
    "Compare with the answers in FILE; keep those of stock there, if there is"
    " no such file", 0 },
  { 0, 0, 0, 0, 0, 0 }
};

static double
get_scale (struct argp_state *state, const char *arg)
{
  char *rest;
  double value = strtod (arg, &rest);

  if (rest == arg || *rest || !(value >= 0.001 && value <= 10))
    argp_error (state, "--scale takes a number from 0.001 to 10, not \"%s\"",
                arg);
  return value;
}

static error_t
parse (int key, char *arg, struct argp_state *state)
{
  struct sql_parsed *parsed = state->input;
  struct options *opt = parsed->opt;
  struct tpch *tpch = parsed->own;

  switch (key)
    {
    case OPT_SCALE:
      tpch->scale = get_scale (state, arg);
      parsed->load_given = 1;
      return 0;
    case 't':
      opt->processes = sql_options_number (state, "streams", arg, 1,
                                           MAX_PROCESSES);
      return 0;
    case OPT_ANSWERS:
      tpch->answers = arg;
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
  static struct tpch tpch = { .scale = 0.01 };

  return sql_options_main (&driver, &tpch, &argp, "--scale",
                           argc, argv);
}
