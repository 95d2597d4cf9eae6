/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scan of all ledgers sees also a pin that moves meanwhile from its thread's
 * ledger to one that the process claimed for such pins, in whatever order the
 * two lie.
 */
#include "util.h"

#include "ledger.h"

#define LEDGERS 2
#define TOKEN 0x10001

static struct orl_ledger ledgers[LEDGERS];
static orl_a64 tokens[LEDGERS];
static uint32_t from, to;
static int seen_moved, seen_other;

/* Frame 1 stays in the process's ledger; when it is seen frame 2 comes there. */
static void
seen (void *arg, uint32_t ledger, uint32_t frame, uint32_t mode)
{
  (void) arg, (void) ledger, (void) mode;
  seen_moved += frame == 2;
  seen_other += frame == 1;
  if (frame == 1) {
    orl_ledger_write (&ledgers[to], 0, ORL_PIN_PLAIN, 2);
    orl_ledger_clear (&ledgers[from], 0);
  }
}

static void
try (uint32_t thread, uint32_t process)
{
  struct orl_shm shm
      = { .geo = { .nledgers = LEDGERS, .nthreads = LEDGERS },
          .ledgers = ledgers, .tokens = tokens };

  from = thread;
  to = process;
  seen_moved = seen_other = 0;
  memset ((void *) ledgers, 0, sizeof ledgers);
  for (int i = 0; i < LEDGERS; i++) {
    atomic_store (&tokens[i], TOKEN);
    atomic_store (&ledgers[i].high, 2);
  }
  atomic_store (&ledgers[process].shared, 1);
  orl_ledger_write (&ledgers[thread], 0, ORL_PIN_PLAIN, 2);
  orl_ledger_write (&ledgers[process], 1, ORL_PIN_PLAIN, 1);
  shm.geo.nframes = 16;
  orl_ledger_scan (&shm, ORL_EVERYONE, seen, NULL);
  ok (seen_moved > 0, "the pin that moved is seen");
  is_int (seen_other, 1, "and the one that stayed, once");
}

int
main (void)
{
  try (0, 1);
  try (1, 0);
  return done_testing ();
}
