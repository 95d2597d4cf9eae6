/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power goes at any moment while pages of a file with a double-write area
 * are written.  Every write, sync and truncation of file and area is recorded,
 * and a disk is made as it may be after each prefix: what was not synced is
 * there by sectors of 512 bytes, or is not.  Opened again, each page is whole,
 * it is not older than the last oriel_sync() and not newer than what was
 * written; also if the power goes once more while it is opened.
 *
 * That this can fail: without the area pages are torn.
 *
 * ROUNDS=n makes n rounds: make check-power-loss.
 */
#include "util.h"

#include "recorder.h"

#define PAGES 24
#define STEPS 60
#define LAP_PAGES 2048          /* a lap of the area has fewer */

struct content {
  uint64_t page, version;
  uint64_t fill[509];
  uint64_t sum;
};

static struct board {
  uint64_t version[PAGES];      /* in the pool, */
  uint64_t written[PAGES];      /* the last that may have been written, */
  uint64_t synced[PAGES];       /* and that is durable */
  uint64_t zero[PAGES];         /* that is zeroes, as it was cut off */
} board;

static struct record_tape *tape, *again;
static struct board *notes;     /* by number of the note */
static unsigned nnotes;
static struct disk base, disk;
static char after[200];
static unsigned disks, restored;

static uint64_t
sum_of (const struct content *c)
{
  const uint64_t *word = (const uint64_t *) c;
  uint64_t sum = 1;

  for (size_t i = 0; i < sizeof *c / 8 - 1; i++)
    sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15u;
  return sum;
}

static void
fill (struct content *c, uint64_t page, uint64_t version)
{
  c->page = page;
  c->version = version;
  for (size_t i = 0; i < COUNT (c->fill); i++)
    c->fill[i] = version << 32 | i;
  c->sum = sum_of (c);
}

static void
note (void)
{
  notes[nnotes] = board;
  record_add (R_NOTE, -1, (off_t) nnotes++, NULL, 0);
}

static oriel_pool *
pool_of (const char *name)
{
  oriel_options opt = test_options ();

  opt.pool_size = 1 * MiB;
  opt.max_processes = 4;
  opt.max_threads = 8;
  opt.store = ORIEL_STORE_POSIX; /* the recorder sees no ring */
  return must_open_pool (name, &opt);
}

static int
open_it (oriel_pool *pool, const char *dir, uint32_t torn, unsigned flags,
         oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.torn = torn;
  opt.flags = flags;
  opt.adopt = 1;
  return oriel_file_open_with (pool, path_in (dir, "data"), &opt, file);
}

static void
change (oriel_file *file, uint64_t page)
{
  oriel_page p = must_pin (file, page, ORIEL_WRITE);

  fill (p.data, page, ++board.version[page]);
  must (oriel_dirty (&p, 0), "oriel_dirty");
  must (oriel_unpin (&p), "oriel_unpin");
  /* It may go to the store from now on. */
  memcpy (board.written, board.version, sizeof board.written);
}

/* Fill the area with the same few pages, so that laps end. */
static void
lap (oriel_file *file)
{
  for (unsigned n = 0; n < LAP_PAGES; n += PAGES) {
    for (uint64_t i = 0; i < PAGES; i++)
      change (file, i);
    note ();
    must (oriel_flush (file), "oriel_flush");
  }
}

static void
shorten (oriel_file *file, uint64_t pages)
{
  must (oriel_file_truncate (file, pages * 4096), "oriel_file_truncate");
  for (uint64_t i = pages; i < PAGES; i++)
    board.zero[i] = board.written[i] = ++board.version[i];
}

