/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-txn-payment.c - the Payment transaction (clause 2.5.2)
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tpcc.h"

#define NAME 11

/* The row's first column; ends the statement. */
static void
take_name (sqlite3_stmt *row, char name[NAME])
{
  const char *text = (const char *) sqlite3_column_text (row, 0);

  snprintf (name, NAME, "%s", text ? text : "");
  tpcc_done (row);
}

static int
pay_places (struct terminal *t, const struct input *in, char w_name[NAME],
            char d_name[NAME])
{
  int w = t->warehouse, d = in->district;
  sqlite3_stmt *row;
  int rc;

  rc = tpcc_exec (t, Q_P_WAREHOUSE_PAY, "il", w, in->amount);
  if (rc == SQLITE_OK)
    rc = tpcc_row (t, Q_P_WAREHOUSE, &row, "i", w);
  if (rc != SQLITE_OK)
    return rc;
  take_name (row, w_name);

  rc = tpcc_exec (t, Q_P_DISTRICT_PAY, "iil", w, d, in->amount);
  if (rc == SQLITE_OK)
    rc = tpcc_row (t, Q_P_DISTRICT, &row, "ii", w, d);
  if (rc != SQLITE_OK)
    return rc;
  take_name (row, d_name);
  return SQLITE_OK;
}

/* Customers with bad credit have their payments noted in c_data. */
static int
pay_customer (struct terminal *t, const struct input *in, int customer)
{
  int w = in->customer_w, d = in->customer_d;
  sqlite3_stmt *row;
  const char *text;
  char note[100];
  int bad, rc;

  rc = tpcc_row (t, Q_P_CUSTOMER, &row, "iii", w, d, customer);
  if (rc != SQLITE_OK)
    return rc;
  text = (const char *) sqlite3_column_text (row, 0);
  bad = text != NULL && strcmp (text, "BC") == 0;
  tpcc_done (row);

  if (!bad)
    return tpcc_exec (t, Q_P_CUSTOMER_PAY, "iiil", w, d, customer,
                      in->amount);
  snprintf (note, sizeof note, "%d %d %d %d %d %lld.%02d|", customer, d, w,
            in->district, t->warehouse, (long long) (in->amount / 100),
            (int) (in->amount % 100));
  return tpcc_exec (t, Q_P_CUSTOMER_DATA, "iiils", w, d, customer,
                    in->amount, note);
}

int
tpcc_payment (struct terminal *t, const struct input *in)
{
  char w_name[NAME], d_name[NAME], note[2 * NAME + 4];
  int customer = in->customer;
  int rc;

  rc = pay_places (t, in, w_name, d_name);
  if (rc == SQLITE_OK && customer == 0)
    rc = tpcc_by_name (t, in->customer_w, in->customer_d, in->last,
                       &customer);
  if (rc == SQLITE_OK)
    rc = pay_customer (t, in, customer);
  if (rc != SQLITE_OK)
    return rc;
  snprintf (note, sizeof note, "%s    %s", w_name, d_name);
  return tpcc_exec (t, Q_P_HISTORY, "iiiiills", customer, in->customer_d,
                    in->customer_w, in->district, t->warehouse,
                    (int64_t) time (NULL), in->amount, note);
}
