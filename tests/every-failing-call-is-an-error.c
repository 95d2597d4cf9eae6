/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A workload on the pool itself runs again and again, and each time another one
 * of its system calls fails: once, or from then on.  Each call says so by an
 * error or does not notice: what a call has said to be written is so, in the
 * pool, and after a sync in the file; when calls work again the process goes on,
 * and in the end the pool is in order and the file has every page.
 *
 * Some of the calls fail, one of 41; with FAULTS=all (make check-faults) all
 * of them, some thousands.
 */
#include <stdbool.h>

#include "double-write.h"
#include "faults.h"
#include "store.h"

#define PAGE 4096
#define PAGES 120               /* of the file, at most */
#define FIRST 90                /* at first */
#define FRAMES 64

static const struct mode {
  const char *name;
  uint32_t store;
  uint32_t torn;
  size_t window;                /* 0: linear */
} modes[] = {
  { "linear window, io_uring", ORIEL_STORE_AUTO, ORIEL_TORN_NONE, 0 },
  { "swapped window, preadv", ORIEL_STORE_POSIX, ORIEL_TORN_NONE, 64 * KiB },
  { "double-write area", ORIEL_STORE_AUTO, ORIEL_TORN_DOUBLE, 0 },
  { "mapped file", ORIEL_STORE_PMEM, ORIEL_TORN_NONE, 64 * KiB },
};

/* What a child tells; in shared memory. */
static struct outcome {
  unsigned calls;               /* of the kind */
  uint64_t pages;
  uint64_t tag[PAGES];          /* 0: zeroes */
  bool lost;                    /* pages are, and it was said */
  char why[600];                /* what is wrong; "" nothing */
} *outcome;

static const char *path;
static const struct mode *mode;
static struct fault now;
static unsigned now_at;
static bool lasting;
static oriel_pool *pool;
static oriel_file *file;
static uint64_t log_end;
static uint64_t last_tag;
static bool lost;               /* the pool's memory failed, and a flush said so */

static void __attribute__ ((format (printf, 1, 2)))
wrong (const char *fmt, ...)
{
  va_list ap;

  if (outcome->why[0])
    return;
  va_start (ap, fmt);
  vsnprintf (outcome->why, sizeof outcome->why, fmt, ap);
  va_end (ap);
}

/* ------------------------------------------------------------------ */
/* Content                                                            */

/* That the pool's file cannot be read is how the kernel says that memory has
 * failed: then pages may be old, and each flush is an error. */
static bool
is_lost (void)
{
  if (!lost && file && fault.error == EIO && fault.call
      && strcmp (fault.call, "pread") == 0)
    lost = oriel_flush (file) == -EIO && get_stats (pool).frames_lost > 0;
  return lost;
}

static bool
is_page (const void *data, uint64_t number)
{
  uint64_t tag = number < outcome->pages ? outcome->tag[number] : 0;

  return (tag ? is_stamped (data, PAGE, tag, number) : is_zero (data, PAGE))
         || is_lost ();
}

/* The file has every page, as another program sees it. */
static void
look_at_file (const char *when)
{
  char page[PAGE];
  uint64_t size = plain_size (path);

  if (size != outcome->pages * PAGE)
    wrong ("%s: the file has %llu bytes, not %llu", when,
           (unsigned long long) size,
           (unsigned long long) outcome->pages * PAGE);
  for (uint64_t i = 0; i < outcome->pages && !outcome->why[0]; i++) {
    memset (page, 0, sizeof page);
    plain_read (path, (off_t) (i * PAGE), page, PAGE);
    if (!is_page (page, i))
      wrong ("%s: page %llu is not so in the file", when,
             (unsigned long long) i);
  }
}

/* Is it an answer? */
static bool
judge (int rc, const char *what)
{
  if (rc > 0 || rc < -4095)
    wrong ("%s said %d", what, rc);
  if (rc < 0 && !oriel_error ()[0])
    wrong ("%s: %d without a text", what, rc);
  return rc == 0;
}

static void
change (uint64_t number)
{
  oriel_page page;

  if (!file || !judge (oriel_pin (file, number, ORIEL_WRITE, &page), "pin"))
    return;
  if (!is_page (page.data, number))
    wrong ("page %llu, pinned to write it, is wrong",
           (unsigned long long) number);
  stamp (page.data, PAGE, ++last_tag, number);
  if (oriel_dirty (&page, ++log_end))
    wrong ("dirty: %s", oriel_error ());
  if (oriel_unpin (&page))
    wrong ("unpin: %s", oriel_error ());
  while (outcome->pages <= number)
    outcome->tag[outcome->pages++] = 0;
  outcome->tag[number] = last_tag;
}

