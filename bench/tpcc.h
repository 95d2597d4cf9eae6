/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc.h - what the parts of oriel-tpcc share, beside sql.h
 *
 * Money is in cents, taxes and discounts in units of 1/10000: both are exact
 * integers in C and in SQL, so the consistency conditions are equalities.
 * Dates are seconds since 1970.
 */
#ifndef TPCC_H
#define TPCC_H

#include "sql.h"

#define MAX_WAREHOUSES 10000
#define DISTRICTS 10

/* ------------------------------------------------------------------ */
/* The five transactions                                              */

enum type {
  NEW_ORDER,
  PAYMENT,
  ORDER_STATUS,
  DELIVERY,
  STOCK_LEVEL,
  TYPES
};

extern const char *const tpcc_type_name[TYPES]; /* "new-order", ... */

/* worker_report.own */
enum { ROLLED_BACK, SKIPPED };

/* How many rows there are.  The standard's numbers are those of "full". */
struct scale {
  const char *name;
  int items;     /* and stock of each warehouse */
  int customers; /* of each district */
  int orders;    /* of each district; as many as customers */
  int pending;   /* the last of those, not yet delivered */
};

/* ------------------------------------------------------------------ */
/* tpcc-options.c                                                     */

/* sql.own, in the parent and the loader. */
struct tpcc {
  int warehouses;
  const struct scale *scale;
};

/* Fills opt and own.  Exits with 0 for --help and --version, 2 for a wrong
 * command line. */
void tpcc_options_parse (struct sql *sql, int argc, char **argv);

/* tpcc-driver.c */
extern const struct driver tpcc_driver;

/* ------------------------------------------------------------------ */
/* tpcc-random.c                                                      */

/* The run-time constants C of NURand(). */
struct nurand {
  int c_last;
  int c_id;
  int i_id;
};

/* As sql_alnum(), and every tenth has "ORIGINAL" in it. */
int tpcc_data (struct rng *rng, char *buf, int low, int high);

#define LAST_NAME 17
void tpcc_last_name (int number, char buf[LAST_NAME]);
int tpcc_last_names (const struct scale *scale); /* how many are in use */

int tpcc_nurand (struct rng *rng, int a, int c, int low, int high);
int tpcc_c_last_load (uint64_t seed);
void tpcc_nurand_init (struct nurand *c, uint64_t seed, int c_last_load);

/* ------------------------------------------------------------------ */
/* tpcc-schema.c: the tables                                          */

const struct scale *tpcc_scale_find (const char *name); /* or NULL */
uint64_t tpcc_scale_rows (const struct scale *scale, int warehouses);

int tpcc_schema_tables (sqlite3 *db);  /* an SQLite result code */
int tpcc_schema_indexes (sqlite3 *db);

struct meta {
  struct scale scale;
  char scale_name[16];
  int warehouses;
  int c_last_load;
};

int tpcc_meta_write (sqlite3 *db, const struct meta *meta);

/* SQLITE_NOTADB if the database was not made by the loader. */
int tpcc_meta_read (sqlite3 *db, struct meta *meta);

/* ------------------------------------------------------------------ */
/* tpcc-txn.c, tpcc-txn-*.c: the transactions                         */

enum query {
  Q_BEGIN_READ,
  Q_BEGIN_WRITE,
  Q_COMMIT,
  Q_ROLLBACK,
  /* new-order */
  Q_NO_CUSTOMER,
  Q_NO_DISTRICT,
  Q_NO_NEXT,
  Q_NO_ORDER,
  Q_NO_PENDING,
  Q_NO_ITEM,
  Q_NO_UPDATE,
  Q_NO_LINE,
  /* payment */
  Q_P_WAREHOUSE,
  Q_P_WAREHOUSE_PAY,
  Q_P_DISTRICT,
  Q_P_DISTRICT_PAY,
  Q_P_CUSTOMER,
  Q_P_CUSTOMER_PAY,
  Q_P_CUSTOMER_DATA,
  Q_P_HISTORY,
  /* order-status, and by last name */
  Q_BY_NAME,
  Q_OS_CUSTOMER,
  Q_OS_ORDER,
  Q_OS_LINES,
  /* delivery */
  Q_D_OLDEST,
  Q_D_REMOVE,
  Q_D_ORDER,
  Q_D_CARRIER,
  Q_D_SUM,
  Q_D_LINES,
  Q_D_CUSTOMER,
  /* stock-level */
  Q_SL_NEXT,
  Q_SL_COUNT,
  /* one for each district's column of stock */
  Q_NO_STOCK,
  QUERIES = Q_NO_STOCK + DISTRICTS
};

/* What the customer typed: drawn once, the same for every retry. */
struct line {
  int item;
  int supplier;
  int quantity;
};

struct input {
  enum type type;
  int district;
  int customer;       /* 0: by last name */
  char last[LAST_NAME];
  int customer_w;     /* payment: where the customer lives */
  int customer_d;
  int64_t amount;
  int lines;
  struct line line[15];
  int carrier;
  int threshold;
};

struct terminal {
  sqlite3 *db;
  int number;
  int warehouse; /* home */
  int district;  /* of stock-level */
  int warehouses;
  struct scale scale;
  struct rng *rng;
  struct nurand c;
  _Atomic uint64_t *skipped; /* deliveries that found nothing */
  sqlite3_stmt *stmt[QUERIES];
  char message[200]; /* about the last failure */
};

/* Beside SQLite's codes: the item does not exist, so roll back. */
#define TPCC_UNUSED_ITEM 1000

int tpcc_txn_prepare (struct terminal *t);
void tpcc_txn_finish (struct terminal *t);
void tpcc_txn_input (struct terminal *t, enum type type, struct input *in);

/* Run it once: SQLITE_OK committed, TPCC_UNUSED_ITEM rolled back as wanted,
 * any other code: rolled back, and if it was SQLITE_BUSY, try again. */
int tpcc_txn_run (struct terminal *t, const struct input *in);

/*
 * Bind as sql_db_bind() and run: exec() to its end; row() to its first row,
 * which must exist and stays until tpcc_done(); first() likewise, but
 * SQLITE_DONE where there is none.
 */
int tpcc_exec (struct terminal *t, enum query q, const char *format, ...);
int tpcc_row (struct terminal *t, enum query q, sqlite3_stmt **stmt,
              const char *format, ...);
int tpcc_first (struct terminal *t, enum query q, sqlite3_stmt **stmt,
                const char *format, ...);
void tpcc_done (sqlite3_stmt *stmt);

int tpcc_new_order (struct terminal *t, const struct input *in);
int tpcc_payment (struct terminal *t, const struct input *in);
int tpcc_order_status (struct terminal *t, const struct input *in);
int tpcc_delivery (struct terminal *t, const struct input *in);
int tpcc_stock_level (struct terminal *t, const struct input *in);

/* The customer meant by last name: the middle one by first name. */
int tpcc_by_name (struct terminal *t, int warehouse, int district,
                  const char *last, int *customer);

/* ------------------------------------------------------------------ */
/* Of the driver                                                      */

int tpcc_load (struct loader *l);
int tpcc_terminal_begin (struct worker *w);
int tpcc_terminal_run (struct worker *w, int pass);
void tpcc_terminal_end (struct worker *w);

#endif /* TPCC_H */
