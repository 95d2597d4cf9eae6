/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corrupt.h - pools with damage: make one, damage it, see what attaching does
 *
 * Every attempt runs in a child, so that a crash or a hang is an outcome.
 */
#ifndef CORRUPT_H
#define CORRUPT_H

#include "util.h"

#define VICTIM_PAGES 24

static char *image;             /* the undamaged pool file */
static size_t image_size;

UTIL oriel_options
victim_options (void)
{
  oriel_options opt = test_options ();

  opt.pool_size = 128 * KiB;
  opt.slot_size = 16 * KiB;
  opt.window_size = 32 * KiB;
  opt.max_processes = opt.max_threads = opt.max_files = 4;
  return opt;
}

/* A small pool with pages of a file, some dirty, no one attached. */
UTIL void
make_victim (void)
{
  oriel_options opt = victim_options ();
  const char *path = scratch_file ("data");
  oriel_pool *pool;
  oriel_file *file;

  make_stamped_file (path, 4096, VICTIM_PAGES, 100, 3);
  pool = must_open_pool ("victim", &opt);
  file = must_open_file (pool, path, 0);
  for (uint64_t i = 0; i < VICTIM_PAGES; i++)
    if (!page_is_stamped (pool, file, i, 3))
      bail_out ("page %d is wrong before any damage", (int) i);
  stamp_page (pool, file, 2, 4);
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");

  image_size = (size_t) plain_size (pool_path ("victim"));
  image = malloc (image_size);
  if (!image
      || plain_read (pool_path ("victim"), 0, image, image_size)
         != image_size)
    bail_out ("cannot read the pool");
}

/* Put length bytes where the pool is. */
UTIL void
replace_victim (const void *bytes, size_t length)
{
  const char *path = pool_path ("victim");
  int fd;

  unlink (path);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, bytes, length) != (ssize_t) length)
    bail_out ("cannot write %s: %s", path, strerror (errno));
  close (fd);
}

/* Use everything that reads the shared structures; errors are as good as
 * success here. */
UTIL void
use_victim (oriel_pool *pool)
{
  oriel_stats stats = { .struct_size = sizeof stats };
  oriel_file *file;
  oriel_page page;
  char buffer[5000];

  oriel_pool_stats (pool, &stats);
  oriel_alive (pool, oriel_self (pool));
  oriel_alive (pool, 0x1234567890abcdef);
  if (oriel_file_open (pool, scratch_file ("data"), 0, &file) < 0)
    return;
  for (uint64_t i = 0; i < VICTIM_PAGES + 30; i++) {
    if (oriel_pin (file, i, ORIEL_READ, &page) == 0)
      oriel_unpin (&page);
    if (oriel_pin (file, i, ORIEL_WRITE, &page) == 0) {
      oriel_dirty (&page, 0);
      oriel_unpin (&page);
    }
    oriel_read (file, i * 4096 + 77, buffer, sizeof buffer, NULL);
  }
  oriel_flush (file);
  oriel_file_drop_pages (file, 2, 5);
  oriel_file_truncate (file, 8192);
  oriel_file_drop (file);
  oriel_pool_stats (pool, &stats);
  oriel_file_abandon (file);
  oriel_pool_close (pool);
}

#define USABLE 1                /* the pool opened, and was used */
#define REFUSED 2               /* -EPROTO, and the text names the pool */
#define STALE 3                 /* -ENOENT: it is of another boot */
#define OTHERWISE 4

UTIL int
try_victim (void *text)
{
  oriel_options opt = victim_options ();
  oriel_pool *pool;
  int rc;

  alarm (300); /* no damage has a call hang */
  opt.flags = ORIEL_ATTACH;
  rc = oriel_pool_open ("victim", &opt, &pool);
  if (rc == 0) {
    use_victim (pool);
    return USABLE;
  }
  if (text)
    snprintf (text, 512, "%s", oriel_error ());
  if (rc == -EPROTO && strstr (oriel_error (), "oriel-victim"))
    return REFUSED;
  if (rc == -ENOENT)
    return STALE;
  diag ("oriel_pool_open: %d: %s", rc, oriel_error ());
  return OTHERWISE;
}

#endif /* CORRUPT_H */
