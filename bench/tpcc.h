/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc.h - what the parts of oriel-tpcc share
 *
 * PROCESSES
 *
 * The program is a tree of one level: a parent that neither opens a database
 * nor attaches to a pool, and children that do one thing each and exit.
 *
 *     loader    makes the tables and fills them
 *     prepare   reads the scale back, sets the journal mode
 *     terminal  runs transactions, one after the other (several at once)
 *     observer  attaches to the pool, reads its counters before and after
 *     checker   tests the consistency conditions
 *
 * So no connection and no attachment is ever carried across fork(), and the
 * parent can put children into a memory cgroup that it is not in itself.
 * Children report through struct shared, an anonymous mapping made before the
 * first fork; each field has one writer, named there.
 *
 * UNITS
 *
 * Money is in cents, taxes and discounts in units of 1/10000: both are exact
 * integers in C and in SQL, so the consistency conditions are equalities.
 * Times are nanoseconds of CLOCK_MONOTONIC; dates are seconds since 1970.
 */
#ifndef TPCC_H
#define TPCC_H

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "oriel.h"

#define MAX_TERMINALS 64
#define MAX_WAREHOUSES 10000
#define DISTRICTS 10
#define ERROR_TEXT 400

#define NSEC 1000000000LL

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

/* How many rows there are.  The standard's numbers are those of "full". */
struct scale {
  const char *name;
  int items;     /* and stock of each warehouse */
  int customers; /* of each district */
  int orders;    /* of each district; as many as customers */
  int pending;   /* the last of those, not yet delivered */
};

/* ------------------------------------------------------------------ */
/* tpcc-hist.c: latencies                                             */

/* Buckets are 1/32 of a power of two wide: a percentile is at most 3.2% too
 * large.  35 powers above the first 64 ns reach 36 minutes. */
#define HIST_SUB_BITS 5
#define HIST_BUCKETS (37 << HIST_SUB_BITS)

struct hist {
  uint64_t bucket[HIST_BUCKETS];
  uint64_t count;
  uint64_t max; /* exact */
};

void tpcc_hist_add (struct hist *hist, uint64_t nsec);
void tpcc_hist_merge (struct hist *into, const struct hist *from);

/* The latency that a fraction (0 to 1) of those recorded did not exceed;
 * 0 if there is none. */
uint64_t tpcc_hist_at (const struct hist *hist, double fraction);

/* ------------------------------------------------------------------ */
/* tpcc-options.c                                                     */

enum action {
  LOAD = 1,
  RUN = 2,
  CHECK = 4
};

struct options {
  unsigned actions; /* of enum action */
  int compare;
  int warehouses;
  int terminals;
  int seconds;
  int kill_every; /* ms between kills of a terminal; 0: none */
  const struct scale *scale;
  uint64_t seed;

  const char *db; /* as given, or NULL */
  int keep;

  const char *vfs;
  const char *module;
  const char *pool;      /* as given, or NULL */
  const char *pool_size; /* text for the URI; NULL if not given */
  const char *window;
  const char *slot;
  const char *backend;
  uint64_t pool_bytes; /* pool_size, or Oriel's default */

  const char *journal;
  const char *synchronous;
  const char *cache_size; /* NULL: SQLite's */
  const char *mmap_size;
  int warm;       /* terminals read all of the database before the run */
  int page_size;

  int cgroup;      /* may make one */
  uint64_t memory; /* bytes; 0: chosen */

  int json;
  int quiet;
};

/* Exits with 0 for --help and --version, 2 for a wrong command line. */
void tpcc_options_parse (int argc, char **argv, struct options *opt);

/* "64M" in bytes; -EINVAL or -ERANGE. */
int tpcc_parse_size (const char *text, uint64_t *bytes);

/* ------------------------------------------------------------------ */
/* What is shared by parent and children                              */

/* A way to the database that is measured. */
struct side {
  char name[32]; /* "oriel", "stock" or the VFS */
  char vfs[32];
  int oriel;    /* by Oriel's VFS: the pool options count */
  int own_pool; /* the pool is this run's: destroy it after */
  int made;     /* path is a copy that this run made: remove it after */
  char pool[PATH_MAX];
  char path[PATH_MAX];
};

/* What /proc says of a process. */
struct proc {
  long vmas;          /* -1 in each: unknown */
  long page_table_kb;
  long peak_rss_kb;
  long private_kb;
  long long rchar;    /* bytes by read calls, from cache or disk */
  long long wchar;
  long long read_bytes; /* from disk */
  long long write_bytes;
  long long cpu_usec;
};

