/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed while the device writes into its frames; others take these
 * frames as soon as the process counts as dead.  What it had asked for never
 * lands in a frame that holds another page by then.
 *
 * Why it holds.  A process counts as dead when its OFD lock on the pool file is
 * gone (proc.c), which is when the last reference to that open file is: all of
 * its threads have left the kernel's read, their file table and address space.
 * A thread in a synchronous O_DIRECT read waits for the device uninterruptibly
 * (iomap_dio_rw(), dio_await_completion()), so SIGKILL ends it only after the
 * transfer.  The first part shows just this, without Oriel; the second the whole
 * way, with pages and frames.
 *
 * Where it does not hold: network file systems whose wait for a direct read is
 * killable (NFS: nfs_direct_wait()), and io_uring, whose requests are no part of
 * any thread: what the library does about those has a test of its own,
 * rings-of-the-dead-land-nowhere-else.
 */
#include "util.h"

#include <sys/uio.h>

#define THREADS 8
#define BLOCK (256 * KiB)       /* of a read of the first part */
#define FILE_BYTES (64 * MiB)
#define PAGE (64 * KiB)         /* of the second part's pool */
#define FRAMES 64
#define PATTERN 0xa5

/* What thread t is at: written by it, read when it is dead. */
struct shared {
  _Atomic uint64_t reads;
  _Atomic int in_read[THREADS];
  _Atomic uint64_t page[THREADS];
};

static struct shared *shared;
static unsigned char *buffers;  /* THREADS of BLOCK bytes */
static const char *data, *locks;
static uint64_t seed;

static unsigned
rounds (void)
{
  const char *text = getenv ("ORIEL_TEST_KILLS");

  return text ? (unsigned) atoi (text) : 100;
}

