/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process may die at every point that src/point.h lists: those that are
 * attached go on without a wait, and nothing is lost, torn or left behind.
 * Then the one that repairs after it dies at each point that a repair passes,
 * and a third finishes.
 *
 * The parent is attached all along.  For each point a child does a bit of
 * everything and dies there; then the parent uses every page (and is timed),
 * another child attaches anew and reads them all, and the shared structures are
 * looked at, one by one.
 *
 * VERBOSE=1 tells each death; POINT=NAME looks at that one alone.
 */
#include "util.h"

#ifndef ORL_DEBUG

int
main (void)
{
  skip_all ("needs --enable-debug");
}

#else

#include <stddef.h>

#include "attach.h"
#include "evict.h"
#include "frame.h"
#include "ledger.h"
#include "lock.h"
#include "point.h"
#include "table.h"
#include "thread.h"

#define FRAMES 512
#define PAGES 600
#define SLOTS 16
#define LATCHED 2u              /* ORL_LATCH_X: tests have a latch.h, too */
#define MAX_POINTS 512
#define WAIT_MAX 0.1            /* what a waiter may wait after a death */
#define WAIT_CI 1.5             /* that, on a machine that is busy */
#define PAIRS 3                 /* deaths at most at one point of a repair */

struct content {
  uint64_t number;
  uint64_t count;
  uint64_t fill[509];
  uint64_t sum;
};

/* What the children and the parent know of each other. */
struct board {
  _Atomic uint64_t begun[PAGES];
  _Atomic uint64_t done[PAGES];
  _Atomic uint8_t passed[MAX_POINTS]; /* by the last child */
  char why[512];
};

static struct board *board;
static const char *names[MAX_POINTS];
static unsigned nnames;
static unsigned deaths[MAX_POINTS];
static unsigned pairs[MAX_POINTS];
static uint16_t *name_of;       /* by a point's place in memory */
static uintptr_t lowest;
static bool verbose;

static oriel_pool *pool;        /* the parent's */
static oriel_file *data;
static double longest;
static unsigned long waits, too_long;

/* ------------------------------------------------------------------ */
/* Points                                                              */

