/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With store=pmem files are mapped: on persistent memory (tmpfs, said to be
 * such by PMEM_IS_PMEM_FORCE) and elsewhere by msync(), which
 * oriel_file_store() tells. Pages come and go as with other stores; a process
 * that is killed leaves whole pages; a file that strangers cut, and a hole that
 * finds no room, are errors and no signals.
 */
#include "util.h"

#include "attach.h"
#include "double-write.h"
#include "sys.h"

#define PAGES 40
#define FAR 18000               /* a page behind the first mapping */

static struct orl_sys real;
static ino_t victim;
static off_t lie;
static int calls;

static oriel_pool *
pool_with (const char *name, uint32_t page_size)
{
  oriel_options opt = test_options ();

  opt.store = ORIEL_STORE_PMEM;
  opt.page_size = page_size;
  return must_open_pool (name, &opt);
}

static int
lying_fstat (int fd, struct stat *st)
{
  int r = real.fstat (fd, st);

  if (r == 0 && st->st_ino == victim)
    st->st_size = lie;
  return r;
}

/* A file system cannot, or a sandbox does not know it. */
static int refusal;

static int
no_fallocate (int fd, int mode, off_t at, off_t n)
{
  (void) fd, (void) mode, (void) at, (void) n;
  return refusal;
}

static int
note_msync (void *at, size_t n)
{
  calls = (int) (n / 4096);
  return real.msync (at, n);
}

/* Two processes' stores: what one wrote behind the end that the other knows, the
 * other's sync makes durable as well. */
static void
synced_by_another (void)
{
  const struct orl_store_options opt = { .create = true };
  const char *path = scratch_file ("two");
  struct orl_store *one, *two;
  static char page[4096];
  struct iovec iov = { page, sizeof page };

  must (orl_store_pmem_open (path, &opt, &one), "orl_store_pmem_open");
  must (orl_store_pmem_open (path, &opt, &two), "orl_store_pmem_open");
  must (one->ops->write (one, &iov, 1, 9 * 4096), "write");
  orl_sys.msync = note_msync;
  calls = 0;
  must (two->ops->sync (two), "sync");
  orl_sys.msync = real.msync;
  is_int (calls, 10, "a sync is of all that others wrote");
  one->ops->close (one);
  two->ops->close (two);
}

static int
bad_msync (void *at, size_t n)
{
  (void) at, (void) n;
  calls++;
  return -EIO;
}

/* ------------------------------------------------------------------ */

static void
there_and_back (oriel_pool *pool, oriel_file *file, const char *path)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 1);
  must (oriel_write (file, PAGES * 4096, "tail", 4), "oriel_write");
  is_rc (oriel_sync (file), 0, "sync");
  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (path, (off_t) i * 4096, page, 4096);
    good += is_stamped (page, 4096, 1, i);
  }
  is_int (good, PAGES, "the file has the pages");
  is_int ((long long) plain_size (path), PAGES * 4096 + 4, "and its length");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  for (uint64_t i = good = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "they come back");
  must (oriel_file_truncate (file, PAGES * 4096), "oriel_file_truncate");
  is_int ((long long) plain_size (path), PAGES * 4096, "cut");
  orl_sys.fallocate = no_fallocate; /* a sparse one */
  refusal = -EOPNOTSUPP;
  stamp_page (pool, file, FAR, 1);
  is_rc (oriel_sync (file), 0, "the mapping grows");
  refusal = -EPERM;
  stamp_page (pool, file, FAR + 1, 1);
  is_rc (oriel_sync (file), 0, "and in a sandbox");
  orl_sys = real;
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  ok (page_is_stamped (pool, file, FAR, 1), "a page from far behind");
  ok (page_is_stamped (pool, file, FAR - 5, 1) == 0, "before it is a hole");
}

static struct sigaction ours;

/* As of a program that has signals blocked while it decides. */
static void
theirs (int sig, siginfo_t *info, void *context)
{
  ours.sa_sigaction (sig, info, context);
}

