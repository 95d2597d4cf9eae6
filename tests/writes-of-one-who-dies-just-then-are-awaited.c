/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that has sent pages to the kernel to be written is killed just as
 * another opens their file, or destroys the pool: at each look that this one
 * takes at whether it lives, or writes.  When the call is back nothing is written
 * any more: what the pool shows of the file is what the file has.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "flush-chunk.h"
#include "sys.h"

#define PAGE (16 * KiB)
#define FRAMES 320
#define PAGES (2 * ORL_CHUNK)   /* every second is written */

/* As in proc.c. */
#define LIFE_BYTE(place) ((off_t) 1 << 60) + (off_t) (place)
#define WRITES_BYTE(place) LIFE_BYTE (place) + 2 * ORL_MAX_PROCS

struct shared {
  steps step;
  uint32_t place;
};

static struct shared *shared;
static int (*real_submit) (struct io_uring *ring);
static int (*real_locked) (int fd, off_t at);
static const char *data;
static oriel_pool *pool;
static oriel_file *file;
static pid_t child;
static unsigned looks, kill_at;

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.page_size = PAGE;
  opt.pool_size = FRAMES * PAGE;
  opt.max_processes = 4;
  return opt;
}

static int
submit_and_die (struct io_uring *ring)
{
  go_to (&shared->step, 1);
  await (&shared->step, 2);
  real_submit (ring);
  raise (SIGKILL);
  return -EIO;
}

static int
flushes (void *arg)
{
  oriel_options opt = options ();

  (void) arg;
  pool = must_open_pool ("test", &opt);
  shared->place = pool->shm.proc;
  file = must_open_file (pool, data, 0);
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (pool, file, i, 2);
  orl_sys.uring_submit = submit_and_die;
  oriel_flush (file);
  return 1;
}

static void
kill_child (void)
{
  if (!child)
    return;
  go_to (&shared->step, 2);
  reap (child);
  child = 0;
}

static int
look (int fd, off_t at)
{
  if ((at == LIFE_BYTE (shared->place) || at == WRITES_BYTE (shared->place))
      && ++looks == kill_at)
    kill_child ();
  return real_locked (fd, at);
}

/* Of the pages that the pool shows now, how many are others in the file later. */
static unsigned
changed (void)
{
  unsigned char *page = malloc (PAGE), *shown = malloc (PAGES * PAGE);
  unsigned n = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    oriel_page pin = must_pin (file, i, ORIEL_READ);

    memcpy (shown + i * PAGE, pin.data, PAGE);
    must (oriel_unpin (&pin), "oriel_unpin");
  }
  kill_child ();
  for (int i = 0; i < 10; i++)
    for (uint64_t k = 0; k < PAGES; k++) {
      plain_read (data, (off_t) (k * PAGE), page, PAGE);
      n += memcmp (page, shown + k * PAGE, PAGE) != 0;
    }
  free (page);
  free (shown);
  return n;
}

/* With the child killed at the look of this number.  False: there were not so
 * many. */
static bool
go (bool destroy, unsigned at)
{
  oriel_options opt = options ();
  bool dead, late;
  unsigned other = 0;
  int fd, rc;

  memset (shared, 0, sizeof *shared);
  make_stamped_file (data, PAGE, PAGES, 0, 1);
  fd = open (data, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fdatasync (fd) < 0)
    bail_out ("fdatasync: %s", strerror (errno));
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
  pool = must_open_pool ("test", &opt);
  if (destroy)
    must (oriel_pool_close (pool), "oriel_pool_close");
  fd = open (pool_path ("test"), O_RDWR | O_CLOEXEC);
  child = spawn (flushes, NULL);
  await (&shared->step, 1);
  looks = 0;
  kill_at = at;
  orl_sys.locked = look;
  rc = destroy ? oriel_pool_destroy ("test", pool_dir (), 0)
               : oriel_file_open (pool, data, ORIEL_DISCARD, &file);
  orl_sys.locked = real_locked;
  dead = child == 0;
  late = dead && rc == 0
         && real_locked (fd, WRITES_BYTE (shared->place)) == 1;
  if (dead ? rc != 0 : rc != (destroy ? -EBUSY : 0))
    diag ("%s", oriel_error ());
  ok (!late && rc == (destroy && !dead ? -EBUSY : 0),
      "%s, killed at look %u: %d, nothing is under way",
      destroy ? "destroy" : "open", at, rc);
  if (!destroy) {
    if (dead)
      other = changed ();
    is_int (other, 0, "each page is as the file has it");
    must (oriel_file_abandon (file), "oriel_file_abandon");
    kill_child ();
    must (oriel_pool_close (pool), "oriel_pool_close");
  }
  kill_child ();
  close (fd);
  oriel_pool_destroy ("test", pool_dir (), 1);
  unlink (data);
  return dead;
}

int
main (void)
{
  oriel_options opt = options ();
  int fd;

  data = strdup (scratch_file ("data"));
  pool_dir ();
  shared = shared_memory (sizeof *shared);
  real_submit = orl_sys.uring_submit;
  real_locked = orl_sys.locked;
  make_stamped_file (data, PAGE, 1, 0, 1);
  fd = open (data, O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    skip_all ("this file system has no O_DIRECT");
  close (fd);
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  must (oriel_pool_close (pool), "oriel_pool_close");
  oriel_pool_destroy ("test", pool_dir (), 1);
  for (int destroy = 0; destroy < 2; destroy++)
    for (unsigned at = 1; go (destroy, at); at++)
      ;
  return done_testing ();
}
