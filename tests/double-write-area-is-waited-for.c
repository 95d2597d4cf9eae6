/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has the double-write area, and is long about its write in place, keeps it as
 * long as it lives, and when it was killed as long as the kernel goes on with what
 * it was sent: others who write the same file put nothing into the area, and nothing
 * in place, before that.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define PAGES 4                 /* of each of the two */
#define LONG 500000             /* us; asked for life many times meanwhile */
#define LOOKS 3                 /* at the transfers of the dead */

/* As in proc.c. */
#define WRITES_BYTE(place) (((off_t) 1 << 60) + (off_t) (place)               \
                            + 2 * ORL_MAX_PROCS)

struct shared {
  steps step;
  _Atomic int inside;
  uint32_t place;
};

static struct shared *shared;
static char data[300];
static oriel_pool *pool;
static oriel_file *file;
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int (*real_locked) (int fd, off_t at);
static unsigned looks, early;

static int
is_file (int fd)
{
  char path[40], name[600] = "";

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  return strcmp (name, data) == 0;
}

static void
attach (void)
{
  oriel_options opt = test_options ();
  oriel_file_options how;

  opt.store = ORIEL_STORE_POSIX;
  opt.max_processes = 4;
  pool = must_open_pool ("test", &opt);
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  must (oriel_file_open_with (pool, data, &how, &file), "oriel_file_open_with");
  shared->place = pool->shm.proc;
}

static ssize_t
write_long (int fd, const struct iovec *iov, int n, off_t at)
{
  ssize_t r;

  if (!is_file (fd))
    return real_pwritev (fd, iov, n, at);
  orl_sys.pwritev = real_pwritev;
  atomic_store (&shared->inside, 1);
  go_to (&shared->step, 1);
  usleep (LONG);
  r = real_pwritev (fd, iov, n, at);
  atomic_store (&shared->inside, 0);
  return r;
}

static ssize_t
write_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  if (is_file (fd))
    raise (SIGKILL);
  return real_pwritev (fd, iov, n, at);
}

static int
flushes (void *arg)
{
  attach ();
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_sys.pwritev = arg ? write_and_die : write_long;
  must (oriel_flush (file), "oriel_flush");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

/* Of this process: is it too soon? */
static ssize_t
write_late (int fd, const struct iovec *iov, int n, off_t at)
{
  early += atomic_load (&shared->inside) != 0;
  return real_pwritev (fd, iov, n, at);
}

static int
look (int fd, off_t at)
{
  if (at != WRITES_BYTE (shared->place) || looks == LOOKS)
    return real_locked (fd, at);
  atomic_store (&shared->inside, ++looks < LOOKS);
  return 1;
}

static void
go_on (bool dead)
{
  uint32_t place;
  int good = 0;
  pid_t pid;

  diag ("of one who %s", dead ? "was killed" : "lives");
  memset (shared, 0, sizeof *shared);
  early = looks = 0;
  make_stamped_file (data, 4096, 2 * PAGES, 0, 1);
  attach ();
  place = shared->place;
  pid = spawn (flushes, dead ? "dies" : NULL);
  if (dead) {
    is_int (reap (pid), 128 + SIGKILL, "a process is killed");
    if (shared->place == place)
      bail_out ("two processes in one place");
    atomic_store (&shared->inside, 1);
    orl_sys.locked = look;
  } else {
    await (&shared->step, 1);
  }
  /* Only now, as who flushes writes others' pages, too. */
  for (uint64_t i = PAGES; i < 2 * PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_sys.pwritev = write_late;
  is_rc (oriel_flush (file), 0, "another one flushes");
  orl_sys.pwritev = real_pwritev;
  orl_sys.locked = real_locked;
  is_int (early, 0, "and writes nothing before it may");
  if (!dead)
    is_int (reap (pid), 0, "the first one ends");
  for (uint64_t i = 0; i < 2 * PAGES; i++)
    good += page_is_stamped (pool, file, i, 2);
  is_int (good, 2 * PAGES, "all pages are whole");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  char *directory;

  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  directory = realpath (scratch (), NULL); /* as /proc has it */
  snprintf (data, sizeof data, "%s", path_in (directory, "data"));
  free (directory);
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  real_pwritev = orl_sys.pwritev;
  real_locked = orl_sys.locked;
  go_on (false);
  go_on (true);
  return done_testing ();
}
