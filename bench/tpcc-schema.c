/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-schema.c - the nine tables of TPC-C (clause 1.3), and one of our own
 *
 * How SQLite holds them: customer and stock have wide rows, so they stay rowid
 * tables with an index for the key (rows in the inner nodes of a WITHOUT ROWID
 * table would make its tree deep); history has no key; item's key is the rowid;
 * the others are clustered by their keys.  The indexes beside the keys are the
 * two that the transactions ask for: customers by last name and first name,
 * orders by customer.  Foreign keys are declared as the standard draws them,
 * and like in most uses of SQLite not enforced.
 *
 * The table oriel_tpcc holds what a later run must know: the scale, and the
 * constant with which last names were drawn.
 */
#include <string.h>

#include "tpcc.h"

static const struct scale scales[] = {
  { "full", 100000, 3000, 3000, 900 },
  { "small", 10000, 300, 300, 90 },
  { "tiny", 1000, 100, 100, 30 },
};

const struct scale *
tpcc_scale_find (const char *name)
{
  size_t i;

  for (i = 0; i < sizeof scales / sizeof *scales; i++)
    if (strcmp (scales[i].name, name) == 0)
      return &scales[i];
  return NULL;
}

/* Order lines are 5 to 15 an order: ten of them in the mean. */
uint64_t
tpcc_scale_rows (const struct scale *scale, int warehouses)
{
  uint64_t district = 1 + 2 * (uint64_t) scale->customers
    + 11 * (uint64_t) scale->orders + (uint64_t) scale->pending;
  uint64_t warehouse = 1 + (uint64_t) scale->items + DISTRICTS * district;

  return (uint64_t) scale->items + (uint64_t) warehouses * warehouse;
}

