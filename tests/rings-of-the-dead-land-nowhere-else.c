/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed just when the kernel has its reads, or its writes, in a
 * ring.  These go on when its locks are gone; until they are over no one else
 * gets the frames that are read to, and no one goes on with the pages that are
 * written, whatever way leads there.
 *
 * What cannot be awaited is that a transfer lands late; but the lock that the
 * ring keeps can be asked for: whoever comes back from a call finds it gone.
 */
#include "util.h"

#include <stdbool.h>

#include "attach.h"
#include "double-write.h"
#include "flush-chunk.h"
#include "sys.h"

#define PAGE (16 * KiB)
#define FRAMES 320
#define PAGES (2 * ORL_CHUNK)   /* every second is written */
#define READS 60         /* a quarter of the frames may be under way */

/* As in proc.c. */
#define READS_BYTE(place)                                                     \
  ((off_t) 1 << 60) + ORL_MAX_PROCS + (off_t) (place)
#define WRITES_BYTE(place) READS_BYTE (place) + ORL_MAX_PROCS

static int (*really_submit) (struct io_uring *ring);
static oriel_pool *pool;
static oriel_file *file;        /* NULL: the parent has it not open */
static const char *data;
static const char *name;        /* of the pool */
static bool area;               /* pages go by a double-write area */
static _Atomic uint32_t *place; /* the child's */

static oriel_options
options (void)
{
  oriel_options opt = test_options ();

  opt.page_size = PAGE;
  opt.pool_size = FRAMES * PAGE;
  opt.window_size = opt.pool_size;
  opt.max_processes = 4;
  return opt;
}

static oriel_file *
open_data (oriel_pool *p)
{
  oriel_file_options how;
  oriel_file *f;

  oriel_file_options_init (&how);
  how.torn = area ? ORIEL_TORN_DOUBLE : ORIEL_TORN_NONE;
  must (oriel_file_open_with (p, data, &how, &f), "oriel_file_open_with");
  return f;
}

/* ------------------------------------------------------------------ */
/* The child                                                          */

static int
submit_and_die (struct io_uring *ring)
{
  really_submit (ring);
  raise (SIGKILL);
  return -EIO;
}

static oriel_file *
begin (oriel_pool **p)
{
  oriel_options opt = options ();

  *p = must_open_pool (name, &opt);
  *place = (*p)->shm.proc;
  return open_data (*p);
}

static int
reads (void *arg)
{
  oriel_pool *p;
  oriel_file *f = begin (&p);

  (void) arg;
  orl_sys.uring_submit = submit_and_die;
  oriel_prefetch (f, 0, READS);
  return 1;
}

static void
make_dirty (oriel_pool *p, oriel_file *f, uint64_t tag)
{
  for (uint64_t i = 0; i < PAGES; i += 2)
    stamp_page (p, f, i, tag);
}

static int
flushes (void *arg)
{
  oriel_pool *p;
  oriel_file *f = begin (&p);

  (void) arg;
  make_dirty (p, f, 2);
  orl_sys.uring_submit = submit_and_die;
  oriel_flush (f);
  return 1;
}

static int
checkpoints (void *arg)
{
  oriel_pool *p;
  oriel_file *f = begin (&p);

  (void) arg;
  make_dirty (p, f, 2);
  orl_sys.uring_submit = submit_and_die;
  oriel_checkpoint (p, f, NULL);
  return 1;
}

/* ------------------------------------------------------------------ */
/* What may not come back before                                      */

/* Change what the dead was writing, and write it. */
static void
write_anew (void)
{
  make_dirty (pool, file, 3);
  must (oriel_flush (file), "oriel_flush");
}

static void
drop (void)
{
  must (oriel_file_drop (file), "oriel_file_drop");
}

static void
drop_pages (void)
{
  must (oriel_file_drop_pages (file, 0, PAGES), "oriel_file_drop_pages");
}

static void
cut (void)
{
  must (oriel_file_truncate (file, 0), "oriel_file_truncate");
}

static void
lengthen (void)
{
  must (oriel_file_truncate (file, (PAGES + 1) * PAGE),
        "oriel_file_truncate");
}

static void
open_anew (void)
{
  must (oriel_file_open (pool, data, ORIEL_DISCARD, &file),
        "oriel_file_open");
}

static void
destroy (void)
{
  must (oriel_pool_destroy (name, pool_dir (), 1), "oriel_pool_destroy");
}

/* Nearly all frames that there are, for other pages at once. */
static void
take_frames (void)
{
  oriel_file *other = must_open_file (pool, scratch_file ("other"),
                                      ORIEL_CREATE);
  static oriel_page pins[FRAMES - 20];
  oriel_options opt = options ();

  /* Who attaches repairs what can be repaired. */
  must (oriel_pool_close (must_open_pool (name, &opt)), "oriel_pool_close");

  for (size_t i = 0; i < COUNT (pins); i++) {
    int r;

    while ((r = oriel_pin (other, i, ORIEL_OPTIMISTIC, &pins[i])) == -ENOBUFS)
      sched_yield ();
    must (r, "oriel_pin");
  }
  for (size_t i = 0; i < COUNT (pins); i++)
    must (oriel_unpin (&pins[i]), "oriel_unpin");
  must (oriel_file_abandon (other), "oriel_file_abandon");
}

