/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn-stock-level.c - the Stock-Level transaction (clause 2.8.2): how many
 * items of the district's last 20 orders are low in stock
 */
#include "tpcc.h"

int
tpcc_stock_level (struct terminal *t, const struct input *in)
{
  sqlite3_stmt *row;
  int next, rc;

  rc = tpcc_row (t, Q_SL_NEXT, &row, "ii", t->warehouse, in->district);
  if (rc != SQLITE_OK)
    return rc;
  next = sqlite3_column_int (row, 0);
  tpcc_done (row);
  return tpcc_exec (t, Q_SL_COUNT, "iiii", t->warehouse, in->district, next,
                    in->threshold);
}
