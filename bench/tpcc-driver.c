/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-driver.c - TPC-C as sql.h wants a benchmark, and the consistency
 * conditions 1 to 4 (clause 3.3.2)
 *
 * In the conditions the outer joins let a place with no rows at all count as in
 * violation.  All amounts are integers: sums are exact.  Conditions 2 and 3 say
 * nothing about districts without pending orders.
 */
#include <string.h>

#include "tpcc.h"

static const char *const condition[] = {
  /* 1: w_ytd = sum (d_ytd) */
  "SELECT w_ytd IS ytd,"
  " printf ('warehouse %d: w_ytd %d, sum of d_ytd %s', w_id, w_ytd, ytd)"
  " FROM warehouse LEFT JOIN"
  " (SELECT d_w_id, sum (d_ytd) AS ytd FROM district GROUP BY d_w_id)"
  " ON d_w_id = w_id",

  /* 2: d_next_o_id - 1 = max (o_id) = max (no_o_id) */
  "SELECT d_next_o_id - 1 IS newest AND (pending IS NULL OR pending = newest),"
  " printf ('warehouse %d, district %d: d_next_o_id %d, max (o_id) %s,"
  " max (no_o_id) %s', d_w_id, d_id, d_next_o_id, newest, pending)"
  " FROM district LEFT JOIN"
  " (SELECT o_w_id, o_d_id, max (o_id) AS newest FROM orders"
  "  GROUP BY o_w_id, o_d_id) ON o_w_id = d_w_id AND o_d_id = d_id"
  " LEFT JOIN"
  " (SELECT no_w_id, no_d_id, max (no_o_id) AS pending FROM new_order"
  "  GROUP BY no_w_id, no_d_id) ON no_w_id = d_w_id AND no_d_id = d_id",

  /* 3: max (no_o_id) - min (no_o_id) + 1 = rows of new_order */
  "SELECT number IS NULL OR high - low + 1 = number,"
  " printf ('warehouse %d, district %d: no_o_id %d to %d, %d rows',"
  " d_w_id, d_id, low, high, number)"
  " FROM district LEFT JOIN"
  " (SELECT no_w_id, no_d_id, min (no_o_id) AS low, max (no_o_id) AS high,"
  "  count (*) AS number FROM new_order"
  "  GROUP BY no_w_id, no_d_id) ON no_w_id = d_w_id AND no_d_id = d_id",

  /* 4: sum (o_ol_cnt) = rows of order_line */
  "SELECT lines IS number,"
  " printf ('warehouse %d, district %d: sum of o_ol_cnt %s,"
  " rows of order_line %s', d_w_id, d_id, lines, number)"
  " FROM district LEFT JOIN"
  " (SELECT o_w_id, o_d_id, sum (o_ol_cnt) AS lines FROM orders"
  "  GROUP BY o_w_id, o_d_id) ON o_w_id = d_w_id AND o_d_id = d_id"
  " LEFT JOIN"
  " (SELECT ol_w_id, ol_d_id, count (*) AS number FROM order_line"
  "  GROUP BY ol_w_id, ol_d_id) ON ol_w_id = d_w_id AND ol_d_id = d_id",
};

#define DISTRICTS_OF(warehouses) ((long long) (warehouses) * DISTRICTS)

static const struct meta *
get_meta (const struct sql *sql)
{
  return (const struct meta *) sql->shared->own;
}

static long long
to_check (const struct sql *sql, int n)
{
  int warehouses = get_meta (sql)->warehouses;

  return n == 0 ? warehouses : DISTRICTS_OF (warehouses);
}

static uint64_t
rows (const struct sql *sql)
{
  const struct tpcc *tpcc = sql->own;

  return tpcc_scale_rows (tpcc->scale, tpcc->warehouses);
}

static int
prepare (struct sql *sql, sqlite3 *db)
{
  _Static_assert (sizeof (struct meta) <= sizeof sql->shared->own, "room");

  return tpcc_meta_read (db, (struct meta *) sql->shared->own);
}

static void
figures (struct sql *sql, const struct result *result)
{
  const struct pass_result *pass = &result->pass[0];

  sql_figure (sql, "Throughput", "tpmC", "1/min", FIGURES_MORE,
              (double) pass->done[NEW_ORDER] * 60 / pass->seconds);
  sql_figure (sql, "Throughput", "rolled back on purpose", "count",
              FIGURES_NONE, (double) result->own[ROLLED_BACK]);
  sql_figure (sql, "Throughput", "nothing to deliver", "count", FIGURES_NONE,
              (double) result->own[SKIPPED]);
}

static void
describe (const struct sql *sql, char text[ERROR_TEXT])
{
  const struct tpcc *tpcc = sql->own;
  int loads = sql->opt.actions & LOAD;
  int n = loads ? tpcc->warehouses : get_meta (sql)->warehouses;
  const char *scale = loads ? tpcc->scale->name : get_meta (sql)->scale_name;

  snprintf (text, ERROR_TEXT, "%d warehouse%s, scale %s%s", n,
            n == 1 ? "" : "s", scale, strcmp (scale, "full")
            ? ": REDUCED, results compare with nothing else" : "");
}

const struct driver tpcc_driver = {
  .program = "oriel-tpcc",
  .name = "tpcc",
  .title = "TPC-C on SQLite",
  .worker = "terminal",
  .operation = "transactions",
  .kind = tpcc_type_name,
  .kinds = TYPES,
  .passes = 1,
  .timed = true,
  .rows = rows,
  .load = tpcc_load,
  .prepare = prepare,
  .begin = tpcc_terminal_begin,
  .run = tpcc_terminal_run,
  .end = tpcc_terminal_end,
  .condition = condition,
  .conditions = sizeof condition / sizeof *condition,
  .to_check = to_check,
  /* Grows by one with each new-order. */
  .commits = "SELECT total (d_next_o_id) FROM district",
  .figures = figures,
  .describe = describe,
};
