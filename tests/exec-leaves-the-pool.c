/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that executes another program has left the pool, as if it had died:
 * its pages are free for others, and the program has no descriptor of the pool
 * or of a file.
 */
#include "util.h"

static oriel_options
two_places (void)
{
  oriel_options opt = test_options ();

  opt.max_processes = 2;
  return opt;
}

/* Count our descriptors that are of the test's files, in a shell; then live on
 * until the pipe is closed. */
static int
executes (void *arg)
{
  oriel_options opt = two_places ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;
  int *ends = arg;

  page = must_pin (file, 3, ORIEL_WRITE);
  memset (page.data, 0xee, 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must_pin (file, 4, ORIEL_READ);
  if (dup2 (ends[1], 1) < 0 || dup2 (ends[2], 0) < 0)
    return 1;
  close (ends[0]);
  close (ends[3]);
  setenv ("DIRECTORY", scratch (), 1);
  setenv ("POOLS", pool_dir (), 1);
  execl ("/bin/sh", "sh", "-c",
         "ls -l /proc/$$/fd | grep -c -e \"$DIRECTORY\" -e \"$POOLS\";"
         "grep -c -e \"$DIRECTORY\" -e \"$POOLS\" /proc/$$/maps;"
         "echo end; read line", (char *) NULL);
  return 1;
}

static double
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

int
main (void)
{
  oriel_options opt = two_places ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  char text[64] = "";
  size_t have = 0;
  int ends[4], status;
  ssize_t got;
  double start;
  pid_t pid;

  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  if (pipe2 (ends, O_CLOEXEC) < 0 || pipe2 (ends + 2, O_CLOEXEC) < 0)
    bail_out ("pipe: %s", strerror (errno));
  pid = spawn (executes, ends);
  close (ends[1]);
  close (ends[2]);
  while (have < sizeof text - 1 && !strstr (text, "end")
         && (got = read (ends[0], text + have, sizeof text - 1 - have)) > 0)
    have += (size_t) got;
  is_str (text, "0\n0\nend\n", "the program has none of our files");

  is_int (waitpid (pid, &status, WNOHANG), 0, "it runs");
  start = now_ms ();
  is_rc (oriel_pin (file, 3, ORIEL_WRITE, &page), 0,
         "the page that its process had latched is free");
  ok (now_ms () - start < 1000, "soon");
  ok (is_stamped (page.data, 4096, 1, 3), "and as it was");
  must (oriel_unpin (&page), "oriel_unpin");
  is_int ((long long) get_stats (pool).pins, 0, "no page is pinned");
  is_int ((long long) get_stats (pool).processes, 1, "we are alone");
  is_int (waitpid (pid, &status, WNOHANG), 0, "and it still runs");
  close (ends[3]);
  is_int (reap (pid), 1, "it ends"); /* read found the end of the file */
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
