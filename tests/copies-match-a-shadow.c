/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel_read(), oriel_write() and oriel_file_truncate() at random offsets and
 * lengths do what they do to a plain array, through a pool smaller than the
 * file and pages of several sizes.
 */
#include "util.h"

#define MOST (600 * KiB)
#define LONGEST 40000u
#define OPERATIONS 4000

static char shadow[MOST + LONGEST], buffer[LONGEST], found[MOST + LONGEST];

static oriel_file *file;
static const char *path;
static size_t size;

static int
random_write (uint64_t *seed)
{
  size_t offset = next_random (seed) % MOST;
  size_t length = next_random (seed) % (next_random (seed) % 4 ? 300
                                                                : LONGEST);

  for (size_t i = 0; i < length; i += 8) {
    uint64_t word = next_random (seed);

    memcpy (shadow + offset + i, &word,
            length - i < 8 ? length - i : 8);
  }
  if (length && offset + length > size)
    size = offset + length;
  return oriel_write (file, offset, shadow + offset, length) == 0;
}

static int
random_read (uint64_t *seed)
{
  size_t offset = next_random (seed) % MOST, got = 77777;
  size_t length = next_random (seed) % LONGEST;
  size_t want = offset >= size ? 0 : size - offset < length ? size - offset
                                                            : length;

  memset (buffer, 0x55, length);
  return oriel_read (file, offset, buffer, length, &got) == 0
         && got == want && memcmp (buffer, shadow + offset, length) == 0;
}

static int
random_truncate (uint64_t *seed)
{
  size_t to = next_random (seed) % MOST;

  if (to < size)
    memset (shadow + to, 0, size - to);
  size = to;
  return oriel_file_truncate (file, to) == 0
         && plain_size (path) == size;
}

static int
sync_and_compare (void)
{
  if (oriel_sync (file) || plain_size (path) != size)
    return 0;
  plain_read (path, 0, found, size);
  return memcmp (found, shadow, size) == 0;
}

static void
try (uint32_t page_size, unsigned flags, uint64_t seed)
{
  oriel_options opt = test_options ();
  oriel_pool *pool;
  int bad = 0;

  path = scratch_file ("data");
  unlink (path);
  memset (shadow, 0, sizeof shadow);
  size = 0;
  opt.page_size = page_size;
  opt.pool_size = 256 * KiB;
  opt.window_size = 128 * KiB;
  opt.slot_size = 16384;
  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, path, flags | ORIEL_CREATE);
  for (int i = 0; i < OPERATIONS && !bad; i++) {
    unsigned what = next_random (&seed) % 100;
    int good;

    if (what < 45)
      good = random_write (&seed);
    else if (what < 93)
      good = random_read (&seed);
    else if (what < 95)
      good = random_truncate (&seed);
    else if (what < 98)
      good = oriel_flush (file) == 0;
    else if (what < 99)
      good = sync_and_compare ();
    else
      good = sync_and_compare () && oriel_file_drop (file) == 0;
    if (!good || oriel_file_size (file) != size) {
      bad++;
      diag ("operation %d (%u) went wrong: %s; size %llu, expected %zu", i,
            what, oriel_error (),
            (unsigned long long) oriel_file_size (file), size);
    }
  }
  ok (!bad, "pages of %u, %s", page_size,
      flags & ORIEL_BUFFERED ? "buffered" : "direct");
  ok (sync_and_compare (), "at the end the store is the same");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

int
main (void)
{
  static const uint32_t page_sizes[] = { 512, 1024, 4096, 8192 };
  uint64_t seed = test_seed ();

  for (size_t i = 0; i < COUNT (page_sizes); i++) {
    try (page_sizes[i], 0, seed + i);
    try (page_sizes[i], ORIEL_BUFFERED, seed + i);
  }
  return done_testing ();
}
