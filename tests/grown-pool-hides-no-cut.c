/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's file is cut before a pool grows, or while it does: the file is long
 * again then, and who has pages pinned that were cut off is told all the same.
 * What cannot be had changes nothing.
 */
#include "cut.h"

#include "sys.h"

static oriel_pool *pool;
static oriel_file *file;
static oriel_page pinned;
static uint64_t whole;          /* bytes of the pool's file */
static unsigned cuts;           /* that are to come */
static void *(*real_mmap) (void *, size_t, int, int, int, off_t);
static int (*real_fallocate) (int, int, off_t, off_t);

static void
cut (void)
{
  cut_file (pool_path ("test"), place_of (pool, pinned.frame));
}

static void
cut_now (void)
{
  if (cuts > 0) {
    cuts--;
    cut ();
  }
}

static void *
cut_at_mmap (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  cut_now ();
  return real_mmap (at, n, prot, flags, fd, off);
}

/* The pages', not the tables'. */
static int
cut_at_fallocate (int fd, int mode, off_t at, off_t n)
{
  if (n >= (off_t) MiB)
    cut_now ();
  return real_fallocate (fd, mode, at, n);
}

static void *
no_mmap (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  (void) at, (void) n, (void) prot, (void) flags, (void) fd, (void) off;
  errno = ENOMEM;
  return MAP_FAILED;
}

/* There is room, but not for what cannot be touched by a mapping. */
static int
fallocate_part (int fd, int mode, off_t at, off_t n)
{
  return mode == 0 && n >= (off_t) MiB ? -ENOSPC
                                       : real_fallocate (fd, mode, at, n);
}

static int
no_fallocate (int fd, int mode, off_t at, off_t n)
{
  (void) fd, (void) mode, (void) at, (void) n;
  return -EOPNOTSUPP;
}

static void
begin (unsigned flags, const char *what)
{
  oriel_options opt = test_options ();

  diag ("%s%s", what, flags ? ", without the fault handler" : "");
  opt.max_size = 8 * MiB;
  opt.flags = flags;
  pool = must_open_pool ("test", &opt);
  whole = plain_size (pool_path ("test"));
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < 200; i++)
    if (!page_is_stamped (pool, file, i, 1))
      bail_out ("page %d", (int) i);
  pinned = must_pin (file, 77, ORIEL_OPTIMISTIC);
}

static void
end (void)
{
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
is_told (void)
{
  int good = 0;

  is_int ((long long) plain_size (pool_path ("test")), (long long) whole,
          "the file is whole");
  is_rc (oriel_unpin (&pinned), -EIO, "who has a page there is told");
  for (uint64_t i = 0; i < 200; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, 200, "every page is read again");
}

static void
before (unsigned flags)
{
  begin (flags, "cut before");
  cut ();
  is_rc (oriel_pool_resize (pool, 8 * MiB), 0, "it grows");
  is_told ();
  end ();
}

/* Before there is memory, or when it is touched. */
static void
meanwhile (int late)
{
  long long had;

  begin (0, late ? "cut when it has memory" : "cut before it has");
  had = plain_room (pool_path ("test"));
  cuts = 1;
  if (late)
    orl_sys.mmap = cut_at_mmap;
  else
    orl_sys.fallocate = cut_at_fallocate;
  is_rc (oriel_pool_resize (pool, 8 * MiB), 0, "it grows");
  orl_sys.mmap = real_mmap;
  orl_sys.fallocate = real_fallocate;
  is_int (cuts, 0, "it was cut");
  ok (plain_room (pool_path ("test")) >= had + (long long) (4 * MiB),
      "it has the memory");
  is_told ();
  end ();
}

static void
all_the_time (void)
{
  begin (0, "cut each time");
  cuts = UINT32_MAX;
  orl_sys.mmap = cut_at_mmap;
  is_rc (oriel_pool_resize (pool, 8 * MiB), -ENOSPC, "it gives up");
  orl_sys.mmap = real_mmap;
  is_int ((long long) oriel_pool_frames (pool), 1024, "the size is what it was");
  is_told ();
  end ();
}

static void
tables (void)
{
  begin (0, "the tables are cut");
  cut_file (pool_path ("test"), 128 * KiB);
  is_rc (oriel_pool_resize (pool, 8 * MiB), -EIO, "it says so");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 1), "oriel_pool_destroy");
}

/* Not cut: there is memory for a part. */
static void
room_for_a_part (void)
{
  long long had;

  begin (0, "room for a part");
  had = plain_room (pool_path ("test"));
  orl_sys.mmap = no_mmap;
  orl_sys.fallocate = fallocate_part;
  is_rc (oriel_pool_resize (pool, 8 * MiB), -ENOSPC, "it does not grow");
  orl_sys.mmap = real_mmap;
  orl_sys.fallocate = no_fallocate;
  ok (plain_room (pool_path ("test")) < had + (long long) MiB,
      "what it got is given back");
  is_rc (oriel_pool_resize (pool, 8 * MiB), 0, "it does where all are touched");
  orl_sys.fallocate = real_fallocate;
  ok (plain_room (pool_path ("test")) >= had + (long long) (4 * MiB),
      "it has the memory");
  must (oriel_unpin (&pinned), "oriel_unpin");
  end ();
}

int
main (void)
{
  real_mmap = orl_sys.mmap;
  real_fallocate = orl_sys.fallocate;
  make_stamped_file (scratch_file ("data"), 4096, 200, 0, 1);
  before (0);
  before (ORIEL_NO_FAULT_HANDLER);
  meanwhile (0);
  meanwhile (1);
  all_the_time ();
  tables ();
  room_for_a_part ();
  return done_testing ();
}
