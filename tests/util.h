/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * util.h - what the tests of the public API share
 *
 * Include it first: it asks for the GNU extensions.  A test gets a directory for
 * its files (scratch()) and one for its pools (pool_dir()); both are made at first
 * use and removed when the test and its children are gone.  A test that takes longer
 * than ten minutes is ended (ORIEL_TEST_TIMEOUT, in seconds, for slow machines; under
 * valgrind an hour).  Where pools have no room, as in a small container, what is left
 * of the test is skipped (open_with_room(), want_room()).
 */
#ifndef UTIL_H
#define UTIL_H

#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oriel.h"
#include "tap.h"

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define KiB ((size_t) 1024)
#define MiB ((size_t) 1024 * 1024)

#define UTIL __attribute__ ((unused)) static inline

/* ------------------------------------------------------------------ */
/* Directories                                                        */

static char util_dirs[2][256];
static pid_t util_owner;

UTIL int
util_remove_one (const char *path, const struct stat *st, int type,
                 struct FTW *ftw)
{
  (void) st, (void) type, (void) ftw;
  return remove (path) < 0 && errno != ENOENT;
}

UTIL void
util_remove_dirs (void)
{
  if (getpid () != util_owner)
    return;
  for (int i = 0; i < 2; i++)
    if (util_dirs[i][0])
      nftw (util_dirs[i], util_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Not async-signal-safe, but the test is lost anyway. */
UTIL void
util_timed_out (int sig)
{
  static const char text[] = "Bail out! the test took too long\n";

  (void) sig;
  if (write (1, text, sizeof text - 1) > 0 && getpid () == util_owner)
    util_remove_dirs ();
  _exit (99);
}

/* Is the whole build sanitized?  Sanitizers have mlock() do nothing, and want
 * much address space and many mappings of their own. */
UTIL int
sanitized (void)
{
  const char *by = getenv ("ORIEL_SANITIZER");

  return by && *by;
}

UTIL unsigned
util_timeout (void)
{
  const char *text = getenv ("ORIEL_TEST_TIMEOUT");

  if (text)
    return (unsigned) atoi (text);
  text = getenv ("ORIEL_VALGRIND");
  return text && *text == '1' ? 3600 : 600;
}

/*
 * See that the directory goes even if the test crashes: a process of its own
 * waits until no one has the pipe open any more, the test and its children.
 * It is no child of the test, so that a wait() there does not see it.
 */
UTIL void
util_sweep_after (const char *dir)
{
  int ends[2], status;
  char byte;
  pid_t pid;

  fflush (NULL);
  if (pipe2 (ends, O_CLOEXEC) < 0 || (pid = fork ()) < 0)
    return;
  if (pid > 0) {
    close (ends[0]);
    waitpid (pid, &status, 0);
    return;
  }
  if (fork () != 0)
    _exit (0);
  setsid ();
  close (ends[1]);
  close (0);
  close (1);
  close (2);
  while (read (ends[0], &byte, 1) < 0 && errno == EINTR)
    ;
  nftw (dir, util_remove_one, 16, FTW_DEPTH | FTW_PHYS);
  _exit (0);
}

UTIL const char *
util_make_dir (int which, const char *parent)
{
  char *dir = util_dirs[which];

  if (dir[0])
    return dir;
  if (!util_owner) {
    util_owner = getpid ();
    atexit (util_remove_dirs);
    signal (SIGALRM, util_timed_out);
    alarm (util_timeout ());
  }
  snprintf (dir, sizeof util_dirs[0], "%s/oriel-test-XXXXXX", parent);
  if (!mkdtemp (dir)) {
    dir[0] = '\0';
    bail_out ("cannot make a directory in %s: %s", parent, strerror (errno));
  }
  util_sweep_after (dir);
  return dir;
}

/* Where the test's files go. */
UTIL const char *
scratch (void)
{
  const char *parent = getenv ("TMPDIR");

  return util_make_dir (0, parent && *parent ? parent : "/tmp");
}

/* Where the test's pools go. */
UTIL const char *
pool_dir (void)
{
  return util_make_dir (1, access ("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

/* DIRECTORY/NAME, in one of eight buffers that are used in turn. */
UTIL const char *
path_in (const char *directory, const char *name)
{
  static char buffers[8][512];
  static unsigned turn;
  char *path = buffers[turn++ % 8];

  snprintf (path, sizeof buffers[0], "%s/%s", directory, name);
  return path;
}

UTIL const char *
scratch_file (const char *name)
{
  return path_in (scratch (), name);
}

/* The path of the pool NAME's own file. */
UTIL const char *
pool_path (const char *name)
{
  char file[128];

  snprintf (file, sizeof file, "oriel-%s", name);
  return path_in (pool_dir (), file);
}

/* ------------------------------------------------------------------ */
/* Numbers and patterns                                               */

/* The test's seed: 1, or ORIEL_TEST_SEED; printed. */
UTIL uint64_t
test_seed (void)
{
  const char *text = getenv ("ORIEL_TEST_SEED");
  uint64_t seed = text ? strtoull (text, NULL, 0) : 1;

  diag ("seed %llu (ORIEL_TEST_SEED)", (unsigned long long) seed);
  return seed;
}

/* splitmix64 (Steele, Lea, Flood 2014): good enough, and one word of state. */
UTIL uint64_t
next_random (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Fill length bytes (a multiple of 8) with words that name tag and number. */
UTIL void
stamp (void *data, size_t length, uint64_t tag, uint64_t number)
{
  uint64_t state = tag * 0x1000003 + number;

  for (size_t i = 0; i < length; i += 8) {
    uint64_t word = next_random (&state);

    memcpy ((char *) data + i, &word, 8);
  }
}

UTIL int
is_stamped (const void *data, size_t length, uint64_t tag, uint64_t number)
{
  uint64_t state = tag * 0x1000003 + number;

  for (size_t i = 0; i < length; i += 8) {
    uint64_t word = next_random (&state);

    if (memcmp ((const char *) data + i, &word, 8) != 0)
      return 0;
  }
  return 1;
}

UTIL int
is_zero (const void *data, size_t length)
{
  const char *bytes = data;

  for (size_t i = 0; i < length; i++)
    if (bytes[i])
      return 0;
  return 1;
}

UTIL double
seconds_now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec * 1e-9;
}

/* ------------------------------------------------------------------ */
/* Files, without Oriel                                               */

UTIL void
plain_write (const char *path, off_t offset, const void *data, size_t length)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

  if (fd < 0 || pwrite (fd, data, length, offset) != (ssize_t) length)
    bail_out ("cannot write %s: %s", path, strerror (errno));
  close (fd);
}

/* Returns the bytes that the file had there. */
UTIL size_t
plain_read (const char *path, off_t offset, void *data, size_t length)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t got;

  if (fd < 0 || (got = pread (fd, data, length, offset)) < 0)
    bail_out ("cannot read %s: %s", path, strerror (errno));
  close (fd);
  return (size_t) got;
}

UTIL uint64_t
plain_size (const char *path)
{
  struct stat st;

  if (stat (path, &st) < 0)
    bail_out ("cannot stat %s: %s", path, strerror (errno));
  return (uint64_t) st.st_size;
}

/* The bytes of memory, or of disk, that it has. */
UTIL long long
plain_room (const char *path)
{
  struct stat st;

  if (stat (path, &st) < 0)
    bail_out ("cannot stat %s: %s", path, strerror (errno));
  return (long long) st.st_blocks * 512;
}

/* Bytes of the directory's file system. */
UTIL uint64_t
pool_room (const char *directory)
{
  struct statvfs fs;

  return statvfs (directory, &fs) < 0 ? UINT64_MAX
                                      : (uint64_t) fs.f_blocks * fs.f_frsize;
}

/* What a child ends with where a pool had no room. */
#define UTIL_NO_ROOM 97

/* A pool has no room in this small file system: what is left of the test cannot be
 * made.  In a child: its parent's reap(), or await(), then says so. */
UTIL void __attribute__ ((noreturn))
end_without_room (void)
{
  static const char why[] = "the file system of the pools is too small";

  if (getpid () != util_owner)
    _exit (UTIL_NO_ROOM);
  if (tap_run == 0)
    skip_all (why);
  skip (why);
  exit (done_testing ());
}

/* A file of count stamped pages and then extra bytes of the next. */
UTIL void
make_stamped_file (const char *path, size_t page_size, uint64_t count,
                   size_t extra, uint64_t tag)
{
  char *page = malloc (page_size);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

  for (uint64_t i = 0; i <= count; i++) {
    size_t length = i < count ? page_size : extra;

    stamp (page, page_size, tag, i);
    if (fd < 0 || write (fd, page, length) != (ssize_t) length)
      bail_out ("cannot write %s: %s", path, strerror (errno));
  }
  close (fd);
  free (page);
}

/* ------------------------------------------------------------------ */
/* Oriel                                                              */

/* As is_int(), with what Oriel says of a failure. */
UTIL int
is_rc (int got, int want, const char *what)
{
  int good = ok (got == want, "%s", what);

  if (!good)
    diag ("got %d (%s), expected %d (%s); the last error: %s", got,
          got ? strerror (-got) : "success", want,
          want ? strerror (-want) : "success", oriel_error ());
  return good;
}

/* Defaults, in the test's own directory and of a size that is quick to make. */
UTIL oriel_options
test_options (void)
{
  oriel_options opt;

  oriel_options_init (&opt);
  opt.directory = pool_dir ();
  opt.pool_size = 4 * MiB;
  if (getenv ("ORIEL_STORE"))
    oriel_options_set (&opt, "store", getenv ("ORIEL_STORE"));
  return opt;
}

/* Bytes there that are taken, but by no file of ours that has a name. */
UTIL uint64_t
taken_by_others (const char *directory)
{
  DIR *dir = opendir (directory);
  uint64_t ours = 0, all;
  struct statvfs fs;
  struct dirent *e;
  struct stat st;

  while (dir && (e = readdir (dir)))
    if (fstatat (dirfd (dir), e->d_name, &st, 0) == 0)
      ours += (uint64_t) st.st_blocks * 512;
  if (dir)
    closedir (dir);
  if (statvfs (directory, &fs) < 0)
    return 0;
  all = (uint64_t) (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
  return all > ours ? all - ours : 0;
}

#define ROOM_SECONDS 45

/* In a small /dev/shm (Docker's has 64 MiB) what others have there goes away some
 * time, and so does what was ours, when the kernel comes to it; and a large pool
 * never has room.  By the clock: where there is some room each try may take long. */
UTIL int
open_with_room (const char *name, const oriel_options *opt, oriel_pool **pool)
{
  uint64_t room = pool_room (pool_dir ()), others;
  double until = seconds_now () + ROOM_SECONDS;
  int told = 0, rc;

  if (opt->directory == pool_dir () && tap_run == 0 && getpid () == util_owner
      && opt->pool_size / 3 > room / 8)
    end_without_room ();
  rc = oriel_pool_open (name, opt, pool);
  while (rc == -ENOSPC && opt->pool_size < room && seconds_now () < until
         && (others = taken_by_others (pool_dir ())) > 0) {
    if (!told++)
      diag ("others have %llu of %llu KiB there; waiting %d s for a pool's room",
            (unsigned long long) others / KiB, (unsigned long long) room / KiB,
            ROOM_SECONDS);
    usleep (100000);
    rc = oriel_pool_open (name, opt, pool);
  }
  if (rc == -ENOSPC && room < 1024 * MiB)
    end_without_room ();
  return rc;
}

/* For what needs so much there besides pools: before any other test. */
UTIL void
want_room (uint64_t bytes)
{
  if (pool_room (pool_dir ()) < bytes)
    end_without_room ();
}

UTIL oriel_pool *
must_open_pool (const char *name, const oriel_options *opt)
{
  oriel_pool *pool = NULL;
  int rc = open_with_room (name, opt, &pool);

  if (rc)
    bail_out ("oriel_pool_open: %d: %s", rc, oriel_error ());
  return pool;
}

UTIL oriel_pool *
test_pool (void)
{
  oriel_options opt = test_options ();

  return must_open_pool ("test", &opt);
}

UTIL oriel_file *
must_open_file (oriel_pool *pool, const char *path, unsigned flags)
{
  oriel_file *file = NULL;
  int rc = oriel_file_open (pool, path, flags, &file);

  if (rc)
    bail_out ("oriel_file_open: %d: %s", rc, oriel_error ());
  return file;
}

UTIL oriel_page
must_pin (oriel_file *file, uint64_t number, unsigned flags)
{
  oriel_page page;
  int rc = oriel_pin (file, number, flags, &page);

  if (rc)
    bail_out ("oriel_pin of page %llu: %d: %s", (unsigned long long) number,
              rc, oriel_error ());
  return page;
}

UTIL void
must (int rc, const char *what)
{
  if (rc)
    bail_out ("%s: %d: %s", what, rc, oriel_error ());
}

/* Write a stamp over the page, dirty, not yet in the store. */
UTIL void
stamp_page (oriel_pool *pool, oriel_file *file, uint64_t number, uint64_t tag)
{
  oriel_page page = must_pin (file, number, ORIEL_WRITE | ORIEL_FRESH);

  stamp (page.data, oriel_pool_page_size (pool), tag, number);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
}

/* 1 if the page, pinned for reading, has the stamp. */
UTIL int
page_is_stamped (oriel_pool *pool, oriel_file *file, uint64_t number,
                 uint64_t tag)
{
  oriel_page page = must_pin (file, number, ORIEL_READ);
  int good = is_stamped (page.data, oriel_pool_page_size (pool), tag, number);

  must (oriel_unpin (&page), "oriel_unpin");
  return good;
}

UTIL oriel_stats
get_stats (oriel_pool *pool)
{
  oriel_stats stats;

  memset (&stats, 0, sizeof stats);
  stats.struct_size = sizeof stats;
  must (oriel_pool_stats (pool, &stats), "oriel_pool_stats");
  return stats;
}

#include "children.h"

#endif /* UTIL_H */