static const char tables[] =
  "CREATE TABLE warehouse ("
  " w_id INTEGER PRIMARY KEY,"
  " w_name TEXT NOT NULL,"
  " w_street_1 TEXT NOT NULL, w_street_2 TEXT NOT NULL,"
  " w_city TEXT NOT NULL, w_state TEXT NOT NULL, w_zip TEXT NOT NULL,"
  " w_tax INTEGER NOT NULL,"    /* 1/10000 */
  " w_ytd INTEGER NOT NULL);"   /* cents */

  "CREATE TABLE district ("
  " d_id INTEGER NOT NULL, d_w_id INTEGER NOT NULL,"
  " d_name TEXT NOT NULL,"
  " d_street_1 TEXT NOT NULL, d_street_2 TEXT NOT NULL,"
  " d_city TEXT NOT NULL, d_state TEXT NOT NULL, d_zip TEXT NOT NULL,"
  " d_tax INTEGER NOT NULL, d_ytd INTEGER NOT NULL,"
  " d_next_o_id INTEGER NOT NULL,"
  " PRIMARY KEY (d_w_id, d_id),"
  " FOREIGN KEY (d_w_id) REFERENCES warehouse (w_id)) WITHOUT ROWID;"

  "CREATE TABLE customer ("
  " c_id INTEGER NOT NULL, c_d_id INTEGER NOT NULL, c_w_id INTEGER NOT NULL,"
  " c_first TEXT NOT NULL, c_middle TEXT NOT NULL, c_last TEXT NOT NULL,"
  " c_street_1 TEXT NOT NULL, c_street_2 TEXT NOT NULL,"
  " c_city TEXT NOT NULL, c_state TEXT NOT NULL, c_zip TEXT NOT NULL,"
  " c_phone TEXT NOT NULL, c_since INTEGER NOT NULL,"
  " c_credit TEXT NOT NULL, c_credit_lim INTEGER NOT NULL,"
  " c_discount INTEGER NOT NULL, c_balance INTEGER NOT NULL,"
  " c_ytd_payment INTEGER NOT NULL, c_payment_cnt INTEGER NOT NULL,"
  " c_delivery_cnt INTEGER NOT NULL, c_data TEXT NOT NULL,"
  " PRIMARY KEY (c_w_id, c_d_id, c_id),"
  " FOREIGN KEY (c_w_id, c_d_id) REFERENCES district (d_w_id, d_id));"

  "CREATE TABLE history ("
  " h_c_id INTEGER NOT NULL, h_c_d_id INTEGER NOT NULL,"
  " h_c_w_id INTEGER NOT NULL, h_d_id INTEGER NOT NULL,"
  " h_w_id INTEGER NOT NULL, h_date INTEGER NOT NULL,"
  " h_amount INTEGER NOT NULL, h_data TEXT NOT NULL,"
  " FOREIGN KEY (h_c_w_id, h_c_d_id, h_c_id)"
  "  REFERENCES customer (c_w_id, c_d_id, c_id),"
  " FOREIGN KEY (h_w_id, h_d_id) REFERENCES district (d_w_id, d_id));"

  "CREATE TABLE orders ("
  " o_id INTEGER NOT NULL, o_d_id INTEGER NOT NULL, o_w_id INTEGER NOT NULL,"
  " o_c_id INTEGER NOT NULL, o_entry_d INTEGER NOT NULL,"
  " o_carrier_id INTEGER, o_ol_cnt INTEGER NOT NULL,"
  " o_all_local INTEGER NOT NULL,"
  " PRIMARY KEY (o_w_id, o_d_id, o_id),"
  " FOREIGN KEY (o_w_id, o_d_id, o_c_id)"
  "  REFERENCES customer (c_w_id, c_d_id, c_id)) WITHOUT ROWID;"

  "CREATE TABLE new_order ("
  " no_o_id INTEGER NOT NULL, no_d_id INTEGER NOT NULL,"
  " no_w_id INTEGER NOT NULL,"
  " PRIMARY KEY (no_w_id, no_d_id, no_o_id),"
  " FOREIGN KEY (no_w_id, no_d_id, no_o_id)"
  "  REFERENCES orders (o_w_id, o_d_id, o_id)) WITHOUT ROWID;"

  "CREATE TABLE item ("
  " i_id INTEGER PRIMARY KEY, i_im_id INTEGER NOT NULL,"
  " i_name TEXT NOT NULL, i_price INTEGER NOT NULL, i_data TEXT NOT NULL);"

  "CREATE TABLE stock ("
  " s_i_id INTEGER NOT NULL, s_w_id INTEGER NOT NULL,"
  " s_quantity INTEGER NOT NULL,"
  " s_dist_01 TEXT NOT NULL, s_dist_02 TEXT NOT NULL,"
  " s_dist_03 TEXT NOT NULL, s_dist_04 TEXT NOT NULL,"
  " s_dist_05 TEXT NOT NULL, s_dist_06 TEXT NOT NULL,"
  " s_dist_07 TEXT NOT NULL, s_dist_08 TEXT NOT NULL,"
  " s_dist_09 TEXT NOT NULL, s_dist_10 TEXT NOT NULL,"
  " s_ytd INTEGER NOT NULL, s_order_cnt INTEGER NOT NULL,"
  " s_remote_cnt INTEGER NOT NULL, s_data TEXT NOT NULL,"
  " PRIMARY KEY (s_w_id, s_i_id),"
  " FOREIGN KEY (s_w_id) REFERENCES warehouse (w_id),"
  " FOREIGN KEY (s_i_id) REFERENCES item (i_id));"

  "CREATE TABLE order_line ("
  " ol_o_id INTEGER NOT NULL, ol_d_id INTEGER NOT NULL,"
  " ol_w_id INTEGER NOT NULL, ol_number INTEGER NOT NULL,"
  " ol_i_id INTEGER NOT NULL, ol_supply_w_id INTEGER NOT NULL,"
  " ol_delivery_d INTEGER, ol_quantity INTEGER NOT NULL,"
  " ol_amount INTEGER NOT NULL, ol_dist_info TEXT NOT NULL,"
  " PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number),"
  " FOREIGN KEY (ol_w_id, ol_d_id, ol_o_id)"
  "  REFERENCES orders (o_w_id, o_d_id, o_id),"
  " FOREIGN KEY (ol_supply_w_id, ol_i_id)"
  "  REFERENCES stock (s_w_id, s_i_id)) WITHOUT ROWID;"

  "CREATE TABLE oriel_tpcc (name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

