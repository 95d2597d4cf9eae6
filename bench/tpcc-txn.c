/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn.c - what the five transactions share: statements, inputs, retries
 *
 * Every statement is prepared once for each terminal.  A transaction that
 * writes begins with BEGIN IMMEDIATE: it waits for the write lock before it
 * has read anything, so it never has to give up a snapshot that became old.
 * Waiting is SQLite's busy timeout; when that runs out, tpcc_txn_run() says
 * SQLITE_BUSY and the terminal begins again with the same input.
 */
#include <stdlib.h>
#include <string.h>

#include "tpcc.h"

const char *const tpcc_type_name[TYPES] = {
  "new-order", "payment", "order-status", "delivery", "stock-level"
};

#define CUSTOMER_KEY " WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_id = ?3"
#define DISTRICT_KEY " WHERE d_w_id = ?1 AND d_id = ?2"
#define ORDER_KEY " WHERE o_w_id = ?1 AND o_d_id = ?2 AND o_id = ?3"
#define LINES_KEY " WHERE ol_w_id = ?1 AND ol_d_id = ?2 AND ol_o_id = ?3"
#define NAME_KEY " WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_last = ?3"

static const char *const sql[Q_NO_STOCK] = {
  [Q_BEGIN_READ] = "BEGIN",
  [Q_BEGIN_WRITE] = "BEGIN IMMEDIATE",
  [Q_COMMIT] = "COMMIT",
  [Q_ROLLBACK] = "ROLLBACK",

  [Q_NO_CUSTOMER] =
    "SELECT c_discount, c_last, c_credit, w_tax FROM customer, warehouse"
    CUSTOMER_KEY " AND w_id = ?1",
  [Q_NO_DISTRICT] =
    "SELECT d_next_o_id, d_tax FROM district" DISTRICT_KEY,
  [Q_NO_NEXT] =
    "UPDATE district SET d_next_o_id = d_next_o_id + 1" DISTRICT_KEY,
  [Q_NO_ORDER] =
    "INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6, ?7)",
  [Q_NO_PENDING] =
    "INSERT INTO new_order VALUES (?1, ?2, ?3)",
  [Q_NO_ITEM] =
    "SELECT i_price, i_name, i_data FROM item WHERE i_id = ?1",
  [Q_NO_UPDATE] =
    "UPDATE stock SET s_quantity = ?3, s_ytd = s_ytd + ?4,"
    " s_order_cnt = s_order_cnt + 1, s_remote_cnt = s_remote_cnt + ?5"
    " WHERE s_w_id = ?1 AND s_i_id = ?2",
  [Q_NO_LINE] =
    "INSERT INTO order_line"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, ?7, ?8, ?9)",

  [Q_P_WAREHOUSE] =
    "SELECT w_name, w_street_1, w_street_2, w_city, w_state, w_zip"
    " FROM warehouse WHERE w_id = ?1",
  [Q_P_WAREHOUSE_PAY] =
    "UPDATE warehouse SET w_ytd = w_ytd + ?2 WHERE w_id = ?1",
  [Q_P_DISTRICT] =
    "SELECT d_name, d_street_1, d_street_2, d_city, d_state, d_zip"
    " FROM district" DISTRICT_KEY,
  [Q_P_DISTRICT_PAY] =
    "UPDATE district SET d_ytd = d_ytd + ?3" DISTRICT_KEY,
  [Q_P_CUSTOMER] =
    "SELECT c_credit, c_first, c_middle, c_last, c_street_1, c_street_2,"
    " c_city, c_state, c_zip, c_phone, c_since, c_credit_lim, c_discount,"
    " c_balance FROM customer" CUSTOMER_KEY,
  [Q_P_CUSTOMER_PAY] =
    "UPDATE customer SET c_balance = c_balance - ?4,"
    " c_ytd_payment = c_ytd_payment + ?4, c_payment_cnt = c_payment_cnt + 1"
    CUSTOMER_KEY,
  [Q_P_CUSTOMER_DATA] =
    "UPDATE customer SET c_balance = c_balance - ?4,"
    " c_ytd_payment = c_ytd_payment + ?4, c_payment_cnt = c_payment_cnt + 1,"
    " c_data = substr (?5 || c_data, 1, 500)" CUSTOMER_KEY,
  [Q_P_HISTORY] =
    "INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",

  [Q_BY_NAME] =
    "SELECT c_id FROM customer" NAME_KEY " ORDER BY c_first LIMIT 1"
    " OFFSET (SELECT (count (*) - 1) / 2 FROM customer" NAME_KEY ")",
  [Q_OS_CUSTOMER] =
    "SELECT c_balance, c_first, c_middle, c_last FROM customer" CUSTOMER_KEY,
  [Q_OS_ORDER] =
    "SELECT o_id, o_entry_d, o_carrier_id FROM orders"
    " WHERE o_w_id = ?1 AND o_d_id = ?2 AND o_c_id = ?3"
    " ORDER BY o_id DESC LIMIT 1",
  [Q_OS_LINES] =
    "SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d"
    " FROM order_line" LINES_KEY,

  [Q_D_OLDEST] =
    "SELECT no_o_id FROM new_order WHERE no_w_id = ?1 AND no_d_id = ?2"
    " ORDER BY no_o_id LIMIT 1",
  [Q_D_REMOVE] =
    "DELETE FROM new_order"
    " WHERE no_w_id = ?1 AND no_d_id = ?2 AND no_o_id = ?3",
  [Q_D_ORDER] = "SELECT o_c_id FROM orders" ORDER_KEY,
  [Q_D_CARRIER] = "UPDATE orders SET o_carrier_id = ?4" ORDER_KEY,
  [Q_D_SUM] = "SELECT sum (ol_amount) FROM order_line" LINES_KEY,
  [Q_D_LINES] = "UPDATE order_line SET ol_delivery_d = ?4" LINES_KEY,
  [Q_D_CUSTOMER] =
    "UPDATE customer SET c_balance = c_balance + ?4,"
    " c_delivery_cnt = c_delivery_cnt + 1" CUSTOMER_KEY,

  [Q_SL_NEXT] = "SELECT d_next_o_id FROM district" DISTRICT_KEY,
  /* CROSS JOIN: the order lines first, whatever the planner thinks. */
  [Q_SL_COUNT] =
    "SELECT count (DISTINCT s_i_id) FROM order_line CROSS JOIN stock"
    " WHERE ol_w_id = ?1 AND ol_d_id = ?2"
    " AND ol_o_id >= ?3 - 20 AND ol_o_id < ?3"
    " AND s_w_id = ?1 AND s_i_id = ol_i_id AND s_quantity < ?4",
};

