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
 *
 * States, each set by the terminal and awaited by the parent: READY (connected)
 * after which the parent starts everyone at once; REPORTED (the deadline has
 * passed, the numbers are in shared memory, the connection is still open so
 * that the pool can be looked at); DONE.
 *
 * Where terminals are killed (--kill-every), each that follows another adds to
 * its report; it has random values of its own, or it would only repeat.
 */
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
      tpcc_shuffle (rng, deck->card, DECK);
      deck->next = 0;
    }
  return (enum type) deck->card[deck->next++];
}

/* One transaction, retried until it is through or the time is up.  Only what
 * ends in time is counted. */
static int
work (struct terminal *t, enum type type, const _Atomic int64_t *deadline)
{
  struct terminal_report *report = t->report;
  struct input in;
  int64_t start, end;
  int rc;

  tpcc_txn_input (t, type, &in);
  start = tpcc_now ();
  while ((rc = tpcc_txn_run (t, &in)) == SQLITE_BUSY)
    {
      report->retries++;
      if (tpcc_now () >= *deadline)
        return SQLITE_OK;
    }
  end = tpcc_now ();
  if (rc != SQLITE_OK && rc != TPCC_UNUSED_ITEM)
    return rc;
  if (rc == SQLITE_OK && type == NEW_ORDER)
    report->orders++;

  if (end <= *deadline)
    {
      if (rc == SQLITE_OK)
        report->done[type]++;
      else
        report->rolled_back++;
      tpcc_hist_add (&report->hist[type], (uint64_t) (end - start));
    }
  return SQLITE_OK;
}

static int
run (struct tpcc *tpcc, struct terminal *t)
{
  struct shared *shared = tpcc->shared;
  struct deck deck;
  enum type type;
  int rc;

  deck_init (&deck);
  while (tpcc_now () < shared->deadline)
    {
      type = deck_draw (&deck, &t->rng);
      rc = work (t, type, &shared->deadline);
      if (rc != SQLITE_OK)
        return tpcc_fail (shared, "terminal %d, %s: %s (SQLite's code %d)",
                          t->number + 1, tpcc_type_name[type], t->message, rc);
    }
  return 0;
}

static void
await_phase (struct shared *shared, int phase)
{
  while (shared->phase < phase)
    tpcc_sleep (1);
}

static int
open_database (struct tpcc *tpcc, const struct side *side, struct terminal *t)
{
  int rc = tpcc_db_open (tpcc, side, 0, &t->db);

  if (rc == SQLITE_OK)
    rc = tpcc_db_configure (tpcc, t->db);
  if (rc == SQLITE_OK && tpcc->opt.warm)
    rc = tpcc_db_warm (t->db);
  if (rc != SQLITE_OK)
    return tpcc_fail (tpcc->shared, "terminal %d: %s", t->number + 1,
                      tpcc_db_error ());
  rc = tpcc_txn_prepare (t);
  if (rc != SQLITE_OK)
    return tpcc_fail (tpcc->shared, "terminal %d: preparing: %s",
                      t->number + 1, sqlite3_errmsg (t->db));
  return 0;
}

static void
init (struct tpcc *tpcc, struct terminal *t)
{
  struct shared *shared = tpcc->shared;
  int n = tpcc->number;

  memset (t, 0, sizeof *t);
  t->number = n;
  t->warehouses = shared->warehouses;
  t->warehouse = n % shared->warehouses + 1;
  t->district = n / shared->warehouses % DISTRICTS + 1;
  t->scale = shared->scale;
  t->report = &shared->terminal[n];
  tpcc_rng_seed (&t->rng, tpcc->opt.seed,
                 (uint64_t) n + tpcc->life * (MAX_TERMINALS + 1));
  tpcc_nurand_init (&t->c, tpcc->opt.seed, shared->c_last_load);
}

int
tpcc_terminal (struct tpcc *tpcc, const struct side *side)
{
  struct shared *shared = tpcc->shared;
  struct terminal t;
  struct proc start;
  int status;

  init (tpcc, &t);
  status = open_database (tpcc, side, &t);
  if (status != 0)
    goto out;

  t.report->state = STATE_READY;
  await_phase (shared, PHASE_RUN);
  tpcc_proc_read (&start);
  status = run (tpcc, &t);
  tpcc_proc_read (&t.report->proc);
  tpcc_proc_subtract (&t.report->proc, &start);
  t.report->state = STATE_REPORTED;
  if (status == 0)
    await_phase (shared, PHASE_CLOSE);
 out:
  tpcc_txn_finish (&t);
  if (sqlite3_close (t.db) != SQLITE_OK && status == 0)
    status = tpcc_fail (shared, "terminal %d: closing: %s", t.number + 1,
                        sqlite3_errmsg (t.db));
  t.report->state = STATE_DONE;
  return status;
}
