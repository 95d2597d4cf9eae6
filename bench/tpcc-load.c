/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-load.c - the initial population (clause 4.3.3)
 *
 * Rows are inserted in the order of their keys.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tpcc.h"

struct population {
  struct loader *l;
  struct rng *rng;
  struct scale scale;
  int warehouses;
  int c_last;
  int64_t date;
};

struct address {
  char street_1[21], street_2[21], city[21], state[3], zip[10];
};

static sqlite3_stmt *
prepare (struct population *p, const char *table, int columns)
{
  return sql_load_prepare (p->l, table, columns);
}

#define insert(p, ...) sql_load_row ((p)->l, __VA_ARGS__)

static void
make_address (struct population *p, struct address *a)
{
  sql_alnum (p->rng, a->street_1, 10, 20);
  sql_alnum (p->rng, a->street_2, 10, 20);
  sql_alnum (p->rng, a->city, 10, 20);
  sql_letters (p->rng, a->state, 2, 2);
  sql_digits (p->rng, a->zip, 4, 4);
  strcat (a->zip, "11111");
}

static int
uniform (struct population *p, int low, int high)
{
  return (int) sql_uniform (p->rng, low, high);
}

/* ------------------------------------------------------------------ */
/* A function for each table                                          */

static void
load_items (struct population *p)
{
  sqlite3_stmt *stmt = prepare (p, "item", 5);
  char name[25], data[51];
  int i;

  for (i = 1; i <= p->scale.items && p->l->rc == SQLITE_OK; i++)
    {
      sql_alnum (p->rng, name, 14, 24);
      tpcc_data (p->rng, data, 26, 50);
      insert (p, stmt, "iisis", i, uniform (p, 1, 10000), name,
              uniform (p, 100, 10000), data);
    }
  sqlite3_finalize (stmt);
}

static void
load_warehouse (struct population *p, int w)
{
  sqlite3_stmt *stmt = prepare (p, "warehouse", 9);
  struct address a;
  char name[11];

  sql_alnum (p->rng, name, 6, 10);
  make_address (p, &a);
  insert (p, stmt, "issssssii", w, name, a.street_1, a.street_2, a.city,
          a.state, a.zip, uniform (p, 0, 2000), 3000000 * DISTRICTS);
  sqlite3_finalize (stmt);
}

static void
load_stock (struct population *p, int w)
{
  sqlite3_stmt *stmt = prepare (p, "stock", 17);
  char dist[10][25], data[51];
  int i, d;

  for (i = 1; i <= p->scale.items && p->l->rc == SQLITE_OK; i++)
    {
      for (d = 0; d < 10; d++)
        sql_alnum (p->rng, dist[d], 24, 24);
      tpcc_data (p->rng, data, 26, 50);
      insert (p, stmt, "iiissssssssssiiis", i, w, uniform (p, 10, 100), dist[0],
              dist[1], dist[2], dist[3], dist[4], dist[5], dist[6], dist[7],
              dist[8], dist[9], 0, 0, 0, data);
    }
  sqlite3_finalize (stmt);
}

static void
load_districts (struct population *p, int w)
{
  sqlite3_stmt *stmt = prepare (p, "district", 11);
  struct address a;
  char name[11];
  int d;

  for (d = 1; d <= DISTRICTS; d++)
    {
      sql_alnum (p->rng, name, 6, 10);
      make_address (p, &a);
      insert (p, stmt, "iissssssiii", d, w, name, a.street_1, a.street_2,
              a.city, a.state, a.zip, uniform (p, 0, 2000), 3000000,
              p->scale.orders + 1);
    }
  sqlite3_finalize (stmt);
}

/* The first thousand of a district have each last name once. */
static void
make_last_name (struct population *p, int customer, char buf[LAST_NAME])
{
  int names = tpcc_last_names (&p->scale);

  tpcc_last_name (customer <= names
                  ? customer - 1
                  : tpcc_nurand (p->rng, 255, p->c_last, 0, names - 1),
                  buf);
}

