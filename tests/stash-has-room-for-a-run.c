/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run of pages that is begun to be read holds frames, and gives those back that
 * cannot be read, or for which there is no room in the ring.  A thread's stash,
 * which got a batch meanwhile, has room for them.
 */
#include "util.h"

#include <stdbool.h>

#include "load-run.h"
#include "table.h"
#include "thread.h"

#define FRAMES 8192             /* batches are of ORL_BATCH then */
#define PAGES (4 * FRAMES)

/* With so many frames in the stash a run is begun, for which it is filled again,
 * and given up. */
static uint32_t
given_up (struct orl_thread *me, oriel_file *file, uint32_t had)
{
  uint64_t key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  uint64_t page = had * 100;
  struct orl_run run;

  while (me->nstash != had) {
    oriel_page pin = must_pin (file, page, ORIEL_READ);

    must (oriel_unpin (&pin), "oriel_unpin");
    page += 2;
  }
  must (orl_run_gather (me, file, key, 20000, 8, false, &run),
        "orl_run_gather");
  orl_run_drop (me, &run);
  return me->nstash;
}

int
main (void)
{
  oriel_options opt = test_options ();
  struct orl_thread *me;
  oriel_pool *pool;
  oriel_file *file;
  uint32_t most = 0;
  int rc;

  opt.store = ORIEL_STORE_URING;
  opt.pool_size = (uint64_t) FRAMES * 4096;
  rc = open_with_room ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP)
    skip_all (oriel_error ());
  must (rc, "oriel_pool_open");
  make_stamped_file (scratch_file ("data"), 4096, 1, 0, 1);
  if (truncate (scratch_file ("data"), (off_t) PAGES * 4096) < 0)
    bail_out ("truncate: %s", strerror (errno));
  file = must_open_file (pool, scratch_file ("data"), 0);
  must (orl_thread_self (pool, &me), "orl_thread_self");
  for (uint32_t had = 1; had < 8; had++) {
    uint32_t n = given_up (me, file, had);

    most = most < n ? n : most;
  }
  ok (most <= ORL_BATCH, "of runs that are given up it gets %u at most", most);
  most = 0;
  /* So many that those in the ring leave room for a part of a run; and while
   * the pool fills, and when it is full. */
  for (uint64_t i = 0; i + 500 < PAGES; i += 500) {
    must (oriel_prefetch (file, i, 5 + i / 500 % 27), "oriel_prefetch");
    must (oriel_prefetch (file, i + 32, 468), "oriel_prefetch");
    if (most < me->nstash)
      most = me->nstash;
    for (uint64_t k = 0; k < 500; k++) {
      oriel_page page = must_pin (file, i + k, ORIEL_READ);

      must (oriel_unpin (&page), "oriel_unpin");
    }
  }
  ok (most <= ORL_BATCH, "the stash had %u frames at most, of %u", most,
      ORL_BATCH);
  must (oriel_file_close (file), "oriel_file_close");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "every rule holds");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
