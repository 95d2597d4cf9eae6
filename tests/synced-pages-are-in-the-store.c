/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was written through the pool is in the store's file after sync, as
 * plain read(2) finds it: with and without the page cache, in pages of several
 * sizes, in files that end within a page, and nothing else is changed; and each
 * page of a pool that is full of dirty ones, however many it has.
 */
#include "util.h"

#define SIZE (300 * KiB)        /* room for the file, and then some */

static char shadow[SIZE], found[SIZE];

static void
same_as_shadow (const char *path, uint64_t size, const char *what)
{
  size_t at = 0;

  if (plain_size (path) != size) {
    ok (0, "%s: the size", what);
    diag ("got %llu, expected %llu", (unsigned long long) plain_size (path),
          (unsigned long long) size);
    return;
  }
  plain_read (path, 0, found, SIZE);
  while (at < size && found[at] == shadow[at])
    at++;
  if (!ok (at == size, "%s: the content", what))
    diag ("byte %zu is %d and not %d", at, found[at], shadow[at]);
}

static void
write_both (oriel_file *file, uint64_t offset, size_t length, int value)
{
  memset (shadow + offset, value, length);
  must (oriel_write (file, offset, shadow + offset, length), "oriel_write");
}

static void
try (uint32_t page_size, unsigned flags, size_t tail)
{
  const char *path = scratch_file ("data");
  uint64_t size = 8 * page_size + tail;
  oriel_options opt = test_options ();
  oriel_pool *pool;
  oriel_file *file;
  oriel_page page;
  char what[80];

  snprintf (what, sizeof what, "pages of %u, %s, %zu bytes over", page_size,
            flags & ORIEL_BUFFERED ? "buffered" : "direct", tail);
  memset (shadow, 0, sizeof shadow);
  stamp (shadow, 9 * page_size, tail, page_size);
  memset (shadow + size, 0, SIZE - size);
  unlink (path);
  plain_write (path, 0, shadow, size);

  opt.page_size = page_size;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, flags);
  write_both (file, 10, 1, 'a');
  write_both (file, page_size - 3, 7, 'b');
  write_both (file, 3 * page_size, 2 * page_size, 'c');
  if (tail > 4)
    write_both (file, size - 4, 2, 'd');
  page = must_pin (file, 6, ORIEL_WRITE);
  memset (page.data, 'e', page_size);
  memset (shadow + 6 * page_size, 'e', page_size);
  must (oriel_dirty (&page, 0), "oriel_dirty");
  must (oriel_unpin (&page), "oriel_unpin");
  must (oriel_sync (file), "oriel_sync");
  same_as_shadow (path, size, what);

  /* Now make it longer, by a part of a page, and then far behind that. */
  write_both (file, size, 33, 'f');
  size += 33;
  must (oriel_sync (file), "oriel_sync");
  same_as_shadow (path, size, "33 bytes longer");
  write_both (file, size + 2 * page_size, 5, 'g');
  size += 2 * page_size + 5;
  must (oriel_file_close (file), "oriel_file_close");
  same_as_shadow (path, size, "then two pages and 5 bytes, by close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

static void
try_all (uint64_t frames)
{
  oriel_options opt = test_options ();
  const char *path = scratch_file ("all");
  uint64_t good = 0;
  oriel_pool *pool;
  oriel_file *file;

  unlink (path);
  opt.pool_size = frames * 4096;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, ORIEL_CREATE);
  is_int ((long long) oriel_pool_frames (pool), (long long) frames, "frames");
  for (uint64_t i = 0; i < frames; i++)
    stamp_page (pool, file, i, 3);
  is_int ((long long) get_stats (pool).frames_dirty, (long long) frames,
          "all have dirty pages");
  must (oriel_sync (file), "oriel_sync");
  for (uint64_t i = 0; i < frames; i++) {
    plain_read (path, (off_t) i * 4096, found, 4096);
    good += (uint64_t) is_stamped (found, 4096, 3, i);
  }
  is_int ((long long) good, (long long) frames, "the store has each");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  static const uint32_t page_sizes[] = { 512, 4096, 16384 };
  static const size_t tails[] = { 0, 1, 100, 500, 511 };
  static const unsigned flags[] = { 0, ORIEL_BUFFERED };

  for (size_t p = 0; p < COUNT (page_sizes); p++)
    for (size_t f = 0; f < COUNT (flags); f++)
      for (size_t t = 0; t < COUNT (tails); t++)
        try (page_sizes[p], flags[f], tails[t]);
  try_all (64);
  try_all (65);
  try_all (127);
  return done_testing ();
}
