/* SPDX-License-Identifier: BSD-2-Clause */
/* When max_processes are attached, the next is refused until one leaves. */
#include "util.h"

static int
holds (void *arg)
{
  steps *at = arg;
  oriel_pool *pool = test_pool ();

  go_to (at, 1);
  await (at, 2);
  return -oriel_pool_close (pool);
}

static int
attaches (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  int rc = oriel_pool_open ("test", &opt, &pool);

  (void) arg;
  if (rc == -EUSERS && !strstr (oriel_error (), "max_processes"))
    fprintf (stderr, "# the text lacks max_processes: %s\n", oriel_error ());
  return rc ? -rc : -oriel_pool_close (pool);
}

static int
dies (void *arg)
{
  (void) arg;
  test_pool ();
  raise (SIGKILL);
  return 0;
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  oriel_options opt = test_options ();
  oriel_pool *pool;
  pid_t pid;

  opt.max_processes = 2;
  pool = must_open_pool ("test", &opt);
  pid = spawn (holds, at);
  await (at, 1);
  is_int (in_child (attaches, NULL), EUSERS, "the third is -EUSERS");
  is_int ((long long) get_stats (pool).processes, 2, "two are attached");
  go_to (at, 2);
  is_int (reap (pid), 0, "the second leaves");
  is_int (in_child (attaches, NULL), 0, "its place can be taken");
  for (int i = 0; i < 5; i++)
    is_int (in_child (dies, NULL), 128 + SIGKILL, "a process is killed");
  is_int (in_child (attaches, NULL), 0, "killed processes hold no place");
  is_rc (oriel_pool_close (pool), 0, "close");
  return done_testing ();
}
