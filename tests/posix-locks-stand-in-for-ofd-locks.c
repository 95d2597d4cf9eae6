/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel has no OFD locks, POSIX locks do what they do: a process
 * counts as alive whatever it opens and closes of its pool, each attachment has
 * a place of its own, descriptors do not pile up, a forked child has none of it,
 * and who is killed is dead; also beside processes that have OFD locks.
 */
#include <dirent.h>

#include "util.h"

#include "sys.h"

static int (*real_lock) (int fd, int cmd, struct flock *lock);
static uint64_t *token;

static int
no_ofd (int fd, int cmd, struct flock *lock)
{
  if (cmd == F_OFD_SETLK || cmd == F_OFD_GETLK)
    return -EINVAL;
  return real_lock (fd, cmd, lock);
}

/* In a child: does the kernel's own answer say that the token's process lives? */
static int
sees (void *arg)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  int alive;

  orl_sys.fcntl_lock = arg ? no_ofd : real_lock;
  pool = must_open_pool ("test", &opt);
  alive = oriel_alive (pool, *token);
  return oriel_pool_close (pool) == 0 ? alive : 99;
}

static void
is_alive (const char *what)
{
  ok (in_child (sees, NULL) == 1 && in_child (sees, token) == 1,
      "alive after %s", what);
}

static unsigned
count_descriptors (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  unsigned n = 0;

  while (dir && readdir (dir))
    n++;
  if (dir)
    closedir (dir);
  return n;
}

static void
ignore (void *arg, const char *name, const char *path)
{
  (void) name, (void) path;
  ++*(int *) arg;
}

static void
look (void)
{
  oriel_options opt = test_options ();

  opt.flags = ORIEL_WATCH;
  must (oriel_pool_close (must_open_pool ("test", &opt)), "oriel_pool_close");
}

static int
forks (void *arg)
{
  oriel_pool *pool;

  (void) arg;
  pool = test_pool ();
  if (get_stats (pool).processes != 2)
    return 1;
  return oriel_alive (pool, *token) ? 0 : 2;
}

/* Attach, then fork a child that lives on when we are killed, and sees it. */
static int
leaves_a_child (void *arg)
{
  oriel_pool *pool = test_pool ();
  steps *at = arg;
  int alive;

  *token = oriel_self (pool);
  if (fork () == 0) {
    oriel_options opt = test_options ();

    await (at, 2);
    pool = must_open_pool ("test", &opt);
    alive = oriel_alive (pool, *token);
    must (oriel_pool_close (pool), "oriel_pool_close");
    go_to (at, 10 + alive);
    _exit (0);
  }
  go_to (at, 1);
  pause ();
  return 0;
}

/* In a child: what its parent had locked is free when the parent gives it up. */
static int
locks_after (void *arg)
{
  int fd = open (scratch_file ("locks"), O_RDWR | O_CLOEXEC);
  steps *at = arg;
  int r;

  await (at, 1);
  r = orl_sys.locked (fd, 5);
  go_to (at, 2);
  await (at, 3);
  return r == 1 && orl_sys.lock (fd, F_WRLCK, 5) == 0 ? 0 : 1;
}

/* The entries of the table, of one file in one process. */
static void
try_locks (steps *at)
{
  const char *path = scratch_file ("locks");
  int a = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int b = open (path, O_RDWR | O_CLOEXEC), c;
  pid_t pid;

  is_int (orl_sys.lock (a, F_WRLCK, 5), 0, "a descriptor locks a byte");
  is_int (orl_sys.lock (b, F_WRLCK, 5), -EAGAIN, "another one cannot");
  is_int (orl_sys.locked (b, 5), 1, "and sees the lock");
  is_int (orl_sys.locked (a, 5), 0, "which the first's own is not to it");
  is_int (orl_sys.locked (b, 6), 0, "the next byte is free");
  orl_sys.lock (b, F_UNLCK, 5);
  is_int (orl_sys.locked (b, 5), 1, "only who has the lock gives it up");
  is_int (orl_sys.lock (b, F_WRLCK, 6), 0, "another byte");
  go_to (at, 0);
  pid = spawn (locks_after, at);
  go_to (at, 1);
  await (at, 2);
  is_int (orl_sys.close (a), 0, "the first is closed");
  go_to (at, 3);
  is_int (reap (pid), 0, "a forked child may have its lock now");
  is_int (orl_sys.locked (b, 5), 0, "and with it its lock is gone");
  c = orl_sys.open (path, O_RDWR, 0);
  is_int (orl_sys.locked (c, 6), 1, "the other's is not");
  orl_sys.close (b);
  is_int (orl_sys.locked (c, 6), 0, "until it is closed");
  orl_sys.close (c);
}

static int
dies (void *arg)
{
  oriel_pool *pool = test_pool ();

  *token = oriel_self (pool);
  go_to (arg, 1);
  pause ();
  return 0;
}

int
main (void)
{
  steps *at = shared_memory (sizeof *at);
  unsigned before, open;
  oriel_pool *pool, *second;
  int listed = 0;
  pid_t pid;

  token = shared_memory (sizeof *token);
  real_lock = orl_sys.fcntl_lock;
  orl_sys.fcntl_lock = no_ofd;
  pool_dir ();
  scratch ();
  before = count_descriptors ();
  pool = test_pool ();
  *token = oriel_self (pool);
  is_alive ("its attaching");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), -EBUSY,
         "so it cannot be destroyed");
  is_alive ("that");
  look ();
  is_alive ("a look at the pool");
  open = count_descriptors ();
  for (int i = 0; i < 100; i++) {
    look ();
    must (oriel_pool_list (pool_dir (), ignore, &listed), "oriel_pool_list");
  }
  is_int (listed, 100, "the pool is listed");
  ok (count_descriptors () <= open + 1, "descriptors do not pile up");
  is_alive ("a hundred lists");

  second = test_pool ();
  is_int ((long long) get_stats (pool).processes, 2,
          "a second attachment has its own place");
  ok (oriel_alive (pool, oriel_self (second))
      && oriel_alive (second, oriel_self (pool)), "each sees the other");
  must (oriel_pool_close (second), "oriel_pool_close");
  is_alive ("the end of the second");
  is_int (in_child (forks, NULL), 0, "a forked child has its own place");
  is_alive ("that");

  pid = spawn (dies, at);
  await (at, 1);
  is_int (oriel_alive (pool, *token), 1, "another process is alive");
  is_alive ("it is asked for");
  kill (pid, SIGKILL);
  reap (pid);
  is_int (oriel_alive (pool, *token), 0, "killed, it is dead");
  ok (in_child (sees, NULL) == 0, "for who has OFD locks, too");

  go_to (at, 0);
  pid = spawn (leaves_a_child, at);
  await (at, 1);
  kill (pid, SIGKILL);
  reap (pid);
  go_to (at, 2);
  await (at, 10);
  is_int (atomic_load (at), 10, "its child, which lives, sees that, too");
  must (oriel_pool_close (pool), "oriel_pool_close");
  try_locks (at);
  is_int (count_descriptors (), before, "no descriptor is left");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0, "no one is attached");
  return done_testing ();
}
