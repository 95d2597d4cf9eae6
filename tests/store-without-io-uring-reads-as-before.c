/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where io_uring is missing (ENOSYS, as in gVisor), forbidden (EPERM, by
 * kernel.io_uring_disabled or a sandbox), or taken away later, files are read by
 * the calls of ever; who insists on it is told at open.
 */
#include "util.h"

#include <stdbool.h>

#include "sys.h"

#define PAGES 300

static int refusal;
static int refused;
static struct orl_sys works;

static int
refuses_setup (struct io_uring *ring, unsigned entries)
{
  (void) ring, (void) entries;
  refused++;
  return refusal;
}

static int
refuses_register (struct io_uring *ring, const int *fds, unsigned n)
{
  (void) ring, (void) fds, (void) n;
  refused++;
  return refusal;
}

static int
refuses_submit (struct io_uring *ring)
{
  (void) ring;
  refused++;
  return refusal;
}

static int
refuses_update (struct io_uring *ring, unsigned at, int fd)
{
  (void) ring, (void) at, (void) fd;
  refused++;
  return refusal;
}

static int
refuses_wait (struct io_uring *ring)
{
  (void) ring;
  refused++;
  return refusal;
}

/* As a kernel without OFD locks. */
static int
refuses_ofd (int fd, int cmd, struct flock *lock)
{
  if (cmd != F_OFD_SETLK && cmd != F_OFD_GETLK)
    return works.fcntl_lock (fd, cmd, lock);
  refused++;
  return -EINVAL;
}

/* A file is read in each way there is; how many pages were right. */
static int
read_all (oriel_pool *pool, oriel_stats *after)
{
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  uint64_t list[] = { 7, 290, 8, 100 };
  int good = 0;

  oriel_pool_evict (pool, NULL);
  must (oriel_prefetch (file, 200, 50), "oriel_prefetch");
  must (oriel_prefetch_many (file, list, COUNT (list)),
        "oriel_prefetch_many");
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  *after = get_stats (pool);
  must (oriel_file_close (file), "oriel_file_close");
  return good;
}

/* The ring goes on without the call. */
static void
does_without (const char *what)
{
  oriel_options opt = test_options ();
  oriel_stats before, after;
  oriel_pool *pool;

  diag ("%s", what);
  refused = 0;
  opt.store = ORIEL_STORE_URING;
  pool = must_open_pool ("test", &opt);
  before = get_stats (pool);
  is_int (read_all (pool, &after), PAGES, "all pages are right");
  is_int ((long long) after.store, ORIEL_STORE_URING, "by io_uring");
  ok (after.readahead - before.readahead >= 54, "and read ahead");
  diag ("refused %d times", refused);
  must (oriel_pool_close (pool), "oriel_pool_close");
}

/* All is as before, and no ring was made. */
static void
goes_on (const char *what, bool insist)
{
  oriel_options opt = test_options ();
  oriel_pool *pool, *other;
  oriel_stats before, after;

  diag ("%s", what);
  refused = 0;
  opt.store = ORIEL_STORE_AUTO;
  pool = must_open_pool ("test", &opt);
  before = get_stats (pool);
  is_int (read_all (pool, &after), PAGES, "all pages are right");
  ok (refused > 0, "io_uring was tried, and refused %d times", refused);
  is_int ((long long) after.store, ORIEL_STORE_POSIX, "the store is posix");
  ok (after.readahead - before.readahead >= 54
          && after.reads - before.reads < PAGES / 2,
      "pages were read together, by %d reads",
      (int) (after.reads - before.reads));
  opt.store = ORIEL_STORE_URING;
  if (insist) {
    is_int (oriel_pool_open ("test", &opt, &other), -EOPNOTSUPP,
            "who insists is told");
    ok (strstr (oriel_error (), "io_uring") || strstr (oriel_error (), "ring"),
        "why: %s", oriel_error ());
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  oriel_options opt = test_options ();
  static const int refusals[] = { -ENOSYS, -EPERM, -ENOMEM };

  works = orl_sys;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  for (size_t i = 0; i < COUNT (refusals); i++) {
    refusal = refusals[i];
    orl_sys.uring_setup = refuses_setup;
    goes_on (strerror (-refusal), true);
    orl_sys = works;
  }
  opt.store = ORIEL_STORE_POSIX;
  orl_sys.uring_setup = refuses_setup;
  refused = 0;
  {
    oriel_pool *pool = must_open_pool ("test", &opt);
    oriel_stats after;

    is_int (read_all (pool, &after), PAGES, "store posix: all is right");
    is_int (refused, 0, "no ring was wanted");
    must (oriel_pool_close (pool), "oriel_pool_close");
  }
  orl_sys = works;
  opt.store = ORIEL_STORE_URING;
  {
    oriel_pool *pool;
    int rc = open_with_room ("test", &opt, &pool);

    if (rc == -EOPNOTSUPP) {
      skip ("there is no io_uring here to take away");
      return done_testing ();
    }
    must (rc, "oriel_pool_open");
    must (oriel_pool_close (pool), "oriel_pool_close");
  }
  refusal = -EPERM;
  orl_sys.uring_register = refuses_register;
  goes_on ("no descriptor can be registered", true);
  orl_sys = works;
  orl_sys.uring_submit = refuses_submit;
  goes_on ("the sandbox closes when the ring is made", false);
  orl_sys = works;
  refusal = -EINVAL;
  orl_sys.uring_update = refuses_update;
  does_without ("no descriptor can be added to those that are registered");
  ok (refused > 0, "that was tried");
  orl_sys = works;
  orl_sys.uring_wait = refuses_wait;
  does_without ("no one can wait");
  orl_sys = works;
  orl_sys.fcntl_lock = refuses_ofd;
  goes_on ("a kernel without OFD locks", true);
  orl_sys = works;
  return done_testing ();
}