static int
by_name (const void *a, const void *b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static unsigned
find_name (const char *name)
{
  for (unsigned i = 0; i < nnames; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  bail_out ("there is no point %s", name);
}

static void
list_points (void)
{
  const char *all[MAX_POINTS];
  unsigned n = orl_point_count ();
  uintptr_t highest = 0;

  if (n > MAX_POINTS)
    bail_out ("more than %d points", MAX_POINTS);
  lowest = UINTPTR_MAX;
  for (unsigned i = 0; i < n; i++) {
    uintptr_t at = (uintptr_t) orl_point_at (i);

    lowest = at < lowest ? at : lowest;
    highest = at > highest ? at : highest;
    all[i] = orl_point_at (i)->name;
  }
  qsort (all, n, sizeof *all, by_name);
  for (unsigned i = 0; i < n; i++)
    if (nnames == 0 || strcmp (names[nnames - 1], all[i]) != 0)
      names[nnames++] = all[i];
  name_of = calloc ((highest - lowest) / sizeof (struct orl_point) + 1,
                    sizeof *name_of);
  for (unsigned i = 0; i < n; i++)
    name_of[((uintptr_t) orl_point_at (i) - lowest) / sizeof (struct orl_point)]
      = (uint16_t) find_name (orl_point_at (i)->name);
}

static void
note (const struct orl_point *point)
{
  unsigned i = name_of[((uintptr_t) point - lowest) / sizeof *point];

  atomic_store_explicit (&board->passed[i], 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------ */
/* Pages                                                               */

static uint64_t
sum_of (const struct content *c)
{
  uint64_t s = c->number * 31 + c->count;

  for (int i = 0; i < 509; i++)
    s = s * 31 + c->fill[i];
  return s;
}

static void
complain (const char *what, uint64_t page, const struct content *c)
{
  snprintf (board->why, sizeof board->why,
            "%s: page %llu: number %llu, count %llu of %llu to %llu, checksum "
            "%s; %s",
            what, (unsigned long long) page, (unsigned long long) c->number,
            (unsigned long long) c->count,
            (unsigned long long) board->done[page],
            (unsigned long long) board->begun[page],
            c->sum == sum_of (c) ? "right" : "wrong", oriel_error ());
}

static bool
is_whole (const char *what, uint64_t page, const struct content *c)
{
  static const struct content zero;

  if ((memcmp (c, &zero, sizeof zero) == 0 && board->done[page] == 0)
      || (c->number == page && c->count >= board->done[page]
          && c->count <= board->begun[page] && c->sum == sum_of (c)))
    return true;
  complain (what, page, c);
  return false;
}

static void
fill (struct content *c, uint64_t page, uint64_t count)
{
  c->number = page;
  c->count = count;
  for (int i = 0; i < 250; i++)
    c->fill[i] = page * count + (uint64_t) i;
  ORL_POINT ("test.half-a-page");
  for (int i = 250; i < 509; i++)
    c->fill[i] = page * count + (uint64_t) i;
  c->sum = sum_of (c);
}

/* Change a page, begun by no one else; flags beside ORIEL_WRITE. */
static bool
change (oriel_file *file, uint64_t page, unsigned flags)
{
  uint64_t count;
  oriel_page p;

  if (oriel_pin (file, page, ORIEL_WRITE | flags, &p) < 0)
    return complain ("pin", page, &(struct content) { 0 }), false;
  if (!flags && !is_whole ("change", page, p.data)) {
    oriel_unpin (&p);
    return false;
  }
  count = board->begun[page] + 1;
  atomic_store (&board->begun[page], count);
  fill (p.data, page, count);
  oriel_dirty (&p, count);
  oriel_unpin (&p);
  atomic_store (&board->done[page], count);
  return true;
}

static bool
look (oriel_file *file, uint64_t page)
{
  bool good;
  oriel_page p;

  if (oriel_pin (file, page, ORIEL_READ, &p) < 0)
    return complain ("pin", page, &(struct content) { 0 }), false;
  good = is_whole ("look", page, p.data);
  oriel_unpin (&p);
  return good;
}

static bool
copy (oriel_file *file, uint64_t page)
{
  struct content c = { 0 };

  if (oriel_read (file, page * sizeof c, &c, sizeof c, NULL) < 0)
    return complain ("oriel_read", page, &c), false;
  return is_whole ("copy", page, &c);
}

static bool
overwrite (oriel_file *file, uint64_t page)
{
  uint64_t count = board->begun[page] + 1;
  struct content c;

  atomic_store (&board->begun[page], count);
  fill (&c, page, count);
  if (oriel_write (file, page * sizeof c, &c, sizeof c) < 0)
    return complain ("oriel_write", page, &c), false;
  atomic_store (&board->done[page], count);
  return true;
}

/* ------------------------------------------------------------------ */
/* What a child does before it dies                                    */

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = FRAMES * 4096;
  opt.window_size = SLOTS * 4096;
  opt.slot_size = 4096;
  opt.max_processes = 4;
  opt.max_threads = 6;
  opt.max_files = 4;
  if (getenv ("FENCE"))
    opt.flags |= ORIEL_FENCE;
  return opt;
}

static void
need (bool good)
{
  if (!good) {
    if (!board->why[0])
      snprintf (board->why, sizeof board->why, "child: %s", oriel_error ());
    _exit (1);
  }
}

static void
attach (oriel_pool **p, oriel_file **f)
{
  oriel_options opt = options ();

  need (oriel_pool_open ("test", &opt, p) == 0);
  need (oriel_file_open (*p, scratch_file ("data"), ORIEL_BUFFERED, f) == 0);
}

/* Pin as many pages as the window shows and one more, none of them resident. */
static void
fill_window (oriel_file *file)
{
  oriel_page pin[SLOTS + 1];
  unsigned n = 0;

  while (n <= SLOTS && oriel_pin (file, n, ORIEL_READ, &pin[n]) == 0)
    n++;
  need (n <= SLOTS);
  while (n > 0)
    need (oriel_unpin (&pin[--n]) == 0);
}

/* Enough pages that belong into one bucket to overflow it, and then none. */
static void
crowd (oriel_pool *p)
{
  const struct orl_shm *shm = &p->shm;
  oriel_file *file;
  uint64_t key;
  struct orl_spot want;
  unsigned n = 0;

  need (oriel_file_open (p, scratch_file ("crowd"),
                         ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
  key = orl_file_key (file->index, atomic_load (&file->rec->epoch));
  want = orl_spot (shm, key, 0);
  for (uint64_t page = 0; n < ORL_BUCKET_WORDS + 3; page++) {
    struct orl_spot at = orl_spot (shm, key, page);
    oriel_page pin;

    if (at.part != want.part || at.home != want.home)
      continue;
    need (oriel_pin (file, page, ORIEL_READ, &pin) == 0);
    need (oriel_unpin (&pin) == 0);
    n++;
  }
  need (oriel_file_drop (file) == 0);
  fill_window (file);
  need (oriel_file_close (file) == 0);
}

/* Dirty pages, cut off, dropped one by one, and all. */
static void
scrap (oriel_pool *p)
{
  oriel_file *file;

  need (oriel_file_open (p, scratch_file ("scrap"),
                         ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
  for (uint64_t i = 0; i < 6; i++) {
    oriel_page pin;

    need (oriel_pin (file, i, ORIEL_WRITE, &pin) == 0);
    memset (pin.data, (int) i, 4096);
    need (oriel_dirty (&pin, 0) == 0 && oriel_unpin (&pin) == 0);
  }
  need (oriel_file_truncate (file, 2 * 4096 + 100) == 0);
  need (oriel_file_drop_pages (file, 1, 1) == 0);
  need (oriel_flush (file) == 0);
  need (oriel_file_drop (file) == 0);
  need (oriel_file_close (file) == 0);
}

/* More files than the pool has places, one after the other. */
static void
many_files (oriel_pool *p)
{
  for (int i = 0; i < 4; i++) {
    char name[16];
    oriel_file *file;
    oriel_page pin;

    snprintf (name, sizeof name, "file%d", i);
    need (oriel_file_open (p, scratch_file (name),
                           ORIEL_CREATE | ORIEL_BUFFERED, &file) == 0);
    need (oriel_pin (file, 0, ORIEL_WRITE, &pin) == 0);
    need (oriel_dirty (&pin, 0) == 0 && oriel_unpin (&pin) == 0);
    need (oriel_file_close (file) == 0);
  }
}

/* A thread that ends in the middle of everything. */
static void *
ends (void *arg)
{
  oriel_file *file = arg;
  oriel_page a, b;

  need (oriel_pin (file, 590, ORIEL_READ, &a) == 0);
  need (oriel_pin (file, 591, ORIEL_WRITE, &b) == 0);
  atomic_fetch_add (&board->begun[591], 1);
  fill (b.data, 17, 4);
  return NULL;
}

/* A pool of the child's own: what an other left, a new one, one of another boot,
 * none. */
static void
own_pool (void)
{
  oriel_options opt = options ();
  oriel_pool *p;
  int fd = open (path_in (pool_dir (), "oriel-second.building"),
                 O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  need (fd >= 0 && write (fd, "junk", 4) == 4);
  close (fd);
  opt.pool_size = 16 * 4096;
  opt.window_size = 4 * 4096;
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_close (p) == 0);
  plain_write (pool_path ("second"), offsetof (struct orl_super, boot_id), "x",
               1);
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_close (p) == 0);
  need (oriel_pool_destroy ("second", pool_dir (), 0) == 0);
}

static void
live (void)
{
  oriel_pool *p;
  oriel_file *file;
  oriel_page pin, pins[8];
  pthread_t thread;

  own_pool ();
  attach (&p, &file);
  need (pthread_create (&thread, NULL, ends, file) == 0
        && pthread_join (thread, NULL) == 0);
  crowd (p);
  scrap (p);
  many_files (p);
  for (uint64_t i = 0; i < 60; i++) /* in sequence: runs */
    need (look (file, i) && look (file, i));
  for (uint64_t i = 0; i < 8; i++)
    need (oriel_pin (file, i, ORIEL_READ, &pins[i]) == 0);
  for (uint64_t i = 60; i < 400; i++)
    need (i % 3 ? look (file, i) : copy (file, i));
  for (uint64_t i = 330; i < 400; i++)
    need (change (file, i, 0));
  need (oriel_flush (file) == 0);
  for (uint64_t i = 400; i < 420; i++)
    need (overwrite (file, i));
  for (uint64_t i = 420; i < 430; i++)
    need (change (file, i, ORIEL_FRESH));
  need (oriel_pin (file, 3, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD, &pin) == 0);
  need (oriel_unpin (&pin) == 0);
  for (uint64_t i = 430; i < PAGES; i++)
    need (copy (file, i));
  for (uint64_t i = 0; i < 8; i++)
    need (oriel_unpin (&pins[i]) == 0);
  need (oriel_file_close (file) == 0);
  need (oriel_pool_close (p) == 0);
}

/* What a repairer and a judge does. */
static void
attend (void)
{
  oriel_options opt = options ();
  oriel_pool *p;
  oriel_file *file;

  attach (&p, &file);
  for (uint64_t i = 0; i < PAGES; i++)
    need (copy (file, i));
  need (oriel_file_close (file) == 0);
  need (oriel_pool_close (p) == 0);
  /* The pool of its own that the dead was making or removing. */
  opt.pool_size = 16 * 4096;
  opt.window_size = 4 * 4096;
  need (oriel_pool_open ("second", &opt, &p) == 0);
  need (oriel_pool_close (p) == 0);
  need (oriel_pool_destroy ("second", pool_dir (), 0) == 0);
}

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
  alarm (30); /* it takes some milliseconds */
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

static char bad[512];

static void __attribute__ ((format (printf, 1, 2)))
is_bad (const char *fmt, ...)
{
  va_list ap;

  if (bad[0])
    return;
  va_start (ap, fmt);
  vsnprintf (bad, sizeof bad, fmt, ap);
  va_end (ap);
}

/* The parent uses every page, and no call takes long. */
static void
go_on (void)
{
  for (uint64_t i = 0; i < PAGES; i++) {
    uint64_t page = (i * 7 + 3) % PAGES;
    double from = seconds_now (), took;

    if (!(i % 4 ? look (data, page) : change (data, page, 0)))
      is_bad ("survivor: %s", board->why);
    took = seconds_now () - from;
    longest = took > longest ? took : longest;
    waits += took > 0.001;
    too_long += took > WAIT_MAX;
    if (took > WAIT_CI)
      is_bad ("page %llu kept the survivor waiting for %.3f s",
              (unsigned long long) page, took);
  }
}

static void
check_frames (const struct orl_shm *shm)
{
  uint64_t have = 0;

  for (uint32_t i = 0; i < FRAMES; i++) {
    struct orl_frame *f = &shm->frames[i];
    uint64_t w = atomic_load (&f->state), seen;
    bool bit = atomic_load (&shm->dirty[i / 64]) >> i % 64 & 1;

    have += orl_state (w) == ORL_FREE || orl_state (w) == ORL_VALID;
    if (!orl_frame_is_valid (shm, i))
      is_bad ("frame %u has state %llx", i, (unsigned long long) w);
    if ((w & ORL_DIRTY) && !bit)
      is_bad ("frame %u is dirty and not in the map", i);
    if (atomic_load (&f->latch) & LATCHED)
      is_bad ("frame %u is latched", i);
    if (orl_state (w) != ORL_VALID || (w & ORL_STALE)) {
      if (orl_state (w) == ORL_FREE && orl_table_holds (shm, i))
        is_bad ("frame %u is free and in the table", i);
      continue;
    }
    if (atomic_load (&f->version) & 1)
      is_bad ("frame %u has an odd version", i);
    if (orl_table_find (shm, f->file, f->page, &seen) != i)
      is_bad ("frame %u is not found by its key", i);
  }
  if (have != FRAMES)
    is_bad ("%d frames, and %d are free or have a page", FRAMES, (int) have);
}

static void
check_table (const struct orl_shm *shm)
{
  uint32_t n = shm->geo.part_buckets;
  uint64_t passed[FRAMES];
  unsigned char seen[FRAMES] = { 0 };

  for (uint32_t part = 0; part < shm->geo.nparts; part++) {
    memset (passed, 0, sizeof passed);
    if (atomic_load (&shm->parts[part].lock))
      is_bad ("partition %u is locked", part);
    for (uint32_t b = 0; b < n; b++)
      for (int i = 0; i < ORL_BUCKET_WORDS; i++) {
        uint64_t w = atomic_load (&shm->buckets[part * n + b].word[i]);
        uint32_t frame = (uint32_t) w - 1;
        struct orl_spot s;

        if (w == 0)
          continue;
        if (frame >= FRAMES)
          is_bad ("the table has frame %u", frame);
        else {
          s = orl_spot (shm, shm->frames[frame].file, shm->frames[frame].page);
          if (s.part != part || s.tag != (w & ~UINT64_C (0xffffffff))
              || seen[frame]++
              || orl_state (shm->frames[frame].state) != ORL_VALID)
            is_bad ("the table has frame %u wrong", frame);
          for (uint32_t k = s.home; k != b; k = (k + 1) & (n - 1))
            passed[k]++;
        }
      }
    for (uint32_t b = 0; b < n; b++)
      if (atomic_load (&shm->buckets[part * n + b].passed) != passed[b])
        is_bad ("bucket %u of partition %u was passed %llu times and not %llu",
                b, part, (unsigned long long) passed[b],
                (unsigned long long) shm->buckets[part * n + b].passed);
  }
}

static void
check_owners (const struct orl_shm *shm)
{
  for (uint32_t i = 0; i < shm->geo.nledgers; i++) {
    const struct orl_ledger *l = &shm->ledgers[i];
    uint64_t token = atomic_load (&shm->tokens[i]);
    unsigned left = 0;

    for (int k = 0; k < ORL_PINS; k++)
      left += l->pins[k] != 0;
    for (int k = 0; k < ORL_WORK; k++)
      left += l->work[k] != 0;
    if (left || l->part || l->images)
      is_bad ("ledger %u is not clean", i);
    if (token != 0 && token != shm->token)
      is_bad ("ledger %u is still someone's", i);
  }
  for (uint32_t i = 0; i < shm->geo.nimages; i++)
    if (shm->images[i].owner || shm->images[i].frame)
      is_bad ("before-image %u is left", i);
  if (shm->super->file_lock || shm->super->repair_lock)
    is_bad ("a lock is left: %u, %u", shm->super->file_lock,
            shm->super->repair_lock);
}

/* After a death: true if all is well.  first: the parent meets it first. */
static bool
survive (const char *what, bool first)
{
  struct orl_thread *me;
  int code;

  bad[0] = board->why[0] = '\0';
  if (first)
    go_on ();
  code = send (attend, NULL, 0);
  if (code != 0)
    is_bad ("a newcomer ended with %d: %s", code, board->why);
  if (!first)
    go_on ();
  orl_thread_self (pool, &me);
  orl_thread_unstash (me);
  check_frames (&pool->shm);
  check_table (&pool->shm);
  check_owners (&pool->shm);
  if (access (path_in (pool_dir (), "oriel-second.building"), F_OK) == 0)
    is_bad ("half a pool is left");
  if (bad[0])
    diag ("%s: %s", what, bad);
  else if (verbose)
    diag ("%s: survived", what);
  return !bad[0];
}

/* ------------------------------------------------------------------ */

/* Die at the n-th passing of each point.  How many were not survived. */
static unsigned
die_at_each (unsigned n, const char *only)
{
  unsigned lost = 0;

  for (unsigned i = 0; i < nnames && lost < 5; i++) {
    char what[128];
    int died;

    if (only && strcmp (only, names[i]) != 0)
      continue;
    board->why[0] = '\0';
    died = send (live, names[i], n);
    snprintf (what, sizeof what, "%s (%u)", names[i], n);
    if (died < 0)
      diag ("%s: the child failed: %s", what, board->why);
    deaths[i] += died > 0;
    if (died != 0)
      lost += !survive (what, true) || died < 0;
  }
  return lost;
}

/* Die at each point, then at each that the repair passes. */
static unsigned
die_in_repair (const char *only, unsigned *ndeaths)
{
  uint8_t passed[MAX_POINTS];
  unsigned lost = 0;

  for (unsigned i = 0; i < nnames && lost < 5; i++) {
    char what[200];

    if ((only && strcmp (only, names[i]) != 0) || send (live, names[i], 1) != 1)
      continue;
    if (!survive (names[i], false))
      lost++;
    for (unsigned k = 0; k < nnames; k++)
      passed[k] = board->passed[k];
    for (unsigned k = 0; k < nnames && lost < 5; k++) {
      if (!passed[k] || pairs[k] >= PAIRS || send (live, names[i], 1) != 1
          || send (attend, names[k], 1) != 1)
        continue;
      deaths[k]++;
      pairs[k]++;
      ++*ndeaths;
      snprintf (what, sizeof what, "%s, then %s", names[i], names[k]);
      lost += !survive (what, pairs[k] % 2);
    }
  }
  return lost;
}

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
  pool = must_open_pool ("test", &opt);
  data = must_open_file (pool, scratch_file ("data"), ORIEL_BUFFERED);
}

int
main (void)
{
  const char *only = getenv ("POINT");
  unsigned n = 0, unreached = 0;
  double from;

  verbose = getenv ("VERBOSE") != NULL;
  scratch ();
  pool_dir ();
  board = shared_memory (sizeof *board);
  list_points ();
  make_data ();
  diag ("%u points in %u places:", nnames, orl_point_count ());
  for (unsigned i = 0; i < nnames; i++)
    diag ("  %s", names[i]);
  ok (send (live, NULL, 0) == 0 && survive ("no death", true),
      "no one dies: all is well");
  from = seconds_now ();
  is_int (die_at_each (1, only), 0, "a death at each point is survived");
  is_int (die_at_each (3, only), 0, "also when it is passed the third time");
  diag ("%.1f s", seconds_now () - from);
  from = seconds_now ();
  is_int (die_in_repair (only, &n), 0,
          "so are deaths at each point of a repair");
  diag ("%u deaths of repairers, %.1f s", n, seconds_now () - from);
  for (unsigned i = 0; i < nnames && !only; i++)
    if (!deaths[i]) {
      diag ("no child died at %s", names[i]);
      unreached++;
    }
  is_int (unreached, 0, "each point was died at");
  diag ("the survivor's longest call: %.1f ms; %lu took over 1 ms, %lu over "
        "%.0f ms", longest * 1e3, waits, too_long, WAIT_MAX * 1e3);
  ok (longest < WAIT_CI, "no death kept the survivor waiting");
  must (oriel_file_close (data), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}

#endif