static void
look (uint64_t number, bool copying)
{
  char copy[PAGE];
  oriel_page page;

  if (!file)
    return;
  if (copying) {
    if (judge (oriel_read (file, number * PAGE, copy, PAGE, NULL), "read")
        && !is_page (copy, number))
      wrong ("page %llu, read, is wrong", (unsigned long long) number);
    return;
  }
  if (!judge (oriel_pin (file, number, ORIEL_READ, &page), "pin"))
    return;
  if (!is_page (page.data, number))
    wrong ("page %llu, pinned, is wrong", (unsigned long long) number);
  if (oriel_unpin (&page))
    wrong ("unpin: %s", oriel_error ());
}

static void
view (uint64_t first, uint64_t n)
{
  struct oriel_view v;

  if (!file || !judge (oriel_view (file, first, n, ORIEL_READ, &v), "view"))
    return;
  for (uint64_t i = 0; i < n; i++)
    if (!is_page ((char *) v.data + i * PAGE, first + i))
      wrong ("page %llu, in a view, is wrong",
             (unsigned long long) (first + i));
  if (oriel_view_end (&v))
    wrong ("end of a view: %s", oriel_error ());
}

static void
cut (uint64_t pages)
{
  int rc;

  if (!file)
    return;
  rc = oriel_file_truncate (file, pages * PAGE);
  if (judge (rc, "truncate")) {
    while (outcome->pages < pages)
      outcome->tag[outcome->pages++] = 0;
    outcome->pages = pages;
  }
  if (oriel_file_size (file) != outcome->pages * PAGE)
    wrong ("after a truncate (%d) to %llu pages the file has %llu bytes", rc,
           (unsigned long long) pages,
           (unsigned long long) oriel_file_size (file));
}

/* ------------------------------------------------------------------ */
/* The workload                                                       */

static int
flush_log (void *arg, uint64_t lsn)
{
  (void) arg;
  return lsn <= log_end ? 0 : -EINVAL;
}

static void
open_all (void)
{
  oriel_options opt = test_options ();
  oriel_file_options how;

  opt.pool_size = FRAMES * PAGE;
  opt.max_size = 2 * FRAMES * PAGE;
  opt.window_size = mode->window;
  opt.slot_size = 16 * KiB;
  opt.store = mode->store;
  opt.dirty_high = 600;
  if (!pool && !judge (oriel_pool_open ("faults", &opt, &pool), "pool_open"))
    pool = NULL;
  oriel_file_options_init (&how);
  how.torn = mode->torn;
  if (pool && !file) {
    if (!judge (oriel_file_open_with (pool, path, &how, &file), "file_open"))
      file = NULL;
    else if (!judge (oriel_file_on_flush_log (file, flush_log, NULL),
                     "on_flush_log"))
      wrong ("%s", oriel_error ());
  }
}

static void
close_all (void)
{
  if (file && judge (oriel_file_close (file), "file_close"))
    file = NULL;
  if (pool && !file && judge (oriel_pool_close (pool), "pool_close"))
    pool = NULL;
}

static void
resize (uint64_t frames)
{
  uint64_t had = oriel_pool_frames (pool);
  int rc = oriel_pool_resize (pool, frames * PAGE);

  if (oriel_pool_frames (pool) != (judge (rc, "resize") ? frames : had))
    wrong ("after a resize (%d) the pool has %llu frames", rc,
           (unsigned long long) oriel_pool_frames (pool));
}

static void
some_work (uint64_t k)
{
  uint64_t lsn;

  for (uint64_t i = 0; i < 25; i++)
    change ((k * 31 + i * 7) % FIRST);
  for (uint64_t i = 0; i < 12; i++)
    change ((k * 13 + i) % FIRST);
  if (file && k % 3 == 0
      && judge (oriel_sync (file), "sync"))
    look_at_file ("after a sync");
  if (file && k % 3 == 1)
    judge (oriel_flush (file), "flush");
  if (file && k % 3 == 2
      && judge (oriel_checkpoint (pool, file, &lsn), "checkpoint"))
    look_at_file ("after a checkpoint");
  if (pool)
    judge (oriel_writeback (pool, NULL), "writeback");
  if (file)
    judge (oriel_prefetch (file, k * 20 % FIRST, 20), "prefetch");
  for (uint64_t i = 0; i < 40; i++)
    look ((k * 17 + i) % (FIRST + 2), i % 3 == 0);
  view (k * 11 % (FIRST - 6), 6);
}

static void
workload (void)
{
  for (uint64_t k = 0; k < 6 && !outcome->why[0]; k++) {
    open_all ();
    some_work (k);
    if (k == 1)
      cut (FIRST - 20);
    if (k == 2)
      cut (FIRST + 5);
    if (k == 2 && pool)
      resize (2 * FRAMES);
    if (k == 3 && pool)
      resize (FRAMES / 2);
    if (k == 3 && pool)
      judge (oriel_pool_evict (pool, NULL), "evict");
    if (k == 4)
      close_all ();
  }
}

