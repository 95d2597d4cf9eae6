/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpcc-terminal.c - a process that runs transactions, without thinking
 *
 * A terminal has a home warehouse; the terminals are dealt to the warehouses
 * in turn.  There are no keying and no think times: each runs as fast as it
 * can, so a few of them do the work of the standard's ten a warehouse.
 *
 * The mix is a deck of 100 cards, shuffled whenever it is used up (clause
 * 5.2.4.2), so it is exact over each hundred transactions.
 */
#include <stdlib.h>
#include <string.h>

#include "tpcc.h"

#define DECK 100

static const int share[TYPES] = {
  [NEW_ORDER] = 45, [PAYMENT] = 43, [ORDER_STATUS] = 4, [DELIVERY] = 4,
  [STOCK_LEVEL] = 4
};

struct deck {
  int card[DECK];
  int next;
};

static void
deck_init (struct deck *deck)
{
  int type, i, n = 0;

  for (type = 0; type < TYPES; type++)
    for (i = 0; i < share[type]; i++)
      deck->card[n++] = type;
  deck->next = DECK;
}

static enum type
deck_draw (struct deck *deck, struct rng *rng)
{
  if (deck->next == DECK)
    {
      sql_shuffle (rng, deck->card, DECK);
      deck->next = 0;
    }
  return (enum type) deck->card[deck->next++];
}

/* One transaction, retried until it is through or the time is up.  Only what
 * ends in time is counted. */
static int
work (struct worker *w, struct terminal *t, enum type type)
{
  struct worker_report *report = w->report;
  struct input in;
  int64_t start;
  int rc;

  tpcc_txn_input (t, type, &in);
  start = sql_now ();
  while ((rc = tpcc_txn_run (t, &in)) == SQLITE_BUSY)
    {
      report->retries++;
      if (sql_worker_late (w))
        return SQLITE_OK;
    }
  if (rc != SQLITE_OK && rc != TPCC_UNUSED_ITEM)
    return rc;
  if (rc == SQLITE_OK && type == NEW_ORDER)
    report->commits++;
  sql_worker_done (w, 0, type, start,
                   rc == SQLITE_OK ? NULL : &report->own[ROLLED_BACK]);
  return SQLITE_OK;
}

int
tpcc_terminal_run (struct worker *w, int pass)
{
  struct terminal *t = w->own;
  struct deck deck;
  int all = w->sql->opt.transactions, n, rc;
  enum type type;

  (void) pass;
  deck_init (&deck);
  for (n = 0; (all == 0 || n < all) && !sql_worker_late (w); n++)
    {
      type = deck_draw (&deck, t->rng);
      rc = work (w, t, type);
      if (rc != SQLITE_OK)
        return sql_fail (w->sql->shared, "terminal %d, %s: %s (SQLite's code"
                         " %d)", t->number + 1, tpcc_type_name[type],
                         t->message, rc);
    }
  return 0;
}

int
tpcc_terminal_begin (struct worker *w)
{
  struct shared *shared = w->sql->shared;
  const struct meta *meta = (const struct meta *) shared->own;
  struct terminal *t = calloc (1, sizeof *t);
  int rc;

  w->own = t;
  if (t == NULL)
    return sql_fail (shared, "out of memory");
  t->db = w->db;
  t->number = w->number;
  t->warehouses = meta->warehouses;
  t->warehouse = w->number % meta->warehouses + 1;
  t->district = w->number / meta->warehouses % DISTRICTS + 1;
  t->scale = meta->scale;
  t->rng = &w->rng;
  t->skipped = &w->report->own[SKIPPED];
  tpcc_nurand_init (&t->c, w->sql->opt.seed, meta->c_last_load);
  rc = tpcc_txn_prepare (t);
  if (rc != SQLITE_OK)
    return sql_fail (shared, "terminal %d: preparing: %s", t->number + 1,
                     sqlite3_errmsg (t->db));
  return 0;
}

void
tpcc_terminal_end (struct worker *w)
{
  if (w->own == NULL)
    return;
  tpcc_txn_finish (w->own);
  free (w->own);
}
