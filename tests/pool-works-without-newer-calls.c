/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool works where every call that Linux 3.2 lacks is refused, by an old
 * kernel (ENOSYS, EINVAL) or by a sandbox (EPERM): it is made, shared, evicts,
 * swaps slots, survives a killed process, and can be removed.
 */
#include "util.h"

#include "sys.h"

#define PAGES 600u

static int error;               /* what the missing calls answer */
static struct orl_sys real;

static int
refuse_lock (int fd, int cmd, struct flock *lock)
{
  if (cmd == F_OFD_SETLK || cmd == F_OFD_GETLK)
    return error;
  return real.fcntl_lock (fd, cmd, lock);
}

static int
refuse_birth (int fd, uint64_t *ns)
{
  (void) fd, (void) ns;
  return error;
}

static int
refuse_handle (int fd, struct file_handle *handle)
{
  (void) fd, (void) handle;
  return error;
}

static int
refuse_rename (const char *from, const char *to)
{
  (void) from, (void) to;
  return error;
}

static int
refuse_no_atime (int fd)
{
  (void) fd;
  return error;
}

/* On tmpfs from 3.5 on. */
static int
refuse_fallocate (int fd, int mode, off_t at, off_t n)
{
  (void) fd, (void) mode, (void) at, (void) n;
  return error == -EINVAL ? -EOPNOTSUPP : error;
}

static int
refuse_remap (void *at, size_t n, size_t pgoff, int flags)
{
  (void) at, (void) n, (void) pgoff, (void) flags;
  return error;
}

static int
refuse_membarrier (int cmd)
{
  (void) cmd;
  return error;
}

/* What came after MADV_DONTDUMP. */
static int
refuse_madvise (void *at, size_t n, int advice)
{
  return advice > 17 ? error : real.madvise (at, n, advice);
}

static ssize_t
refuse_madvise_many (const struct iovec *iov, int n, int advice)
{
  (void) iov, (void) n, (void) advice;
  return error;
}

static int
refuse_userfaultfd (int flags)
{
  (void) flags;
  return error;
}

static off_t
refuse_data (int fd, off_t at)
{
  (void) fd, (void) at;
  return error;
}

static oriel_options
small_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = MiB;
  opt.window_size = 128 * KiB;
  opt.slot_size = 4096;
  return opt;
}

/* Work on all pages for a while; the number of wrong ones. */
static int
use (oriel_pool *pool, oriel_file *file, uint64_t seed)
{
  int bad = 0;

  for (int i = 0; i < 2000; i++) {
    uint64_t number = next_random (&seed) % PAGES;

    bad += !page_is_stamped (pool, file, number, 1);
    if (i % 5 == 0)
      stamp_page (pool, file, number, 1);
  }
  return bad;
}

static int
uses (void *arg)
{
  steps *at = arg;
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_page page;

  go_to (&at[0], 1 + use (pool, file, 5));
  await (&at[1], 1);
  page = must_pin (file, 7, ORIEL_WRITE);
  memset (page.data, 'x', 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  go_to (&at[2], 1);
  pause ();
  return 0;
}

static void
diagnose (void *arg, const char *text)
{
  (void) arg;
  diag ("%s", text);
}

static void
try (steps *at, const char *what)
{
  oriel_options opt = small_options ();
  oriel_pool *pool = must_open_pool ("test", &opt);
  oriel_file *file = must_open_file (pool, scratch_file ("data"), 0);
  oriel_stats stats;
  pid_t pid;

  diag ("the calls answer %s", what);
  is_int (get_stats (pool).backend, ORIEL_BACKEND_MMAP, "backend mmap");
  for (int i = 0; i < 3; i++)
    go_to (&at[i], 0);
  pid = spawn (uses, at);
  is_int (use (pool, file, 3), 0, "every page is right beside another process");
  await (&at[0], 1);
  is_int (atomic_load (&at[0]), 1, "and there, too");
  go_to (&at[1], 1);
  await (&at[2], 1);
  kill (pid, SIGKILL);
  is_int (reap (pid), 128 + SIGKILL, "which is killed");
  ok (page_is_stamped (pool, file, 7, 1), "what it had latched is as it was");
  stats = get_stats (pool);
  ok (stats.swaps > 0 && stats.evictions > 0 && stats.repairs > 0,
      "slots were swapped, pages evicted, the dead one repaired");
  is_int (oriel_pool_check (pool, diagnose, NULL), 0, "nothing is wrong");
  is_rc (oriel_sync (file), 0, "sync");
  must (oriel_file_close (file), "oriel_file_close");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), -EBUSY,
         "who is attached is seen");
  must (oriel_pool_close (pool), "oriel_pool_close");
  is_rc (oriel_pool_destroy ("test", pool_dir (), 0), 0, "then it goes");

  opt.backend = ORIEL_BACKEND_EMULATED;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EOPNOTSUPP,
         "backend emulated is refused");
  opt.backend = ORIEL_BACKEND_NATIVE;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EOPNOTSUPP,
         "backend native, too");
}

int
main (void)
{
  static const struct { int error; const char *name; } errors[] = {
    { -ENOSYS, "ENOSYS" }, { -EINVAL, "EINVAL" }, { -EPERM, "EPERM" }
  };
  steps *at = shared_memory (3 * sizeof *at);

  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  real = orl_sys;
  orl_sys.fcntl_lock = refuse_lock;
  orl_sys.statx_birth = refuse_birth;
  orl_sys.file_handle = refuse_handle;
  orl_sys.rename_noreplace = refuse_rename;
  orl_sys.no_atime = refuse_no_atime;
  orl_sys.fallocate = refuse_fallocate;
  orl_sys.remap_file_pages = refuse_remap;
  orl_sys.membarrier = refuse_membarrier;
  orl_sys.madvise = refuse_madvise;
  orl_sys.madvise_many = refuse_madvise_many;
  orl_sys.userfaultfd = refuse_userfaultfd;
  orl_sys.data = refuse_data;
  for (size_t i = 0; i < COUNT (errors); i++) {
    error = errors[i].error;
    try (at, errors[i].name);
  }
  return done_testing ();
}