static void
recorded_run (uint32_t torn, uint64_t seed, int with_lap)
{
  oriel_pool *pool;
  oriel_file *file;
  uint64_t random = seed;

  memset (&board, 0, sizeof board);
  nnotes = 0;
  memset (tape, 0, offsetof (struct record_tape, bytes));
  for (uint64_t i = 0; i < PAGES; i++) {
    struct content c;

    fill (&c, i, 0);
    plain_write (scratch_file ("data"), (off_t) i * 4096, &c, sizeof c);
  }
  if (truncate (scratch_file ("data"), PAGES * 4096) < 0)
    bail_out ("truncate: %s", strerror (errno));
  unlink (scratch_file ("data.dw"));
  base.file[0].size = 0;
  for (uint64_t i = 0; i < PAGES; i++) {
    struct content c;

    fill (&c, i, 0);
    disk_write (&base.file[0], i * 4096, &c, sizeof c);
  }
  base.linked[0] = 1;
  {
    struct stat st;

    if (stat (scratch_file ("data"), &st) < 0)
      bail_out ("stat: %s", strerror (errno));
    record_to = tape;
    record_file ("data", st.st_ino);
  }
  note ();
  pool = pool_of ("run");
  must (open_it (pool, scratch (), torn, 0, &file), "oriel_file_open_with");
  for (unsigned step = 0; step < STEPS; step++) {
    unsigned n = 1 + (unsigned) (next_random (&random) % 9);

    if (with_lap && step == STEPS / 2)
      lap (file);
    for (unsigned i = 0; i < n; i++)
      change (file, next_random (&random) % PAGES);
    note ();
    if (next_random (&random) % 4 == 0) {
      must (oriel_sync (file), "oriel_sync");
      memcpy (board.synced, board.version, sizeof board.synced);
    } else
      must (oriel_flush (file), "oriel_flush");
    note ();
    if (next_random (&random) % 20 == 0) {
      memset (board.synced + 16, 0, 8 * sizeof (uint64_t));
      note ();
      shorten (file, 16);
      note ();
    }
  }
  must (oriel_file_close (file), "oriel_file_close");
  note ();
  record_to = NULL;
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("run", pool_dir (), 0), "oriel_pool_destroy");
  if (tape->overflow)
    bail_out ("the tape is too short");
}

/* Pages that are torn, or of a version that cannot be: how many. */
static unsigned
wrong_pages (oriel_file *file, const struct board *sure, const struct board *may,
             int tell)
{
  unsigned wrong = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    struct content c;

    must (oriel_read (file, i * 4096, &c, sizeof c, NULL), "oriel_read");
    if (is_zero (&c, sizeof c) && may->zero[i] > 0
        && may->zero[i] >= sure->synced[i])
      continue;
    if (c.page == i && c.sum == sum_of (&c) && c.version >= sure->synced[i]
        && c.version <= may->written[i])
      continue;
    wrong++;
    if (tell)
      diag ("page %d: version %llu, %s, wanted %llu to %llu", (int) i,
            (unsigned long long) c.version,
            c.sum == sum_of (&c) ? "whole" : "torn",
            (unsigned long long) sure->synced[i],
            (unsigned long long) may->written[i]);
  }
  return wrong;
}

/* What was known at op number end, and the next who knew more. */
static const struct board *
note_at (unsigned end, int next)
{
  const struct board *b = &notes[0];

  for (unsigned i = 0; i < tape->nops; i++)
    if (tape->ops[i].type == R_NOTE) {
      if (i >= end)
        return next ? &notes[tape->ops[i].offset] : b;
      b = &notes[tape->ops[i].offset];
    }
  return b;
}

/* Open what is there. */
static unsigned
look (uint32_t torn, unsigned end, int tell)
{
  oriel_pool *pool = pool_of ("look");
  oriel_file *file;
  unsigned wrong;
  int rc = open_it (pool, after, torn, 0, &file);

  if (rc < 0) {
    diag ("open: %s", oriel_error ());
    wrong = 1;
  } else {
    wrong = wrong_pages (file, note_at (end, 0), note_at (end, 1), tell);
    must (oriel_file_close (file), "oriel_file_close");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("look", pool_dir (), 0), "oriel_pool_destroy");
  return wrong;
}

