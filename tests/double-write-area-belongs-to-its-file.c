/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who opens a file goes with how those write it who have it open; an area is
 * used for the file that it was made for, or if it was copied with that; and it
 * has nothing that counts when all have closed the file.
 */
#include <sys/xattr.h>

#include "util.h"

static oriel_pool *pool;

static int
open_as (const char *name, uint32_t torn, const char *area, uint32_t adopt,
         unsigned flags, oriel_file **file)
{
  oriel_file_options opt;

  oriel_file_options_init (&opt);
  opt.torn = torn;
  opt.area = area;
  opt.adopt = adopt;
  opt.flags = flags;
  return oriel_file_open_with (pool, scratch_file (name), &opt, file);
}

/* A process that writes stamps and is killed. */
static int
dies (void *arg)
{
  oriel_file *file;

  pool = test_pool ();
  must (open_as (arg, ORIEL_TORN_DOUBLE, NULL, 1, ORIEL_CREATE, &file),
        "oriel_file_open_with");
  for (uint64_t i = 0; i < 4; i++)
    stamp_page (pool, file, i, 7);
  must (oriel_sync (file), "oriel_sync");
  raise (SIGKILL);
  return 1;
}

static int
follows (void *unused)
{
  oriel_file *file;
  int good = 1;

  (void) unused;
  pool = test_pool ();
  if (open_as ("data", ORIEL_TORN_NONE, NULL, 0, 0, &file) != -EBUSY
      || open_as ("data", ORIEL_TORN_ATOMIC, NULL, 0, 0, &file) != -EBUSY) {
    diag ("another way: %s", oriel_error ());
    good = 0;
  }
  if (open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("other.dw"), 0, 0,
               &file)
      != -EBUSY) {
    diag ("another area: %s", oriel_error ());
    good = 0;
  }
  if (access (scratch_file ("other.dw"), F_OK) == 0) {
    diag ("the other area was made");
    good = 0;
  }
  if (open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("former.dw"), 0, 0,
               &file)
      != -EBUSY) {
    diag ("the area that it had: %s", oriel_error ());
    good = 0;
  }
  if (open_as ("other", ORIEL_TORN_DOUBLE, scratch_file ("data.dw"), 0,
               ORIEL_CREATE, &file)
      != -EBUSY) {
    diag ("another file's area: %s", oriel_error ());
    good = 0;
  }
  must (open_as ("data", ORIEL_TORN_AUTO, NULL, 0, 0, &file), "auto");
  must (oriel_file_close (file), "oriel_file_close");
  file = must_open_file (pool, scratch_file ("data"), 0);
  good = good && oriel_file_torn (file) == ORIEL_TORN_DOUBLE;
  stamp_page (pool, file, 5, 6);
  must (oriel_sync (file), "oriel_sync");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return good ? 0 : 1;
}

static void
copy_file (const char *from, const char *to)
{
  char command[1200];

  snprintf (command, sizeof command, "cp %s %s", scratch_file (from),
            scratch_file (to));
  if (system (command) != 0)
    bail_out ("cp failed");
}

static void
tear (const char *name)
{
  plain_write (scratch_file (name), 2 * 4096 + 512, "torn", 4);
}

static int
page_2_is (const char *name, uint64_t tag)
{
  char page[4096];

  plain_read (scratch_file (name), 2 * 4096, page, 4096);
  return is_stamped (page, 4096, tag, 2);
}

/* A process that has the file open while its only writer closes it. */
static pid_t
start_reader (int go[2], int told[2])
{
  oriel_file *file;
  char byte;
  pid_t pid;

  if (pipe (go) < 0 || pipe (told) < 0 || (fflush (NULL), pid = fork ()) < 0)
    bail_out ("pipe or fork failed");
  if (pid > 0) {
    close (go[0]);
    close (told[1]);
    if (read (told[0], &byte, 1) != 1)
      bail_out ("the reader died");
    return pid;
  }
  close (go[1]);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), ORIEL_RDONLY);
  if (write (told[1], "", 1) == 1 && read (go[0], &byte, 1) == 0) {
    must (oriel_file_close (file), "oriel_file_close");
    must (oriel_pool_close (pool), "oriel_pool_close");
  }
  _exit (0);
}

static void
closes_before_a_reader (void)
{
  int go[2], told[2], status;
  oriel_file *file;
  pid_t pid;

  must (open_as ("data", ORIEL_TORN_DOUBLE, NULL, 0, 0, &file), "open");
  pid = start_reader (go, told);
  stamp_page (pool, file, 2, 11);
  must (oriel_file_close (file), "oriel_file_close");
  close (go[1]);
  close (told[0]);
  waitpid (pid, &status, 0);
  is_int (status, 0, "a reader closes it last");
  tear ("data");
  file = must_open_file (pool, scratch_file ("data"), 0);
  ok (!page_2_is ("data", 11), "then, too, what others wrote stays");
  must (oriel_file_close (file), "oriel_file_close");
}

