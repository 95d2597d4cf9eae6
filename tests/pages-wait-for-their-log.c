/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page whose log is not durable is written by no call: each has the log flushed
 * first, once for all its pages, or says that this process cannot.  So has who
 * wants room.
 */
#include "util.h"

#include <stdbool.h>

static const char *path;
static oriel_pool *pool;
static oriel_file *file;

/* What the callback was asked, and does. */
static struct {
  unsigned calls;
  uint64_t lsn;
  int rc;
  bool stamped;                 /* page 0 of the store, when it was called */
} asked;

static bool
store_has (uint64_t number, uint64_t tag)
{
  char page[4096];

  if (plain_size (path) < (number + 1) * 4096)
    return false;
  plain_read (path, (off_t) number * 4096, page, sizeof page);
  return is_stamped (page, sizeof page, tag, number);
}

static int
flush_log (void *arg, uint64_t lsn)
{
  oriel_page page;

  asked.calls++;
  asked.lsn = lsn;
  asked.stamped = store_has (0, *(uint64_t *) arg);
  /* No latch is held, and the pool may be used. */
  for (uint64_t i = 0; i < 4; i++) {
    must (oriel_pin (file, i, ORIEL_WRITE, &page), "pin in the callback");
    must (oriel_unpin (&page), "unpin");
  }
  return asked.rc;
}

/* Pages 0 to 3, the last with the greatest lsn. */
static void
change (uint64_t tag, uint64_t lsn)
{
  for (uint64_t i = 0; i < 4; i++) {
    oriel_page page;

    must (oriel_pin (file, i, ORIEL_WRITE, &page), "pin");
    stamp (page.data, 4096, tag, i);
    must (oriel_dirty (&page, lsn + i), "dirty");
    must (oriel_unpin (&page), "unpin");
  }
  memset (&asked, 0, sizeof asked);
}

static int
truncate_it (oriel_file *f)
{
  return oriel_file_truncate (f, 3 * 4096);
}

static int
checkpoint (oriel_file *f)
{
  return oriel_checkpoint (pool, f, NULL);
}

