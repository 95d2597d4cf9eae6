/* SPDX-License-Identifier: BSD-2-Clause */
/* A page whose offset no file can have is -EFBIG. */
#include "util.h"

int
main (void)
{
  static const uint64_t numbers[] = {
    UINT64_MAX, UINT64_MAX / 4096, UINT64_MAX / 4096 + 1,
    (uint64_t) INT64_MAX / 4096 + 1, (uint64_t) 1 << 52, (uint64_t) 1 << 63
  };
  oriel_pool *pool = test_pool ();
  oriel_file *file = must_open_file (pool, scratch_file ("data"),
                                     ORIEL_CREATE);
  char buffer[8] = "1234567";
  oriel_page page;

  for (size_t i = 0; i < COUNT (numbers); i++) {
    is_rc (oriel_pin (file, numbers[i], ORIEL_READ, &page), -EFBIG,
           "a pin for reading");
    is_rc (oriel_pin (file, numbers[i], ORIEL_WRITE | ORIEL_FRESH, &page),
           -EFBIG, "a pin for writing");
  }
  is_rc (oriel_write (file, INT64_MAX - 3, buffer, 8), -EFBIG, "a write");
  is_rc (oriel_write (file, UINT64_MAX - 3, buffer, 8), -EFBIG,
         "a write that wraps round");
  is_int ((long long) oriel_file_size (file), 0, "the file did not grow");
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return done_testing ();
}
