/* SPDX-License-Identifier: BSD-2-Clause */
/* A child does not inherit the attachment: its calls are -EOWNERDEAD; it frees
 * its copy by close and opens the pool anew.  The parent is not touched. */
#include "util.h"

static oriel_pool *pool;
static oriel_file *file;
static oriel_page page;

/* 0, or the number of the first check that failed. */
static int
in_fork (void *arg)
{
  oriel_stats stats = { .struct_size = sizeof stats };
  int rc[16], n = 0;
  oriel_file *other;
  oriel_page mine;
  char byte = 1;

  (void) arg;
  rc[n++] = oriel_pin (file, 1, ORIEL_READ, &mine);
  rc[n++] = oriel_pin (file, 1, ORIEL_WRITE, &mine);
  rc[n++] = oriel_dirty (&page, 0);
  rc[n++] = oriel_unpin (&page);
  rc[n++] = oriel_read (file, 0, &byte, 1, NULL);
  rc[n++] = oriel_write (file, 0, &byte, 1);
  rc[n++] = oriel_flush (file);
  rc[n++] = oriel_sync (file);
  rc[n++] = oriel_file_truncate (file, 0);
  rc[n++] = oriel_file_refresh (file);
  rc[n++] = oriel_file_drop (file);
  rc[n++] = oriel_file_drop_pages (file, 0, 1);
  rc[n++] = oriel_file_open (pool, scratch_file ("data"), 0, &other);
  rc[n++] = oriel_file_abandon (file);
  rc[n++] = oriel_pool_stats (pool, &stats);
  for (int i = 0; i < n; i++)
    if (rc[i] != -EOWNERDEAD) {
      diag ("call %d in the child: %d: %s", i + 1, rc[i], oriel_error ());
      return i + 1;
    }
  if (oriel_pool_close (pool) != 0)
    return 20;
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  if (!page_is_stamped (pool, file, 2, 1))
    return 21;
  stamp_page (pool, file, 3, 5);
  if (oriel_file_abandon (file) || oriel_pool_close (pool))
    return 22;
  return 0;
}

static int
forks_again (void *arg)
{
  int inner = in_child (in_fork, arg);

  return inner ? inner : in_fork (arg);
}

int
main (void)
{
  pool = test_pool ();
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  page = must_pin (file, 7, ORIEL_WRITE);
  stamp (page.data, 4096, 2, 7);
  is_int (in_child (in_fork, NULL), 0, "in the child all calls say so");
  is_int (in_child (forks_again, NULL), 0, "also in a child's child");
  ok (page_is_stamped (pool, file, 3, 5), "what it wrote anew is here");
  ok (is_stamped (page.data, 4096, 2, 7), "our pinned page is as it was");
  is_int ((long long) get_stats (pool).processes, 1, "we are alone");
  is_int ((long long) get_stats (pool).pins, 1, "and our pin holds");
  is_rc (oriel_dirty (&page, 0), 0, "dirty");
  is_rc (oriel_unpin (&page), 0, "unpin");
  is_rc (oriel_sync (file), 0, "sync");
  is_rc (oriel_file_close (file), 0, "close the file");
  is_rc (oriel_pool_close (pool), 0, "close the pool");
  return done_testing ();
}