static int
discard (void *unused)
{
  (void) unused;
  pool = test_pool ();
  file = must_open_file (pool, path, ORIEL_DISCARD);
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static int
says_durable (void *arg, uint64_t lsn)
{
  (void) arg, (void) lsn;
  asked.calls++;
  return 0;
}

/* Page 0 goes on changing while the log is flushed, for a while. */
static int
changes_it_again (void *arg, uint64_t lsn)
{
  oriel_page page;

  (void) arg, (void) lsn;
  if (++asked.calls > 6)
    return 0;
  page = must_pin (file, 0, ORIEL_WRITE);
  stamp (page.data, 4096, 500 + asked.calls, 0);
  must (oriel_dirty (&page, 500 + asked.calls), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  return 0;
}

static void
what_changes_meanwhile (void)
{
  pool = test_pool ();
  file = must_open_file (pool, path, 0);
  must (oriel_file_on_flush_log (file, changes_it_again, NULL), "a callback");
  change (400, 400);
  is_rc (oriel_flush (file), 0, "a page that changes while its log is flushed");
  ok (asked.calls > 2, "has it flushed again, %u times", asked.calls);
  must (oriel_file_close (file), "close");
  ok (asked.calls > 6 && store_has (0, 506), "and is written");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* More pages than the pool has frames, each with an lsn of its own. */
static void
make_room (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 64 * 4096;
  pool = must_open_pool ("small", &opt);
  file = must_open_file (pool, scratch_file ("long"), ORIEL_CREATE);
  must (oriel_file_on_flush_log (file, says_durable, NULL), "a callback");
  asked.calls = 0;
  for (uint64_t i = 0; i < 200; i++) {
    oriel_page page;
    int rc = oriel_pin (file, i, ORIEL_WRITE | ORIEL_FRESH, &page);

    if (rc != 0) {
      is_rc (rc, 0, "a page finds room");
      break;
    }
    must (oriel_dirty (&page, i + 1), "oriel_dirty");
    must (oriel_unpin (&page), "oriel_unpin");
  }
  ok (asked.calls > 0, "who wants room has the log flushed, %u times",
      asked.calls);
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  static const struct {
    const char *name;
    int (*fn) (oriel_file *file);
  } calls[] = {
    { "flush", oriel_flush },
    { "sync", oriel_sync },
    { "checkpoint", checkpoint },
  };
  uint64_t tag = 1, lsn = 100, pages;
  oriel_file *again;

  pool = test_pool ();
  path = scratch_file ("data");
  file = must_open_file (pool, path, ORIEL_CREATE);
  is_int ((long long) oriel_file_durable_lsn (file), 0, "nothing is durable");

  /* Without a callback. */
  for (size_t i = 0; i < COUNT (calls); i++) {
    change (++tag, lsn += 10);
    is_rc (calls[i].fn (file), -ENOTCONN, calls[i].name);
    ok (strstr (oriel_error (), "data") && strstr (oriel_error (), "on_flush_log"),
        "the text says what to do: %s", oriel_error ());
    ok (!store_has (0, tag) && !store_has (3, tag), "nothing is written");
    is_int ((long long) get_stats (pool).frames_dirty, 4, "all stay dirty");
    is_rc (oriel_file_durable (file, lsn + 1), 0, "durable up to the second");
    is_rc (calls[i].fn (file), -ENOTCONN, calls[i].name);
    ok (store_has (0, tag) && store_has (1, tag) && !store_has (2, tag)
            && !store_has (3, tag),
        "those whose log is durable are written");
    is_int ((long long) get_stats (pool).frames_dirty, 2, "two stay dirty");
    is_rc (oriel_file_durable (file, lsn), 0, "durable up to less");
    is_int ((long long) oriel_file_durable_lsn (file), (long long) lsn + 1,
            "changes nothing");
    is_rc (oriel_file_durable (file, lsn + 3), 0, "durable up to the last");
    is_rc (calls[i].fn (file), 0, calls[i].name);
    ok (store_has (2, tag) && store_has (3, tag), "writes the rest");
  }
  change (++tag, lsn += 10);
  is_rc (oriel_writeback (pool, &pages), 0, "write-back passes them over");
  is_int ((long long) pages, 0, "and writes none");
  is_rc (oriel_file_truncate (file, 3 * 4096), -ENOTCONN,
         "nor is what has no log cut off");
  is_int ((long long) oriel_file_size (file), 4 * 4096, "the size is as it was");
  is_rc (oriel_file_close (file), -ENOTCONN, "nor is the file closed");

  /* With one. */
  is_rc (oriel_file_on_flush_log (file, flush_log, &tag), 0, "a callback");
  is_rc (oriel_flush (file), 0, "flush");
  for (size_t i = 0; i < COUNT (calls); i++) {
    change (++tag, lsn += 10);
    is_rc (calls[i].fn (file), 0, calls[i].name);
    is_int (asked.calls, 1, "calls it once");
    is_int ((long long) asked.lsn, (long long) lsn + 3, "for the greatest lsn");
    ok (!asked.stamped, "before anything is written");
    ok (store_has (0, tag) && store_has (3, tag), "then all is");
    is_int ((long long) oriel_file_durable_lsn (file), (long long) lsn + 3,
            "and the log counts as durable");
    is_rc (calls[i].fn (file), 0, calls[i].name);
    is_int (asked.calls, 1, "has nothing to ask for");
  }
  change (++tag, lsn += 10);
  asked.rc = -ENOSPC;
  is_rc (oriel_flush (file), -ENOSPC, "its error is flush's");
  ok (strstr (oriel_error (), "log") != NULL, "the text: %s", oriel_error ());
  is_rc (oriel_file_truncate (file, 3 * 4096), -ENOSPC, "and truncate's");
  is_rc (oriel_file_close (file), -ENOSPC, "and close's");
  ok (!store_has (0, tag), "nothing was written");
  asked.rc = 1;
  is_rc (oriel_flush (file), -EIO, "what is no errno is -EIO");
  asked.rc = 0;
  asked.calls = 0;
  is_rc (truncate_it (file), 0, "truncate flushes the log");
  is_int (asked.calls, 1, "once");
  is_int ((long long) asked.lsn, (long long) lsn + 3,
          "for what it cuts off");
  is_rc (oriel_file_on_flush_log (file, NULL, NULL), 0, "no callback any more");
  change (++tag, lsn += 10);
  is_rc (oriel_flush (file), -ENOTCONN, "flush then");
  is_rc (oriel_file_abandon (file), 0, "the file can be left as it is");

  /* What it keeps. */
  file = must_open_file (pool, path, 0);
  is_int ((long long) oriel_file_durable_lsn (file), (long long) lsn - 10 + 3,
          "the durable lsn stays");
  is_rc (oriel_flush (file), -ENOTCONN, "and so do the pages' lsns");
  is_rc (oriel_file_durable (file, lsn + 3), 0, "until the log has them");
  is_rc (oriel_flush (file), 0, "flush");
  ok (store_has (3, tag), "the pages are there");
  is_rc (oriel_file_close (file), 0, "close");
  file = must_open_file (pool, path, ORIEL_DISCARD);
  is_int ((long long) oriel_file_durable_lsn (file), 0,
          "with ORIEL_DISCARD it is a new log");
  must (oriel_file_durable (file, 7), "oriel_file_durable");
  again = must_open_file (pool, path, ORIEL_DISCARD);
  is_int ((long long) oriel_file_durable_lsn (file), 0,
          "also where it is open");
  must (oriel_file_close (again), "close");
  must (oriel_file_durable (file, 7), "oriel_file_durable");
  is_int (in_child (discard, NULL), 0, "another process opens it so");
  is_int ((long long) oriel_file_durable_lsn (file), 0, "likewise");
  must (oriel_file_close (file), "close");
  file = must_open_file (pool, path, ORIEL_RDONLY);
  is_rc (oriel_file_durable (file, 1), -EACCES, "read-only: durable");
  is_rc (oriel_file_on_flush_log (file, flush_log, NULL), -EACCES,
         "read-only: callback");
  is_rc (oriel_checkpoint (pool, file, NULL), -EACCES, "read-only: checkpoint");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  what_changes_meanwhile ();
  make_room ();
  return done_testing ();
}
