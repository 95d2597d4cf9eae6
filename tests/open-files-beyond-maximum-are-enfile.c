/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When all max_files places hold open files or dirty pages the next file is -ENFILE;
 * places of closed, clean files are used again, and those of files that only the
 * dead have open.
 */
#include "util.h"

static const char *
name (int i)
{
  char text[20];

  snprintf (text, sizeof text, "data%d", i);
  return scratch_file (text);
}

static oriel_pool *
pool_of_four (void)
{
  oriel_options opt = test_options ();

  opt.max_files = 4;
  opt.max_processes = 1;
  return must_open_pool ("test", &opt);
}

static int
dies (void *unused)
{
  oriel_pool *pool = pool_of_four ();

  (void) unused;
  for (int i = 0; i < 4; i++)
    must_open_file (pool, name (i), ORIEL_CREATE);
  raise (SIGKILL);
  return 1;
}

/* It comes to have the place of the dead process. */
static void
after_the_dead (void)
{
  oriel_file *file;
  oriel_pool *pool;
  int good = 0;

  is_int (in_child (dies, NULL), 128 + SIGKILL, "who has all open is killed");
  pool = pool_of_four ();
  for (int i = 4; i < 10; i++)
    if (oriel_file_open (pool, name (i), ORIEL_CREATE, &file) == 0) {
      good++;
      must (oriel_file_close (file), "oriel_file_close");
    }
  is_int (good, 6, "who comes after it may open others");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  oriel_file *files[4], *extra;
  oriel_pool *pool = pool_of_four ();
  int good = 0;

  for (int i = 0; i < 4; i++)
    files[i] = must_open_file (pool, name (i), ORIEL_CREATE);
  is_rc (oriel_file_open (pool, name (4), ORIEL_CREATE, &extra), -ENFILE,
         "a fifth of four");
  ok (strstr (oriel_error (), "max_files") != NULL, "the text says why: %s",
      oriel_error ());
  is_rc (oriel_file_open (pool, name (0), 0, &extra), 0,
         "one that is open can be opened again");
  must (oriel_file_close (extra), "oriel_file_close");

  stamp_page (pool, files[3], 0, 1);
  must (oriel_file_abandon (files[3]), "oriel_file_abandon");
  is_rc (oriel_file_open (pool, name (4), ORIEL_CREATE, &extra), -ENFILE,
         "a closed file with dirty pages keeps its place");
  files[3] = must_open_file (pool, name (3), 0);
  ok (page_is_stamped (pool, files[3], 0, 1), "and its page");
  must (oriel_file_close (files[3]), "oriel_file_close");
  is_rc (oriel_file_open (pool, name (4), ORIEL_CREATE, &extra), 0,
         "a closed file without them does not");
  must (oriel_file_close (extra), "oriel_file_close");

  for (int i = 10; i < 60; i++) {
    extra = must_open_file (pool, name (i), ORIEL_CREATE);
    stamp_page (pool, extra, 0, (uint64_t) i);
    must (oriel_file_close (extra), "oriel_file_close");
  }
  for (int i = 10; i < 60; i++) {
    extra = must_open_file (pool, name (i), 0);
    good += page_is_stamped (pool, extra, 0, (uint64_t) i);
    must (oriel_file_close (extra), "oriel_file_close");
  }
  is_int (good, 50, "fifty files use that place in turn");
  for (int i = 0; i < 3; i++)
    must (oriel_file_close (files[i]), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  after_the_dead ();
  return done_testing ();
}