/* Written, and out of the page cache: direct reads go to the device. */
static void
make_data (void)
{
  int fd;

  make_stamped_file (data, PAGE, FILE_BYTES / PAGE, 0, 1);
  fd = open (data, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync (fd) < 0)
    bail_out ("fsync: %s", strerror (errno));
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

static void
forget (void)
{
  for (int t = 0; t < THREADS; t++)
    shared->in_read[t] = 0;
  shared->reads = 0;
}

/* Let the child get going, then kill it at some instant; how many of its
 * threads were reading. */
static int
kill_it (pid_t pid)
{
  int reading = 0;

  while (shared->reads < 2 * THREADS)
    usleep (50);
  usleep ((useconds_t) (next_random (&seed) % 2000));
  kill (pid, SIGKILL);
  for (int t = 0; t < THREADS; t++)
    reading += shared->in_read[t];
  return reading;
}

/* ------------------------------------------------------------------ */
/* A lock and reads, without Oriel                                    */

static int
lock (int fd, int command, int type)
{
  struct flock fl = { .l_type = (short) type, .l_whence = SEEK_SET,
                      .l_start = 0, .l_len = 1 };

  if (fcntl (fd, command, &fl) < 0)
    bail_out ("fcntl: %s", strerror (errno));
  return fl.l_type != F_UNLCK;
}

static void *
read_directly (void *arg)
{
  size_t t = (size_t) (uintptr_t) arg;
  uint64_t random = seed * THREADS + t;
  int fd = open (data, O_RDONLY | O_DIRECT | O_CLOEXEC);

  for (;;) {
    off_t at = (off_t) (next_random (&random) % (FILE_BYTES / BLOCK) * BLOCK);

    shared->in_read[t] = 1;
    if (pread (fd, buffers + t * BLOCK, BLOCK, at) != (ssize_t) BLOCK)
      return NULL;
    shared->in_read[t] = 0;
    shared->reads++;
  }
}

static int
reads_directly (void *arg)
{
  int fd = open (locks, O_RDWR | O_CLOEXEC);
  pthread_t last = 0;

  (void) arg;
  lock (fd, F_OFD_SETLK, F_WRLCK);
  for (size_t t = 0; t < THREADS; t++)
    last = start_thread (read_directly, (void *) (uintptr_t) t);
  pthread_join (last, NULL);
  return 1;
}

static int
is_untouched (void)
{
  for (size_t i = 0; i < THREADS * BLOCK; i += 512)
    if (buffers[i] != PATTERN)
      return 0;
  return 1;
}

static void
lock_outlives_reads (void)
{
  int fd = open (data, O_RDONLY | O_DIRECT | O_CLOEXEC);
  int reading = 0, good = 0;
  pid_t pid;

  if (fd < 0) {
    skip ("this file system has no O_DIRECT");
    return;
  }
  close (fd);
  fd = open (locks, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  for (unsigned i = 0; i < rounds (); i++) {
    forget ();
    pid = spawn (reads_directly, NULL);
    reading += kill_it (pid);
    while (lock (fd, F_OFD_GETLK, F_WRLCK))
      ;
    memset (buffers, PATTERN, THREADS * BLOCK); /* it is ours now */
    for (int look = 0; look < 20; look++) {
      if (!is_untouched ())
        break;
      usleep (100);
    }
    good += is_untouched ();
    reap (pid);
  }
  close (fd);
  is_int (good, rounds (), "after the lock nothing comes from the device");
  diag ("%d reads were under way when their processes were killed", reading);
}

/* ------------------------------------------------------------------ */
/* Pages and frames                                                   */

static oriel_pool *
small_pool (void)
{
  oriel_options opt = test_options ();

  opt.page_size = PAGE;
  opt.pool_size = FRAMES * PAGE;
  opt.max_processes = 4;
  opt.max_threads = 4 * THREADS;
  return must_open_pool ("test", &opt);
}

static oriel_file *the_file;

static void *
pin_pages (void *arg)
{
  size_t t = (size_t) (uintptr_t) arg;
  uint64_t random = seed * THREADS + t;
  oriel_page page;

  for (;;) {
    uint64_t number = next_random (&random) % (FILE_BYTES / PAGE);

    shared->page[t] = number;
    shared->in_read[t] = 1;
    page = must_pin (the_file, number, ORIEL_READ);
    shared->in_read[t] = 0;
    shared->reads++;
    if (oriel_unpin (&page))
      return NULL;
  }
}

static int
pins_pages (void *arg)
{
  pthread_t last = 0;

  (void) arg;
  the_file = must_open_file (small_pool (), data, ORIEL_RDONLY);
  for (size_t t = 0; t < THREADS; t++)
    last = start_thread (pin_pages, (void *) (uintptr_t) t);
  pthread_join (last, NULL);
  return 1;
}

/* A word of each sector: a transfer is not smaller. */
static int
keeps_its_sectors (oriel_file *file, uint64_t number, const char *want)
{
  oriel_page page = must_pin (file, number, ORIEL_READ);
  int good = 1;

  for (size_t i = 0; i < PAGE; i += 512)
    good &= memcmp ((char *) page.data + i, want + number * PAGE + i, 8) == 0;
  must (oriel_unpin (&page), "oriel_unpin");
  return good;
}

/* Take every frame there is for pages of our own and look at them again and
 * again.  How many looks were good. */
static long
reuse_frames (oriel_pool *pool, oriel_file *own, const char *want, long *looks)
{
  long good = 0;

  for (uint64_t i = 0; i < FRAMES - THREADS; i++)
    stamp_page (pool, own, i, 2);
  for (int look = 0; look < 20; look++) {
    for (uint64_t i = 0; i < FRAMES - THREADS; i++, (*looks)++)
      good += keeps_its_sectors (own, i, want);
    usleep (50);
  }
  for (uint64_t i = 0; i < FRAMES - THREADS; i++, (*looks)++)
    good += page_is_stamped (pool, own, i, 2);
  must (oriel_file_drop (own), "oriel_file_drop");
  return good;
}

static void
frames_are_reused (void)
{
  oriel_pool *pool = small_pool ();
  oriel_file *file = must_open_file (pool, data, ORIEL_RDONLY);
  oriel_file *own = must_open_file (pool, scratch_file ("own"), ORIEL_CREATE);
  char *want = malloc (FRAMES * PAGE);
  long looks = 0, good = 0, pages = 0, right = 0;
  int reading = 0;
  uint64_t repairs;
  pid_t pid;

  for (uint64_t i = 0; i < FRAMES; i++)
    stamp (want + i * PAGE, PAGE, 2, i);
  for (unsigned i = 0; i < rounds (); i++) {
    forget ();
    pid = spawn (pins_pages, NULL);
    reading += kill_it (pid);
    /* Who waits for a page that the dead was loading has it repaired, and takes
     * its frame. */
    for (int t = 0; t < THREADS; t++, pages++)
      right += page_is_stamped (pool, file, shared->page[t], 1);
    good += reuse_frames (pool, own, want, &looks);
    reap (pid);
  }
  repairs = get_stats (pool).repairs;
  is_int (right, pages, "pages that the dead were loading are whole");
  is_int (good, looks, "in every look at the frames they had");
  diag ("%u processes killed, %d pins under way, %llu repairs, %ld looks",
        rounds (), reading, (unsigned long long) repairs, looks);
  ok (repairs > 0, "the dead left something to repair");
  must (oriel_file_close (own), "oriel_file_close");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  free (want);
}

int
main (void)
{
  seed = test_seed ();
  diag ("%u kills in each part (ORIEL_TEST_KILLS)", rounds ());
  data = scratch_file ("data");
  locks = scratch_file ("locks");
  pool_dir (); /* the children's, too */
  shared = shared_memory (sizeof *shared);
  buffers = shared_memory (THREADS * BLOCK);
  make_data ();
  lock_outlives_reads ();
  frames_are_reused ();
  return done_testing ();
}
