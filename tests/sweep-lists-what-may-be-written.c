/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sweep that finds only dirty pages lists those that this process can write, and
 * none of a file that it has not open, as after the file's writer was killed: a
 * list is short, and could be full of these each time.
 */
#include "util.h"

#include "attach.h"
#include "evict.h"
#include "flush.h"
#include "thread.h"

#define FRAMES 512
#define HELD 480
#define OURS 16

static void
make_dirty (oriel_file *file, uint64_t pages)
{
  for (uint64_t i = 0; i < pages; i++) {
    oriel_page page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);

    stamp (page.data, 4096, 1, i);
    must (oriel_unpin (&page), "oriel_unpin");
  }
}

int
main (void)
{
  struct orl_dirty_list dirty = { .may = orl_flush_may_frame };
  oriel_options opt = test_options ();
  unsigned listed = 0, of_others = 0, lists = 0;
  oriel_file *held, *ours;
  struct orl_thread *me;
  oriel_pool *pool;

  opt.pool_size = FRAMES * 4096;
  opt.store = ORIEL_STORE_POSIX;
  pool = must_open_pool ("test", &opt);
  ours = must_open_file (pool, scratch_file ("ours"), ORIEL_CREATE);
  held = must_open_file (pool, scratch_file ("held"), ORIEL_CREATE);
  make_dirty (ours, OURS);
  make_dirty (held, HELD);
  must (oriel_file_abandon (held), "oriel_file_abandon");
  must (orl_thread_self (pool, &me), "orl_thread_self");
  /* Until the free frames are gone; then ours come in each sweep. */
  while (lists < 5) {
    orl_thread_unstash (me);
    while (orl_evict (me, ORL_BATCH, &dirty) > 0)
      if (me->nstash == ORL_BATCH)
        break;
    for (uint32_t i = 0; i < dirty.n; i++) {
      const struct orl_frame *f = &pool->shm.frames[dirty.frame[i]];

      listed++;
      of_others += (uint32_t) atomic_load (&f->file) != ours->index;
    }
    lists++;
  }
  ok (listed > 0, "pages of an open file are listed");
  is_int (of_others, 0, "those of a closed one are not");
  must (oriel_file_close (ours), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