/* The page is missing under the copy, and another's handler is before ours. */
static void
behind_a_handler (oriel_file *file)
{
  struct sigaction act = { .sa_sigaction = theirs, .sa_flags = SA_SIGINFO };
  oriel_page page;
  sigset_t mask;

  sigfillset (&act.sa_mask);
  sigaction (SIGBUS, &act, &ours);
  for (int i = 0; i < 2; i++)
    is_rc (oriel_pin (file, 30, ORIEL_READ, &page), -EIO,
           "so it is behind another's handler");
  sigaction (SIGBUS, &ours, NULL);
  pthread_sigmask (SIG_SETMASK, NULL, &mask);
  ok (!sigismember (&mask, SIGBUS) && !sigismember (&mask, SIGUSR1),
      "and no signal stays blocked");
}

static void
no_signals (oriel_pool *pool, oriel_file *file, const char *path)
{
  oriel_page page;
  struct stat st;

  must (oriel_pool_evict (pool, file), "oriel_pool_evict");
  if (truncate (path, 8192) < 0)
    bail_out ("truncate: %s", strerror (errno));
  page = must_pin (file, 5, ORIEL_READ);
  ok (is_zero (page.data, 4096), "what a stranger has cut off is zeroes");
  must (oriel_unpin (&page), "oriel_unpin");
  ok (page_is_stamped (pool, file, 1, 1), "what is left is there");
  stamp_page (pool, file, 6, 2);
  is_rc (oriel_sync (file), 0, "and the file can be written again");
  must (oriel_pool_evict (pool, file), "oriel_pool_evict");

  /* The file is shorter than it was when we looked. */
  if (stat (path, &st) < 0)
    bail_out ("stat: %s", strerror (errno));
  victim = st.st_ino;
  lie = 1 << 20;
  orl_sys.fstat = lying_fstat;
  is_rc (oriel_pin (file, 30, ORIEL_READ, &page), -EIO,
         "a page that is missing under the copy is -EIO");
  behind_a_handler (file);
  stamp_page (pool, file, 31, 2);
  is_rc (oriel_flush (file), -ENOSPC, "and memory without room is -ENOSPC");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "the page stays dirty");
  orl_sys = real;
  is_rc (oriel_sync (file), 0, "later it is written");
  ok (plain_size (path) == 32 * 4096, "the file has it");
}

/* One that is killed when all is written, and not closed. */
static int
dies (void *arg)
{
  oriel_pool *pool = pool_with ("kill", 4096);
  oriel_file *file = must_open_file (pool, arg, ORIEL_CREATE);

  for (uint64_t i = 0; i < 8; i++)
    stamp_page (pool, file, i, 7);
  must (oriel_sync (file), "oriel_sync");
  raise (SIGKILL);
  return 1;
}

#define WIDE ((size_t) 64 * KiB)

/* And one that writes until it is killed. */
static int
writes (void *arg)
{
  oriel_pool *pool = pool_with ("kill", WIDE);
  oriel_file *file = must_open_file (pool, arg, ORIEL_CREATE);

  for (uint64_t tag = 1; tag; tag++) {
    for (uint64_t i = 0; i < 8; i++) {
      oriel_page page = must_pin (file, i, ORIEL_WRITE | ORIEL_FRESH);

      stamp (page.data, WIDE - 8, tag, i);
      memcpy ((char *) page.data + WIDE - 8, &tag, 8);
      must (oriel_dirty (&page, 0), "oriel_dirty");
      must (oriel_unpin (&page), "oriel_unpin");
    }
    must (oriel_flush (file), "oriel_flush");
  }
  return 1;
}