enum phase {
  PHASE_WAIT, /* terminals open the database */
  PHASE_RUN,
  PHASE_OBSERVE, /* all have reported: read the pool's counters */
  PHASE_CLOSE
};

enum state {
  STATE_NEW,
  STATE_READY,
  STATE_REPORTED,
  STATE_DONE
};

/* Written by terminal number i alone: by all that had this number one after the
 * other, where terminals are killed.  Between two of them the parent makes state
 * STATE_NEW. */
struct terminal_report {
  _Atomic int state;
  _Atomic uint64_t done[TYPES]; /* committed in time */
  _Atomic uint64_t rolled_back; /* new-orders with an unused item */
  _Atomic uint64_t retries;     /* after SQLITE_BUSY */
  _Atomic uint64_t orders;      /* new-orders committed, also late */
  uint64_t skipped_districts;   /* deliveries that found nothing to do */
  struct hist hist[TYPES];
  struct proc proc; /* at the end; its counters since the start */
};

/* Written by the observer alone. */
struct observer_report {
  _Atomic int state;
  oriel_stats before;
  oriel_stats after;
};

#define CONDITIONS 4

/* Written by the checker alone. */
struct check_report {
  int done;
  long long rows[CONDITIONS]; /* that were compared */
  long long bad[CONDITIONS];  /* of those, in violation */
  char example[CONDITIONS][ERROR_TEXT];
  char integrity[ERROR_TEXT]; /* "ok" */
  char commits[ERROR_TEXT];   /* "ok"; "" if there was no run */
  int ok;
};

struct shared {
  /* written by the parent */
  _Atomic int phase;
  _Atomic int64_t deadline; /* of the run */
  _Atomic uint64_t kills;   /* of terminals, during the run */
  /* written by the loader */
  _Atomic uint64_t loaded;  /* rows */
  _Atomic uint64_t to_load;
  /* written by prepare */
  struct scale scale;
  char scale_name[16];
  int warehouses;
  int c_last_load;
  int64_t orders_before; /* the run: sum of d_next_o_id */
  /* written by whichever child fails first, who wins error_taken */
  _Atomic int error_taken;
  char error[ERROR_TEXT];

  struct observer_report observer;
  struct check_report check;
  struct terminal_report terminal[MAX_TERMINALS];
};

/* All of one side's run, kept by the parent. */
struct result {
  double seconds;
  uint64_t done[TYPES];
  uint64_t rolled_back;
  uint64_t retries;
  uint64_t skipped_districts;
  uint64_t kills;
  struct hist hist[TYPES];
  struct proc proc; /* the worst terminal's gauges, everyone's counters */
  int observed;     /* pool holds the difference over the run */
  oriel_stats pool;
  long long wal_bytes; /* of the log at the end; -1: there was none */
  uint64_t memory_limit; /* of the cgroup; 0: there was none */
  uint64_t memory_peak;
  int checks; /* how many of check[] are filled */
  struct check_report check[2];
  char check_vfs[2][32];
};

/* Everything that the parent hands down to what it calls. */
struct tpcc {
  struct options opt;
  struct shared *shared;
  char directory[PATH_MAX]; /* scratch; "" if there is none */
  char base[PATH_MAX];      /* the database that is loaded */
  int base_made;            /* there was no such file before this run */
  int base_loaded;          /* the loader did all of it */
  char cgroup_why[ERROR_TEXT]; /* why there is no cgroup; "" if there is */
  struct side side[2];
  struct result result[2];
  int sides;
  int number;    /* in a terminal: which */
  uint64_t life; /* in a terminal: how many were killed before it */
};

/* ------------------------------------------------------------------ */
/* tpcc-base.c                                                        */

