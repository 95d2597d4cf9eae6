/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn-new-order.c - the New-Order transaction (clause 2.4.2)
 */
#include <string.h>
#include <time.h>

#include "tpcc.h"

/* What is gathered on the way. */
struct order {
  int id;
  int64_t date;
  int64_t sum; /* of the lines, cents */
  int discount, w_tax, d_tax;
};

static int
enter (struct terminal *t, const struct input *in, struct order *order)
{
  int w = t->warehouse, d = in->district;
  int local = 1, n, rc;
  sqlite3_stmt *row;

  rc = tpcc_row (t, Q_NO_CUSTOMER, &row, "iii", w, d, in->customer);
  if (rc != SQLITE_OK)
    return rc;
  order->discount = sqlite3_column_int (row, 0);
  order->w_tax = sqlite3_column_int (row, 3);
  tpcc_done (row);

  rc = tpcc_row (t, Q_NO_DISTRICT, &row, "ii", w, d);
  if (rc != SQLITE_OK)
    return rc;
  order->id = sqlite3_column_int (row, 0);
  order->d_tax = sqlite3_column_int (row, 1);
  tpcc_done (row);

  for (n = 0; n < in->lines; n++)
    local &= in->line[n].supplier == w;
  rc = tpcc_exec (t, Q_NO_NEXT, "ii", w, d);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_NO_ORDER, "iiiilii", order->id, d, w, in->customer,
                    order->date, in->lines, local);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_NO_PENDING, "iii", order->id, d, w);
  return rc;
}

/* Take the quantity from stock; info is what the line says of the district. */
static int
take_stock (struct terminal *t, const struct input *in,
            const struct line *line, char info[25])
{
  sqlite3_stmt *row;
  const char *text;
  int quantity, rc;

  rc = tpcc_row (t, (enum query) (Q_NO_STOCK + in->district - 1), &row, "ii",
                 line->supplier, line->item);
  if (rc != SQLITE_OK)
    return rc;
  quantity = sqlite3_column_int (row, 0);
  text = (const char *) sqlite3_column_text (row, 2);
  snprintf (info, 25, "%s", text ? text : "");
  tpcc_done (row);

  quantity -= line->quantity;
  if (quantity < 10)
    quantity += 91;
  return tpcc_exec (t, Q_NO_UPDATE, "iiiii", line->supplier, line->item,
                    quantity, line->quantity,
                    line->supplier != t->warehouse);
}

static int
enter_line (struct terminal *t, const struct input *in, int n,
            struct order *order)
{
  const struct line *line = &in->line[n];
  sqlite3_stmt *row;
  int64_t amount;
  char info[25];
  int rc;

  rc = tpcc_first (t, Q_NO_ITEM, &row, "i", line->item);
  if (rc == SQLITE_DONE)
    return TPCC_UNUSED_ITEM;
  if (rc != SQLITE_OK)
    return rc;
  amount = (int64_t) sqlite3_column_int (row, 0) * line->quantity;
  tpcc_done (row);

  rc = take_stock (t, in, line, info);
  if (rc == SQLITE_OK)
    rc = tpcc_exec (t, Q_NO_LINE, "iiiiiiils", order->id, in->district,
                    t->warehouse, n + 1, line->item, line->supplier,
                    line->quantity, amount, info);
  order->sum += amount;
  return rc;
}

int
tpcc_new_order (struct terminal *t, const struct input *in)
{
  struct order order = { .date = time (NULL) };
  volatile int64_t total; /* what the terminal's screen would show */
  int n, rc;

  rc = enter (t, in, &order);
  for (n = 0; n < in->lines && rc == SQLITE_OK; n++)
    rc = enter_line (t, in, n, &order);
  total = order.sum * (10000 - order.discount) / 10000
    * (10000 + order.w_tax + order.d_tax) / 10000;
  (void) total;
  return rc;
}