/* ------------------------------------------------------------------ */
/* Statements                                                         */

static int
prepare (struct terminal *t, int q, const char *text)
{
  return sqlite3_prepare_v3 (t->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                             &t->stmt[q], NULL);
}

int
tpcc_txn_prepare (struct terminal *t)
{
  char text[100];
  int rc = SQLITE_OK;
  int q;

  for (q = 0; q < Q_NO_STOCK && rc == SQLITE_OK; q++)
    rc = prepare (t, q, sql[q]);
  for (; q < QUERIES && rc == SQLITE_OK; q++)
    {
      snprintf (text, sizeof text,
                "SELECT s_quantity, s_data, s_dist_%02d FROM stock"
                " WHERE s_w_id = ?1 AND s_i_id = ?2", q - Q_NO_STOCK + 1);
      rc = prepare (t, q, text);
    }
  return rc;
}

void
tpcc_txn_finish (struct terminal *t)
{
  int q;

  for (q = 0; q < QUERIES; q++)
    sqlite3_finalize (t->stmt[q]);
  memset (t->stmt, 0, sizeof t->stmt);
}

void
tpcc_done (sqlite3_stmt *stmt)
{
  sqlite3_reset (stmt);
}

static int
start (struct terminal *t, enum query q, const char *format, va_list ap)
{
  int rc = sql_db_bind (t->stmt[q], format, ap);

  return rc == SQLITE_OK ? sqlite3_step (t->stmt[q]) : rc;
}

