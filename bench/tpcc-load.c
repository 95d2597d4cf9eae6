/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-load.c - the initial population (clause 4.3.3)
 *
 * One transaction without a journal: a load that dies leaves a file that is of
 * no use, and the parent removes it.  Rows are inserted in the order of their
 * keys, so the trees grow at their right edge and nothing is read back.
 *
 * Errors: the first that SQLite reports is kept in the loader and makes all
 * later inserts do nothing, so the code below reads like the standard's list.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tpcc.h"

struct loader {
  sqlite3 *db;
  struct shared *shared;
  struct rng rng;
  struct scale scale;
  int warehouses;
  int c_last;
  int64_t date;
  int rc;        /* the first error */
  uint64_t rows; /* not yet added to shared->loaded */
};

struct address {
  char street_1[21], street_2[21], city[21], state[3], zip[10];
};

static sqlite3_stmt *
prepare (struct loader *l, const char *table, int columns)
{
  sqlite3_stmt *stmt = NULL;
  sqlite3_str *sql;
  char *text;
  int i;

  if (l->rc != SQLITE_OK)
    return NULL;
  sql = sqlite3_str_new (l->db);
  sqlite3_str_appendf (sql, "INSERT INTO %s VALUES (?", table);
  for (i = 1; i < columns; i++)
    sqlite3_str_appendall (sql, ",?");
  sqlite3_str_appendchar (sql, 1, ')');
  text = sqlite3_str_finish (sql);
  l->rc = text ? sqlite3_prepare_v3 (l->db, text, -1,
                                     SQLITE_PREPARE_PERSISTENT, &stmt, NULL)
               : SQLITE_NOMEM;
  sqlite3_free (text);
  return stmt;
}

static void
insert (struct loader *l, sqlite3_stmt *stmt, const char *format, ...)
{
  va_list ap;
  int rc;

  if (l->rc != SQLITE_OK)
    return;
  va_start (ap, format);
  rc = tpcc_db_bind (stmt, format, ap);
  va_end (ap);
  if (rc == SQLITE_OK)
    {
      sqlite3_step (stmt);
      rc = sqlite3_reset (stmt);
    }
  l->rc = rc;
  if (++l->rows == 1000)
    {
      l->shared->loaded += l->rows;
      l->rows = 0;
    }
}

static void
make_address (struct loader *l, struct address *a)
{
  tpcc_alnum (&l->rng, a->street_1, 10, 20);
  tpcc_alnum (&l->rng, a->street_2, 10, 20);
  tpcc_alnum (&l->rng, a->city, 10, 20);
  tpcc_letters (&l->rng, a->state, 2, 2);
  tpcc_digits (&l->rng, a->zip, 4, 4);
  strcat (a->zip, "11111");
}

static int
uniform (struct loader *l, int low, int high)
{
  return (int) tpcc_uniform (&l->rng, low, high);
}

/* ------------------------------------------------------------------ */
/* A function for each table                                          */

static void
load_items (struct loader *l)
{
  sqlite3_stmt *stmt = prepare (l, "item", 5);
  char name[25], data[51];
  int i;

  for (i = 1; i <= l->scale.items && l->rc == SQLITE_OK; i++)
    {
      tpcc_alnum (&l->rng, name, 14, 24);
      tpcc_data (&l->rng, data, 26, 50);
      insert (l, stmt, "iisis", i, uniform (l, 1, 10000), name,
              uniform (l, 100, 10000), data);
    }
  sqlite3_finalize (stmt);
}

static void
load_warehouse (struct loader *l, int w)
{
  sqlite3_stmt *stmt = prepare (l, "warehouse", 9);
  struct address a;
  char name[11];

  tpcc_alnum (&l->rng, name, 6, 10);
  make_address (l, &a);
  insert (l, stmt, "issssssii", w, name, a.street_1, a.street_2, a.city,
          a.state, a.zip, uniform (l, 0, 2000), 3000000 * DISTRICTS);
  sqlite3_finalize (stmt);
}

