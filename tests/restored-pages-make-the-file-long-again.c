/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of what a double-write area has, and the store lost, a file is as long again as
 * it was; but what the pool knows of its length counts more: that a process which
 * was killed had made it longer, or was about to cut it.
 */
#include "double.h"

#include "sys.h"

#define TAG 7
#define PAGES 4

static oriel_pool *pool;
static oriel_file *file;

/* And page 2 is torn; the pool takes the file for what it made of it. */
static void
write_pages (void)
{
  pool = open_both (4096, &file);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, TAG);
  must (oriel_sync (file), "oriel_sync");
  plain_write (data, 2 * 4096 + 512, "torn", 4);
  stamp_page (pool, file, 0, TAG);
  must (oriel_flush (file), "oriel_flush");
}

static int
dies (void *unused)
{
  (void) unused;
  write_pages ();
  raise (SIGKILL);
  return 1;
}

static int
dies_with_a_page_more (void *unused)
{
  (void) unused;
  write_pages ();
  stamp_page (pool, file, PAGES, TAG);
  raise (SIGKILL);
  return 1;
}

static int
kill_us (int fd)
{
  (void) fd;
  return raise (SIGKILL);
}

/* Before the area's copies are void. */
static int
dies_cutting (void *unused)
{
  (void) unused;
  write_pages ();
  orl_sys.fdatasync = orl_sys.fsync = kill_us;
  oriel_file_truncate (file, 4096);
  return 1;
}

static void
is_long (uint64_t pages, const char *what)
{
  unsigned char page[4096];
  int good = 0;

  pool = open_both (4096, &file);
  is_int ((long long) oriel_file_size (file), (long long) pages * 4096, what);
  for (uint64_t i = 0; i < pages; i++)
    good += page_is_stamped (pool, file, i, TAG);
  is_int (good, (int) pages, "and has each page");
  if (pages > 2) {
    plain_read (data, 2 * 4096, page, sizeof page);
    ok (is_stamped (page, sizeof page, TAG, 2), "also the one that was torn");
  }
  close_both (pool, file);
  unlink (data);
  unlink (scratch_file ("data.dw"));
}

int
main (void)
{
  begin_double ();
  is_int (in_child (dies, NULL), 128 + SIGKILL, "a process is killed");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  if (truncate (data, (PAGES - 1) * 4096) < 0)
    bail_out ("truncate: %s", strerror (errno));
  is_long (PAGES, "a file that lost its last page has it again");

  is_int (in_child (dies_with_a_page_more, NULL), 128 + SIGKILL,
          "one is killed whose pages the pool has");
  is_long (PAGES + 1, "the file is as long as it made it");

  is_int (in_child (dies_cutting, NULL), 128 + SIGKILL,
          "one is killed that cuts the file");
  is_long (1, "the file is cut");
  return done_testing ();
}