/* Built after the rows are there, which is faster than keeping them sorted. */
static const char indexes[] =
  "CREATE INDEX customer_by_name"
  " ON customer (c_w_id, c_d_id, c_last, c_first, c_id);"
  "CREATE INDEX orders_by_customer"
  " ON orders (o_w_id, o_d_id, o_c_id, o_id);";

int
tpcc_schema_tables (sqlite3 *db)
{
  return sqlite3_exec (db, tables, NULL, NULL, NULL);
}

int
tpcc_schema_indexes (sqlite3 *db)
{
  return sqlite3_exec (db, indexes, NULL, NULL, NULL);
}

/* ------------------------------------------------------------------ */
/* What a later run must know                                         */

#define META_VERSION 1

int
tpcc_meta_write (sqlite3 *db, const struct meta *meta)
{
  return sql_db_exec (db,
                       "INSERT INTO oriel_tpcc VALUES"
                       " ('version', %d), ('scale', '%s'), ('warehouses', %d),"
                       " ('items', %d), ('customers', %d), ('orders', %d),"
                       " ('pending', %d), ('c_last', %d)",
                       META_VERSION, meta->scale_name, meta->warehouses,
                       meta->scale.items, meta->scale.customers,
                       meta->scale.orders, meta->scale.pending,
                       meta->c_last_load);
}

static int
get_value (sqlite3 *db, const char *name, int low, int high, int *value)
{
  sqlite3_stmt *stmt;
  int rc;

  rc = sqlite3_prepare_v2 (db, "SELECT value FROM oriel_tpcc WHERE name = ?1",
                           -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return rc == SQLITE_ERROR ? SQLITE_NOTADB : rc; /* no such table */
  sqlite3_bind_text (stmt, 1, name, -1, SQLITE_STATIC);
  rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    {
      *value = sqlite3_column_int (stmt, 0);
      rc = *value >= low && *value <= high ? SQLITE_OK : SQLITE_NOTADB;
    }
  else if (rc == SQLITE_DONE)
    rc = SQLITE_NOTADB;
  sqlite3_finalize (stmt);
  return rc;
}

/* The name is for people: a scale that this version does not know still
 * runs. */
static void
name_scale (struct meta *meta)
{
  const char *name = "custom";
  size_t i;

  for (i = 0; i < sizeof scales / sizeof *scales; i++)
    if (scales[i].items == meta->scale.items
        && scales[i].customers == meta->scale.customers)
      name = scales[i].name;
  snprintf (meta->scale_name, sizeof meta->scale_name, "%s", name);
  meta->scale.name = NULL;
}

int
tpcc_meta_read (sqlite3 *db, struct meta *meta)
{
  struct scale *s = &meta->scale;
  int version, rc;

  rc = get_value (db, "version", META_VERSION, META_VERSION, &version);
  if (rc == SQLITE_OK)
    rc = get_value (db, "warehouses", 1, MAX_WAREHOUSES, &meta->warehouses);
  if (rc == SQLITE_OK)
    rc = get_value (db, "items", 1, INT_MAX / 2, &s->items);
  if (rc == SQLITE_OK)
    rc = get_value (db, "customers", 1, INT_MAX / 2, &s->customers);
  if (rc == SQLITE_OK)
    rc = get_value (db, "orders", 1, INT_MAX / 2, &s->orders);
  if (rc == SQLITE_OK)
    rc = get_value (db, "pending", 0, s->orders, &s->pending);
  if (rc == SQLITE_OK)
    rc = get_value (db, "c_last", 0, 255, &meta->c_last_load);
  if (rc == SQLITE_OK)
    name_scale (meta);
  return rc;
}