/* By which name they call it does not matter. */
static void
one_area_two_files (void)
{
  oriel_file *one, *two;

  must (open_as ("one", ORIEL_TORN_DOUBLE, scratch_file ("both"), 0,
                 ORIEL_CREATE, &one), "open");
  stamp_page (pool, one, 2, 12);
  must (oriel_flush (one), "oriel_flush");
  if (link (scratch_file ("both"), scratch_file ("by-link")) < 0)
    bail_out ("link failed");
  is_rc (open_as ("two", ORIEL_TORN_DOUBLE, scratch_file ("by-link"), 0,
                  ORIEL_CREATE, &two),
         -EBUSY, "two files that are open have no area in common");
  ok (strstr (oriel_error (), "of another file") != NULL, "it says so: %s",
      oriel_error ());
  stamp_page (pool, one, 2, 13);
  must (oriel_flush (one), "oriel_flush");
  must (oriel_file_abandon (one), "oriel_file_abandon");
  is_rc (open_as ("two", ORIEL_TORN_DOUBLE, scratch_file ("by-link"), 0, 0,
                  &two),
         0, "when the first is closed the other may have it");
  must (oriel_file_close (two), "oriel_file_close");
}

/* The area of "killed" lies where a reader does not look. */
static void
reader_knows_no_area (void)
{
  oriel_file *file;

  copy_file ("killed", "apart");
  copy_file ("killed.dw", "apart-area");
  tear ("apart");
  file = must_open_file (pool, scratch_file ("apart"), ORIEL_RDONLY);
  ok (!page_is_stamped (pool, file, 2, 7), "without the area a page is torn");
  must (oriel_file_close (file), "oriel_file_close");
  must (open_as ("apart", ORIEL_TORN_DOUBLE, scratch_file ("apart-area"), 1,
                 0, &file),
        "open");
  ok (page_2_is ("apart", 7), "with it, it is restored");
  ok (page_is_stamped (pool, file, 2, 7), "also in the pool");
  must (oriel_file_close (file), "oriel_file_close");
}

static void
options (void)
{
  oriel_file_options opt;
  oriel_file *file;

  oriel_file_options_init (&opt);
  is_int (opt.torn, ORIEL_TORN_DEFAULT, "torn is default at first");
  is_rc (oriel_file_options_set (&opt, "torn", "double"), 0, "torn=double");
  is_int (opt.torn, ORIEL_TORN_DOUBLE, "is set");
  is_rc (oriel_file_options_set (&opt, "torn", "half"), -EINVAL, "torn=half");
  is_rc (oriel_file_options_set (&opt, "adopt", "1"), 0, "adopt=1");
  is_rc (oriel_file_options_set (&opt, "adopt", "yes"), -EINVAL, "adopt=yes");
  is_rc (oriel_file_options_set (&opt, "area", "/x"), 0, "area=/x");
  ok (opt.adopt == 1 && strcmp (opt.area, "/x") == 0, "are set");
  is_rc (oriel_file_options_set (&opt, "shape", "round"), -ENOENT,
         "no such option");
  is_rc (oriel_file_options_set (NULL, "adopt", "1"), -EINVAL, "null");
  oriel_file_options_init (NULL);
  opt.struct_size = 3;
  is_rc (oriel_file_open_with (pool, "x", &opt, &file), -EINVAL,
         "another struct");
  is_rc (oriel_file_open_with (pool, "x", NULL, &file), -EINVAL, "none");
  is_rc (open_as ("x", 99, NULL, 0, 0, &file), -EINVAL, "no such way");
  is_rc (open_as ("x", ORIEL_TORN_DOUBLE, NULL, 0, ORIEL_FOREIGN, &file),
         -EINVAL, "a foreign file");
  is_int (oriel_file_torn (NULL), ORIEL_TORN_DEFAULT, "of no file");
  ok (strcmp (oriel_torn_name (ORIEL_TORN_ATOMIC), "atomic") == 0
          && strcmp (oriel_torn_name (77), "unknown") == 0,
      "names");
}

