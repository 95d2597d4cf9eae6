/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer that is killed leaves its page with the lsns that it had before: the
 * greatest, up to which the log has to be durable, and the first that the store
 * has not.  So the page can be written though the log of the change that was
 * undone never becomes durable.
 */
#include "util.h"

struct lsns {
  uint64_t page;
  uint64_t lsn, first;
};

static oriel_pool *pool;
static oriel_file *file;

static void
attach (void)
{
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
}

static void
change (uint64_t number, uint64_t lsn, uint64_t tag, int die)
{
  oriel_page page = must_pin (file, number, ORIEL_WRITE);

  stamp (page.data, 4096, tag, number);
  must (oriel_dirty (&page, lsn), "oriel_dirty");
  if (die)
    raise (SIGKILL);
  must (oriel_unpin (&page), "oriel_unpin");
}

/* Page 1 was dirty, page 2 clean, page 3 dirty without a log. */
static int
changes_and_dies (void *arg)
{
  attach ();
  change (*(uint64_t *) arg, 900, 9, 1);
  return 1;
}

static void
see (void *arg, const oriel_page_info *info)
{
  struct lsns *l = arg;

  if (info->number != l->page)
    return;
  l->lsn = info->lsn;
  l->first = info->first;
}

static struct lsns
lsns_of (uint64_t number)
{
  struct lsns l = { .page = number };

  must (oriel_file_pages (file, see, &l), "oriel_file_pages");
  return l;
}

static void
look (uint64_t number, uint64_t tag, uint64_t lsn, uint64_t first)
{
  struct lsns l;

  is_int (in_child (changes_and_dies, &number), 128 + SIGKILL,
          "a writer dies");
  ok (page_is_stamped (pool, file, number, tag), "page %d is what it was",
      (int) number);
  l = lsns_of (number);
  is_int ((long long) l.lsn, (long long) lsn, "its lsn is");
  is_int ((long long) l.first, (long long) first, "and the first");
}

int
main (void)
{
  scratch ();
  attach ();
  change (1, 10, 1, 0);
  change (2, 15, 1, 0);
  must (oriel_file_durable (file, 15), "oriel_file_durable");
  must (oriel_flush (file), "oriel_flush");
  change (1, 20, 2, 0);
  change (1, 30, 3, 0);
  change (3, 0, 1, 0);
  look (1, 3, 30, 20);
  look (2, 1, 15, 0);
  look (3, 1, 0, 0);
  is_rc (oriel_flush (file), -ENOTCONN, "the log has to be durable");
  must (oriel_file_durable (file, 30), "oriel_file_durable");
  is_rc (oriel_flush (file), 0, "up to there, and no further");
  is_int ((long long) get_stats (pool).frames_dirty, 0, "all is written");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
