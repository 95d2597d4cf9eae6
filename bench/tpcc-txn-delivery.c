/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn-delivery.c - the Delivery transaction (clause 2.7.4)
 *
 * All ten districts in one database transaction, done at once: the queue that
 * the standard puts before it would only hide the latency.
 */
#include <time.h>

#include "tpcc.h"

static int
deliver (struct terminal *t, int district, int order, int carrier)
{
  int w = t->warehouse, customer, rc;
  sqlite3_stmt *row;
  int64_t sum;

  rc = tpcc_exec (t, Q_D_REMOVE, "iii", w, district, order);
  if (rc == SQLITE_OK)
    rc = tpcc_row (t, Q_D_ORDER, &row, "iii", w, district, order);
  if (rc != SQLITE_OK)
    return rc;
  customer = sqlite3_column_int (row, 0);
  tpcc_done (row);

  rc = tpcc_exec (t, Q_D_CARRIER, "iiii", w, district, order, carrier);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_D_LINES, "iiil", w, district, order,
                    (int64_t) time (NULL));
  if (rc == SQLITE_OK)
    rc = tpcc_row (t, Q_D_SUM, &row, "iii", w, district, order);
  if (rc != SQLITE_OK)
    return rc;
  sum = sqlite3_column_int64 (row, 0);
  tpcc_done (row);
  return tpcc_exec (t, Q_D_CUSTOMER, "iiil", w, district, customer, sum);
}

int
tpcc_delivery (struct terminal *t, const struct input *in)
{
  uint64_t skipped = 0;
  sqlite3_stmt *row;
  int d, order, rc;

  for (d = 1; d <= DISTRICTS; d++)
    {
      rc = tpcc_first (t, Q_D_OLDEST, &row, "ii", t->warehouse, d);
      if (rc == SQLITE_DONE)
        {
          skipped++;
          continue;
        }
      if (rc != SQLITE_OK)
        return rc;
      order = sqlite3_column_int (row, 0);
      tpcc_done (row);
      rc = deliver (t, d, order, in->carrier);
      if (rc != SQLITE_OK)
        return rc;
    }
  *t->skipped += skipped;
  return SQLITE_OK;
}
