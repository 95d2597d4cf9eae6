/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill-points.h - children that do a bit of everything and die at a point of
 * src/point.h, and what must hold then
 *
 * The parent is attached all along.  After a death it uses every page (and is
 * timed), another child attaches anew and reads them all, and the shared
 * structures are looked at, one by one.
 *
 * VERBOSE=1 tells each death; POINT=NAME looks at that one alone.
 */
#ifndef KILL_POINTS_H
#define KILL_POINTS_H

#include "kill-points-child.h"

/* ------------------------------------------------------------------ */
/* Children, and how they die                                          */

struct errand {
  void (*fn) (void);
  const char *point;
  unsigned n;
};

static int
run (void *arg)
{
  const struct errand *e = arg;

  signal (SIGALRM, SIG_DFL);
  alarm (300); /* it takes some milliseconds */
  orl_point_hook = note;
  orl_point_arm (e->point, e->n);
  e->fn ();
  return 0;
}

/* 1 it died at the point, 0 it did not pass it, -1 it failed. */
static int
send (void (*fn) (void), const char *point, unsigned n)
{
  struct errand e = { fn, point, n };
  int code;

  for (unsigned i = 0; i < nnames; i++)
    board->passed[i] = 0;
  code = in_child (run, &e);
  return code == 0 ? 0 : code == 128 + SIGKILL ? 1 : -1;
}

/* ------------------------------------------------------------------ */
/* What must hold then                                                 */

static char bad[WHY];

/* The parent uses every page, and no call takes long. */
static void
go_on (void)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    uint64_t page = (i * 7 + 3) % PAGES;
    double from = seconds_now (), took;

    if (!(i % 4 ? look (data, page) : change (data, page, 0)))
      broken (bad, "survivor: %s", board->why);
    took = seconds_now () - from;
    longest = took > longest ? took : longest;
    waits += took > 0.001;
    too_long += took > WAIT_MAX;
    if (took > WAIT_CI)
      broken (bad, "page %llu kept the survivor waiting for %.3f s",
              (unsigned long long) page, took);
  }
}

/* They are refused until someone touches what was cut. */
static void
let_in_newcomers (void)
{
  if (plain_size (pool_path ("test")) < pool->shm.geo.file_bytes)
    orl_lost_repair (&pool->shm, pool->shm.geo.file_bytes - 4096, 4096, false);
}

/* After a death: true if all is well.  first: the parent meets it first. */
UTIL bool
survive (const char *what, bool first)
{
  int code;

  bad[0] = board->why[0] = '\0';
  let_in_newcomers ();
  if (first)
    go_on ();
  code = send (attend, NULL, 0);
  if (code != 0)
    broken (bad, "a newcomer ended with %d: %s", code, board->why);
  if (!first)
    go_on ();
  check_whole_pool (pool, bad);
  check_doubt (&pool->shm, bad);
  if (access (path_in (pool_dir (), "oriel-second.building"), F_OK) == 0)
    broken (bad, "half a pool is left");
  if (bad[0])
    diag ("%s: %s", what, bad);
  else if (verbose)
    diag ("%s: survived", what);
  return !bad[0];
}

/* ------------------------------------------------------------------ */

static void
make_data (void)
{
  struct content c;
  oriel_options opt = options ();
  int fd = open (scratch_file ("data"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  for (uint64_t i = 0; i < PAGES; i++) {
    fill (&c, i, 1);
    board->begun[i] = board->done[i] = 1;
    if (write (fd, &c, sizeof c) != sizeof c)
      bail_out ("no data");
  }
  close (fd);
  memset (&c, 5, sizeof c);
  for (int i = 0; i < 4; i++)
    plain_write (scratch_file ("doubt"), i * 4096, &c, 4096);
  pool = must_open_pool ("test", &opt);
  data = must_open_file (pool, scratch_file ("data"), ORIEL_BUFFERED);
  must (oriel_file_on_flush_log (data, log_is_durable, NULL), "a log");
}

/* Are there rings here, and direct writes? */
static bool reads_by_ring, writes_by_ring;

static void
look_for_rings (void)
{
  oriel_stats st = get_stats (pool);
  int fd = open (scratch_file ("direct"), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC,
                 0600);

  reads_by_ring = st.store == ORIEL_STORE_URING;
  writes_by_ring = reads_by_ring && fd >= 0;
  if (!writes_by_ring)
    diag ("no io_uring, or no direct writes: its points are not passed");
  if (fd >= 0)
    close (fd);
}

/* Begin: directories, data, the parent's attachment; print the points. */
static void
set_up (void)
{
  verbose = getenv ("VERBOSE") != NULL;
  scratch ();
  pool_dir ();
  board = shared_memory (sizeof *board);
  list_points ();
  make_data ();
  look_for_rings ();
  diag ("%u points in %u places:", nnames, orl_point_count ());
  for (unsigned i = 0; i < nnames; i++)
    diag ("  %s", names[i]);
}

/* How many points no child died at, of those of repairs, or of the others.  Where
 * all work there are no free frames: a repair leaves some. */
UTIL unsigned
count_unreached (bool of_repairs)
{
  unsigned n = 0;

  for (unsigned i = 0; i < nnames; i++) {
    bool repairs = strncmp (names[i], "recover.", 8) == 0
                   || strstr (names[i], ".repair.")
                   || strcmp (names[i], "evict.free.reserved") == 0
                   || strcmp (names[i], "thread.unstashed") == 0;

    if (deaths[i] || repairs != of_repairs
        || (!orl_dw_works () && strncmp (names[i], "torn.", 5) == 0)
        || (!reads_by_ring && strncmp (names[i], "load.async.", 11) == 0)
        || (!writes_by_ring && strncmp (names[i], "flush.ring.", 11) == 0))
      continue;
    diag ("no child died at %s", names[i]);
    n++;
  }
  return n;
}

static int
finish (void)
{
  diag ("the survivor's longest call: %.1f ms; %lu took over 1 ms, %lu over "
        "%.0f ms", longest * 1e3, waits, too_long, WAIT_MAX * 1e3);
  ok (longest < WAIT_CI, "no death kept the survivor waiting");
  must (oriel_file_close (data), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif /* KILL_POINTS_H */
