/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power goes while the double-write area itself is written.  A head that is
 * not whole counts for nothing: the one before does, and with it what its lap has.
 * A batch whose table is half the old one counts for nothing, also if its pages
 * are whole: else what they were a lap ago would be put over what they are.
 */
#include "double.h"

#include "sys.h"

#define PAGES 60                /* more than a sector of a batch's table names */
#define NAMED 20                /* of which a sector names so many */

static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static int where;               /* in the head, what is wrong */

static ssize_t
write_no_head_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  char head[512];
  struct iovec sector = { head, sizeof head };

  if (!is_area (fd) || at >= (off_t) ORL_DW_FIRST)
    return real_pwritev (fd, iov, n, at);
  memcpy (head, iov->iov_base, sizeof head);
  head[where] ^= 1;
  real_pwritev (fd, &sector, 1, at);
  raise (SIGKILL);
  return -EIO;
}

/* Of the batch its first sector, and the pages that this one names. */
static ssize_t
write_half_a_table_and_die (int fd, const struct iovec *iov, int n, off_t at)
{
  struct iovec sector = { iov->iov_base, 512 };

  if (!is_area (fd) || at < (off_t) ORL_DW_FIRST)
    return real_pwritev (fd, iov, n, at);
  real_pwritev (fd, &sector, 1, at);
  real_pwritev (fd, iov + 1, NAMED, at + (off_t) iov->iov_len);
  raise (SIGKILL);
  return -EIO;
}

static void
stamp_all (oriel_pool *pool, oriel_file *file, uint64_t tag)
{
  for (uint64_t i = 0; i < PAGES; i++)
    stamp_page (pool, file, i, tag);
}

/* Two batches, a lap that ends with the close, and a batch that is not whole. */
static int
writes_half_a_table (void *unused)
{
  oriel_file *file;
  oriel_pool *pool = open_both (4096, &file);

  (void) unused;
  stamp_all (pool, file, 1);
  must (oriel_flush (file), "oriel_flush");
  stamp_all (pool, file, 2);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  pool = open_both (4096, &file);
  stamp_all (pool, file, 3);
  orl_sys.pwritev = write_half_a_table_and_die;
  oriel_flush (file);
  return 1;
}

static int
writes_no_head (void *unused)
{
  oriel_file *file;
  oriel_pool *pool = open_both (4096, &file);

  (void) unused;
  stamp_all (pool, file, 4);
  must (oriel_flush (file), "oriel_flush");
  orl_sys.pwritev = write_no_head_and_die;
  oriel_file_close (file);
  return 1;
}

static int
in_store (uint64_t tag)
{
  char page[4096];
  int good = 0;

  for (uint64_t i = 0; i < PAGES; i++) {
    plain_read (data, (off_t) i * 4096, page, sizeof page);
    good += is_stamped (page, sizeof page, tag, i);
  }
  return good;
}

/* After the power was gone there is no pool. */
static void
opened_again (uint64_t tag, const char *what)
{
  oriel_file *file;
  oriel_pool *pool;

  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
  pool = open_both (4096, &file);
  is_int (in_store (tag), PAGES, what);
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
}

int
main (void)
{
  static const int bytes[] = { 0, 9, 24, 511 };

  begin_double ();
  real_pwritev = orl_sys.pwritev;
  is_int (in_child (writes_half_a_table, NULL), 128 + SIGKILL,
          "the power goes in a batch's table");
  opened_again (2, "its pages are the last that were written");
  for (size_t i = 0; i < COUNT (bytes); i++) {
    where = bytes[i];
    is_int (in_child (writes_no_head, NULL), 128 + SIGKILL,
            "the power goes in a head");
    plain_write (data, 3 * 4096 + 512, "torn", 4);
    opened_again (4, "what the lap before has is restored");
  }
  return done_testing ();
}
