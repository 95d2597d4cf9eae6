/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpch.h - what the parts of bench-tpch share, beside sql.h
 *
 * Money is in cents, discounts and taxes in per cent, dates are texts: sums are
 * exact, so answers can be compared letter by letter.
 */
#ifndef TPCH_H
#define TPCH_H

#include "sql.h"

#define TPCH_QUERIES 22

/* sql.own. */
struct tpch {
  double scale;        /* 1: the standard's smallest */
  const char *answers; /* file, or NULL */
  char *answer[TPCH_QUERIES]; /* what they must be: a line for each row */
  long rows;           /* of all of them */
};

/* tpch-load.c */
uint64_t tpch_rows (const struct sql *sql); /* about */
int tpch_load (struct loader *l);

/* tpch-queries.c */
extern const char *const tpch_name[TPCH_QUERIES];  /* "q01", ... */
extern const char *const tpch_query[TPCH_QUERIES];

/* tpch-answers.c */

/* Run it and give its rows as text, to be freed: SQLite's code, and no text
 * where it is not SQLITE_OK. */
int tpch_answer (sqlite3 *db, sqlite3_stmt *stmt, char **text);

/* In the parent: take the answers from the file, or make them, by stock. */
int tpch_answers_need (struct sql *sql);

/* Count what differs from the answer, and keep an example. */
void tpch_answer_compare (const struct tpch *tpch, int query, const char *text,
                          struct worker_report *report);

#endif /* TPCH_H */
