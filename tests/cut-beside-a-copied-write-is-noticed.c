/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's file is cut in the instant in which a page is copied into it past
 * the window, where the kernel cannot have holes fault: the copy does not make
 * the file long again, so who touches what was cut is told, and no page is
 * wrong.
 */
#include "cut.h"

#include "sys.h"

#define PAGES 512
#define SLOTS 16
#define BELOW 16                /* frames, before that of the written page */

static void *(*really_map) (void *at, size_t n, int prot, int flags, int fd,
                            off_t off);
static ssize_t (*really_write) (int fd, const void *buf, size_t n, off_t at);
static oriel_pool *pool;
static oriel_file *file;
static off_t cut_at;            /* 0: not now */
static int cuts;

static void
cut_now (int fd, off_t at)
{
  off_t size = cut_at;

  if (size == 0 || at <= size)
    return;
  cut_at = 0;
  cuts++;
  if (ftruncate (fd, size))
    bail_out ("ftruncate: %s", strerror (errno));
}

static void *
map_and_cut (void *at, size_t n, int prot, int flags, int fd, off_t off)
{
  void *p = really_map (at, n, prot, flags, fd, off);

  if (fd >= 0 && (prot & PROT_WRITE))
    cut_now (fd, off);
  return p;
}

static ssize_t
cut_and_write (int fd, const void *buf, size_t n, off_t at)
{
  cut_now (fd, at);
  return really_write (fd, buf, n, at);
}

static int
no_userfaultfd (int flags)
{
  (void) flags;
  return -ENOSYS;
}

/* Where page n lies in the pool's file. */
static off_t
file_place (uint64_t n)
{
  oriel_page page = must_pin (file, n, ORIEL_OPTIMISTIC);
  off_t at = place_of (pool, page.frame);

  must (oriel_unpin (&page), "oriel_unpin");
  return at;
}

static void
write_beside_a_cut (uint64_t n)
{
  oriel_page page[4];
  char bytes[4096];
  off_t place = file_place (n);
  uint64_t lower[4];
  int found = 0, zero = 0, told = 0;

  /* Some that lie before it, shown and pinned. */
  for (uint64_t i = 0; i < PAGES && found < 4; i++) {
    off_t at = file_place (i);

    if (at < place && at >= place - BELOW * 4096)
      lower[found++] = i;
  }
  is_int (found, 4, "pages lie before it");
  for (int i = 0; i < found; i++)
    page[i] = must_pin (file, lower[i], ORIEL_OPTIMISTIC);
  cut_at = place - BELOW * 4096;
  cuts = 0;
  memset (bytes, 'n', sizeof bytes);
  is_rc (oriel_write (file, n * 4096, bytes, sizeof bytes), 0,
         "a page is written");
  cut_at = 0;
  is_int (cuts, 1, "the file was cut meanwhile");
  for (int i = 0; i < found; i++) {
    zero += is_zero (page[i].data, 4096);
    told += oriel_unpin (&page[i]) == -EIO;
  }
  is_int (told, zero, "each of them that is zeroes now is said to be lost");
  for (int i = 0; i < found; i++)
    zero -= page_is_stamped (pool, file, lower[i], 1);
  is_int (zero, 0, "and read again");
  must (oriel_read (file, n * 4096, bytes, sizeof bytes, NULL), "oriel_read");
  ok (bytes[0] == 'n' && bytes[4095] == 'n', "what was written is there");
}

int
main (void)
{
  oriel_options opt = test_options ();
  int good = 0;

  really_map = orl_sys.mmap;
  really_write = orl_sys.pwrite;
  orl_sys.userfaultfd = no_userfaultfd;
  make_stamped_file (scratch_file ("data"), 4096, PAGES, 0, 1);
  opt.slot_size = 4096;
  opt.window_size = SLOTS * 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (uint64_t i = 0; i < PAGES; i++)
    good += page_is_stamped (pool, file, i, 1);
  is_int (good, PAGES, "all pages are in the pool");
  orl_sys.mmap = map_and_cut;
  orl_sys.pwrite = cut_and_write;
  write_beside_a_cut (PAGES / 2);
  write_beside_a_cut (PAGES / 3);
  orl_sys.mmap = really_map;
  orl_sys.pwrite = really_write;
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
