/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-window-memory.c - pools of small pages, of huge ones, and on hugetlbfs
 *
 * Each is open once, and its data mapped linearly, for memcpy.  Huge pages want
 * root: a file system that has them is mounted in a mount namespace of our own,
 * which is gone with the process; what hugetlbfs wants is reserved for as long as
 * it takes.
 *
 * This looks inside the core: it opens windows on the pool that no pin uses.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench-window.h"
#include "thread.h"

#define SYSCTL "/proc/sys/vm/nr_hugepages"
#define HUGE (2 * MiB)

const uint32_t memory_backends[MEMORY_BACKENDS]
    = { ORIEL_BACKEND_NATIVE, ORIEL_BACKEND_EMULATED, ORIEL_BACKEND_MMAP };

/* ------------------------------------------------------------------ */
/* Open, close                                                        */

static void
probe_backends (struct memory *mem)
{
  uint32_t slot = PAGE << mem->from;

  for (size_t b = 0; b < MEMORY_BACKENDS; b++) {
    struct orl_window_options opt = { .window_size = 4 * slot,
                                      .slot_size = slot,
                                      .backend = memory_backends[b] };
    struct orl_window *w;

    mem->has[b] = orl_window_open (mem->shm, &opt, &w) == 0;
    if (mem->has[b])
      orl_window_close (w);
    else
      printf ("skipped: %s pages: %s\n", mem->name, oriel_error ());
  }
}

/* A pool may be on huge pages without being asked. */
static void
make_small (const struct memory *mem)
{
  need (fallocate (mem->shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   (off_t) mem->shm->geo.data, (off_t) mem->bytes)
            == 0,
        "fallocate");
}

static void
fill (struct memory *mem)
{
  oriel_options opt;
  void *all;

  oriel_options_init (&opt);
  opt.directory = mem->directory;
  opt.pool_size = mem->bytes;
  opt.window_size = 4 * (PAGE << mem->from);
  if (opt.window_size < MiB)
    opt.window_size = MiB;
  check (oriel_pool_open (pool_name (mem->name), &opt, &mem->pool));
  check (orl_thread_enter (mem->pool, &mem->me));
  mem->shm = &mem->pool->shm;
  if (!mem->directory)
    make_small (mem);
  all = mmap (NULL, mem->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
              mem->shm->fd, (off_t) mem->shm->geo.data);
  need (all != MAP_FAILED, "mmap");
  memset (all, 1, mem->bytes);
  mem->all = all;
  for (unsigned i = 0; i < MEMORY_SIZES; i++) {
    uint32_t n = (uint32_t) (mem->bytes / ((uint64_t) PAGE << i));
    uint64_t state = n;

    mem->order[i] = shuffled (n, &state);
  }
  probe_backends (mem);
}

void
memory_small (struct memory *mem, uint64_t bytes)
{
  *mem = (struct memory) { .name = "small", .bytes = bytes };
  fill (mem);
}

/* An empty directory where only we see what is mounted. */
static bool
begin_mount (struct memory *mem)
{
  snprintf (mem->mounted, sizeof mem->mounted, "/tmp/bench-window-XXXXXX");
  need (mkdtemp (mem->mounted) != NULL, mem->mounted);
  mem->directory = mem->mounted;
  return unshare (CLONE_NEWNS) == 0
         && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool
end_mount (struct memory *mem, const char *why)
{
  printf ("\nskipped: %s pages: %s: %s\n", mem->name, why, strerror (errno));
  rmdir (mem->mounted);
  return false;
}

/* How much of the mapping the kernel maps by huge pages. */
static uint64_t
huge_bytes (const void *at)
{
  FILE *f = fopen ("/proc/self/smaps", "re");
  unsigned long start, end;
  unsigned long long kib = 0;
  bool inside = false;
  char line[400];

  while (f && fgets (line, sizeof line, f)) {
    if (sscanf (line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (uintptr_t) at && end > (uintptr_t) at;
    else if (inside && sscanf (line, "ShmemPmdMapped: %llu", &kib) == 1)
      break;
  }
  if (f)
    fclose (f);
  return inside ? kib * KiB : 0;
}

bool
memory_huge (struct memory *mem, uint64_t bytes)
{
  char how[60];

  *mem = (struct memory) { .name = "huge", .bytes = bytes };
  snprintf (how, sizeof how, "huge=always,size=%llum",
            (unsigned long long) (2 * bytes / MiB));
  if (!begin_mount (mem) || mount ("tmpfs", mem->mounted, "tmpfs", 0, how) < 0)
    return end_mount (mem, "a tmpfs of them wants root and a kernel that has "
                           "them");
  fill (mem);
  printf ("\nHuge pages: %llu of %llu MiB are mapped by them\n",
          (unsigned long long) (huge_bytes (mem->all) / MiB),
          (unsigned long long) (bytes / MiB));
  return true;
}

/* ------------------------------------------------------------------ */
/* hugetlbfs                                                          */

static long reserved_before = -1;

static long
reserved (void)
{
  FILE *f = fopen (SYSCTL, "re");
  long n = -1;

  if (f && fscanf (f, "%ld", &n) != 1)
    n = -1;
  if (f)
    fclose (f);
  return n;
}

static bool
reserve (long n)
{
  FILE *f = fopen (SYSCTL, "we");
  bool done = f && fprintf (f, "%ld\n", n) > 0;

  return f && fclose (f) == 0 && done;
}

static void
unreserve (void)
{
  if (reserved_before >= 0)
    reserve (reserved_before);
  reserved_before = -1;
}

bool
memory_hugetlb (struct memory *mem, uint64_t bytes)
{
  /* The pool's tables take a 40th of it. */
  long wanted = (long) ((bytes + bytes / 20) / HUGE + 8);

  *mem = (struct memory) { .name = "hugetlb", .bytes = bytes };
  while (PAGE << mem->from < HUGE)
    mem->from++;
  if (!begin_mount (mem)
      || mount ("none", mem->mounted, "hugetlbfs", 0, "pagesize=2M") < 0)
    return end_mount (mem, "hugetlbfs of 2 MiB pages wants root and a kernel "
                           "that has it");
  reserved_before = reserved ();
  atexit (unreserve);
  if (reserved_before < 0 || !reserve (reserved_before + wanted)
      || reserved () < reserved_before + wanted) {
    unreserve ();
    umount (mem->mounted);
    errno = ENOMEM;
    return end_mount (mem, SYSCTL);
  }
  fill (mem);
  printf ("\nhugetlbfs: it is mapped by huge pages alone, so slots are of "
          "2 MiB\n");
  return true;
}

void
memory_close (struct memory *mem)
{
  munmap ((void *) (uintptr_t) mem->all, mem->bytes);
  check (oriel_pool_close (mem->pool));
  check (oriel_pool_destroy (pool_name (mem->name), mem->directory, 0));
  for (unsigned i = 0; i < MEMORY_SIZES; i++)
    free (mem->order[i]);
  unreserve ();
  if (mem->directory) {
    umount (mem->mounted);
    rmdir (mem->mounted);
  }
}