static void
kills (const char *path)
{
  static char page[64 * 1024];
  oriel_pool *pool;
  oriel_file *file;
  uint64_t random = test_seed ();
  int torn = 0;

  is_int (in_child (dies, (void *) path), 128 + SIGKILL, "a process dies");
  must (oriel_pool_destroy ("kill", pool_dir (), 0), "oriel_pool_destroy");
  plain_write (path, 3 * 4096 + 512, "torn", 4);
  pool = pool_with ("kill", 4096);
  file = must_open_file (pool, path, 0);
  ok (page_is_stamped (pool, file, 3, 7), "a page that is torn is restored");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("kill", pool_dir (), 0), "oriel_pool_destroy");
  unlink (path);
  snprintf (page, sizeof page, "%s.dw", path);
  unlink (page);

  for (int round = 0; round < 10; round++) {
    pid_t pid = spawn (writes, (void *) path);

    usleep (30000 + (useconds_t) (next_random (&random) % 20000));
    kill (pid, SIGKILL);
    reap (pid);
    if (access (path, F_OK) < 0
        || oriel_pool_destroy ("kill", pool_dir (), 1) < 0)
      continue; /* it had not come so far */
    pool = pool_with ("kill", WIDE);
    file = must_open_file (pool, path, 0);
    for (uint64_t i = 0; i < 8; i++) {
      uint64_t tag;

      must (oriel_read (file, i * WIDE, page, WIDE, NULL), "oriel_read");
      memcpy (&tag, page + WIDE - 8, 8);
      torn += !is_zero (page, WIDE) && !is_stamped (page, WIDE - 8, tag, i);
    }
    must (oriel_file_close (file), "oriel_file_close");
    must (oriel_pool_close (pool), "oriel_pool_close");
    must (oriel_pool_destroy ("kill", pool_dir (), 0), "oriel_pool_destroy");
  }
  is_int (torn, 0, "writers that are killed leave whole pages");
}

static int
on (const char *dir, uint32_t want)
{
  const char *path = path_in (dir, "data");
  oriel_pool *pool = pool_with ("test", 4096);
  oriel_file *file;

  file = must_open_file (pool, path, ORIEL_CREATE);
  diag ("%s: %s", dir, oriel_store_name (oriel_file_store (file)));
  is_int (oriel_file_store (file), want, "it is told how the file is written");
  is_int ((long long) get_stats (pool).store, ORIEL_STORE_PMEM,
          "and that files are mapped");
  is_int (oriel_file_torn (file),
          orl_dw_works () ? ORIEL_TORN_DOUBLE : ORIEL_TORN_NONE,
          "pages have an area");
  there_and_back (pool, file, path);
  no_signals (pool, file, path);
  stamp_page (pool, file, 0, 9);
  orl_sys.msync = bad_msync;
  calls = 0;
  if (want == ORIEL_STORE_MSYNC) {
    is_rc (oriel_sync (file), -EIO, "an msync() that fails is an error");
    orl_sys = real;
    must (oriel_file_abandon (file), "oriel_file_abandon");
  } else {
    is_rc (oriel_sync (file), 0, "persistent memory");
    is_int (calls, 0, "needs no msync()");
    orl_sys = real;
    must (oriel_file_close (file), "oriel_file_close");
  }
  must (oriel_pool_close (pool), "oriel_pool_close");
  if (orl_dw_works ())
    kills (path_in (dir, "killed"));
  return done_testing ();
}

int
main (int argc, char **argv)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  char *again[] = { argv[0], (char *) "forced", NULL };
  int rc, status;
  pid_t pid;

  real = orl_sys;
  if (argc > 1)
    return on (pool_dir (), ORIEL_STORE_PMEM);
  opt.store = ORIEL_STORE_PMEM;
  rc = open_with_room ("test", &opt, &pool);
  if (rc == -EOPNOTSUPP)
    skip_all ("this build has no libpmem");
  must (rc, "oriel_pool_open");
  must (oriel_pool_close (pool), "oriel_pool_close");
  opt.flags = ORIEL_NO_FAULT_HANDLER;
  is_rc (oriel_pool_open ("test", &opt, &pool), -EINVAL,
         "without the handler it is refused");
  /* libpmem looks at the environment once, when it is loaded; a process says
   * what it saw by its exit code. */
  fflush (NULL);
  pid = fork ();
  if (pid == 0) {
    setenv ("PMEM_IS_PMEM_FORCE", "1", 1);
    dup2 (2, 1);
    execv ("/proc/self/exe", again);
    _exit (98);
  }
  waitpid (pid, &status, 0);
  ok (WIFEXITED (status) && WEXITSTATUS (status) == 0,
      "on memory that is said to be persistent all holds");
  synced_by_another ();
  return on (scratch (), ORIEL_STORE_MSYNC);
}