static const struct way {
  const char *what;
  int (*child) (void *arg);
  void (*call) (void);
  bool opened;                  /* the parent has the file open before */
  bool area;
} ways[] = {
  { "frames are taken", reads, take_frames, true, false },
  { "pages are written", flushes, write_anew, true, false },
  { "pages of a checkpoint are written", checkpoints, write_anew, true, false },
  { "pages are written by an area", flushes, write_anew, true, true },
  { "an area is taken", flushes, lengthen, true, true },
  { "pages are dropped", flushes, drop_pages, true, false },
  { "a file is dropped", checkpoints, drop, true, false },
  { "a file is cut", flushes, cut, true, false },
  { "a file is opened anew", flushes, open_anew, false, false },
  { "its pool is destroyed", flushes, destroy, false, false },
};

/* ------------------------------------------------------------------ */

static bool
is_locked (int fd, off_t byte)
{
  struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                      .l_start = byte, .l_len = 1 };

  if (fcntl (fd, F_OFD_GETLK, &fl) < 0)
    bail_out ("fcntl: %s", strerror (errno));
  return fl.l_type != F_UNLCK;
}

/* Every page that was written anew is so in the store, and stays so. */
static bool
store_has (uint64_t tag)
{
  char *page = malloc (PAGE);
  int fd = open (data, O_RDONLY | O_CLOEXEC);
  bool good = true;

  for (int look = 0; look < 3; look++)
    for (uint64_t i = 0; i < PAGES && good; i += 2)
      good = pread (fd, page, PAGE, (off_t) (i * PAGE)) == (ssize_t) PAGE
             && is_stamped (page, PAGE, tag, i);
  close (fd);
  free (page);
  return good;
}

/* What came of a way. */
struct found {
  unsigned outlived;            /* rings that were there when the call began, */
  unsigned late;                /* and when it came back */
  unsigned older;               /* times that the store had older pages then */
};

static void
go (const struct way *way, unsigned round, struct found *found)
{
  oriel_options opt = options ();
  char text[40];
  pid_t pid;
  off_t byte;
  int fd;

  snprintf (text, sizeof text, "test-%d-%u", (int) (way - ways), round);
  name = text;
  area = way->area;
  make_stamped_file (data, PAGE, PAGES, 0, 1);
  fd = open (data, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fdatasync (fd) < 0)
    bail_out ("fdatasync: %s", strerror (errno));
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
  pool = must_open_pool (name, &opt);
  file = way->opened ? open_data (pool) : NULL;
  fd = open (pool_path (name), O_RDWR | O_CLOEXEC);
  pid = spawn (way->child, NULL);
  reap (pid);
  byte = way->child == reads ? READS_BYTE (*place) : WRITES_BYTE (*place);
  found->outlived += is_locked (fd, byte);
  way->call ();
  found->late += is_locked (fd, byte);
  found->older += way->call == write_anew && !store_has (3);
  close (fd);
  if (file)
    must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  oriel_pool_destroy (name, pool_dir (), 1);
  unlink (data);
}

int
main (void)
{
  unsigned rounds = getenv ("ORIEL_QUICK") ? 1 : 3;
  oriel_options opt = options ();
  struct found found[COUNT (ways)] = { { 0 } };
  int fd;

  data = strdup (scratch_file ("data"));
  pool_dir ();
  place = shared_memory (sizeof *place);
  really_submit = orl_sys.uring_submit;
  make_stamped_file (data, PAGE, 1, 0, 1);
  fd = open (data, O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    skip_all ("this file system has no O_DIRECT");
  close (fd);
  pool = must_open_pool ("test", &opt);
  if (get_stats (pool).store != ORIEL_STORE_URING)
    skip_all ("there is no io_uring here");
  must (oriel_pool_close (pool), "oriel_pool_close");
  for (unsigned round = 0; round < rounds; round++)
    for (size_t i = 0; i < COUNT (ways); i++)
      if (!ways[i].area || orl_dw_works ())
        go (&ways[i], round, &found[i]);
  for (size_t i = 0; i < COUNT (ways); i++)
    if (ways[i].area && !orl_dw_works ())
      skip ("no double-write areas without xxHash");
    else
      ok (found[i].late == 0 && found[i].older == 0,
          "%s when rings are wound up: %u of %u had outlived their process, %u "
          "the call, %u pages came late", ways[i].what, found[i].outlived,
          rounds, found[i].late, found[i].older);
  return done_testing ();
}