/* Record why this child fails, if none did before; returns 1, its status. */
int tpcc_fail (struct shared *shared, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

int64_t tpcc_now (void);
void tpcc_sleep (int msec);

/* ------------------------------------------------------------------ */
/* tpcc-random.c                                                      */

struct rng {
  uint64_t s[4];
};

/* The run-time constants C of NURand(). */
struct nurand {
  int c_last;
  int c_id;
  int i_id;
};

void tpcc_rng_seed (struct rng *rng, uint64_t seed, uint64_t stream);
int64_t tpcc_uniform (struct rng *rng, int64_t low, int64_t high);
void tpcc_shuffle (struct rng *rng, int *v, int n);

/* Random characters, low to high of them, and a NUL; returns their number. */
int tpcc_alnum (struct rng *rng, char *buf, int low, int high);
int tpcc_digits (struct rng *rng, char *buf, int low, int high);
int tpcc_letters (struct rng *rng, char *buf, int low, int high);

/* As tpcc_alnum(), and every tenth has "ORIGINAL" in it. */
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

/* Sum of d_next_o_id: grows by one with each new-order. */
int tpcc_orders (sqlite3 *db, int64_t *orders);

/* ------------------------------------------------------------------ */
/* tpcc-db.c: connections                                             */

/*
 * Open side's database through its VFS, which is registered or loaded first.
 * On failure *db is NULL and the text is in tpcc_db_error().
 */
int tpcc_db_open (const struct tpcc *tpcc, const struct side *side, int create,
                  sqlite3 **db);
const char *tpcc_db_error (void);

/* The pragmas that terminals run under. */
int tpcc_db_configure (const struct tpcc *tpcc, sqlite3 *db);
int tpcc_db_warm (sqlite3 *db); /* read every page once */
int tpcc_db_journal_mode (sqlite3 *db, const char *mode);

int tpcc_db_exec (sqlite3 *db, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* Bind from the first parameter on: i int, l int64_t, s text that stays until
 * the statement is done, n null (no argument). */
int tpcc_db_bind (sqlite3_stmt *stmt, const char *format, va_list ap);

/* How long a statement waits for a lock before the transaction is retried. */
#define BUSY_MSEC 5000

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
  struct rng rng;
  struct nurand c;
  struct terminal_report *report;
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
 * Bind as tpcc_db_bind() and run: exec() to its end; row() to its first row,
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
/* Children; each returns its exit status                             */

int tpcc_loader (struct tpcc *tpcc, const struct side *side);
int tpcc_prepare (struct tpcc *tpcc, const struct side *side);
int tpcc_terminal (struct tpcc *tpcc, const struct side *side);
int tpcc_observer (struct tpcc *tpcc, const struct side *side);
int tpcc_pool_remove (struct tpcc *tpcc, const struct side *side);
int tpcc_checker (struct tpcc *tpcc, const struct side *side);

/* ------------------------------------------------------------------ */
/* tpcc-proc.c                                                        */

void tpcc_proc_read (struct proc *proc);
void tpcc_proc_subtract (struct proc *proc, const struct proc *start);
void tpcc_proc_merge (struct proc *into, const struct proc *from);
void tpcc_proc_forget (struct proc *proc);

/* ------------------------------------------------------------------ */
/* tpcc-cgroup.c                                                      */

struct cgroup {
  char path[PATH_MAX];
  int version; /* 1 or 2; 0: there is none */
};

/* 0, or -errno and the reason in why. */
int tpcc_cgroup_make (struct cgroup *group, uint64_t bytes,
                      char why[ERROR_TEXT]);
int tpcc_cgroup_join (const struct cgroup *group);
uint64_t tpcc_cgroup_peak (const struct cgroup *group);  /* 0: unknown */
/* Private memory, page cache and tmpfs, in bytes; 0: unknown. */
uint64_t tpcc_cgroup_used (const struct cgroup *group);
int tpcc_cgroup_was_full (const struct cgroup *group);   /* killed someone */
void tpcc_cgroup_remove (struct cgroup *group);

/* ------------------------------------------------------------------ */
/* tpcc-run.c: the parent's phases                                    */

extern volatile sig_atomic_t tpcc_interrupted; /* the signal, or 0 */

/* Each: 0, or 1 with the reason in shared->error. */
int tpcc_run_load (struct tpcc *tpcc, const struct side *side);
int tpcc_run_terminals (struct tpcc *tpcc, const struct side *side,
                        struct result *result);
int tpcc_run_check (struct tpcc *tpcc, const struct side *side,
                    struct result *result);
/* Also after a failure or a signal. */
int tpcc_run_pool_remove (struct tpcc *tpcc, const struct side *side);

/* tpcc-files.c */
int tpcc_file_copy (const char *from, const char *to); /* 0 or -errno */
int tpcc_file_uncache (const char *path);
long long tpcc_file_size (const char *path, const char *suffix); /* or -1 */
void tpcc_file_remove (const char *database); /* and its journals */

/* tpcc-progress.c: a line on standard error */
void tpcc_progress (const struct options *opt, const char *what,
                    double fraction, const char *detail);
void tpcc_progress_end (void);

/* tpcc-report.c, tpcc-json.c */
void tpcc_report_head (const struct tpcc *tpcc);
void tpcc_report (const struct tpcc *tpcc);
int tpcc_report_json (const struct tpcc *tpcc);

#endif /* TPCC_H */
