/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process dies at each step of a batch of the double-write area, and of the turn
 * to a new lap; another one goes on, with the same pool, and then the power goes.
 * What either had given to the store last, and no sync has made durable in place
 * since, is whole in the area.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include "double.h"
#include "point.h"

#define PAGES 8                 /* of the dead, and as many of who goes on */
#define OLD 1
#define NEW 2

static const struct step {
  const char *point;
  unsigned passing;
  int turned;                   /* the dead one's pages are durable in place */
} ways[] = {
  { "torn.busy", 1, 0 },
  { "torn.past", 1, 0 },
  { "torn.give", 2, 0 },
  { "torn.turn", 1, 1 },
  { "torn.turned", 1, 1 },
  { "torn.turned.said", 1, 1 },
  { "torn.give", 3, 1 },
};

/* A batch, and a new lap. */
static int
writes (void *arg)
{
  const struct step *s = arg;
  oriel_file *file;
  oriel_pool *pool;

  orl_point_arm (s->point, s->passing);
  pool = open_both (4096, &file);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, NEW);
  must (oriel_flush (file), "oriel_flush");
  oriel_file_truncate (file, 4 * PAGES * 4096);
  return 1;
}

/* It goes on where that one died, and dies itself: then no one has the pool. */
static int
goes_on (void *arg)
{
  oriel_file *file;
  oriel_pool *pool = open_both (4096, &file);

  if (in_child (writes, arg) != 128 + SIGKILL)
    return 1;
  for (uint64_t i = PAGES; i < 2 * PAGES; i++)
    stamp_page (pool, file, i, NEW);
  must (oriel_flush (file), "oriel_flush");
  raise (SIGKILL);
  return 1;
}

static void
die_at (const struct step *s)
{
  unsigned first = s->turned ? PAGES : 0;
  oriel_pool *pool;
  oriel_file *file;
  char page[4096];
  int good = 0;

  make_stamped_file (data, 4096, 2 * PAGES, 0, OLD);
  ok (in_child (goes_on, (void *) s) == 128 + SIGKILL,
      "%s (%u), and then the power goes", s->point, s->passing);
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  for (uint64_t i = first; i < 2 * PAGES; i++)
    plain_write (data, (off_t) i * 4096 + 512, "torn", 4);
  pool = open_both (4096, &file);
  for (uint64_t i = 0; i < 2 * PAGES; i++) {
    plain_read (data, (off_t) i * 4096, page, sizeof page);
    good += is_stamped (page, sizeof page, NEW, i);
  }
  is_int (good, 2 * PAGES, "each page is whole");
  close_both (pool, file);
  unlink (data);
  unlink (scratch_file ("data.dw"));
}

int
main (void)
{
  begin_double ();
  for (size_t i = 0; i < COUNT (ways); i++)
    die_at (&ways[i]);
  return done_testing ();
}

#endif
