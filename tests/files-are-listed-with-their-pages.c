/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_pool_files() names each file with what the pool has of it. */
#include "util.h"

struct list {
  int n;
  oriel_file_info info[4];
  char path[4][256];
};

static void
see (void *arg, const oriel_file_info *info)
{
  struct list *list = arg;

  if (list->n == 4)
    bail_out ("too many files");
  list->info[list->n] = *info;
  snprintf (list->path[list->n++], 256, "%s", info->path);
}

static struct list
get_files (oriel_pool *pool)
{
  struct list list = { 0 };

  must (oriel_pool_files (pool, see, &list), "oriel_pool_files");
  return list;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *a, *b;
  struct list list;
  struct stat st;
  oriel_page page;
  char long_path[400], name[300];

  opt.store = ORIEL_STORE_POSIX; /* else pages that are on their way count */
  pool = must_open_pool ("test", &opt);
  list = get_files (pool);
  is_int (list.n, 0, "a new pool knows no file");
  make_stamped_file (scratch_file ("a"), 4096, 10, 100, 1);
  memset (name, 'x', sizeof name);
  name[200] = '\0';
  snprintf (long_path, sizeof long_path, "%s/%s", scratch (), name);
  if (chdir (scratch ()) < 0)
    bail_out ("chdir");
  a = must_open_file (pool, "a", 0);
  b = must_open_file (pool, long_path, ORIEL_CREATE | ORIEL_FOREIGN);
  for (uint64_t i = 0; i < 7; i++)
    page_is_stamped (pool, a, i * 3 % 7, 1);
  page_is_stamped (pool, a, 0, 1);
  stamp_page (pool, a, 2, 2);
  stamp_page (pool, a, 3, 2);
  page = must_pin (a, 4, ORIEL_READ);

  list = get_files (pool);
  is_int (list.n, 2, "there are two files");
  is_str (list.path[0], scratch_file ("a"), "a relative path becomes whole");
  is_int ((long long) strlen (list.path[1]), 199, "a long one is cut");
  is_str (list.path[1], long_path + strlen (long_path) - 199,
          "and ends as it does");
  stat ("a", &st);
  is_int ((long long) list.info[0].ino, (long long) st.st_ino, "inode");
  is_int ((long long) list.info[0].dev, (long long) st.st_dev, "device");
  is_int ((long long) list.info[0].size, 10 * 4096 + 100, "size");
  is_int ((long long) list.info[0].dirty, 2, "two pages are dirty");
  is_int ((long long) list.info[0].pinned, 1, "one is pinned");
  is_int ((long long) list.info[0].openers, 1, "one process has it open");
  is_int ((long long) list.info[0].pages,
          (long long) (list.info[0].misses + list.info[0].readahead),
          "all pages that were loaded are there");
  is_int ((long long) list.info[0].misses, (long long) get_stats (pool).misses,
          "misses");
  is_int (list.info[0].foreign, 0, "the one is not foreign");
  is_int (list.info[1].foreign, 1, "the other is");
  is_int ((long long) list.info[1].pages, 0, "and has no pages");

  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_flush (a), "oriel_flush");
  must (oriel_file_close (b), "oriel_file_close");
  list = get_files (pool);
  is_int (list.n, 2, "a closed file is known");
  is_int ((long long) list.info[1].openers, 0, "and open nowhere");
  is_int ((long long) list.info[0].writebacks, 2, "two pages were written");
  is_int ((long long) list.info[0].dirty, 0, "none is dirty any more");
  must (oriel_file_close (a), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
