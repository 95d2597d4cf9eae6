/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process is killed when it has written half of a page in place, by a
 * double-write area.  Another forgets the page, by each of the ways that there
 * are: what it reads after that is no half, as the area has the whole.
 */
#include "double.h"

#include "sys.h"

#define PAGE (16 * KiB)
#define PAGES 4

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);

/* Half of it, if it goes to the file and not to the area. */
static ssize_t
write_half_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec half = { iov->iov_base, PAGE / 2 };

  if (is_area (fd))
    return real_pwritev (fd, iov, n, at);
  real_pwritev (fd, &half, 1, at);
  raise (SIGKILL);
  return -EIO;
}

static int
flushes (void *arg)
{
  oriel_file *file;
  oriel_pool *pool = open_both (PAGE, &file);

  (void) arg;
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, 2);
  orl_sys.pwritev = write_half_and_die;
  oriel_flush (file);
  return 1;
}

static void
drop (oriel_pool *pool, oriel_file *file)
{
  (void) pool;
  must (oriel_file_drop (file), "oriel_file_drop");
}

static void
drop_pages (oriel_pool *pool, oriel_file *file)
{
  (void) pool;
  must (oriel_file_drop_pages (file, 0, PAGES), "oriel_file_drop_pages");
}

static void
discard (oriel_pool *pool, oriel_file *file)
{
  oriel_file *again;

  must (oriel_file_open (pool, data, ORIEL_DISCARD, &again),
        "oriel_file_open");
  ok (again == file, "it is the same object");
  must (oriel_file_close (again), "oriel_file_close");
}

static void
try (const char *what, void (*forget) (oriel_pool *pool, oriel_file *file))
{
  oriel_file *file;
  oriel_pool *pool;
  int whole = 0;

  make_stamped_file (data, PAGE, PAGES, 0, 1);
  pool = open_both (PAGE, &file);
  is_int (in_child (flushes, NULL), 128 + SIGKILL, "a process is killed");
  forget (pool, file);
  for (uint64_t i = 0; i < PAGES; i++)
    whole += page_is_stamped (pool, file, i, 2)
             || page_is_stamped (pool, file, i, 1);
  is_int (whole, PAGES, what);
  close_both (pool, file);
}

int
main (void)
{
  begin_double ();
  real_pwritev = orl_sys.pwritev;
  try ("after oriel_file_drop() pages are whole", drop);
  try ("and after oriel_file_drop_pages()", drop_pages);
  try ("and after an open with ORIEL_DISCARD", discard);
  return done_testing ();
}