static void
load_stock (struct loader *l, int w)
{
  sqlite3_stmt *stmt = prepare (l, "stock", 17);
  char dist[10][25], data[51];
  int i, d;

  for (i = 1; i <= l->scale.items && l->rc == SQLITE_OK; i++)
    {
      for (d = 0; d < 10; d++)
        tpcc_alnum (&l->rng, dist[d], 24, 24);
      tpcc_data (&l->rng, data, 26, 50);
      insert (l, stmt, "iiissssssssssiiis", i, w, uniform (l, 10, 100), dist[0],
              dist[1], dist[2], dist[3], dist[4], dist[5], dist[6], dist[7],
              dist[8], dist[9], 0, 0, 0, data);
    }
  sqlite3_finalize (stmt);
}

static void
load_districts (struct loader *l, int w)
{
  sqlite3_stmt *stmt = prepare (l, "district", 11);
  struct address a;
  char name[11];
  int d;

  for (d = 1; d <= DISTRICTS; d++)
    {
      tpcc_alnum (&l->rng, name, 6, 10);
      make_address (l, &a);
      insert (l, stmt, "iissssssiii", d, w, name, a.street_1, a.street_2,
              a.city, a.state, a.zip, uniform (l, 0, 2000), 3000000,
              l->scale.orders + 1);
    }
  sqlite3_finalize (stmt);
}

/* The first thousand of a district have each last name once. */
static void
make_last_name (struct loader *l, int customer, char buf[LAST_NAME])
{
  int names = tpcc_last_names (&l->scale);

  tpcc_last_name (customer <= names
                  ? customer - 1
                  : tpcc_nurand (&l->rng, 255, l->c_last, 0, names - 1),
                  buf);
}

static void
load_customers (struct loader *l, int w, int d)
{
  sqlite3_stmt *customer = prepare (l, "customer", 21);
  sqlite3_stmt *history = prepare (l, "history", 8);
  char first[17], last[LAST_NAME], phone[17], data[501], note[25];
  struct address a;
  int c;

  for (c = 1; c <= l->scale.customers && l->rc == SQLITE_OK; c++)
    {
      tpcc_alnum (&l->rng, first, 8, 16);
      make_last_name (l, c, last);
      make_address (l, &a);
      tpcc_digits (&l->rng, phone, 16, 16);
      tpcc_alnum (&l->rng, data, 300, 500);
      insert (l, customer, "iiissssssssslsiiiiiis", c, d, w, first, "OE", last,
              a.street_1, a.street_2, a.city, a.state, a.zip, phone, l->date,
              uniform (l, 1, 10) == 1 ? "BC" : "GC", 5000000,
              uniform (l, 0, 5000), -1000, 1000, 1, 0, data);
      tpcc_alnum (&l->rng, note, 12, 24);
      insert (l, history, "iiiiilis", c, d, w, d, w, l->date, 1000, note);
    }
  sqlite3_finalize (customer);
  sqlite3_finalize (history);
}

static void
load_lines (struct loader *l, sqlite3_stmt *stmt, int w, int d, int order,
            int lines)
{
  int delivered = order <= l->scale.orders - l->scale.pending;
  char info[25];
  int n;

  for (n = 1; n <= lines; n++)
    {
      tpcc_alnum (&l->rng, info, 24, 24);
      if (delivered)
        insert (l, stmt, "iiiiiiliis", order, d, w, n,
                uniform (l, 1, l->scale.items), w, l->date, 5, 0, info);
      else
        insert (l, stmt, "iiiiiiniis", order, d, w, n,
                uniform (l, 1, l->scale.items), w, 5, uniform (l, 1, 999999),
                info);
    }
}