int
tpcc_exec (struct terminal *t, enum query q, const char *format, ...)
{
  va_list ap;
  int rc;

  va_start (ap, format);
  rc = start (t, q, format, ap);
  va_end (ap);
  while (rc == SQLITE_ROW)
    rc = sqlite3_step (t->stmt[q]);
  sqlite3_reset (t->stmt[q]);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
first (struct terminal *t, enum query q, sqlite3_stmt **stmt,
       const char *format, va_list ap)
{
  int rc = start (t, q, format, ap);

  if (rc == SQLITE_ROW)
    {
      *stmt = t->stmt[q];
      return SQLITE_OK;
    }
  sqlite3_reset (t->stmt[q]);
  return rc;
}

int
tpcc_first (struct terminal *t, enum query q, sqlite3_stmt **stmt,
            const char *format, ...)
{
  va_list ap;
  int rc;

  va_start (ap, format);
  rc = first (t, q, stmt, format, ap);
  va_end (ap);
  return rc;
}

int
tpcc_row (struct terminal *t, enum query q, sqlite3_stmt **stmt,
          const char *format, ...)
{
  va_list ap;
  int rc;

  va_start (ap, format);
  rc = first (t, q, stmt, format, ap);
  va_end (ap);
  if (rc == SQLITE_DONE)
    {
      snprintf (t->message, sizeof t->message, "no row for %s",
                sqlite3_sql (t->stmt[q]));
      rc = SQLITE_NOTFOUND;
    }
  return rc;
}

/* ------------------------------------------------------------------ */
/* Inputs (clauses 2.4.1, 2.5.1, 2.6.1, 2.7.1, 2.8.1)                 */

static int
uniform (struct terminal *t, int low, int high)
{
  return (int) sql_uniform (t->rng, low, high);
}

static int
other_warehouse (struct terminal *t)
{
  int w = uniform (t, 1, t->warehouses - 1);

  return w < t->warehouse ? w : w + 1;
}

static int
any_customer (struct terminal *t)
{
  return tpcc_nurand (t->rng, 1023, t->c.c_id, 1, t->scale.customers);
}

/* 60% by last name, else by number. */
static void
choose_customer (struct terminal *t, struct input *in)
{
  int names = tpcc_last_names (&t->scale);

  if (uniform (t, 1, 100) <= 60)
    tpcc_last_name (tpcc_nurand (t->rng, 255, t->c.c_last, 0, names - 1),
                    in->last);
  else
    in->customer = any_customer (t);
}

static void
input_new_order (struct terminal *t, struct input *in)
{
  int unused = uniform (t, 1, 100) == 1;
  int n;

  in->customer = any_customer (t);
  in->lines = uniform (t, 5, 15);
  for (n = 0; n < in->lines; n++)
    {
      struct line *line = &in->line[n];

      line->item = tpcc_nurand (t->rng, 8191, t->c.i_id, 1, t->scale.items);
      line->supplier = t->warehouse;
      if (t->warehouses > 1 && uniform (t, 1, 100) == 1)
        line->supplier = other_warehouse (t);
      line->quantity = uniform (t, 1, 10);
    }
  if (unused)
    in->line[in->lines - 1].item = t->scale.items + 1;
}

static void
input_payment (struct terminal *t, struct input *in)
{
  choose_customer (t, in);
  in->customer_w = t->warehouse;
  in->customer_d = in->district;
  if (t->warehouses > 1 && uniform (t, 1, 100) > 85)
    {
      in->customer_w = other_warehouse (t);
      in->customer_d = uniform (t, 1, DISTRICTS);
    }
  in->amount = uniform (t, 100, 500000);
}

void
tpcc_txn_input (struct terminal *t, enum type type, struct input *in)
{
  memset (in, 0, sizeof *in);
  in->type = type;
  in->district = uniform (t, 1, DISTRICTS);
  switch (type)
    {
    case NEW_ORDER:
      input_new_order (t, in);
      break;
    case PAYMENT:
      input_payment (t, in);
      break;
    case ORDER_STATUS:
      choose_customer (t, in);
      break;
    case DELIVERY:
      in->carrier = uniform (t, 1, 10);
      break;
    default:
      in->district = t->district;
      in->threshold = uniform (t, 10, 20);
    }
}

/* ------------------------------------------------------------------ */
/* Running                                                            */

int
tpcc_txn_run (struct terminal *t, const struct input *in)
{
  static int (*const run[TYPES]) (struct terminal *, const struct input *) = {
    tpcc_new_order, tpcc_payment, tpcc_order_status, tpcc_delivery,
    tpcc_stock_level
  };
  int reads = in->type == ORDER_STATUS || in->type == STOCK_LEVEL;
  int rc;

  rc = tpcc_exec (t, reads ? Q_BEGIN_READ : Q_BEGIN_WRITE, "");
  if (rc == SQLITE_OK)
    rc = run[in->type] (t, in);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_COMMIT, "");
  if (rc != SQLITE_OK && rc != SQLITE_NOTFOUND)
    snprintf (t->message, sizeof t->message, "%s", sqlite3_errmsg (t->db));
  /* Some errors have rolled back by themselves. */
  if (rc != SQLITE_OK && !sqlite3_get_autocommit (t->db))
    {
      int rc2 = tpcc_exec (t, Q_ROLLBACK, "");

      if (rc == TPCC_UNUSED_ITEM && rc2 != SQLITE_OK)
        rc = rc2;
    }
  return rc;
}
