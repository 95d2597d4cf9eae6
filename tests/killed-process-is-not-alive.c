/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_alive() is 1 for attachments that live, 0 for those that were closed
 * or killed and for tokens that never were. */
#include "util.h"

struct shared {
  steps at;
  uint64_t token;
};

static int
attaches (void *arg)
{
  struct shared *shared = arg;
  oriel_pool *pool = test_pool ();

  shared->token = oriel_self (pool);
  go_to (&shared->at, 1);
  await (&shared->at, 2);
  must (oriel_pool_close (pool), "oriel_pool_close");
  go_to (&shared->at, 3);
  await (&shared->at, 4);
  return 0;
}

int
main (void)
{
  struct shared *shared = shared_memory (sizeof *shared);
  oriel_pool *pool = test_pool ();
  uint64_t self = oriel_self (pool);
  pid_t pid;

  ok (self != 0, "the own token is not 0");
  is_int (oriel_alive (pool, self), 1, "this process lives");
  is_int ((long long) oriel_self (pool), (long long) self,
          "the token stays the same");
  is_int (oriel_alive (pool, 0), 0, "0 does not live");
  is_int (oriel_alive (pool, self + 1), 0, "a token that never was");
  is_int (oriel_alive (pool, UINT64_MAX), 0, "nor this");

  pid = spawn (attaches, shared);
  await (&shared->at, 1);
  ok (shared->token != self, "another process has another token");
  is_int (oriel_alive (pool, shared->token), 1, "and lives");
  go_to (&shared->at, 2);
  await (&shared->at, 3);
  is_int (oriel_alive (pool, shared->token), 0, "after its close not");
  go_to (&shared->at, 4);
  is_int (reap (pid), 0, "it ends");

  go_to (&shared->at, 0);
  pid = spawn (attaches, shared);
  await (&shared->at, 1);
  is_int (oriel_alive (pool, shared->token), 1, "a third lives");
  kill (pid, SIGKILL);
  is_int (reap (pid), 128 + SIGKILL, "is killed");
  is_int (oriel_alive (pool, shared->token), 0, "and does not live");
  is_int (oriel_alive (pool, self), 1, "this one still does");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = test_pool ();
  ok (oriel_self (pool) != self, "attached anew the token is another");
  is_int (oriel_alive (pool, self), 0, "and the old one is dead");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