static void
load_customers (struct population *p, int w, int d)
{
  sqlite3_stmt *customer = prepare (p, "customer", 21);
  sqlite3_stmt *history = prepare (p, "history", 8);
  char first[17], last[LAST_NAME], phone[17], data[501], note[25];
  struct address a;
  int c;

  for (c = 1; c <= p->scale.customers && p->l->rc == SQLITE_OK; c++)
    {
      sql_alnum (p->rng, first, 8, 16);
      make_last_name (p, c, last);
      make_address (p, &a);
      sql_digits (p->rng, phone, 16, 16);
      sql_alnum (p->rng, data, 300, 500);
      insert (p, customer, "iiissssssssslsiiiiiis", c, d, w, first, "OE", last,
              a.street_1, a.street_2, a.city, a.state, a.zip, phone, p->date,
              uniform (p, 1, 10) == 1 ? "BC" : "GC", 5000000,
              uniform (p, 0, 5000), -1000, 1000, 1, 0, data);
      sql_alnum (p->rng, note, 12, 24);
      insert (p, history, "iiiiilis", c, d, w, d, w, p->date, 1000, note);
    }
  sqlite3_finalize (customer);
  sqlite3_finalize (history);
}

static void
load_lines (struct population *p, sqlite3_stmt *stmt, int w, int d, int order,
            int lines)
{
  int delivered = order <= p->scale.orders - p->scale.pending;
  char info[25];
  int n;

  for (n = 1; n <= lines; n++)
    {
      sql_alnum (p->rng, info, 24, 24);
      if (delivered)
        insert (p, stmt, "iiiiiiliis", order, d, w, n,
                uniform (p, 1, p->scale.items), w, p->date, 5, 0, info);
      else
        insert (p, stmt, "iiiiiiniis", order, d, w, n,
                uniform (p, 1, p->scale.items), w, 5, uniform (p, 1, 999999),
                info);
    }
}

static void
load_orders (struct population *p, int w, int d)
{
  sqlite3_stmt *orders = prepare (p, "orders", 8);
  sqlite3_stmt *line = prepare (p, "order_line", 10);
  sqlite3_stmt *pending = prepare (p, "new_order", 3);
  int *customer = malloc ((size_t) p->scale.orders * sizeof *customer);
  int o, lines;

  if (customer == NULL)
    {
      p->l->rc = SQLITE_NOMEM;
      goto out;
    }
  for (o = 0; o < p->scale.orders; o++)
    customer[o] = o % p->scale.customers + 1;
  sql_shuffle (p->rng, customer, p->scale.orders);

  for (o = 1; o <= p->scale.orders && p->l->rc == SQLITE_OK; o++)
    {
      lines = uniform (p, 5, 15);
      if (o <= p->scale.orders - p->scale.pending)
        insert (p, orders, "iiiiliii", o, d, w, customer[o - 1], p->date,
                uniform (p, 1, 10), lines, 1);
      else
        {
          insert (p, orders, "iiiilnii", o, d, w, customer[o - 1], p->date,
                  lines, 1);
          insert (p, pending, "iii", o, d, w);
        }
      load_lines (p, line, w, d, o, lines);
    }
 out:
  free (customer);
  sqlite3_finalize (orders);
  sqlite3_finalize (line);
  sqlite3_finalize (pending);
}

/* ------------------------------------------------------------------ */

int
tpcc_load (struct loader *l)
{
  const struct tpcc *tpcc = l->sql->own;
  struct population p = { .l = l, .rng = &l->rng, .scale = *tpcc->scale,
                          .warehouses = tpcc->warehouses,
                          .c_last = tpcc_c_last_load (l->sql->opt.seed),
                          .date = time (NULL) };
  struct meta meta = { .scale = p.scale, .warehouses = p.warehouses,
                       .c_last_load = p.c_last };
  int w, d;

  snprintf (meta.scale_name, sizeof meta.scale_name, "%s", tpcc->scale->name);
  l->rc = tpcc_schema_tables (l->db);
  load_items (&p);
  for (w = 1; w <= p.warehouses; w++)
    {
      load_warehouse (&p, w);
      load_stock (&p, w);
      load_districts (&p, w);
      for (d = 1; d <= DISTRICTS; d++)
        load_customers (&p, w, d);
      for (d = 1; d <= DISTRICTS; d++)
        load_orders (&p, w, d);
    }
  if (l->rc == SQLITE_OK)
    l->rc = tpcc_schema_indexes (l->db);
  return l->rc == SQLITE_OK ? tpcc_meta_write (l->db, &meta) : l->rc;
}
