/* SPDX-License-Identifier: BSD-2-Clause */
/* After a failure oriel_error() is one line that names what was concerned;
 * each thread has its own. */
#include "util.h"

static void
names (const char *what, const char *object)
{
  const char *text = oriel_error ();

  ok (strstr (text, object) && !strchr (text, '\n') && strlen (text) > 15,
      "%s: %s", what, text);
}

static void *
other_thread (void *arg)
{
  oriel_options opt;

  (void) arg;
  is_str (oriel_error (), "", "another thread has no error");
  oriel_options_init (&opt);
  oriel_options_set (&opt, "other_thread", "1");
  names ("then its own", "other_thread");
  return NULL;
}

int
main (void)
{
  oriel_options opt = test_options ();
  oriel_pool *pool, *none;
  oriel_file *file;
  oriel_page page, again;

  is_str (oriel_error (), "", "before any failure the text is empty");
  oriel_options_set (&opt, "no_such_option", "1");
  names ("an option that is none", "no_such_option");
  oriel_options_set (&opt, "slot_size", "green");
  names ("a value that is none", "green");
  in_thread (other_thread, NULL);
  names ("this thread's text is still there", "green");

  opt.flags = ORIEL_ATTACH;
  oriel_pool_open ("nopool", &opt, &none);
  names ("a pool that is missing", "nopool");
  oriel_pool_destroy ("nopool", pool_dir (), 0);
  names ("also when it is to be destroyed", "nopool");
  plain_write (pool_path ("text"), 0, "text", 4);
  chmod (pool_path ("text"), 0600);
  oriel_pool_open ("text", &opt, &none);
  names ("a pool that is none", "oriel-text");

  pool = test_pool ();
  oriel_file_open (pool, "/no/such/file", 0, &file);
  names ("a file that is missing", "/no/such/file");
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  oriel_pool_close (pool);
  names ("a pool that is busy", "oriel-test");
  oriel_pool_destroy ("test", pool_dir (), 0);
  names ("also when it is to be destroyed", "oriel-test");
  page = must_pin (file, 4711, ORIEL_WRITE);
  oriel_pin (file, 4711, ORIEL_WRITE, &again);
  names ("a page that is latched", "4711");
  names ("and its file", "data");
  oriel_file_close (file);
  names ("a file that is busy", "data");
  must (oriel_unpin (&page), "oriel_unpin");
  oriel_pin (file, UINT64_MAX, ORIEL_READ, &again);
  names ("a page that no file can have", "18446744073709551615");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