int
main (void)
{
  oriel_file *file, *again;
  char byte = 0;
  int rc;

  pool = test_pool ();
  options ();
  rc = open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("former.dw"), 0,
                ORIEL_CREATE, &file);
  if (rc == -EOPNOTSUPP) {
    skip ("this build has no xxHash");
    must (oriel_pool_close (pool), "oriel_pool_close");
    return done_testing ();
  }
  must (rc, "oriel_file_open_with");
  must (oriel_file_close (file), "oriel_file_close");
  must (open_as ("data", ORIEL_TORN_DOUBLE, NULL, 0, 0, &file), "open");
  is_int (in_child (follows, NULL), 0, "others go with those who have it open");
  is_rc (open_as ("data", ORIEL_TORN_NONE, NULL, 0, 0, &again), -EBUSY,
         "also in one process");
  is_rc (open_as ("data", ORIEL_TORN_DOUBLE, NULL, 0, 0, &again), 0,
         "or ask for the same");
  must (oriel_file_close (again), "oriel_file_close");
  stamp_page (pool, file, 2, 8);
  must (oriel_file_close (file), "oriel_file_close");
  tear ("data");
  file = must_open_file (pool, scratch_file ("data"), 0);
  ok (!page_2_is ("data", 8), "what others wrote after the close stays");
  is_int (oriel_file_torn (file), ORIEL_TORN_NONE, "and no one remembers how");
  must (oriel_file_close (file), "oriel_file_close");

  closes_before_a_reader ();
  one_area_two_files ();

  must (open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("place"), 0, 0,
                 &file),
        "oriel_file_open_with");
  stamp_page (pool, file, 2, 9);
  must (oriel_file_close (file), "oriel_file_close");
  ok (plain_size (scratch_file ("place")) >= 8 * MiB, "the area is where we say");
  plain_write (scratch_file ("else"), 0, "something else", 14);
  is_rc (open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("else"), 0, 0,
                  &file),
         -EPROTO, "what is no area is not taken for one");
  plain_read (scratch_file ("else"), 0, &byte, 1);
  ok (byte == 's', "nor written");
  is_rc (open_as ("data", ORIEL_TORN_DOUBLE, scratch_file ("no/where"), 0, 0,
                  &file),
         -ENOENT, "no directory");
  must (oriel_pool_close (pool), "oriel_pool_close");

  is_int (in_child (dies, (void *) "killed"), 128 + SIGKILL, "one is killed");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  copy_file ("killed", "copy");
  copy_file ("killed.dw", "copy.dw");
  copy_file ("killed", "second");
  copy_file ("killed.dw", "second.dw");
  pool = test_pool ();
  reader_knows_no_area ();
  tear ("killed");
  tear ("copy");
  /* What it says of another area, if its file system lets it, does not count if
   * one says that this is its area. */
  setxattr (scratch_file ("copy"), "user.oriel.area", "00000000000000aa", 16, 0);
  is_rc (open_as ("killed", 0, NULL, 0, ORIEL_RDONLY, &file), -EROFS,
         "who only reads is told that pages are torn");
  ok (strstr (oriel_error (), "1 pages") != NULL, "how many: %s",
      oriel_error ());
  is_rc (open_as ("killed", 0, NULL, 0, 0, &file), 0, "who writes");
  ok (page_2_is ("killed", 7), "restores them");
  is_int (oriel_file_torn (file), ORIEL_TORN_NONE, "also if it has no area then");
  must (oriel_file_close (file), "oriel_file_close");
  tear ("killed");
  is_rc (open_as ("killed", 0, NULL, 0, ORIEL_RDONLY, &file), 0,
         "that is done once");
  is_int (oriel_file_torn (file), ORIEL_TORN_DEFAULT, "readers decide nothing");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (open_as ("copy", ORIEL_TORN_DOUBLE, NULL, 0, 0, &file), -ESTALE,
         "an area of another file is not used");
  ok (!page_2_is ("copy", 7), "and nothing was written");
  is_rc (open_as ("copy", ORIEL_TORN_DOUBLE, NULL, 1, 0, &file), 0,
         "unless both were copied together, as one says");
  ok (page_2_is ("copy", 7), "then pages are restored");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_int (in_child (dies, (void *) "second"), 128 + SIGKILL,
          "one that adopts an area is killed");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  tear ("second");
  pool = test_pool ();
  is_rc (open_as ("second", ORIEL_TORN_DOUBLE, NULL, 0, 0, &file), 0,
         "that is the copy's own area then");
  ok (page_2_is ("second", 7), "and pages are restored");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");

  is_int (in_child (dies, (void *) "copy"), 128 + SIGKILL, "one is killed");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  tear ("copy");
  pool = test_pool ();
  if (symlink (scratch_file ("copy"), scratch_file ("link")) < 0)
    bail_out ("symlink failed");
  is_rc (open_as ("link", ORIEL_TORN_DOUBLE, NULL, 0, 0, &file), 0,
         "opened by a symbolic link");
  ok (page_2_is ("copy", 7), "it has the same area");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