/* The calls work again: everything must, but syncs after one that failed. */
static void
go_on (void)
{
  int rc;

  open_all ();
  if (!file) {
    wrong ("the process cannot open the file any more: %s", oriel_error ());
    return;
  }
  for (uint64_t i = 0; i < outcome->pages + 2; i++)
    look (i, i % 2);
  change (3);
  rc = oriel_sync (file);
  if (rc == -EIO) {
    if (oriel_file_close (file)) /* what an area cannot take stays dirty */
      must (oriel_file_abandon (file), "oriel_file_abandon");
    file = NULL;
    open_all ();
    rc = file ? oriel_sync (file) : 1;
  }
  if (rc)
    wrong ("the process cannot sync any more: %d: %s", rc, oriel_error ());
  look_at_file ("in the end");
  must (oriel_pool_evict (pool, NULL), "oriel_pool_evict");
  if (oriel_pool_resize (pool, FRAMES * PAGE))
    wrong ("the pool cannot be resized any more: %s", oriel_error ());
  for (uint64_t i = 0; i < outcome->pages; i++) {
    oriel_page page;

    rc = oriel_pin (file, i, ORIEL_READ, &page);
    if (rc || !is_page (page.data, i)) {
      wrong ("in the end page %llu is not there: %d", (unsigned long long) i,
             rc);
      return;
    }
    must (oriel_unpin (&page), "oriel_unpin");
  }
  if (oriel_pool_check (pool, NULL, NULL) != 0)
    wrong ("the pool is not in order");
  close_all ();
  if (pool)
    wrong ("the pool cannot be closed: %s", oriel_error ());
}

static int
child (void *arg)
{
  (void) arg;
  fault_arm (&now, now_at, lasting);
  workload ();
  outcome->calls = fault.calls;
  is_lost ();
  fault_disarm ();
  outcome->lost = lost;
  if (!outcome->why[0] && !lost)
    go_on ();
  return 0;
}

/* One run; the number of calls of the kind. */
static unsigned
one (unsigned at)
{
  int code;

  unlink (pool_path ("faults"));
  unlink (path);
  unlink (path_in (pool_dir (), "data.dw"));
  make_stamped_file (path, PAGE, FIRST, 0, 1);
  memset (outcome, 0, sizeof *outcome);
  outcome->pages = FIRST;
  for (uint64_t i = 0; i < FIRST; i++)
    outcome->tag[i] = 1;
  last_tag = 1;
  now_at = at;
  code = in_child (child, NULL);
  if (code != 0)
    wrong ("the process ended with %d", code);
  if (!outcome->why[0] && !outcome->lost)
    look_at_file ("when all is closed");
  return outcome->calls;
}

static void
all_calls (const struct fault *f, unsigned *known, unsigned *runs)
{
  unsigned stride = getenv ("FAULTS") ? 1 : getenv ("ORIEL_QUICK") ? 149 : 41;
  unsigned calls;

  now = *f;
  /* Without it what the pool holds cannot be used, and the process ends. */
  if (strcmp (now.call, "membarrier") == 0)
    return;
  if (*known == 0) {
    *known = one (0) + 1;
    if (outcome->why[0])
      ok (0, "%s, without a fault: %s", mode->name, outcome->why);
  }
  calls = *known - 1;
  for (unsigned at = 1 + *runs % stride; at <= calls;) {
    calls = one (at);
    ++*runs;
    if (outcome->why[0])
      ok (0, "%s: %s number %u of %u says %d%s: %s", mode->name, f->call, at,
          calls, f->error, lasting ? ", and all after it" : "", outcome->why);
    at += lasting ? 5 * stride : stride;
  }
}

int
main (void)
{
  size_t entries = sizeof (struct orl_sys) / sizeof (void (*) (void));

  want_room (24 * MiB);
  /* In memory, where a sync takes no time. */
  path = strdup (path_in (pool_dir (), "data"));
  outcome = shared_memory (sizeof *outcome);
  is_int ((long long) fault_wrap (), (long long) entries,
          "faults.h knows every call of the table");
  for (size_t m = 0; m < COUNT (modes); m++) {
    unsigned known[COUNT (all_faults)] = { 0 }; /* calls of the kind, and 1 */
    unsigned runs = 0;

    mode = &modes[m];
    if ((mode->torn == ORIEL_TORN_DOUBLE && !orl_dw_works ())
        || (mode->store == ORIEL_STORE_PMEM && !orl_store_pmem_works ()))
      continue;
    for (int l = 0; l < 2; l++)
      for (size_t i = 0; i < COUNT (all_faults); i++) {
        lasting = l;
        all_calls (&all_faults[i], &known[i], &runs);
      }
    ok (runs > 20, "%s: %u faults were answered", mode->name, runs);
  }
  return done_testing ();
}
