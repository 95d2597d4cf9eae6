/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Someone truncates the pool's file, or punches a hole into it, or memory fails:
 * no touch crashes.  Who has a page pinned that was hit is told at unpin, and
 * the next pin reads it from the store.  Dirty ones are -EIO at flush, sync and
 * close, until the file is closed and opened again.
 *
 * Real pages of this machine are made bad only where ORIEL_POISON is set: they
 * are of no use any more until it is restarted.
 */
#include "cut.h"

#ifndef MADV_HWPOISON
# define MADV_HWPOISON 100
#endif

enum how { HOLE, CUT, BROKEN, POISON };

static const char *const words[]
    = { "hole", "cut", "signal of a memory failure", "memory failure" };
static oriel_pool *pool;
static oriel_file *file;

/* A signal as the kernel sends it for bad memory. */
static void
fail_memory (void *at)
{
  siginfo_t info = { .si_signo = SIGBUS, .si_code = BUS_MCEERR_AR };

  info.si_addr = at;
  info.si_addr_lsb = 12;
  if (syscall (SYS_rt_tgsigqueueinfo, getpid (), (pid_t) syscall (SYS_gettid),
               SIGBUS, &info))
    bail_out ("rt_tgsigqueueinfo: %s", strerror (errno));
}

/* May we send one?  Linux 3.2 lets no one pretend to be the kernel. */
static int
can_fail_memory (void)
{
  siginfo_t info = { .si_code = BUS_MCEERR_AR };

  return syscall (SYS_rt_tgsigqueueinfo, getpid (),
                  (pid_t) syscall (SYS_gettid), 0, &info)
         == 0;
}

/* Has the kernel CONFIG_MEMORY_FAILURE, and may we? */
static int
can_poison (void)
{
  void *at;
  int can;

  if (!getenv ("ORIEL_POISON"))
    return 0;
  at = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);
  if (at == MAP_FAILED)
    return 0;
  memset (at, 1, 4096); /* the page of zeroes is never made bad */
  can = madvise (at, 4096, MADV_HWPOISON) == 0;
  munmap (at, 4096);
  return can;
}

/* The page of memory that lies there in the file. */
static void
poison_file (const char *path, off_t at)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  void *map = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);

  if (map == MAP_FAILED || madvise (map, 4096, MADV_HWPOISON) < 0)
    bail_out ("MADV_HWPOISON: %s", strerror (errno));
  munmap (map, 4096);
  close (fd);
}

static void
hit (const oriel_page *page, enum how how)
{
  const char *path = pool_path ("test");
  off_t at = place_of (pool, page->frame);

  if (how == HOLE)
    punch_file (path, at, 4096);
  else if (how == CUT)
    cut_file (path, at);
  else if (how == BROKEN)
    fail_memory (page->data);
  else
    poison_file (path, at);
}

static void
clean_page (enum how how)
{
  oriel_page page = must_pin (file, 3, ORIEL_OPTIMISTIC);
  uint64_t lost = get_stats (pool).frames_lost;
  uint64_t version = oriel_read_begin (&page);

  hit (&page, how);
  ok (is_zero (page.data, 4096), "%s: the touch finds zeroes", words[how]);
  is_int (oriel_read_validate (&page, version), 0, "which are not valid");
  is_rc (oriel_unpin (&page), -EIO, "oriel_unpin says so");
  ok (strstr (oriel_error (), "data") && strstr (oriel_error (), "page 3:"),
      "and names file and page");
  diag ("%s", oriel_error ());
  ok (get_stats (pool).frames_lost > lost, "the loss is counted");
  ok (page_is_stamped (pool, file, 3, 1), "the next pin has it again");
  is_int ((long long) plain_size (pool_path ("test")),
          (long long) get_stats (pool).pool_bytes, "the file is whole again");
}

static void
written_page (enum how how)
{
  oriel_page page = must_pin (file, 4, ORIEL_WRITE);

  hit (&page, how);
  memset (page.data, 'x', 4096);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  is_rc (oriel_unpin (&page), -EIO, "what is written then is lost");
  ok (page_is_stamped (pool, file, 4, 1), "and the page is as it was");
  stamp_page (pool, file, 4, 1);
  is_rc (oriel_flush (file), 0, "no other page was dirty");
}

