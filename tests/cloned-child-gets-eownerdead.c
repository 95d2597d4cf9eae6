/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child that was made behind the back of fork handlers, by clone(2), gets
 * -EOWNERDEAD from each call, also for what would be a hit; its parent's pins
 * hold; it can close its copy and attach.
 */
#include "util.h"

#include <sys/syscall.h>

static oriel_pool *pool;
static oriel_file *file;
static oriel_page held;

static int
in_clone (void)
{
  oriel_stats stats = { .struct_size = sizeof stats };
  oriel_page page, mine = held;
  oriel_file *other;
  char byte;

  if (oriel_pin (file, 1, ORIEL_READ, &page) != -EOWNERDEAD)
    return 1;
  if (oriel_pin (file, 1, ORIEL_WRITE, &page) != -EOWNERDEAD)
    return 2;
  if (oriel_unpin (&mine) != -EOWNERDEAD)
    return 3;
  if (oriel_read (file, 0, &byte, 1, NULL) != -EOWNERDEAD)
    return 4;
  if (oriel_file_open (pool, scratch_file ("data"), 0, &other) != -EOWNERDEAD)
    return 5;
  if (oriel_pool_stats (pool, &stats) != -EOWNERDEAD)
    return 6;
  if (oriel_alive (pool, oriel_self (pool)))
    return 7;
  if (oriel_pool_close (pool) != 0)
    return 8;
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  if (!page_is_stamped (pool, file, 2, 1))
    return 9;
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* In a thread that never used the pool, too. */
static void *
clone_here (void *arg)
{
  pid_t pid = (pid_t) syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

  if (pid == 0)
    _exit (in_clone ());
  is_int (reap (pid), 0, arg);
  return NULL;
}

int
main (void)
{
  make_stamped_file (scratch_file ("data"), 4096, 10, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  held = must_pin (file, 1, ORIEL_READ);
  clone_here ("a clone has no part in the pool");
  in_thread (clone_here, "nor has that of a thread that never used it");
  ok (is_stamped (held.data, 4096, 1, 1), "the parent's page is there");
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "no rule is broken");
  is_rc (oriel_unpin (&held), 0, "and can be given back");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
