/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn-order-status.c - the Order-Status transaction (clause 2.6.2), and
 * customers by last name, which Payment has, too
 */
#include "tpcc.h"

int
tpcc_by_name (struct terminal *t, int warehouse, int district,
              const char *last, int *customer)
{
  sqlite3_stmt *row;
  int rc;

  rc = tpcc_row (t, Q_BY_NAME, &row, "iis", warehouse, district, last);
  if (rc != SQLITE_OK)
    return rc;
  *customer = sqlite3_column_int (row, 0);
  tpcc_done (row);
  return SQLITE_OK;
}

int
tpcc_order_status (struct terminal *t, const struct input *in)
{
  int w = t->warehouse, d = in->district, customer = in->customer;
  int order, rc = SQLITE_OK;
  sqlite3_stmt *row;

  if (customer == 0)
    rc = tpcc_by_name (t, w, d, in->last, &customer);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_OS_CUSTOMER, "iii", w, d, customer);
  if (rc == SQLITE_OK)
    rc = tpcc_row (t, Q_OS_ORDER, &row, "iii", w, d, customer);
  if (rc != SQLITE_OK)
    return rc;
  order = sqlite3_column_int (row, 0);
  tpcc_done (row);
  return tpcc_exec (t, Q_OS_LINES, "iii", w, d, order);
}