static void
dirty_page (enum how how)
{
  oriel_page page;
  char byte;

  stamp_page (pool, file, 5, 2);
  page = must_pin (file, 5, ORIEL_OPTIMISTIC);
  hit (&page, how);
  ok (is_zero (page.data, 4096), "%s: a dirty page", words[how]);
  is_rc (oriel_unpin (&page), -EIO, "unpin");
  stamp_page (pool, file, 6, 3);
  is_rc (oriel_flush (file), -EIO, "flush says that it is lost");
  diag ("%s", oriel_error ());
  is_rc (oriel_sync (file), -EIO, "sync, too");
  is_rc (oriel_flush (file), -EIO, "each time");
  ok (page_is_stamped (pool, file, 5, 1), "the page is what the store has");
  is_rc (oriel_file_close (file), -EIO, "close does, too");
  is_rc (oriel_file_abandon (file), 0, "abandon does not");
  must (oriel_file_open (pool, scratch_file ("data"), 0, &file), "open");
  is_rc (oriel_sync (file), 0, "opened again all is well");
  ok (page_is_stamped (pool, file, 6, 3), "no other page was lost");
  stamp_page (pool, file, 6, 1);
  /* No one has the file open when it happens. */
  stamp_page (pool, file, 5, 2);
  page = must_pin (file, 5, ORIEL_OPTIMISTIC);
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  if (how == BROKEN)
    how = holes_fault () ? HOLE : CUT;
  hit (&page, how);
  must (oriel_file_open (pool, scratch_file ("data"), 0, &file), "open");
  must (oriel_read (file, 5 * 4096, &byte, 1, NULL), "oriel_read");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_file_open (pool, scratch_file ("data"), 0, &file), "open");
  is_rc (oriel_flush (file), -EIO, "a loss of which no one was told is kept");
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_file_open (pool, scratch_file ("data"), 0, &file), "open");
  is_rc (oriel_flush (file), 0, "until someone is");
}

/* What is copied is right, or is read anew. */
static void
copies (enum how how)
{
  char buffer[5000];
  int good = 1;

  for (uint64_t i = 0; i < 200; i++) {
    oriel_page page = must_pin (file, i, ORIEL_OPTIMISTIC);

    must (oriel_unpin (&page), "oriel_unpin");
    if (i % 2)
      must (oriel_window_trim (pool), "trim");
    hit (&page, how);
    if (i % 3 == 0) {
      must (oriel_write (file, i * 4096 + 10, "abc", 3), "oriel_write");
      must (oriel_read (file, i * 4096, buffer, 4096, NULL), "oriel_read");
      good = good && memcmp (buffer + 10, "abc", 3) == 0;
      stamp (buffer, 4096, 1, i);
      hit (&page, how);
      must (oriel_write (file, i * 4096, buffer, 4096), "oriel_write");
      (void) oriel_flush (file);
      must (oriel_file_abandon (file), "oriel_file_abandon");
      must (oriel_file_open (pool, scratch_file ("data"), 0, &file), "open");
      if (!page_is_stamped (pool, file, i, 1)) {
        good = 0;
        diag ("page %d", (int) i);
      }
      continue;
    }
    memset (buffer, 'y', sizeof buffer);
    must (oriel_read (file, i * 4096, buffer, 4096, NULL), "oriel_read");
    good = good && is_stamped (buffer, 4096, 1, i);
  }
  ok (good, "%s: copying calls meet no zeroes", words[how]);
}

static void
all (uint32_t backend, size_t window)
{
  oriel_options opt = test_options ();

  opt.slot_size = 16 * KiB;
  opt.window_size = window;
  opt.flags = ORIEL_HOLES;
  pool = open_window (&opt, backend);
  if (!pool)
    return;
  diag ("backend %s", oriel_backend_name (backend));
  make_stamped_file (scratch_file ("data"), 4096, 200, 0, 1);
  file = must_open_file (pool, scratch_file ("data"), 0);
  for (int how = holes_fault () ? HOLE : CUT; how <= POISON; how++) {
    /* Kernels before 5.16 make a hole of bad shared memory. */
    if (how == POISON && (!can_poison () || !holes_fault ())) {
      skip ("no memory can be made bad: needs ORIEL_POISON=1, root, "
            "userfaultfd and CONFIG_MEMORY_FAILURE");
      break;
    }
    if (how == BROKEN && !can_fail_memory ()) {
      skip ("the kernel lets no one send its signals");
      continue;
    }
    clean_page (how);
    written_page (how);
    dirty_page (how);
    if (how != BROKEN)
      copies (how);
  }
  is_int (oriel_pool_check (pool, NULL, NULL), 0, "the pool is in order");
  must (oriel_file_close (file), "oriel_file_close");
  end_window (pool);
}

int
main (void)
{
  for (size_t i = 0; i < COUNT (windows); i++)
    all (windows[i].backend, windows[i].window);
  return done_testing ();
}