static void
load_orders (struct loader *l, int w, int d)
{
  sqlite3_stmt *orders = prepare (l, "orders", 8);
  sqlite3_stmt *line = prepare (l, "order_line", 10);
  sqlite3_stmt *pending = prepare (l, "new_order", 3);
  int *customer = malloc ((size_t) l->scale.orders * sizeof *customer);
  int o, lines;

  if (customer == NULL)
    {
      l->rc = SQLITE_NOMEM;
      goto out;
    }
  for (o = 0; o < l->scale.orders; o++)
    customer[o] = o % l->scale.customers + 1;
  tpcc_shuffle (&l->rng, customer, l->scale.orders);

  for (o = 1; o <= l->scale.orders && l->rc == SQLITE_OK; o++)
    {
      lines = uniform (l, 5, 15);
      if (o <= l->scale.orders - l->scale.pending)
        insert (l, orders, "iiiiliii", o, d, w, customer[o - 1], l->date,
                uniform (l, 1, 10), lines, 1);
      else
        {
          insert (l, orders, "iiiilnii", o, d, w, customer[o - 1], l->date,
                  lines, 1);
          insert (l, pending, "iii", o, d, w);
        }
      load_lines (l, line, w, d, o, lines);
    }
 out:
  free (customer);
  sqlite3_finalize (orders);
  sqlite3_finalize (line);
  sqlite3_finalize (pending);
}

/* ------------------------------------------------------------------ */

static void
load_all (struct loader *l)
{
  int w, d;

  l->rc = tpcc_schema_tables (l->db);
  load_items (l);
  for (w = 1; w <= l->warehouses; w++)
    {
      load_warehouse (l, w);
      load_stock (l, w);
      load_districts (l, w);
      for (d = 1; d <= DISTRICTS; d++)
        load_customers (l, w, d);
      for (d = 1; d <= DISTRICTS; d++)
        load_orders (l, w, d);
    }
  l->shared->loaded += l->rows;
  if (l->rc == SQLITE_OK)
    l->rc = tpcc_schema_indexes (l->db);
}

/* 16 MiB of cache hold the right edges of all trees, many times over. */
static int
begin (sqlite3 *db, const struct options *opt)
{
  return tpcc_db_exec (db,
                       "PRAGMA page_size = %d;"
                       "PRAGMA journal_mode = off;"
                       "PRAGMA synchronous = off;"
                       "PRAGMA cache_size = -16384;"
                       "PRAGMA temp_store = memory;"
                       "BEGIN EXCLUSIVE",
                       opt->page_size);
}

int
tpcc_loader (struct tpcc *tpcc, const struct side *side)
{
  const struct options *opt = &tpcc->opt;
  struct loader l = { .shared = tpcc->shared, .scale = *opt->scale,
                      .warehouses = opt->warehouses,
                      .c_last = tpcc_c_last_load (opt->seed),
                      .date = time (NULL) };
  struct meta meta = { .scale = *opt->scale, .warehouses = opt->warehouses,
                       .c_last_load = l.c_last };
  int status = 0;

  snprintf (meta.scale_name, sizeof meta.scale_name, "%s", opt->scale->name);
  tpcc_rng_seed (&l.rng, opt->seed, MAX_TERMINALS);
  tpcc->shared->to_load = tpcc_scale_rows (opt->scale, opt->warehouses);

  if (tpcc_db_open (tpcc, side, 1, &l.db) != SQLITE_OK)
    return tpcc_fail (tpcc->shared, "%s", tpcc_db_error ());
  l.rc = begin (l.db, opt);
  if (l.rc == SQLITE_OK)
    load_all (&l);
  if (l.rc == SQLITE_OK)
    l.rc = tpcc_meta_write (l.db, &meta);
  if (l.rc == SQLITE_OK)
    l.rc = tpcc_db_exec (l.db, "COMMIT");
  if (l.rc != SQLITE_OK)
    status = tpcc_fail (tpcc->shared, "loading %s: %s (%s)", side->path,
                        sqlite3_errmsg (l.db), sqlite3_errstr (l.rc));
  if (sqlite3_close (l.db) != SQLITE_OK && status == 0)
    status = tpcc_fail (tpcc->shared, "closing %s: %s", side->path,
                        sqlite3_errmsg (l.db));
  return status;
}
