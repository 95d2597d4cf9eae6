/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that is killed is dead even if a child that it forked lives on: the
 * child has copies of its descriptors and mappings, and gives them up.
 */
#include "util.h"

struct shared {
  steps step;
  uint64_t token;
  pid_t child;
};

static int
leaves_a_child (void *arg)
{
  struct shared *s = arg;
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page = must_pin (file, 1, ORIEL_WRITE);

  memset (page.data, 'x', 100);
  s->token = oriel_self (pool);
  if (fork () == 0) {
    s->child = getpid ();
    /* What only looks does not crash. */
    if (oriel_file_size (file) == 12345 || oriel_unpin (&page) == 0)
      _exit (1);
    go_to (&s->step, 1);
    pause ();
  }
  pause ();
  return 0;
}

int
main (void)
{
  struct shared *s = shared_memory (sizeof *s);
  oriel_pool *pool;
  oriel_file *file;
  pid_t pid;

  make_stamped_file (scratch_file ("data"), 4096, 4, 0, 1);
  pool = test_pool ();
  file = must_open_file (pool, scratch_file ("data"), 0);
  pid = spawn (leaves_a_child, s);
  await (&s->step, 1);
  is_int (oriel_alive (pool, s->token), 1, "the parent lives");
  kill (pid, SIGKILL);
  reap (pid);
  is_int (kill (s->child, 0), 0, "its child lives on");
  is_int (oriel_alive (pool, s->token), 0, "and does not keep it alive");
  /* Who waited for it would do so for ever: the test's timeout. */
  ok (page_is_stamped (pool, file, 1, 1), "its page is what it was");
  kill (s->child, SIGKILL);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
