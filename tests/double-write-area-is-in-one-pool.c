/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A double-write area that one pool uses is refused to files of another, and so is
 * its own file; until all who have it have closed it or are dead, whatever children
 * they have forked.  No file is its own area, nor one that is open.
 */
#include "util.h"

static int
open_as (oriel_pool *pool, const char *name, const char *area, unsigned flags,
         oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.torn = ORIEL_TORN_DOUBLE;
  opt.area = area ? scratch_file (area) : NULL;
  opt.flags = flags;
  return oriel_file_open_with (pool, scratch_file (name), &opt, file);
}

static oriel_pool *
pool_of (const char *name)
{
  oriel_options opt = test_options ();

  return must_open_pool (name, &opt);
}

static int told[2];

/* It leaves a child behind, which has begun, and dies with the file open. */
static int
leaves_a_child (void *arg)
{
  oriel_pool *pool = pool_of ("other");
  oriel_file *file;
  int begun[2];
  char byte;

  (void) arg;
  if (pipe (begun) < 0)
    return 1;
  must (open_as (pool, "one", "area", 0, &file), "open");
  stamp_page (pool, file, 1, 5);
  must (oriel_flush (file), "oriel_flush");
  fflush (NULL);
  if (fork () == 0) {
    close (told[1]);
    if (write (begun[1], "", 1) != 1 || read (told[0], &byte, 1) < 0)
      _exit (1);
    _exit (0);
  }
  if (read (begun[0], &byte, 1) != 1)
    return 1;
  raise (SIGKILL);
  return 1;
}

static void
refuses_itself (oriel_pool *pool)
{
  oriel_file *file, *open;
  char page[4096], is[4096];

  memset (page, 0, sizeof page);
  plain_write (scratch_file ("self"), 0, page, sizeof page);
  plain_write (scratch_file ("self"), 4096, "data", 4);
  is_rc (open_as (pool, "self", "self", 0, &file), -EINVAL,
         "a file is not its own area");
  ok (strstr (oriel_error (), "its own") != NULL, "it says so: %s",
      oriel_error ());
  open = must_open_file (pool, scratch_file ("self"), 0);
  is_rc (open_as (pool, "one", "self", 0, &file), -EBUSY,
         "nor one that is open that of another");
  must (oriel_file_close (open), "oriel_file_close");
  plain_read (scratch_file ("self"), 0, is, sizeof is);
  ok (memcmp (page, is, sizeof is) == 0 && plain_size (scratch_file ("self"))
                                               == 4100,
      "nothing is written there");
}

int
main (void)
{
  oriel_pool *pool = pool_of ("test");
  oriel_pool *other = pool_of ("other");
  oriel_file *file, *second, *again;
  int rc = open_as (pool, "one", "area", ORIEL_CREATE, &file);

  if (rc == -EOPNOTSUPP)
    skip_all ("this build has no xxHash");
  must (rc, "open");
  is_rc (open_as (other, "two", "area", ORIEL_CREATE, &second), -EBUSY,
         "an area of another pool's file");
  ok (strstr (oriel_error (), "another pool") != NULL, "it says so: %s",
      oriel_error ());
  is_rc (open_as (other, "one", "area", 0, &second), -EBUSY,
         "the same file in another pool");
  is_rc (oriel_file_open (other, scratch_file ("one"), 0, &second), -EBUSY,
         "also if it names no area");
  is_rc (open_as (pool, "one", "third", 0, &again), -EBUSY,
         "another area for a file that this process has open");
  is_rc (open_as (pool, "one", "area", 0, &again), 0, "but not the same");
  must (oriel_file_close (again), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (open_as (other, "two", "area", 0, &second), 0,
         "when it is closed others may have it");
  is_rc (open_as (pool, "one", "area", 0, &again), -EBUSY,
         "and then it is theirs");
  must (oriel_file_close (second), "oriel_file_close");
  must (oriel_pool_close (other), "oriel_pool_close");

  if (pipe (told) < 0)
    bail_out ("pipe: %s", strerror (errno));
  is_int (in_child (leaves_a_child, NULL), 128 + SIGKILL,
          "a process is killed whose child lives");
  is_rc (open_as (pool, "one", "area", 0, &file), 0, "it keeps no area");
  ok (page_is_stamped (pool, file, 1, 5), "what it wrote is there");
  must (oriel_file_close (file), "oriel_file_close");
  close (told[0]);
  close (told[1]);

  refuses_itself (pool);
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
