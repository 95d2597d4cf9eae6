/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who waits for a latch looks whether its owner knows of it.  Looks that come
 * between two turns of the owner find nothing, and are no reason to break the
 * latch that it has again by then: two would be inside, and one's changes lost.  A
 * latch that stands, of an owner who never knows of it, is damage as ever.
 */
#include "util.h"

#include "../src/latch.h"       /* tests has one of its own */
#include "attach.h"
#include "doubt.h"
#include "frame.h"

#define LOOKS 20

int
main (void)
{
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  oriel_page page = must_pin (file, 0, ORIEL_READ);
  const struct orl_shm *shm = &pool->shm;
  struct orl_frame *f = &shm->frames[page.frame];
  uint32_t word = ORL_LATCH_X | shm->geo.nthreads << 16;
  struct orl_doubt doubt = { 0 };
  uint32_t frame = page.frame;

  must (oriel_unpin (&page), "oriel_unpin");

  for (int i = 0; i < LOOKS; i++)
    orl_doubt_latch (shm, &doubt, 1, frame, word);
  atomic_store (&f->latch, word);
  atomic_fetch_add (&f->version, 1);
  orl_doubt_latch (shm, &doubt, 1, frame, word);
  is_int (atomic_load (&f->latch), word, "the latch stands after such looks");
  ok (!(atomic_load (&f->state) & ORL_STALE), "and the page is believed");

  for (int i = 0; i < LOOKS; i++)
    {
      atomic_fetch_add (&f->version, 2);
      orl_doubt_latch (shm, &doubt, 1, frame, word);
    }
  is_int (atomic_load (&f->latch), word,
          "it stands if it was had anew before each look");
  ok (!(atomic_load (&f->state) & ORL_STALE), "and the page is believed");

  for (int i = 0; i < LOOKS; i++)
    orl_doubt_latch (shm, &doubt, 1, frame, word);
  is_int (atomic_load (&f->latch) & ORL_LATCH_X, 0,
          "if it stands at each look it is damage");
  ok (atomic_load (&f->state) & ORL_STALE, "and the page is read again");
  atomic_store (&f->version, 0);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
