/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file is cut inside a page that no slot shows, and whose memory in the pool is
 * taken away meanwhile: what is left of the page is read from the store again,
 * and behind it are zeroes.
 */
#include "cut.h"

#include "lost.h"
#include "pin-hit.h"
#include "sys.h"
#include "table.h"

#define PAGES 100
#define KEEP 100

static int (*real_ftruncate) (int fd, off_t size);
static const char *pool_file;   /* NULL: leave it alone */
static off_t lost;
static int by_cut;

/* Before the store is cut; what the pool does then takes this way, too. */
static int
take_away (int fd, off_t size)
{
  const char *path = pool_file;

  pool_file = NULL;
  if (path && by_cut)
    cut_file (path, lost);
  else if (path)
    punch_file (path, lost, 4096);
  return real_ftruncate (fd, size);
}

static int
no_userfaultfd (int flags)
{
  (void) flags;
  return -EPERM;
}

/* A page in the middle that is in the pool and in no slot; *frame: where. */
static uint64_t
page_not_shown (oriel_pool *pool, oriel_file *file, uint32_t *frame)
{
  for (uint64_t n = PAGES / 2; n < PAGES - 1; n++) {
    uint64_t word;

    *frame = orl_table_find (&pool->shm, orl_key_of (file), n, &word);
    if (*frame != ORL_NO_FRAME && !orl_window_find (pool->window, *frame))
      return n;
  }
  bail_out ("all pages are shown");
}

static void
try (const char *what, unsigned flags, int cut)
{
  oriel_options opt = test_options ();
  char page[4096], want[4096];
  const char *path = scratch_file (what);
  oriel_pool *pool;
  oriel_file *file;
  uint32_t frame;
  uint64_t n;

  diag ("%s, %s, %s", what, flags ? "foreign" : "ours", cut ? "a cut" : "a hole");
  make_stamped_file (path, 4096, PAGES, 0, 1);
  opt.pool_size = 2 * PAGES * 4096;
  opt.slot_size = 4096;
  opt.window_size = 16 * 4096;
  opt.backend = ORIEL_BACKEND_MMAP;
  pool = must_open_pool (what, &opt);
  file = must_open_file (pool, path, flags);
  for (uint64_t i = 0; i < PAGES; i++)
    must (oriel_read (file, i * 4096, page, sizeof page, NULL), "oriel_read");
  n = page_not_shown (pool, file, &frame);
  lost = place_of (pool, frame);
  by_cut = cut;
  pool_file = pool_path (what);
  is_rc (oriel_file_truncate (file, n * 4096 + KEEP), 0, "truncate");
  ok (pool_file == NULL, "its memory is gone");
  is_int ((long long) plain_size (path), (long long) n * 4096 + KEEP,
          "the store is cut");
  must (oriel_file_truncate (file, (n + 1) * 4096), "oriel_file_truncate");
  must (oriel_read (file, n * 4096, page, sizeof page, NULL), "oriel_read");
  stamp (want, sizeof want, 1, n);
  ok (memcmp (page, want, KEEP) == 0, "what is left is as it was");
  ok (is_zero (page + KEEP, sizeof page - KEEP), "and then come zeroes");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy (what, pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  real_ftruncate = orl_sys.ftruncate;
  orl_sys.ftruncate = take_away;
  for (int i = 0; i < 4; i++)
    try ("with", i & 1 ? ORIEL_FOREIGN : 0, i & 2);
  orl_sys.userfaultfd = no_userfaultfd;
  for (int i = 0; i < 4; i++)
    try ("without", i & 1 ? ORIEL_FOREIGN : 0, i & 2);
  return done_testing ();
}
