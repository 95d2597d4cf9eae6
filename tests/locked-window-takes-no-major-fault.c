/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where memory is short and there is swap, touching what a locked window shows
 * takes no major fault; an unlocked one takes many, and still shows the right
 * content.
 */
#include "util.h"

#include <sys/resource.h>
#include <sys/swap.h>

#ifndef MADV_PAGEOUT
# define MADV_PAGEOUT 21        /* Linux 5.4 */
#endif

#define PAGES 4096              /* 16 MiB */
#define LIMIT (64 * MiB)        /* of memory that the child may use */
#define HOG (64 * MiB)          /* what it wants for other things */
#define SWAP (128 * MiB)

static char swap_file[300], group[300];
static int swapping;

static void
restore (void)
{
  if (swapping)
    swapoff (swap_file);
  unlink (swap_file);
  if (group[0])
    rmdir (group);
}

/* A file with what mkswap(8) writes: a page of zeroes, in it from byte 1024 on
 * version, last page and number of bad ones, and at its end the magic. */
static int
make_swap (void)
{
  static char bytes[65536];
  const uint32_t header[3] = { 1, SWAP / 4096 - 1, 0 };
  int fd = open (swap_file, O_RDWR | O_CREAT | O_EXCL, 0600);
  int good = fd >= 0;

  for (size_t i = 0; good && i < SWAP; i += sizeof bytes)
    good = write (fd, bytes, sizeof bytes) == (ssize_t) sizeof bytes;
  good = good && pwrite (fd, header, sizeof header, 1024) == sizeof header
         && pwrite (fd, "SWAPSPACE2", 10, 4086) == 10 && fsync (fd) == 0;
  if (fd >= 0)
    close (fd);
  return good && swapon (swap_file, 0) == 0;
}

static int
put (const char *file, const char *text)
{
  int fd = open (path_in (group, file), O_WRONLY | O_CLOEXEC);
  int good = fd >= 0
             && write (fd, text, strlen (text)) == (ssize_t) strlen (text);

  if (fd >= 0)
    close (fd);
  return good;
}

/* A group of processes that may use LIMIT bytes of memory, by cgroup 1 or 2. */
static int
make_group (void)
{
  static const struct { const char *root, *limit; } kinds[] = {
    { "/sys/fs/cgroup/memory", "memory.limit_in_bytes" },
    { "/sys/fs/cgroup", "memory.max" },
  };
  char text[32];

  snprintf (text, sizeof text, "%zu", (size_t) LIMIT);
  for (size_t i = 0; i < COUNT (kinds); i++) {
    snprintf (group, sizeof group, "%s/oriel-test-%d", kinds[i].root,
              (int) getpid ());
    if (access (path_in (kinds[i].root, "cgroup.procs"), W_OK) == 0
        && mkdir (group, 0700) == 0) {
      if (put (kinds[i].limit, text))
        return 1;
      rmdir (group);
    }
  }
  group[0] = '\0';
  return 0;
}

struct report {
  int residency;
  int pinned;
  long faults;                  /* when the pinned pages were touched */
  int right, all;               /* pages with the right content */
};

static struct report *report;

struct setup {
  const char *residency;
  size_t window;                /* 0: linear */
};

static long
major_faults (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_majflt;
}

/* Read of each page; what else that needs is brought in before. */
static long
touch (oriel_page *page, int n)
{
  static const char here[4096] = "a";
  long before = 0;
  unsigned sum = 0;

  for (int i = 0; i < n; i++)
    sum += page[i].frame;
  for (int i = -1; i < n; i++) {
    const volatile char *at = i < 0 ? here : page[i].data;

    if (i <= 0)
      before = major_faults ();
    for (size_t k = 0; k < 4096; k += 512)
      sum += (unsigned char) at[k];
  }
  return sum == 0 ? -1 : major_faults () - before;
}

/* In the group: pin what fits, want much memory and have the kernel take what
 * it can, touch what is pinned. */
static int
run (void *arg)
{
  const struct setup *setup = arg;
  oriel_options opt = test_options ();
  static oriel_page page[400];
  oriel_pool *pool;
  oriel_file *file;
  uint64_t step = setup->window ? 1 : PAGES / 400;
  volatile char *hog;
  int n = 0;

  if (!put ("cgroup.procs", "0"))
    return 1;
  opt.pool_size = PAGES * 4096;
  opt.window_size = setup->window;
  opt.backend = setup->window ? ORIEL_BACKEND_MMAP : ORIEL_BACKEND_LINEAR;
  must (oriel_options_set (&opt, "residency", setup->residency), "residency");
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 8);
  report->residency = (int) get_stats (pool).residency;
  for (; n < 400; n++)
    page[n] = must_pin (file, (uint64_t) n * step, ORIEL_OPTIMISTIC);
  touch (page, n);

  hog = mmap (NULL, HOG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0);
  for (size_t i = 0; i < HOG; i += 4096)
    hog[i] = 1;
  munmap ((void *) hog, HOG);
  /* What was used of late the kernel keeps longest, unless it is told; what is
   * locked it keeps all the same. */
  for (int i = 0; i < 10; i++) {
    for (int k = 0; k < n; k++)
      madvise (page[k].data, 4096, MADV_PAGEOUT);
    put ("memory.force_empty", "0");
    put ("memory.reclaim", "64M");
  }

  report->pinned = n;
  report->faults = touch (page, n);
  for (int i = 0; i < n; i++)
    report->right += is_stamped (page[i].data, 4096, 8, (uint64_t) i * step);
  for (int i = 0; i < n; i++)
    must (oriel_unpin (&page[i]), "oriel_unpin");
  for (uint64_t i = 0; i < PAGES; i++)
    report->all += page_is_stamped (pool, file, i, 8);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  return 0;
}

static void
try (const char *residency, size_t window)
{
  struct setup setup = { residency, window };

  memset (report, 0, sizeof *report);
  if (!is_int (in_child (run, &setup), 0, "a pool under pressure"))
    return;
  diag ("%s, %s: %d pages, %ld major faults", window ? "swapped" : "linear",
        residency, report->pinned, report->faults);
  if (strcmp (residency, "none") == 0 && report->faults == 0)
    skip ("the kernel swapped nothing out");
  else if (strcmp (residency, "none") == 0)
    ok (report->faults > 0, "unlocked, its pages were swapped out");
  else
    is_int (report->faults, 0, "locked, touching it takes no major fault");
  is_int (report->right, report->pinned, "what is pinned is right");
  is_int (report->all, PAGES, "and so are all pages");
}

int
main (void)
{
  if (sanitized ())
    skip_all ("sanitizers lock nothing");
  if (geteuid () != 0)
    skip_all ("only root can have swap and limit memory");
  snprintf (swap_file, sizeof swap_file, "%s", scratch_file ("swap"));
  pool_dir ();
  report = shared_memory (sizeof *report);
  atexit (restore);
  if (!make_group ())
    skip_all ("no memory cgroup can be made here");
  swapping = make_swap ();
  if (!swapping)
    skip_all ("no swap can be had here");

  try ("none", 0);
  try ("locked", 0);
  try ("onfault", 0);
  try ("none", 4 * MiB);
  try ("locked", 4 * MiB);
  try ("onfault", 4 * MiB);
  return done_testing ();
}