/* The power goes while the file is opened, and then it is opened again. */
static unsigned
look_twice (uint32_t torn, unsigned end, uint64_t *random)
{
  static struct disk second, third;
  struct loss loss = { .keep = (unsigned) (next_random (random) % 101),
                       .strict = 1 };
  char recorded[sizeof record_dir];
  struct stat st;

  for (int i = 0; i < R_FILES; i++) {
    second.linked[i] = i < (int) tape->nfiles && disk.linked[i];
    second.file[i].size = 0;
    if (second.linked[i])
      disk_write (&second.file[i], 0, disk.file[i].data, disk.file[i].size);
  }
  memset (again, 0, offsetof (struct record_tape, bytes));
  snprintf (recorded, sizeof recorded, "%s", record_dir);
  snprintf (record_dir, sizeof record_dir, "%s", after);
  record_to = again;
  for (unsigned i = 0; i < tape->nfiles; i++) {
    if (stat (path_in (after, tape->name[i]), &st) < 0)
      st.st_ino = 0;
    record_file (tape->name[i], st.st_ino);
  }
  look (torn, end, 0);
  record_to = NULL;
  restored += again->nops > 2;
  if (again->nops > 0) {
    record_build (again, (unsigned) (next_random (random) % (again->nops + 1)),
                  &second, &loss, random, &third);
    disk_put (&third, again, after);
  }
  snprintf (record_dir, sizeof record_dir, "%s", recorded);
  return look (torn, end, 1);
}

static unsigned
all_losses (uint32_t torn, uint64_t seed, unsigned step, int twice)
{
  unsigned wrong = 0;
  uint64_t random = seed;

  for (unsigned end = 1 + seed % step; end <= tape->nops;
       end += 1 + (unsigned) (next_random (&random) % (2 * step - 1))) {
    struct loss loss = { .keep = (unsigned) (next_random (&random) % 101),
                         .strict = 1 };
    unsigned bad;

    record_build (tape, end, &base, &loss, &random, &disk);
    disk_put (&disk, tape, after);
    disks++;
    bad = twice ? look_twice (torn, end, &random)
                : look (torn, end, torn == ORIEL_TORN_DOUBLE);
    if (bad && torn == ORIEL_TORN_DOUBLE)
      diag ("seed %llu, operation %u of %u, keep %u%%",
            (unsigned long long) seed, end, tape->nops, loss.keep);
    wrong += bad;
  }
  return wrong;
}

int
main (void)
{
  const char *rounds = getenv ("ROUNDS");
  unsigned n = rounds ? (unsigned) atoi (rounds) : 1;
  unsigned step = rounds ? 2 : getenv ("ORIEL_QUICK") ? 24 : 10;
  uint64_t seed = test_seed ();
  oriel_file_options opt;
  oriel_pool *pool;
  oriel_file *file;

  if (sanitized ())
    skip_all ("sanitizers have their own open() and write()");
  want_room (32 * MiB);
  tape = shared_memory (sizeof *tape);
  again = shared_memory (sizeof *again);
  notes = calloc (R_OPS, sizeof *notes);
  snprintf (record_dir, sizeof record_dir, "%s", scratch ());
  snprintf (after, sizeof after, "%s/after", pool_dir ());
  mkdir (after, 0700);
  pool = pool_of ("probe");
  oriel_file_options_init (&opt);
  opt.torn = ORIEL_TORN_DOUBLE;
  opt.flags = ORIEL_CREATE;
  if (oriel_file_open_with (pool, scratch_file ("probe"), &opt, &file)
      == -EOPNOTSUPP)
    skip_all ("this build has no xxHash");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  for (unsigned i = 0; i < n; i++) {
    recorded_run (ORIEL_TORN_DOUBLE, seed + i, 0);
    is_int (all_losses (ORIEL_TORN_DOUBLE, seed + i, step, 0), 0,
            "no page is torn, or old");
    is_int (all_losses (ORIEL_TORN_DOUBLE, seed + i, step * 3, 1), 0,
            "nor if the power goes again");
    recorded_run (ORIEL_TORN_DOUBLE, seed + i, 1);
    is_int (all_losses (ORIEL_TORN_DOUBLE, seed + i, step * 8, 0), 0,
            "nor when laps of the area end");
    recorded_run (ORIEL_TORN_NONE, seed + i, 0);
    ok (all_losses (ORIEL_TORN_NONE, seed + i, step * 2, 0) > 0,
        "without the area some are");
  }
  ok (restored > 0, "opening restored something %u times", restored);
  diag ("%u disks", disks);
  return done_testing ();
}
